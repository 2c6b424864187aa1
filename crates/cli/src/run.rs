//! `freehold run`: tracks a program and reports when it ends.

use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::Family;
use freehold_ledger::reader::SessionFile;
use freehold_ledger::session::{Config, NewSession};
use freehold_report::Outcome;

use crate::args::{RunArgs, Stacks, YesNo};
use crate::errors::Failure;
use crate::launch::{self, SESSION_VARIABLE, Ticker};
use crate::leave::{self, Left};
use crate::output::{Target, tell};
use crate::report::{self, Wanted};
use crate::wait::{self, End, Ended};
use crate::{keep, lineage, preload, program, session_store};

/// Runs it; gives the exit status.
///
/// # Errors
/// When Freehold fails, or the program cannot be run or tracked.
pub(crate) fn run(args: &RunArgs) -> Result<u8, Failure> {
    refuse_what_is_missing(args)?;
    let Some((name, arguments)) = args.program.split_first() else {
        return Err(Failure::usage(
            "freehold run needs a program: freehold run -- PROGRAM",
        ));
    };
    let path = program::find(name)?;
    let library = preload::find()?;
    let target = Target::new(args.output.output.as_deref(), Target::Stderr);
    check_outputs(args, &target)?;
    let made = session_store::create(&config(args), args.place.as_deref())?;
    if args.verbose {
        made.refused
            .iter()
            .for_each(|why| tell(&format!("no ledger in {why}")));
        tell(&format!("the ledger lies in {}", made.place));
        tell(&format!("the preload library is {}", library.display()));
    }
    if std::env::var_os(SESSION_VARIABLE).is_some() {
        tell(
            "this runs under another freehold run already: the program is tracked and reported \
             here, not there",
        );
    }
    let session = Arc::new(made.session);
    wait::prepare();
    let ticker = Ticker::begin(&session)?;
    let child = launch::start(&path, name, arguments, &session, &library)?;
    let pid = child.id();
    wait::started(pid as i32);
    let mut ends = HashMap::new();
    let end = wait::until_end(pid as i32, |other, end| {
        ends.insert(other as u32, end);
    });
    let Ended {
        end,
        name: last_name,
    } = end.map_err(|e| Failure::freehold(format!("cannot wait for the program: {e}")))?;
    ends.insert(pid, end);
    let file = reopened(&session)?;
    let inode = session.file().metadata().map_or(0, |m| m.ino());
    let left = leave::wait(&file, inode, args, &mut ends);
    ticker.end();
    if matches!(end, End::Exited(_))
        && let Some(slot) = lineage::became_untracked(&file, pid, &last_name)
    {
        tell(&format!(
            "the program became '{last_name}', which was not tracked: it is statically linked or \
             set-user-id, or it was started without LD_PRELOAD and {SESSION_VARIABLE} in its \
             environment"
        ));
        // Where this fails, the report only says less.
        let _ = session_store::mark_replaced(&session, slot);
    }
    let outcomes = outcomes(&ends, &left);
    tell_what_is_wrong(args, &session, &path, &left);
    let finished = finish(args, &target, file, &outcomes);
    let status = finished?;
    if session.header().slots.load(Relaxed) == 0
        && !args.output.fail_on.is_empty()
        && !args.disabled
    {
        return Err(Failure::freehold(
            "nothing was tracked, so nothing tells what --fail-on asks",
        ));
    }
    Ok(status.unwrap_or(end.status()))
}

/// Options that later work fills: refused, so that nobody relies on them.
fn refuse_what_is_missing(args: &RunArgs) -> Result<(), Failure> {
    let missing = [
        (args.suppress.is_some(), "--suppress"),
        (args.baseline.is_some(), "--baseline"),
    ];
    match missing.iter().find(|(given, _)| *given) {
        Some((_, option)) => Err(Failure::usage(format!(
            "{option} is not built yet: run without it"
        ))),
        None => Ok(()),
    }
}

