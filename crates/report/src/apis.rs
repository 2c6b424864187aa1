//! Which function of a library handed a block out, and what that says of its
//! release: the frame by which the program entered the library, looked up in the
//! ownership database.
//!
//! What is not here: the rows (crate `freehold-owners`).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use freehold_owners::{Function, Kind, Platform};

use crate::frame::Frame;
use crate::trim;

/// A function that hands out what the caller must release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Its name.
    pub name: &'static str,
    /// What releases what it hands out: one of these.
    pub releases: Vec<&'static str>,
}

/// Where a stack enters a library by a function that the database knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'s> {
    /// The function.
    pub function: Function,
    /// The frames of those who called it, the nearest first, without those that only
    /// start the process or thread. Never empty.
    pub callers: &'s [Frame],
}

/// Where the program entered a library to come to a block with this stack, the
/// innermost frame first.
pub fn entry(stack: &[Frame]) -> Option<Entry<'_>> {
    let mut pairs = stack.iter().zip(stack.iter().skip(1));
    // What a library calls of others is its own affair: the outermost one counts.
    let frame = pairs.position(|(called, caller)| {
        called.module != caller.module && !is_library(&caller.module)
    })?;
    let function = function(&stack[frame])?;
    let end = stack.len() - trim::boilerplate(stack);
    let callers = &stack[frame + 1..end.max(frame + 2)];
    Some(Entry { function, callers })
}

/// The function by which the program came to a block with this stack.
pub(crate) fn of(stack: &[Frame]) -> Option<Api> {
    api(entry(stack)?.function)
}

/// The function of this name, when what it hands out must be released.
pub(crate) fn named(name: &str) -> Option<Api> {
    let mut functions = freehold_owners::find(name).filter(|function| function.name() == name);
    functions.find_map(api)
}

/// What the database has of the function of a frame.
fn function(frame: &Frame) -> Option<Function> {
    let name = frame.function()?;
    let name = name.split('@').next().unwrap_or(name);
    let known = |name: &str| {
        freehold_owners::find(name)
            .filter(|function| function.name() == name)
            .find(|function| match function.platform() {
                Platform::C => is_of(&frame.module, function.library()),
                // System libraries forward to each other.
                Platform::Win32 => frame.module.to_ascii_lowercase().ends_with(".dll"),
            })
    };
    known(name).or_else(|| known(public(name)?))
}

/// The name by which others call a function of glibc's, of which a stack has the name
/// for the library itself, or of the part that it ends in by a jump (`opendir` in
/// `opendir_tail`).
fn public(name: &str) -> Option<&str> {
    const BEFORE: [&str; 5] = ["__GI_", "_IO_new_", "_IO_", "__libc_", "__"];
    const BEHIND: [&str; 3] = ["_internal", "_tail", "_stk"];
    let bare = BEFORE
        .iter()
        .find_map(|before| name.strip_prefix(before))
        .unwrap_or(name);
    let bare = bare.trim_start_matches('_');
    let public = BEHIND
        .iter()
        .find_map(|behind| bare.strip_suffix(behind))
        .unwrap_or(bare);
    (public != name).then_some(public)
}

fn api(function: Function) -> Option<Api> {
    let releases = due(function);
    let name = function.name();
    (!releases.is_empty()).then_some(Api { name, releases })
}

/// What releases the things that a function hands out: one of these; none where
/// nothing that it hands out is known to be the caller's.
pub fn due(function: Function) -> Vec<&'static str> {
    let owned = function.slots().filter(|slot| {
        let given = matches!(slot.kind(), Kind::Owned | Kind::Refcount);
        // An error's text is something beside what the function is for.
        given && slot.name() != "error"
    });
    let mut releases = Vec::new();
    for release in owned.flat_map(|slot| slot.release()) {
        let release = release.split('(').next().unwrap_or(release);
        if !releases.contains(&release) {
            releases.push(release);
        }
    }
    releases
}

/// A library's name without what tells its version: `libpng16.so.16` is `png`,
/// `python3.11` is `python`.
fn stem(library: &str) -> &str {
    let name = library.strip_prefix("lib").unwrap_or(library);
    let end = name.find(".so").unwrap_or(name.len());
    let name = &name[..end];
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-')
}

fn is_of(module: &str, library: &str) -> bool {
    stem(module) == stem(library)
}

