//! Options of `freehold owner` that give the table to other tools.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What is made of the table, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Write all that is known, or all of --library, for other tools
    #[arg(long, value_name = "FORMAT", help_heading = "For other tools")]
    #[arg(conflicts_with_all = ["name", "released_by", "explain", "format"])]
    pub(crate) export: Option<Export>,

    /// Write it to this file, - is standard output; a site: to this folder
    #[arg(
        short,
        long,
        value_name = "FILE|FOLDER",
        help_heading = "For other tools"
    )]
    #[arg(requires = "export", conflicts_with_all = ["name", "released_by", "explain", "format"])]
    pub(crate) output: Option<PathBuf>,

    /// For a header: only functions that this source declares, which the
    /// preprocessor has been through (cc -E); - is standard input
    #[arg(long, value_name = "FILE", help_heading = "For other tools")]
    #[arg(requires = "export", conflicts_with_all = ["name", "released_by", "explain", "format"])]
    pub(crate) declared: Option<PathBuf>,
}

/// A form of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Export {
    /// Schema freehold.owner/1, a function on each line
    Json,
    /// A line for each slot
    Csv,
    /// Attributes by which GCC and Clang find leaks and wrong releases in C
    Header,
    /// Constants for Dart
    Dart,
    /// A module for Python
    Python,
    /// Pages for a browser, with search, in a folder
    Site,
}

impl Export {
    /// Its word on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Export::Json => "json",
            Export::Csv => "csv",
            Export::Header => "header",
            Export::Dart => "dart",
            Export::Python => "python",
            Export::Site => "site",
        }
    }
}
