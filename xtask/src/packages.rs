//! Debian packages that the tests need and a fresh machine may not have.

use std::process::Command;

/// Program or file that proves a package, and the package.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/bin/cc", "gcc"),
    ("/usr/bin/g++", "g++"),
    ("/usr/bin/make", "make"),
    ("/usr/bin/cmake", "cmake"),
    ("/usr/bin/pkg-config", "pkgconf"),
    ("/usr/bin/objcopy", "binutils"),
    ("/usr/bin/python3", "python3"),
    ("/usr/bin/git", "git"),
    ("/usr/bin/sqlite3", "sqlite3"),
    ("/usr/bin/redis-server", "redis-server"),
    ("/usr/bin/redis-benchmark", "redis-tools"),
    ("/usr/bin/node", "nodejs"),
    ("/usr/bin/perl", "perl"),
    ("/usr/bin/xz", "xz-utils"),
    ("/usr/bin/bc", "bc"),
    ("/usr/bin/ps", "procps"),
    ("/etc/services", "netbase"),
    ("/usr/bin/valgrind", "valgrind"),
    // Programs with windows, a display to show them on, and a font.
    ("/usr/bin/Xvfb", "xvfb"),
    ("/usr/bin/xauth", "xauth"),
    ("/usr/bin/yad", "yad"),
    ("/usr/bin/gtk3-demo", "gtk-3-examples"),
    ("/usr/lib/python3/dist-packages/PyQt5", "python3-pyqt5"),
    (
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "fonts-dejavu-core",
    ),
    ("/usr/lib/x86_64-linux-gnu/libsqlite3.so.0", "libsqlite3-0"),
    (
        "/usr/lib/x86_64-linux-gnu/libjemalloc.so",
        "libjemalloc-dev",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libmimalloc.so",
        "libmimalloc-dev",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so",
        "libgoogle-perftools-dev",
    ),
    ("/usr/bin/musl-gcc", "musl-tools"),
    // A browser for pages, and what a header of attributes is compiled with.
    ("/usr/bin/chromium", "chromium"),
    ("/usr/bin/clang", "clang"),
    ("/usr/include/sqlite3.h", "libsqlite3-dev"),
    (
        "/usr/include/x86_64-linux-gnu/curl/curl.h",
        "libcurl4-openssl-dev",
    ),
    ("/usr/include/expat.h", "libexpat1-dev"),
    ("/usr/include/openssl/evp.h", "libssl-dev"),
    ("/usr/include/zlib.h", "zlib1g-dev"),
    ("/usr/include/uv.h", "libuv1-dev"),
    ("/usr/include/png.h", "libpng-dev"),
    ("/usr/include/libxml2/libxml/parser.h", "libxml2-dev"),
    ("/usr/include/glib-2.0/gio/gio.h", "libglib2.0-dev"),
];

/// Packages of a list whose proof is missing. A program may lie elsewhere in the
/// path, unless it must be the package's own.
fn missing(needed: &[(&str, &'static str)], own: bool) -> Vec<&'static str> {
    let absent = needed.iter().filter(|(proof, _)| {
        let name = proof.rsplit('/').next().unwrap_or(proof);
        let is_program = proof.contains("/bin/") && !own;
        !(std::path::Path::new(proof).exists() || is_program && in_path(name))
    });
    absent.map(|(_, package)| *package).collect()
}

/// A Python that has what the tests use: 3.11 or later.
pub(crate) fn python() -> Option<&'static str> {
    let names = ["python3.13", "python3.12", "python3.11", "python3"];
    names.into_iter().find(|name| {
        // A name may be there and answer only that no such version was chosen.
        Command::new(name)
            .args(["-c", "import tomllib"])
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

pub(crate) fn in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).exists())
}

/// Installs what is missing when root, and says what is missing otherwise.
pub(crate) fn install() -> Result<(), String> {
    install_missing(missing(NEEDED, false))
}

/// The same for another list, whose programs must be the packages' own: program or
/// file that proves a package, and the package.
pub(crate) fn install_from(needed: &[(&str, &'static str)]) -> Result<(), String> {
    install_missing(missing(needed, true))
}

fn install_missing(missing: Vec<&'static str>) -> Result<(), String> {
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout == b"0\n");
    if !is_root || !in_path("apt-get") {
        return Err(format!(
            "the tests need these packages: {list}\n       get them with: \
             sudo apt-get install {list}"
        ));
    }
    eprintln!("xtask: installing {list}");
    let apt = |arguments: &[&str]| {
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(std::process::Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!(
                "apt-get {} ended with {status}",
                arguments.join(" ")
            )),
            Err(e) => Err(format!("apt-get cannot be run: {e}")),
        }
    };
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(missing);
    apt(&arguments)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_program_in_the_path_counts_only_where_it_may() {
        let needed = [("/no/such/bin/sh", "shell"), ("/no/such/file", "other")];
        assert_eq!(super::missing(&needed, false), ["other"]);
        assert_eq!(super::missing(&needed, true), ["shell", "other"]);
    }
}