/// Whether a module is one of the libraries that the database knows.
fn is_library(module: &str) -> bool {
    static STEMS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
        let functions = freehold_owners::all().filter(|f| f.platform() == Platform::C);
        functions.map(|f| stem(f.library())).collect()
    });
    STEMS.contains(stem(module))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Language, Place};

    fn stack(frames: &[(&str, &str)]) -> Vec<Frame> {
        let frame = |&(function, module): &(&str, &str)| Frame {
            place: Place {
                function: Some(function.into()),
                ..Place::default()
            },
            module: module.into(),
            pc: 1,
            offset: 1,
            language: Language::Native,
        };
        frames.iter().map(frame).collect()
    }

    fn named(frames: &[(&str, &str)]) -> Option<(&'static str, Vec<&'static str>)> {
        of(&stack(frames)).map(|api| (api.name, api.releases))
    }

    #[test]
    fn the_function_that_the_program_called_counts() {
        let main = ("main", "prog");
        let start = ("__libc_start_main", "libc.so.6");
        let strdup = ("strdup", "libc.so.6");
        let free = Some(("strdup", vec!["free"]));
        assert_eq!(named(&[strdup, main, start]), free);
        // A library's own texts are its affair.
        let within = [
            ("sqlite3MemMalloc", "libsqlite3.so.0.8.6"),
            ("sqlite3_malloc", "libsqlite3.so.0.8.6"),
            ("sqlite3_mprintf", "libsqlite3.so.0.8.6"),
            main,
            start,
        ];
        assert_eq!(
            named(&within),
            Some(("sqlite3_mprintf", vec!["sqlite3_free"]))
        );
        let through = [
            ("g_malloc", "libglib-2.0.so.0.7400.6"),
            ("g_file_new_for_path", "libgio-2.0.so.0"),
            main,
        ];
        assert_eq!(
            named(&through),
            Some(("g_file_new_for_path", vec!["g_object_unref"]))
        );
        // Of the library's caller, when it is none itself, a call back too.
        let back = [
            strdup,
            ("callback", "prog"),
            ("sqlite3_exec", "libsqlite3.so.0"),
            main,
        ];
        assert_eq!(named(&back), free);
    }

    #[test]
    fn callers_are_the_program_s() {
        let start = ("__libc_start_main", "libc.so.6");
        let whole = stack(&[
            ("_IO_vasprintf", "libc.so.6"),
            ("asprintf", "libc.so.6"),
            ("helper", "prog"),
            ("main", "prog"),
            start,
        ]);
        let entry = entry(&whole).expect("it enters the C library");
        assert_eq!(entry.function.name(), "asprintf");
        let callers: Vec<_> = entry.callers.iter().map(|f| f.function()).collect();
        assert_eq!(callers, [Some("helper"), Some("main")]);
        // Somebody called it, whatever that is.
        let bare = stack(&[("strdup", "libc.so.6"), ("_start", "prog")]);
        assert_eq!(
            super::entry(&bare).map(|entry| entry.callers.len()),
            Some(1)
        );
    }

    #[test]
    fn names_that_a_library_has_for_itself_lead_to_the_public_ones() {
        for (name, public) in [
            ("__GI___strdup", "strdup"),
            ("opendir_tail", "opendir"),
            ("__fopen_internal", "fopen"),
            ("_IO_new_popen", "popen"),
            ("_IO_getdelim", "getdelim"),
            ("__realpath", "realpath"),
        ] {
            let found = named(&[(name, "libc.so.6"), ("main", "prog")]);
            assert_eq!(found.map(|(name, _)| name), Some(public));
        }
        // Of another library it is not.
        assert_eq!(
            named(&[("opendir_tail", "libmine.so"), ("main", "prog")]),
            None
        );
    }

    #[test]
    fn what_is_not_known_has_no_function() {
        assert_eq!(named(&[]), None);
        assert_eq!(
            named(&[("main", "prog"), ("__libc_start_main", "libc.so.6")]),
            None
        );
        // The same name in another library, and one that gives what it keeps.
        assert_eq!(named(&[("strdup", "libmine.so"), ("main", "prog")]), None);
        assert_eq!(named(&[("getenv", "libc.so.6"), ("main", "prog")]), None);
        // What a program does inside is nobody's function.
        assert_eq!(named(&[("strdup", "prog"), ("main", "prog")]), None);
    }

    #[test]
    fn versions_in_names_do_not_matter() {
        for (name, expected) in [
            ("libc.so.6", "c"),
            ("libpng16.so.16.39.0", "png"),
            ("libpython3.11.so.1.0", "python"),
            ("python3.11", "python"),
            ("libgtk-4.so.1", "gtk"),
            ("node", "node"),
            ("", ""),
        ] {
            assert_eq!(stem(name), expected);
        }
    }
}
