//! Project automation: `cargo xtask COMMAND`.
//!
//! Never needed merely to compile. Each command is a list of steps; a step
//! that fails ends the command with its output and a failing status.

mod capi;
mod cost;
mod dist;
mod examples;
mod header;
mod layers;
mod owners;
mod packages;
mod steps;
mod tidy;
mod windows;

use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask COMMAND

  test      all tests: tidiness, lints, unit and property tests, loom,
            victims and real programs, the Windows side under Wine (installs
            what they need when root)
      --quick         only what needs no release build and no installed program
      --skip-windows  all but the Windows side
      --windows       only the Windows side
  tidy      checks of the source tree: layers, sizes, links, leftovers
  setup     installs the Debian packages that the tests need, or lists them
  dist PREFIX  installs the C library: libraries, headers, pkg-config, CMake
      --windows   instead makes freehold.dll, its import library and headers
  capi      installs it into the target folder, and tests it from there
  header    makes freehold.h of the sources of crates/capi
      --check     only says whether it is up to date
  examples  whether each public item of the library has docs and an example
  owners    makes the rows of the ownership database that platforms declare
      --check     only says whether they are up to date
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
        ["test"] => steps::test(false).and_then(|()| windows::test()),
        ["test", "--quick"] => steps::test(true),
        ["test", "--skip-windows"] => steps::test(false),
        ["test", "--windows"] => windows::test(),
        // The runner that cargo calls for programs for Windows.
        ["wine", program, arguments @ ..] => match windows::run(program, arguments) {
            Ok(status) => return ExitCode::from(status),
            Err(message) => Err(message),
        },
        ["tidy"] => tidy::run(),
        ["setup"] => packages::install(),
        ["check"] => steps::check(),
        ["examples"] => examples::run(),
        ["owners"] => owners::run(false),
        ["owners", "--check"] => owners::run(true),
        ["cost"] => cost::run(),
        ["dist", "--windows", folder] => windows::package::run(Path::new(folder)),
        ["dist", prefix] => dist::run(prefix),
        ["capi"] => capi::run(),
        ["header"] => header::run(false),
        ["header", "--check"] => header::run(true),
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

/// The root of the project.
fn root() -> std::path::PathBuf {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}
