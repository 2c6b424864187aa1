//! What the caller wants to be told, and what it knows that a ledger does not.

use std::collections::HashMap;

use freehold_ledger::format::Verdict;

/// Which verdicts are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Show {
    /// What was lost: verdicts `lost` and `indirect`; in a process that was
    /// never judged, every live block.
    #[default]
    Lost,
    /// Every live block.
    All,
}

/// How a process ended, as its parent saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended.
    Running,
    /// It ended with this status.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
    /// It is there no more, and nobody saw its end.
    Gone,
}

/// What goes into a report.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which verdicts are listed.
    pub show: Show,
    /// Sites with fewer bytes are counted, not listed.
    pub min_bytes: u64,
    /// How processes ended, by process id; for the others the ledger is asked.
    pub outcomes: HashMap<u32, Outcome>,
}

impl Options {
    /// Whether blocks with `verdict` are listed, of which `judged` says whether a
    /// finished scan should have judged them.
    pub(crate) fn lists(&self, verdict: Verdict, judged: bool) -> bool {
        match self.show {
            Show::All => true,
            Show::Lost => match verdict {
                Verdict::Lost | Verdict::Indirect => true,
                Verdict::Unknown => !judged,
                Verdict::Possible | Verdict::Reachable => false,
            },
        }
    }
}
