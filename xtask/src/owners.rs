//! `cargo xtask owners`: the generator of the ownership database, with what it
//! reads installed.
//!
//! What is not here: the generator (`tools/owners`).

use crate::packages;
use crate::steps::{cargo, step};

/// File that proves a package, and the package.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/bin/gcc", "gcc"),
    ("/usr/include/stdio.h", "libc6-dev"),
    ("/usr/share/gir-1.0/Gio-2.0.gir", "libgirepository1.0-dev"),
    ("/usr/share/gir-1.0/Gtk-4.0.gir", "libgtk-4-dev"),
];

/// Makes the rows, or with `check` says whether they are what the sources give.
pub(crate) fn run(check: bool) -> Result<(), String> {
    packages::install_from(NEEDED)?;
    let mut generator = cargo(&["run", "--quiet", "--package", "freehold-owners-generator"]);
    if check {
        generator.args(["--", "--check"]);
    }
    step("rows of the ownership database", &mut generator)
}
