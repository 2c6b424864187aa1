//! The table as attributes by which GCC (from 11 on) and Clang find leaks and wrong
//! releases in C, without Freehold and without running the program.
//!
//! Only what attributes can say: that a function returns a pointer which certain
//! functions release. Not in it are parameters, handles that are no pointers,
//! conditions, and counted references, of which a compiler would call the second
//! release wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use freehold_owners::{Function, Kind, Platform};

/// Macros of the header; what is declared comes behind.
const HEAD: &str = include_str!("header.h.txt");
const END: &str = "\
#ifdef __cplusplus
}
#endif

#undef FREEHOLD_GIVES
#undef FREEHOLD_TAKES
#undef FREEHOLD_RELEASED_BY
";

/// What the rows say and attributes cannot.
const EXCEPTIONS: &[&str] = &[
    // Gives the stream that it was passed: nothing is lost when that is kept.
    "freopen", // A variable, and no function.
    "xmlFree",
];

/// How a function is released: its name, and which argument is the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Release {
    name: &'static str,
    argument: usize,
}

/// The header, or nothing where it would be empty. Only what is in `declared`, when
/// it is given.
pub(super) fn header(
    functions: &[Function],
    declared: Option<&BTreeSet<String>>,
) -> Option<String> {
    let known = |name: &str| declared.is_none_or(|names| names.contains(name));
    let mut libraries: BTreeMap<&str, BTreeMap<&str, Vec<Release>>> = BTreeMap::new();
    for function in functions.iter().filter(|function| known(function.name())) {
        let mut releases = releases(*function);
        releases.retain(|release| known(release.name));
        if !releases.is_empty() {
            let library = libraries.entry(function.library()).or_default();
            library.insert(function.name(), releases);
        }
    }
    if libraries.is_empty() {
        return None;
    }
    let classes = classes(libraries.values().flat_map(BTreeMap::values));
    let mut out = HEAD.replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    // Clang 20 crashes on a function that both takes and gives, and may do without
    // knowing that it takes: what is passed to a function of which nothing is known
    // is not called lost.
    let givers: BTreeSet<&str> = libraries
        .values()
        .flat_map(BTreeMap::keys)
        .copied()
        .collect();
    let mut taken = BTreeSet::new();
    for (library, gives) in &libraries {
        let _ = writeln!(out, "/* {library} */");
        for (name, releases) in gives {
            for release in releases {
                let class = classes[release.name];
                if !givers.contains(release.name) && taken.insert(release) {
                    let Release { name, argument } = release;
                    let _ = writeln!(out, "FREEHOLD_TAKES({name}, {argument}, {class});");
                }
            }
            let by: Vec<String> = releases.iter().map(released_by).collect();
            let class = classes[releases[0].name];
            let _ = writeln!(out, "FREEHOLD_GIVES({name}, {class}, {});", by.join(" "));
        }
        out.push('\n');
    }
    Some(out + END)
}

fn released_by(release: &Release) -> String {
    format!(
        "FREEHOLD_RELEASED_BY({}, {})",
        release.name, release.argument
    )
}

/// What releases the result of a function; nothing where attributes cannot say it.
fn releases(function: Function) -> Vec<Release> {
    let mut slots = function.slots().filter(|slot| slot.name() == "return");
    let Some(slot) = slots.next() else {
        return Vec::new();
    };
    // A number that is -1 on failure is a handle, and a pointer that is: the compiler
    // would not know that there is nothing to release.
    let fails_with_null = slot.failure().is_none_or(|said| said.starts_with("null"));
    let is_expressible = function.platform() == Platform::C
        && !EXCEPTIONS.contains(&function.name())
        && slot.kind() == Kind::Owned
        && slot.when().is_none()
        && fails_with_null;
    if !is_expressible {
        return Vec::new();
    }
    // With one of several missing, the compiler would call that one wrong.
    let all: Option<Vec<Release>> = slot.release().map(release).collect();
    all.unwrap_or_default()
}

/// A release as the compiler can be told of it.
fn release(call: &'static str) -> Option<Release> {
    let (name, arguments) = call.split_once('(').unwrap_or((call, "*)"));
    let arguments = arguments.strip_suffix(')')?;
    let value = arguments.split(',').position(|said| said.trim() == "*")?;
    let counts = name.ends_with("_unref") || name.ends_with("_DecRef");
    (!counts && !EXCEPTIONS.contains(&name)).then_some(Release {
        name,
        argument: value + 1,
    })
}

/// For each release the class of what it releases, in which Clang keeps them apart:
/// one for all releases that are due to one function. Memory of `malloc` is the one
/// that all versions know.
fn classes<'a>(
    all: impl Iterator<Item = &'a Vec<Release>>,
) -> BTreeMap<&'static str, &'static str> {
    let mut classes: BTreeMap<&str, &str> = BTreeMap::new();
    for releases in all {
        let names = releases.iter().map(|release| release.name);
        let old: Vec<&str> = names
            .clone()
            .filter_map(|name| classes.get(name).copied())
            .collect();
        let first = names.clone().chain(old.iter().copied()).min();
        let class = match first {
            Some("free" | "malloc") | None => "malloc",
            Some(name) => name,
        };
        for known in classes.values_mut().filter(|known| old.contains(known)) {
            *known = class;
        }
        classes.extend(names.map(|name| (name, class)));
    }
    classes
}

/// The names in a source behind which a parenthesis opens.
pub(super) fn names_before_parentheses(source: &[u8]) -> BTreeSet<String> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut names = BTreeSet::new();
    for (place, _) in source.iter().enumerate().filter(|(_, byte)| **byte == b'(') {
        let before = source[..place].trim_ascii_end();
        let letters = before.iter().rev().take_while(|byte| is_word(byte)).count();
        let name = &before[before.len() - letters..];
        names.insert(String::from_utf8_lossy(name).into_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&'static str]) -> Vec<Release> {
        let calls = names.iter().map(|name| release(name));
        calls.map(|release| release.expect("expressible")).collect()
    }

    #[test]
    fn the_argument_that_is_the_value_is_counted() {
        let argument = |call| release(call).map(|release| release.argument);
        assert_eq!(argument("free"), Some(1));
        assert_eq!(argument("g_slice_free1(block_size, *)"), Some(2));
        assert_eq!(argument("munmap(*, length)"), Some(1));
        // The address of the value, something else, a counted reference, a variable.
        assert_eq!(argument("png_destroy_info_struct(png_ptr, &*)"), None);
        assert_eq!(argument("globfree(pglob)"), None);
        assert_eq!(argument("g_bytes_unref"), None);
        assert_eq!(argument("xmlFree"), None);
    }

    #[test]
    fn releases_of_one_thing_are_of_one_class() {
        let all = [of(&["b", "c"]), of(&["d"]), of(&["c", "a"]), of(&["free"])];
        let classes = classes(all.iter());
        assert_eq!((classes["a"], classes["b"], classes["c"]), ("a", "a", "a"));
        assert_eq!((classes["d"], classes["free"]), ("d", "malloc"));
    }

    #[test]
    fn declared_names_are_those_before_parentheses() {
        let names = names_before_parentheses(b"int f (void); extern g_t g; char *(*h(int))(void);");
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(names, ["", "f", "h"]);
    }
}
