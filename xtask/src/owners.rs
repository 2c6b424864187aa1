//! `cargo xtask owners`: the generator of the ownership database, with what it
//! reads installed.
//!
//! What is not here: the generator (`tools/owners`).

use std::path::Path;

use crate::packages;
use crate::steps::{cargo, step};

/// File that proves a package, and the package.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/bin/gcc", "gcc"),
    ("/usr/include/stdio.h", "libc6-dev"),
    ("/usr/share/gir-1.0/Gio-2.0.gir", "libgirepository1.0-dev"),
    ("/usr/share/gir-1.0/Gtk-4.0.gir", "libgtk-4-dev"),
    // Headers whose prototypes rows are checked against.
    ("/usr/include/sqlite3.h", "libsqlite3-dev"),
    (
        "/usr/include/x86_64-linux-gnu/curl/curl.h",
        "libcurl4-openssl-dev",
    ),
    ("/usr/include/openssl/ssl.h", "libssl-dev"),
    ("/usr/include/libxml2/libxml/tree.h", "libxml2-dev"),
    ("/usr/include/zlib.h", "zlib1g-dev"),
    ("/usr/include/libpng16/png.h", "libpng-dev"),
    ("/usr/include/expat.h", "libexpat1-dev"),
    ("/usr/include/uv.h", "libuv1-dev"),
    ("/usr/include/python3.11/Python.h", "libpython3.11-dev"),
];

/// Libraries and a program whose exports are listed when rows are made: checks read
/// the lists.
const LISTED: &[(&str, &str)] = &[
    ("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "libssl3"),
    ("/usr/lib/x86_64-linux-gnu/libcurl.so.4", "libcurl4"),
    ("/lib/x86_64-linux-gnu/libexpat.so.1", "libexpat1"),
    ("/usr/lib/x86_64-linux-gnu/libpng16.so.16", "libpng16-16"),
    (
        "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
        "libpython3.11",
    ),
    ("/usr/lib/x86_64-linux-gnu/libsqlite3.so.0", "libsqlite3-0"),
    ("/usr/lib/x86_64-linux-gnu/libuv.so.1", "libuv1"),
    ("/usr/lib/x86_64-linux-gnu/libxml2.so.2", "libxml2"),
    ("/lib/x86_64-linux-gnu/libz.so.1", "zlib1g"),
    ("/usr/bin/node", "nodejs"),
];

/// Where cppcheck keeps what it knows of libraries: Debian's package, and others'.
const CPPCHECK: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/cppcheck/cfg",
    "/usr/share/cppcheck/cfg",
];

/// Shows the rows beside what others have, on the gold list.
pub(crate) fn compare() -> Result<(), String> {
    packages::install_from(&[("/usr/bin/cppcheck", "cppcheck")])?;
    let folder = CPPCHECK.iter().find(|folder| Path::new(folder).is_dir());
    let folder = folder.ok_or("cppcheck is installed, but its files are in none of its folders")?;
    let mut generator = cargo(&["run", "--quiet", "--package", "freehold-owners-generator"]);
    step(
        "rows beside others'",
        generator.args(["--", "--compare", folder]),
    )
}

/// Makes the rows, or with `check` says whether they are what the sources give.
pub(crate) fn run(check: bool) -> Result<(), String> {
    packages::install_from(NEEDED)?;
    if !check {
        packages::install_from(LISTED)?;
    }
    let mut generator = cargo(&["run", "--quiet", "--package", "freehold-owners-generator"]);
    if check {
        generator.args(["--", "--check"]);
    }
    step("rows of the ownership database", &mut generator)
}
