//! `freehold snapshot`: the ledgers of a running process, judged now where the process
//! can do that.

#[cfg(unix)]
mod ask;

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

use freehold_report::Outcome;

use crate::args::SnapshotArgs;
use crate::errors::Failure;
use crate::keep;
use crate::output::{Target, tell};
use crate::session_store::{self, Found};

/// Takes it; gives the exit status.
///
/// # Errors
/// When the process is not tracked, or the file cannot be written.
pub(crate) fn snapshot(args: &SnapshotArgs) -> Result<u8, Failure> {
    Target::File(args.output.clone()).check()?;
    let (found, slot) = session_store::find_process(args.pid)?;
    if let Some(why) = judge(&found, slot, args) {
        tell(&why);
    }
    let running = found.running.iter();
    let outcomes: HashMap<u32, Outcome> = running
        .map(|(_, header)| (header.pid.load(Relaxed), Outcome::Running))
        .collect();
    keep::keep(&found.file, &outcomes, &args.output)?;
    Ok(0)
}

/// Has the process judge its blocks; says why it did not.
#[cfg(unix)]
fn judge(found: &Found, slot: u32, args: &SnapshotArgs) -> Option<String> {
    ask::judge(found, slot, args)
}

/// Nothing judges blocks on Windows.
#[cfg(windows)]
fn judge(_: &Found, _: u32, args: &SnapshotArgs) -> Option<String> {
    Some(format!(
        "process {} runs on Windows, where live blocks are not judged: nothing tells which of \
         them were lost",
        args.pid
    ))
}
