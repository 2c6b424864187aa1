//! Modules of the loader of Windows, as they lie in memory (`freehold_ledger::image`).

use freehold_ledger::image::loaded_image;
use freehold_ledger::writer::Ledger;

use crate::system;

/// Notes the module that an address lies in. False when it lies in none.
pub(super) fn note(ledger: &Ledger, address: usize) -> bool {
    let Some(image) = loaded_image(address as u64) else {
        return false;
    };
    if ledger.add_module(&image.module()) {
        freehold_unwind::flush_rules();
    }
    true
}

/// Has the rules of code that goes forgotten, and what was noted of it.
pub(super) fn watch() {
    system::stay_loaded();
    freehold_unwind::flush_on_changes();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_an_image_that_holds_its_code() {
        let here = this_program_is_an_image_that_holds_its_code as *const () as u64;
        let image = loaded_image(here).expect("a module");
        let module = image.module();
        assert!((module.start..module.end).contains(&here));
        assert!(!module.build_id.is_empty(), "its time and its size");
        let path = std::str::from_utf8(module.path).expect("UTF-8");
        assert_eq!(
            std::fs::canonicalize(path).expect("its file"),
            std::fs::canonicalize(std::env::current_exe().expect("a path")).expect("its file"),
        );
        let stack = 0;
        assert!(loaded_image(&raw const stack as u64).is_none());
    }
}
