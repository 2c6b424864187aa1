//! Which functions C libraries export, as far as rows name them: lists that were
//! made of the libraries of Debian's packages, so that rows can be checked where
//! these are not installed.
//!
//! What is not here: what headers declare (`glibc.rs`), and introspection data
//! (`gir.rs`), which list functions themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use object::{Object, ObjectSymbol, SymbolKind};

use crate::check::{C, called};
use crate::read::Functions;

/// The library in rows, where it lies, and its package.
pub(crate) const LIBRARIES: &[(&str, &str, &str)] = &[
    ("libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6", "libc6"),
    (
        "libcrypto.so.3",
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        "libssl3",
    ),
    (
        "libcurl.so.4",
        "/usr/lib/x86_64-linux-gnu/libcurl.so.4",
        "libcurl4",
    ),
    (
        "libexpat.so.1",
        "/lib/x86_64-linux-gnu/libexpat.so.1",
        "libexpat1",
    ),
    (
        "libpng16.so.16",
        "/usr/lib/x86_64-linux-gnu/libpng16.so.16",
        "libpng16-16",
    ),
    (
        "libpython3.so",
        "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
        "libpython3.11",
    ),
    (
        "libsqlite3.so.0",
        "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0",
        "libsqlite3-0",
    ),
    (
        "libssl.so.3",
        "/usr/lib/x86_64-linux-gnu/libssl.so.3",
        "libssl3",
    ),
    (
        "libuv.so.1",
        "/usr/lib/x86_64-linux-gnu/libuv.so.1",
        "libuv1",
    ),
    (
        "libxml2.so.2",
        "/usr/lib/x86_64-linux-gnu/libxml2.so.2",
        "libxml2",
    ),
    ("libz.so.1", "/lib/x86_64-linux-gnu/libz.so.1", "zlib1g"),
    // The program exports what its modules call.
    ("node", "/usr/bin/node", "nodejs"),
];

/// The functions of each library, by the lists in a folder.
pub(crate) fn read(folder: &Path) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let mut libraries = BTreeMap::new();
    for (library, ..) in LIBRARIES {
        let path = folder.join(format!("{library}.txt"));
        let text = std::fs::read_to_string(&path)
            .map_err(|e| format!("{}: {e}: run `cargo xtask owners`", path.display()))?;
        libraries.insert(library.to_string(), listed(&text));
    }
    Ok(libraries)
}

fn listed(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// Writes the lists that are others now; all libraries must be installed.
pub(crate) fn write(folder: &Path, functions: &Functions) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for (library, path, package) in LIBRARIES {
        let exported = exported(Path::new(path)).map_err(|e| format!("{path} ({package}): {e}"))?;
        let names: BTreeSet<String> = named(functions, library)
            .intersection(&exported)
            .cloned()
            .collect();
        let list = folder.join(format!("{library}.txt"));
        // A later version of the package that has the same functions changes nothing.
        if std::fs::read_to_string(&list).is_ok_and(|old| listed(&old) == names) {
            continue;
        }
        let mut text = format!(
            "# What rows name of {package} {}: made by `cargo xtask owners`.\n",
            version(package)?
        );
        for name in names {
            let _ = writeln!(text, "{name}");
        }
        std::fs::write(&list, text).map_err(|e| format!("{}: {e}", list.display()))?;
    }
    Ok(())
}

/// What is wrong with the lists: names that no row has, and those that a library
/// that is here does not export. (A library keeps its functions while it keeps its
/// name.)
pub(crate) fn check(
    libraries: &BTreeMap<String, BTreeSet<String>>,
    functions: &Functions,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (library, path, _) in LIBRARIES {
        let empty = BTreeSet::new();
        let listed = libraries.get(*library).unwrap_or(&empty);
        let needless = listed.difference(&named(functions, library)).count();
        if needless > 0 {
            complaints.push(format!(
                "exists: the list of {library} names {needless} that no row does: run `cargo \
                 xtask owners`"
            ));
        }
        if let Ok(exported) = exported(Path::new(path)) {
            let gone = listed.difference(&exported);
            complaints.extend(gone.map(|name| format!("exists: {path} exports no {name}")));
        }
    }
    complaints
}

/// The names that the rows of a library have, and all release functions: these can
/// be of any library.
fn named(functions: &Functions, library: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for ((name, of), function) in functions {
        if function.platform != C {
            continue;
        }
        if of == library {
            names.insert(name.clone());
        }
        let releases = function.slots.iter().flat_map(|(_, fact)| &fact.release);
        names.extend(releases.map(|call| called(call).to_owned()));
    }
    names
}

/// The functions that a library or program gives to others.
fn exported(path: &Path) -> Result<BTreeSet<String>, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let file = object::File::parse(&*bytes).map_err(|e| e.to_string())?;
    let functions = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition() && symbol.kind() == SymbolKind::Text);
    let names = functions.filter_map(|symbol| symbol.name().ok());
    Ok(names.map(str::to_owned).collect())
}

/// The version of a package of Debian.
fn version(package: &str) -> Result<String, String> {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f=${Version}\n", package])
        .output()
        .map_err(|e| format!("dpkg-query cannot be run: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().filter(|line| !line.is_empty());
    first
        .map(str::to_owned)
        .ok_or_else(|| format!("the package {package} is not installed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{fact, table};

    #[test]
    fn lists_hold_what_rows_name() {
        let rows = table(
            C,
            &[(
                "thing_new",
                "return",
                fact("owned", "documented", &["thing_free(*, 0)"]),
            )],
        );
        let names = |library| named(&rows, library).into_iter().collect::<Vec<_>>();
        assert_eq!(names("libthing.so.1"), ["thing_free", "thing_new"]);
        assert_eq!(names("libother.so.1"), ["thing_free"]);
        let list = listed("# What rows name of thing 1.0\nthing_free\nthing_new\n");
        assert_eq!(list.into_iter().collect::<Vec<_>>(), names("libthing.so.1"));
    }

    #[test]
    fn what_a_library_does_not_export_is_found() {
        let with = |name: &str| {
            let mut rows = table(
                C,
                &[(name, "return", fact("owned", "documented", &["free"]))],
            );
            let function = rows.pop_first().expect("it").1;
            rows.insert((name.into(), "libc.so.6".into()), function);
            let list: BTreeSet<String> = ["free".to_owned(), name.to_owned()].into();
            check(&[("libc.so.6".to_owned(), list)].into(), &rows)
        };
        // Where that library is not, nothing can be said.
        if exported(Path::new(LIBRARIES[0].1)).is_ok() {
            assert_eq!(with("getline"), [""; 0]);
            assert_eq!(with("no_such_function").len(), 1);
        }
        let list: BTreeSet<String> = ["free".to_owned()].into();
        let needless = check(&[("libc.so.6".to_owned(), list)].into(), &Functions::new());
        assert!(
            needless[0].contains("names 1 that no row does"),
            "{needless:?}"
        );
    }
}
