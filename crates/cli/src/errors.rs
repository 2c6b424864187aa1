//! What can go wrong, and the exit code that says so.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 to 255 | `freehold run`: what the program ended with; 128 + N when signal N ended it |
//! | 1 | `freehold ps`: nothing is tracked |
//! | 2 | the command line makes no sense |
//! | 99 | findings that `--fail-on` names |
//! | 125 | Freehold itself failed, or cannot track the program |
//! | 126 | the program cannot be run |
//! | 127 | the program was not found |

use std::fmt;
use std::process::ExitCode;

/// The command line makes no sense. (What clap finds, it ends the command for.)
pub(crate) const USAGE: u8 = 2;
/// Findings that `--fail-on` names.
pub(crate) const FINDINGS: u8 = 99;
/// Freehold itself failed, or cannot track the program.
pub(crate) const FREEHOLD: u8 = 125;
/// The program cannot be run.
#[cfg(unix)]
pub(crate) const CANNOT_RUN: u8 = 126;
/// The program was not found.
#[cfg(unix)]
pub(crate) const NOT_FOUND: u8 = 127;

/// Why a command came to nothing: a sentence on what and why, and the exit
/// code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// The sentence, without the name of the command in front.
    pub(crate) message: String,
}

impl Failure {
    /// Freehold itself failed.
    pub(crate) fn freehold(message: impl fmt::Display) -> Failure {
        Failure::new(FREEHOLD, message)
    }

    /// The command line makes no sense.
    pub(crate) fn usage(message: impl fmt::Display) -> Failure {
        Failure::new(USAGE, message)
    }

    /// Any failure.
    pub(crate) fn new(code: u8, message: impl fmt::Display) -> Failure {
        Failure {
            code,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> ExitCode {
        ExitCode::from(failure.code)
    }
}
