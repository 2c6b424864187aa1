//! The `freehold` command: flags, launching, where reports go, exit codes.
//!
//! What is not here: analysis and rendering (crate `freehold-report`), the
//! ledger's format (crate `freehold-ledger`), what runs inside the program
//! (crate `freehold-interpose`).

mod args;
mod errors;
mod interrupt;
mod keep;
mod launch;
mod leave;
mod lineage;
mod output;
mod owner;
mod preload;
mod program;
mod ps;
mod report;
mod run;
mod session_store;
mod size;
mod snapshot;
mod wait;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let done = match &Cli::parse().command {
        Command::Run(args) => run::run(args),
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
