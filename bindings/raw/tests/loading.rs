//! The library is found, loaded and checked, and what is wrong with it is said.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that was built with this test.
fn built() -> PathBuf {
    let own = std::env::current_exe().expect("known");
    own.parent().expect("a folder").join("libfreehold_c.so")
}

/// A library that says that it is of some version.
fn says(version: &str, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) = (folder.join(format!("{name}.c")), folder.join(name));
    let text = format!("const char *freehold_version(void) {{ return \"{version}\"; }}\n");
    std::fs::write(&source, text).expect("written");
    let mut compile = Command::new("cc");
    compile
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source);
    assert!(compile.status().expect("there is a C compiler").success());
    library
}

#[test]
fn the_library_is_loaded_and_has_all_functions() {
    // SAFETY: it is a libfreehold.
    let raw = unsafe { freehold_raw::load(built()) }.expect("loaded");
    // SAFETY: as the header has them; the block is live, and released once.
    unsafe {
        let version = CStr::from_ptr((raw.freehold_version)());
        assert_eq!(version.to_str(), Ok(freehold_raw::VERSION));
        let block = (raw.freehold_alloc)(
            16,
            16,
            freehold_raw::FREEHOLD_ZEROED,
            0,
            std::ptr::null_mut(),
        );
        assert!(!block.is_null());
        assert_eq!((raw.freehold_free)(block), freehold_raw::FREEHOLD_OK);
        assert_eq!(
            (raw.freehold_free)(std::ptr::null_mut()),
            freehold_raw::FREEHOLD_NULL
        );
    }
}

#[test]
fn what_is_wrong_with_a_library_is_said() {
    let fails = |path: &Path| {
        // SAFETY: none of these does harm when it is loaded.
        let loaded = unsafe { freehold_raw::load(path) };
        let text = loaded.err().expect("refused").to_string();
        assert!(text.contains(path.to_str().expect("UTF-8")), "{text}");
        text
    };
    assert!(fails(Path::new("/no/such/library.so")).contains("cannot be loaded"));
    assert!(fails(Path::new("libm.so.6")).contains("is no libfreehold"));
    let other = fails(&says("9.8.7", "libother.so"));
    assert!(other.contains("is libfreehold 9.8.7, and this package needs"));
    let empty = fails(&says(freehold_raw::VERSION, "libempty.so"));
    assert!(empty.contains("has no function freehold_"), "{empty}");
}

#[test]
fn a_library_beside_the_package_comes_before_that_of_the_system() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("a folder with blanks");
    std::fs::create_dir_all(&folder).expect("made");
    let folders = [folder.join("none"), folder.clone()];
    let library = folder.join("libfreehold.so.0");
    let _ = std::fs::remove_file(&library);
    assert_eq!(freehold_raw::path(&folders), Path::new("libfreehold.so.0"));
    std::fs::copy(built(), &library).expect("copied");
    assert_eq!(freehold_raw::path(&folders), library);
    // SAFETY: it is a libfreehold.
    assert!(unsafe { freehold_raw::load(&library) }.is_ok());
    std::fs::remove_file(&library).expect("removed");
}