/// All that is to be written in the end is tried before the program runs.
fn check_outputs(args: &RunArgs, target: &Target) -> Result<(), Failure> {
    target.check()?;
    let Some(ledger) = &args.ledger else {
        return Ok(());
    };
    let same = |a: &Path, b: &Path| std::path::absolute(a).ok() == std::path::absolute(b).ok();
    if let Target::File(report) = target
        && same(report, ledger)
    {
        let message = format!(
            "the report and the ledger cannot both be {}",
            ledger.display()
        );
        return Err(Failure::usage(message));
    }
    Target::File(ledger.clone()).check()
}

fn config(args: &RunArgs) -> Config {
    let (depth, sample_bytes) = match args.stacks {
        Stacks::Exact => (args.depth, 0),
        Stacks::Sample(bytes) => (args.depth, bytes),
        Stacks::Off => (0, 0),
    };
    let mut families: Vec<Family> = args.families.clone();
    families.dedup();
    Config {
        max_memory: args.max_memory,
        depth,
        sample_bytes,
        families,
        follow: args.follow_children == YesNo::Yes,
        scan_at_exit: !args.no_scan,
        enabled: !args.disabled,
        on_misuse: args.on_misuse.into(),
        release_stacks: args.release_stacks,
    }
}

/// The session's file once more, for reading: by its descriptor, which stays
/// good when its name is removed.
fn reopened(session: &NewSession) -> Result<SessionFile, Failure> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", session.file().as_raw_fd()));
    SessionFile::open(&path).map_err(Failure::freehold)
}

fn outcomes(ends: &HashMap<u32, End>, left: &Left) -> HashMap<u32, Outcome> {
    let ended = ends.iter().map(|(pid, end)| match end {
        End::Exited(code) => (*pid, Outcome::Exited(*code)),
        End::Killed(signal) => (*pid, Outcome::Killed(*signal)),
    });
    let running = left.running.iter().map(|pid| (*pid, Outcome::Running));
    ended.chain(running).collect()
}

fn tell_what_is_wrong(args: &RunArgs, session: &NewSession, path: &Path, left: &Left) {
    let slots = session.header().slots.load(Relaxed);
    let untracked = session.header().untracked.load(Relaxed);
    if slots == 0 && untracked == 0 && !args.disabled {
        tell(&format!(
            "{} ran without the preload library, so nothing was recorded: it, or what it starts, \
             resets LD_PRELOAD or FREEHOLD_SESSION, or is started by a loader that ignores them",
            path.display()
        ));
    }
    if untracked > 0 {
        tell(&format!(
            "{untracked} {} could not be given a ledger: the limit of --max-memory or the place \
             of the ledger is full; they are not in the report",
            if untracked == 1 {
                "process"
            } else {
                "processes"
            }
        ));
    }
    if let [first, rest @ ..] = left.running.as_slice() {
        let more = match rest.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        tell(&format!(
            "process {first}{more} still running: reported as of now (--wait waits for it)"
        ));
    }
}

/// Keeps the ledger and writes the report; gives the exit status that findings
/// ask for.
fn finish(
    args: &RunArgs,
    target: &Target,
    mut file: SessionFile,
    outcomes: &HashMap<u32, Outcome>,
) -> Result<Option<u8>, Failure> {
    if args.disabled {
        return Ok(None);
    }
    let mut not_kept = None;
    if let Some(path) = &args.ledger {
        // The report is made of what was kept: that it can be read is proved.
        match keep::keep(&file, outcomes, path, &mut SessionFile::copy_ledger) {
            Ok(kept) => file = kept,
            Err(failure) => not_kept = Some(failure),
        }
    }
    let wanted = Wanted {
        output: &args.output,
        fail_on: &args.output.fail_on,
        process: None,
    };
    let status = report::write(&file, outcomes, &wanted, target);
    match not_kept {
        Some(failure) => Err(failure),
        None => status,
    }
}
