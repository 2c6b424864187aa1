//! The `freehold` command: flags, launching, where reports go, exit codes.
//!
//! What is not here: analysis and rendering (crate `freehold-report`), the
//! ledger's format (crate `freehold-ledger`), what runs inside the program
//! (crate `freehold-interpose`).

mod args;
mod errors;
mod keep;
mod lineage;
mod output;
mod owner;
mod ps;
mod report;
mod session_store;
mod size;
mod snapshot;
mod system;

// What tracks programs from outside, which only Linux can so far.
#[cfg(unix)]
mod interrupt;
#[cfg(unix)]
mod launch;
#[cfg(unix)]
mod leave;
#[cfg(unix)]
mod preload;
#[cfg(unix)]
mod program;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod wait;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    be_silent_about_damaged_files();
    let done = match &Cli::parse().command {
        #[cfg(unix)]
        Command::Run(args) => run::run(args),
        #[cfg(windows)]
        Command::Run(_) => Err(errors::Failure::freehold(
            "freehold run does not exist on Windows: it cannot put itself into a program there. \
             Programs that use the library freehold track themselves; freehold ps, report and \
             snapshot work on them",
        )),
        Command::Report(args) => report::report(args),
        Command::Snapshot(args) => snapshot::snapshot(args),
        Command::Ps(args) => ps::ps(args),
        Command::Owner(args) => owner::owner(args),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            output::tell(&failure.message);
            failure.into()
        }
    }
}

/// What panics while an object file is read is caught, and stands in the report: the
/// file is damaged. Other panics are told of as ever.
fn be_silent_about_damaged_files() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(freehold_report::SYMBOL_THREAD) {
            usual(info);
        }
    }));
}
