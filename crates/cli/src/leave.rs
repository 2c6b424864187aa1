//! After the program: scans that are not finished, processes that it left
//! behind.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use freehold_ledger::format::ScanState;
use freehold_ledger::reader::SessionFile;

use crate::args::RunArgs;
use crate::output::{Progress, tell};
use crate::session_store;
use crate::wait::{self, End};

/// Longest wait for scans.
const SCANS: Duration = Duration::from_secs(60);
/// The same for scans by processes that are not children of this one.
const ELSEWHERE: Duration = Duration::from_secs(1);
/// How long processes that end together with the program may take.
const GRACE: Duration = Duration::from_millis(100);

/// What the program left behind.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Tracked processes that still run.
    pub(crate) running: Vec<u32>,
}

/// Waits for the scans of processes that ended and, when it is wanted, for
/// processes that were left behind.
pub(crate) fn wait(
    file: &SessionFile,
    inode: u64,
    args: &RunArgs,
    ends: &mut HashMap<u32, End>,
) -> Left {
    let begun = Instant::now();
    let mut progress = Progress::new();
    let mut pause = Duration::from_millis(1);
    loop {
        let any_child = wait::reap_all(|pid, end| {
            ends.insert(pid as u32, end);
        });
        let running = match any_child {
            true => session_store::running(file, inode),
            false => Vec::new(),
        };
        let running: Vec<u32> = running.iter().map(|(_, h)| h.pid.load(Relaxed)).collect();
        // Whoever scans is a child of ours, or of a program that collects its
        // own orphans; else nobody does.
        let patience = if any_child { SCANS } else { ELSEWHERE };
        let scans = scanning(file);
        let for_scans = scans > 0 && begun.elapsed() < patience;
        let for_processes = match args.wait {
            true => any_child,
            false => !running.is_empty() && begun.elapsed() < GRACE,
        };
        if wait::is_hurried() || !(for_scans || for_processes) {
            progress.clear();
            if args.verbose && scans > 0 {
                tell("a scan did not finish in time: its process is reported without verdicts");
            }
            return Left { running };
        }
        progress.say(|| match (scans, running.len()) {
            (0, n) => {
                format!("waiting for {n} processes that were left behind (Ctrl-C: report now)")
            }
            _ => String::from("judging the live blocks (Ctrl-C: report without)"),
        });
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// How many ledgers wait for the verdicts of a scan.
fn scanning(file: &SessionFile) -> usize {
    let running = ScanState::Running as u32;
    session_store::headers(file)
        .filter(|(_, header)| header.scan_state.load(Relaxed) == running)
        .count()
}
