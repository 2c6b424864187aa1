//! `freehold snapshot`: the ledgers of a running process, judged now.
//!
//! On Linux the process is asked to judge its blocks (`ask`), and its ledger copied
//! afterwards. On Windows it is stopped, its ledger copied and judged (`stop`).

#[cfg(unix)]
mod ask;
#[cfg(windows)]
mod stop;

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

#[cfg(unix)]
use freehold_ledger::reader::SessionFile;
use freehold_report::Outcome;

use crate::args::SnapshotArgs;
use crate::errors::Failure;
use crate::keep;
use crate::output::{Target, tell};
use crate::session_store;

/// Takes it; gives the exit status.
///
/// # Errors
/// When the process is not tracked, or the file cannot be written.
pub(crate) fn snapshot(args: &SnapshotArgs) -> Result<u8, Failure> {
    Target::File(args.output.clone()).check()?;
    let (found, slot) = session_store::find_process(args.pid)?;
    let running = found.running.iter();
    let outcomes: HashMap<u32, Outcome> = running
        .map(|(_, header)| (header.pid.load(Relaxed), Outcome::Running))
        .collect();
    #[cfg(unix)]
    {
        if let Some(why) = ask::judge(&found, slot, args) {
            tell(&why);
        }
        let copy = &mut SessionFile::copy_ledger;
        keep::keep(&found.file, &outcomes, &args.output, copy)?;
    }
    #[cfg(windows)]
    {
        let mut why = None;
        let copy = &mut |file: &_, other| match other == slot {
            true => stop::copy_judged(&found, slot, args.pid, &mut why),
            false => freehold_ledger::reader::SessionFile::copy_ledger(file, other),
        };
        keep::keep(&found.file, &outcomes, &args.output, copy)?;
        if let Some(why) = why {
            tell(&why);
        }
    }
    Ok(0)
}
