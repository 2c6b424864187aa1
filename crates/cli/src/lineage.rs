//! Which ledger came from which, where the processes themselves could not say.
//!
//! A process that becomes another program, and one that is started without a
//! fork that allocates, begin with nothing but what the kernel tells of them.
//! Two ledgers of one session with one process id belong to one process: a
//! number comes back only after all others were used.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::State;
use freehold_ledger::reader::{End, Session, SessionFile};

use crate::session_store::{headers, is_open};

/// Whether the program of the last ledger of process `pid` became, without a
/// trace in the session, another one, called `name` by the kernel.
///
/// A tracked program that ends by itself or calls `exec` says so in its ledger,
/// unless it calls the kernel directly. Such a one that ended still has the
/// name that it was started with.
pub(crate) fn became_untracked(session: &SessionFile, pid: u32, name: &str) -> Option<u32> {
    /// What the kernel keeps of a name.
    const NAME: usize = 15;
    let of_process = headers(session).filter(|(_, h)| h.pid.load(Relaxed) == pid);
    let (slot, header) = of_process.last()?;
    if header.state.load(Relaxed) == State::Replaced as u32 {
        return Some(slot);
    }
    if !is_open(&header) || name.is_empty() {
        return None;
    }
    let snapshot = session.read_ledger(slot).ok()??;
    let process = snapshot.process;
    // A script bears its own name, and is the first argument of its shell.
    let script = process.argv.get(1).filter(|path| is_script(path));
    let mut names = process
        .argv
        .iter()
        .take(1)
        .chain(script)
        .chain([&process.exe]);
    let is_known = names.any(|known| {
        let known = known.rsplit('/').next().unwrap_or_default();
        known.bytes().take(NAME).eq(name.bytes())
    });
    (!is_known).then_some(slot)
}

fn is_script(path: &str) -> bool {
    let mut mark = [0; 2];
    let path = Path::new(path);
    let opened = if path.is_file() {
        File::open(path).ok()
    } else {
        None
    };
    opened.is_some_and(|mut file| file.read_exact(&mut mark).is_ok() && mark == *b"#!")
}

/// Adds to `session` what follows from process ids.
pub(crate) fn complete(session: &mut Session) {
    // The last ledger so far of each process.
    let mut last: HashMap<u32, usize> = HashMap::new();
    for at in 0..session.ledgers.len() {
        let process = &session.ledgers[at].process;
        let before = last.insert(process.pid, at);
        let came_from = before.map(|before| &session.ledgers[before]);
        let said = came_from.filter(|old| old.process.end == End::Replaced);
        if let Some(slot) = said.map(|old| old.slot)
            && process.parent_slot.is_none()
        {
            session.ledgers[at].process.parent_slot = Some(slot);
        } else if let Some(before) = before.filter(|b| session.ledgers[*b].process.end == End::Open)
        {
            let start_ms = session.ledgers[at].process.start_ms;
            let slot = session.ledgers[before].slot;
            let old = &mut session.ledgers[before].process;
            old.end = End::Replaced;
            old.end_ms = start_ms.max(old.start_ms);
            session.ledgers[at].process.parent_slot = Some(slot);
        } else if process.parent_slot.is_none()
            && let Some(parent) = last.get(&process.parent_pid).filter(|p| **p != at)
        {
            let slot = session.ledgers[*parent].slot;
            session.ledgers[at].process.parent_slot = Some(slot);
        }
    }
}

/// Leaves only the ledger in `slot` and those of processes that it started.
pub(crate) fn only(session: &mut Session, slot: u32) {
    let mut kept = HashSet::from([slot]);
    // A ledger is younger than the one that it came from.
    session.ledgers.retain(|ledger| {
        let parent = ledger.process.parent_slot;
        let keeps = ledger.slot == slot || parent.is_some_and(|p| kept.contains(&p));
        if keeps {
            kept.insert(ledger.slot);
        }
        keeps
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_ledger::reader::{Process, Snapshot};

    fn ledger(slot: u32, pid: u32, parent_pid: u32, parent_slot: Option<u32>) -> Snapshot {
        let process = Process {
            pid,
            parent_pid,
            parent_slot,
            ..Process::default()
        };
        Snapshot {
            slot,
            process,
            ..Snapshot::default()
        }
    }

    fn session(ledgers: Vec<Snapshot>) -> Session {
        Session {
            ledgers,
            ..Session::default()
        }
    }

    #[test]
    fn a_program_replaces_the_one_before_it() {
        let mut session = session(vec![ledger(0, 7, 1, None), ledger(1, 7, 1, None)]);
        complete(&mut session);
        assert_eq!(session.ledgers[0].process.end, End::Replaced);
        assert_eq!(session.ledgers[1].process.end, End::Open);
        assert_eq!(session.ledgers[1].process.parent_slot, Some(0));
    }

    #[test]
    fn a_program_follows_one_that_said_so() {
        let mut session = session(vec![
            ledger(0, 7, 1, None),
            ledger(1, 7, 1, None),
            ledger(2, 7, 8, Some(5)),
        ]);
        session.ledgers[0].process.end = End::Replaced;
        session.ledgers[0].process.end_ms = 44;
        session.ledgers[1].process.end = End::Replaced;
        complete(&mut session);
        assert_eq!(session.ledgers[0].process.end_ms, 44);
        assert_eq!(session.ledgers[1].process.parent_slot, Some(0));
        // The number came back, for a child of another process.
        assert_eq!(session.ledgers[2].process.parent_slot, Some(5));
    }

    #[test]
    fn a_spawned_process_hangs_below_its_parent() {
        let mut session = session(vec![
            ledger(0, 7, 1, None),
            ledger(1, 8, 7, None),
            ledger(2, 9, 8, None),
            ledger(3, 10, 1, None),
        ]);
        complete(&mut session);
        let parents: Vec<_> = session
            .ledgers
            .iter()
            .map(|l| l.process.parent_slot)
            .collect();
        assert_eq!(parents, [None, Some(0), Some(1), None]);
        only(&mut session, 1);
        let slots: Vec<_> = session.ledgers.iter().map(|l| l.slot).collect();
        assert_eq!(slots, [1, 2]);
    }
}
