//! Project automation: `cargo xtask COMMAND`.
//!
//! Never needed merely to compile. Each command is a list of steps; a step
//! that fails ends the command with its output and a failing status.

mod bindings;
mod bits32;
mod capi;
mod cost;
mod debian;
mod dist;
mod examples;
mod header;
mod layers;
mod owners;
mod packages;
mod raw;
mod steps;
mod tidy;
mod windows;

use std::path::Path;
use std::process::ExitCode;

use windows::Wine;

const HELP: &str = "\
usage: cargo xtask COMMAND

  test      all tests: tidiness, lints, unit and property tests, loom,
            victims and real programs, the Windows side under Wine, the library
            in 32-bit programs (installs what they need when root)
      --quick         only what needs no release build and no installed program
      --skip-windows  all but the Windows side
      --skip-32       all but the 32-bit side
      --windows       only the Windows side
      --windows-32    the library in 32-bit programs of Windows, which no other
                      test runs: fetches Debian's Wine for them (95 MB)
      --32            only the 32-bit side of Linux
      --dart          only the package for Dart (fetches a Dart VM, 25 MB)
      --python        only the package for Python, on each Python from 3.9 on that is here
                      (with the others: on that of the other tests and on the oldest)
      --skip-bindings  all but the packages for other languages
  tidy      checks of the source tree: layers, sizes, links, leftovers
  setup     installs the Debian packages that the tests need, or lists them
  dist PREFIX  installs the C library: libraries, headers, pkg-config, CMake
      --windows       instead makes freehold.dll, its import library and headers
      --windows-32    the same for 32-bit programs
      --32            (before the prefix) that for 32-bit programs
  wheel     builds the package for Python
  capi      installs it into the target folder, and tests it from there
  header    makes freehold.h of the sources of crates/capi
      --check     only says whether it is up to date
  raw       makes the raw layer of each language of freehold.h
      --check     only says whether they are up to date
  examples  whether each public item of the library has docs and an example
  owners    makes the rows of the ownership database that platforms declare
      --check     only says whether they are up to date, and checks all rows
      --compare   shows them beside what others have, on the gold list
  cost      compares what the library's allocators cost with the platform's:
            instructions of a release build
  check     compares every captured stack with a full walk over the workloads
  fuzz      each fuzzer for 20 s (needs nightly and cargo-fuzz)
  sanitize  AddressSanitizer, Valgrind and Miri over the unsafe code (needs
            nightly)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test", "--quick"] => steps::test(true),
        ["test", "--windows"] => windows::test(),
        ["test", "--windows-32"] => windows::test_32(),
        ["test", "--32"] => bits32::test(),
        ["test", "--dart"] => bindings::dart::test(),
        ["test", "--python"] => bindings::python::test(true),
        ["wheel"] => bindings::python::wheel().map(|path| println!("{}", path.display())),
        ["test", skipped @ ..]
            if skipped
                .iter()
                .all(|s| ["--skip-windows", "--skip-32", "--skip-bindings"].contains(s)) =>
        {
            all_but(skipped)
        }
        // The runner that cargo calls for programs for Windows.
        [runner @ ("wine" | "wine32"), program, arguments @ ..] => {
            let wine = match *runner {
                "wine" => Wine::Bits64,
                _ => Wine::Bits32,
            };
            match wine.run(program, arguments) {
                Ok(status) => return ExitCode::from(status),
                Err(message) => Err(message),
            }
        }
        ["tidy"] => tidy::run(),
        ["setup"] => packages::install(),
        ["check"] => steps::check(),
        ["examples"] => examples::run(),
        ["owners"] => owners::run(false),
        ["owners", "--check"] => owners::run(true),
        ["owners", "--compare"] => owners::compare(),
        ["cost"] => cost::run(),
        ["dist", "--windows", folder] => windows::package::run(Wine::Bits64, Path::new(folder)),
        ["dist", "--windows-32", folder] => windows::package::run(Wine::Bits32, Path::new(folder)),
        ["dist", "--32", prefix] => dist::run(prefix, dist::Width::Bits32),
        ["dist", prefix] => dist::run(prefix, dist::Width::Bits64),
        ["capi"] => capi::run(),
        ["header"] => header::run(false),
        ["header", "--check"] => header::run(true),
        ["raw"] => raw::run(false),
        ["raw", "--check"] => raw::run(true),
        ["fuzz"] => steps::fuzz(),
        ["sanitize"] => steps::sanitize(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// All tests but those of the sides that are named.
fn all_but(skipped: &[&str]) -> Result<(), String> {
    steps::test(false)?;
    if !skipped.contains(&"--skip-32") {
        bits32::test()?;
    }
    if !skipped.contains(&"--skip-bindings") {
        bindings::dart::test()?;
        bindings::python::test(false)?;
    }
    if !skipped.contains(&"--skip-windows") {
        windows::test()?;
    }
    Ok(())
}

/// The root of the project.
fn root() -> std::path::PathBuf {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}
