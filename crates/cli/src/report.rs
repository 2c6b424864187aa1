//! From a session to a report that is written; `freehold report`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::reader::SessionFile;
use freehold_report::text::TextOptions;
use freehold_report::{
    Options, Outcome, Progress as Step, Report, Show, Symbols, build, files, json, text,
};

use crate::args::{FailOn, Format, OutputArgs, ReportArgs, ShowArg};
use crate::errors::{FINDINGS, Failure};
use crate::output::{Progress, Target, tell};
use crate::{keep, lineage, session_store};

/// What the report shall be.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// Its form.
    pub(crate) output: &'a OutputArgs,
    /// What makes the command fail.
    pub(crate) fail_on: &'a [FailOn],
    /// The slot of the process that it is about, with those that it started;
    /// all processes when there is none.
    pub(crate) process: Option<u32>,
}

/// `freehold report`; gives the exit status.
///
/// # Errors
/// When there is no such ledger or process, or the report cannot be written.
pub(crate) fn report(args: &ReportArgs) -> Result<u8, Failure> {
    let target = Target::new(args.output.output.as_deref(), Target::Stdout);
    target.check()?;
    let (file, outcomes, process) = source(&args.source)?;
    let wanted = Wanted {
        output: &args.output,
        fail_on: &args.output.fail_on,
        process,
    };
    let status = write(&file, &outcomes, &wanted, &target)?;
    Ok(status.unwrap_or(0))
}

/// What was lost and misused by the ledger or the tracked process that `path`
/// names, for other commands than `freehold report`.
///
/// # Errors
/// When there is no such ledger or process, or it cannot be read.
pub(crate) fn findings(path: &Path) -> Result<Report, Failure> {
    let (file, outcomes, process) = source(path)?;
    let options = Options {
        outcomes,
        ..Options::default()
    };
    make(&file, &options, process, Vec::new())
}

/// The session that a command was asked about, how its processes ended, and the
/// slot of the process that it was asked about.
type Source = (SessionFile, HashMap<u32, Outcome>, Option<u32>);

fn source(path: &Path) -> Result<Source, Failure> {
    match process_id(path) {
        Some(pid) => {
            let (found, slot) = session_store::find_process(pid)?;
            let running = found.running.iter();
            let running = running.map(|(_, h)| (h.pid.load(Relaxed), Outcome::Running));
            let outcomes = running.collect();
            Ok((found.file, outcomes, Some(slot)))
        }
        None => {
            let file = open(path)?;
            check_whole(&file, path)?;
            let mut outcomes = keep::outcomes(&file);
            add_known(&file, path, &mut outcomes);
            Ok((file, outcomes, None))
        }
    }
}

/// Where Wine keeps the drives of Windows.
#[cfg(unix)]
fn drives() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty());
    let prefix = match set("WINEPREFIX") {
        Some(prefix) => PathBuf::from(prefix),
        None => PathBuf::from(set("HOME")?).join(".wine"),
    };
    Some(prefix.join("dosdevices"))
}

/// Drives are drives.
#[cfg(windows)]
fn drives() -> Option<PathBuf> {
    None
}

/// Nothing: a session's file is found by its processes here, not by a name.
#[cfg(unix)]
fn add_known(_: &SessionFile, _: &Path, _: &mut HashMap<u32, Outcome>) {}

/// Adds which processes of a session run and which are gone, where `path` is that of a
/// session and not of a ledger that was kept.
#[cfg(windows)]
fn add_known(file: &SessionFile, path: &Path, outcomes: &mut HashMap<u32, Outcome>) {
    if path.extension().is_some_and(|e| e == "session") {
        outcomes.extend(session_store::known(file));
    }
}

/// The process id that `source` is; a file of that name comes first.
fn process_id(source: &Path) -> Option<u32> {
    if source.exists() {
        return None;
    }
    source.to_str()?.parse().ok()
}

