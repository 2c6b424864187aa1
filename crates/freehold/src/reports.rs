//! The ledger of this process as the `freehold` command reports it, with the
//! names of functions, files and lines. Behind the feature `report`, because of
//! what it takes to read debug information.

use std::io;

use freehold_ledger::reader::SessionFile;
use freehold_report::text::TextOptions;
use freehold_report::{Options, Symbols, build, files, json, text};

use crate::track;

/// How a report is written.
///
/// ```
/// use freehold::{ReportFormat, report, track};
/// track::start(&Default::default())?;
/// assert!(report(ReportFormat::Json)?.starts_with('{'));
/// assert!(!report(ReportFormat::Text)?.starts_with('{'));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportFormat {
    /// For people.
    Text,
    /// The schema `freehold.report/1`.
    Json,
}

/// A report of all live blocks of this process.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when nothing is tracked; otherwise what the system
/// says to reading the ledger.
///
/// ```
/// use freehold::{ReportFormat, diagnostic_calloc, report, track};
/// track::start(&Default::default())?;
/// let block = diagnostic_calloc::<u8>(100).expect("memory");
/// let json = report(ReportFormat::Json)?;
/// assert!(json.contains("freehold.report/1") && json.contains("\"u8\""));
/// # drop(block);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn report(format: ReportFormat) -> io::Result<String> {
    let none = || io::Error::new(io::ErrorKind::NotFound, "nothing is tracked");
    let (path, number) = track::session().ok_or_else(none)?;
    let file = SessionFile::open(&path).map_err(io::Error::other)?;
    let mut session = file.read_session(|_, _| ()).map_err(io::Error::other)?;
    // In a session of `freehold run` there may be other processes.
    session.ledgers.retain(|ledger| ledger.slot == number);
    let disk = files::Disk;
    let mut symbols = Symbols::new(&disk);
    let report = build(&session, &Options::default(), &mut symbols, &mut |_| ());
    Ok(match format {
        ReportFormat::Json => json::render(&report),
        ReportFormat::Text => text::render(&report, &TextOptions::default()),
    })
}
