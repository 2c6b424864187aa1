//! Rows from the C library's headers: functions that name the one which releases
//! what they return (`__attr_dealloc`).

use std::io::Write;
use std::process::{Command, Stdio};

use crate::rows::{Row, Rows};

/// All headers of glibc that have such functions.
const HEADERS: &[&str] = &[
    "dirent.h", "iconv.h", "malloc.h", "pwd.h", "stdio.h", "stdlib.h", "string.h", "wchar.h",
    "unistd.h",
];

const LIBRARY: &str = "libc.so.6";

/// Asks the compiler what the headers declare, and adds its rows; gives the
/// version of the C library.
pub(crate) fn read(rows: &mut Rows) -> Result<String, String> {
    let text = preprocessed()?;
    let (declarations, version) = text
        .split_once(MARK)
        .ok_or("gcc gave no version of glibc")?;
    for declaration in declarations.split(';') {
        let Some(name) = name(declaration) else {
            continue;
        };
        rows.declare(LIBRARY, name);
        let mut rest = declaration;
        while let Some((_, behind)) = rest.split_once("__malloc__ (") {
            let end = behind.find([',', ')']).unwrap_or(behind.len());
            let release = behind[..end].trim().trim_start_matches("__builtin_");
            // What enlarges a block may be called again with what it gave: it is not
            // what is due.
            if release != name {
                rows.add(LIBRARY, name, "return", Row::with("dealloc", release));
            }
            rest = behind;
        }
    }
    let numbers: Vec<&str> = version.split_whitespace().collect();
    Ok(format!("glibc {}\n", numbers.join(".")))
}

/// What stands before the version in the compiler's output.
const MARK: &str = "freehold_version";

/// The name of the function that a declaration is of.
fn name(declaration: &str) -> Option<&str> {
    let head = declaration.split('(').next()?.trim_end();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let start = head.rfind(|c: char| !is_name(c)).map_or(0, |at| at + 1);
    let name = &head[start..];
    (declaration.contains("extern") && !name.is_empty()).then_some(name)
}

fn preprocessed() -> Result<String, String> {
    let run = || {
        let mut compiler = Command::new("gcc")
            .args(["-E", "-P", "-D_GNU_SOURCE", "-x", "c", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut includes: String = HEADERS
            .iter()
            .map(|header| format!("#include <{header}>\n"))
            .collect();
        includes += &format!("{MARK} __GLIBC__ __GLIBC_MINOR__\n");
        if let Some(mut input) = compiler.stdin.take() {
            input.write_all(includes.as_bytes())?;
        }
        compiler.wait_with_output()
    };
    let output = run().map_err(|e| format!("gcc cannot be run: {e}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("gcc ended with {}", output.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn functions_are_found_by_their_declarations() {
        assert_eq!(name("\nextern FILE *fopen (const char *a)"), Some("fopen"));
        assert_eq!(name("typedef int (*f) (void)"), None);
        assert_eq!(
            name("extern char *\n__strdup (const char *a)"),
            Some("__strdup")
        );
    }
}