fn open(path: &Path) -> Result<SessionFile, Failure> {
    let metadata = std::fs::metadata(path)
        .map_err(|e| Failure::freehold(format!("cannot read {}: {e}", path.display())))?;
    if !metadata.is_file() {
        let message = format!(
            "{} is not a Freehold ledger: it is no regular file",
            path.display()
        );
        return Err(Failure::freehold(message));
    }
    SessionFile::open(path).map_err(Failure::freehold)
}

/// Refuses a file that holds none of its ledgers, and tells of one that holds
/// only some.
fn check_whole(file: &SessionFile, path: &Path) -> Result<(), Failure> {
    let header = file.header().map_err(Failure::freehold)?;
    let said = header.slots.load(Relaxed) as usize;
    let there = session_store::headers(file).count();
    let path = path.display();
    if said > 0 && there == 0 {
        let message = format!("{path} is cut short: none of its {said} ledgers is there");
        return Err(Failure::freehold(message));
    }
    if there < said {
        tell(&format!(
            "{path} is cut short or damaged: only {there} of its {said} ledgers are there"
        ));
    }
    Ok(())
}

/// Reads the session and makes its report.
fn make(
    file: &SessionFile,
    options: &Options,
    process: Option<u32>,
    folders: Vec<PathBuf>,
) -> Result<Report, Failure> {
    let mut progress = Progress::new();
    let session = file.read_session(|done, all| {
        progress.say(|| format!("reading the ledger: {done} of {all} processes"));
    });
    let mut session = session.map_err(Failure::freehold)?;
    lineage::complete(&mut session);
    if let Some(slot) = process {
        lineage::only(&mut session, slot);
    }
    let disk = files::Disk;
    let mut symbols = Symbols::new(&disk).symbol_folders(folders);
    if let Some(drives) = drives() {
        symbols = symbols.windows_drives(drives);
    }
    let report = build(&session, options, &mut symbols, &mut |step| {
        progress.say(|| match step {
            Step::Grouping(done, all) => format!("grouping blocks: {done} of {all} processes"),
            Step::Naming(done, all) => format!("naming functions: {done} of {all} files"),
        });
    });
    progress.clear();
    Ok(report)
}

/// Reads the session, writes its report; gives the exit status that findings
/// ask for.
///
/// # Errors
/// When the session cannot be read or the report not be written; then the
/// report stands on standard error.
pub(crate) fn write(
    file: &SessionFile,
    outcomes: &HashMap<u32, Outcome>,
    wanted: &Wanted<'_>,
    target: &Target,
) -> Result<Option<u8>, Failure> {
    let options = Options {
        show: match wanted.output.show {
            ShowArg::Lost => Show::Lost,
            ShowArg::All => Show::All,
        },
        min_bytes: wanted.output.min_bytes,
        outcomes: outcomes.clone(),
    };
    let folders = wanted.output.symbols.clone();
    let report = make(file, &options, wanted.process, folders)?;
    let render = |target: &Target| match wanted.output.format {
        Format::Json => json::render(&report) + "\n",
        Format::Text => text::render(
            &report,
            &TextOptions {
                color: target.colors(wanted.output.color),
                width: target.width(),
                cwd: std::env::current_dir().ok(),
                full_stacks: wanted.output.full_stacks,
                ..TextOptions::default()
            },
        ),
    };
    if let Err(failure) = target.write(&render(target)) {
        tell(&format!("{failure}; here is the report instead"));
        Target::Stderr.write(&render(&Target::Stderr))?;
        return Err(failure);
    }
    Ok(status_of(
        wanted.fail_on,
        report.lost_blocks,
        report.misuses,
    ))
}

/// The exit status for what was found.
fn status_of(fail_on: &[FailOn], lost: u64, misuses: u64) -> Option<u8> {
    let found = fail_on.iter().any(|what| match what {
        FailOn::Leak => lost > 0,
        FailOn::Misuse => misuses > 0,
    });
    found.then_some(FINDINGS)
}
