//! Which ledger came from which, where the processes themselves could not say.
//!
//! A process that becomes another program, and one that is started without a
//! fork that allocates, begin with nothing but what the kernel tells of them.
//! Two ledgers of one session with one process id belong to one process: a
//! number comes back only after all others were used.

#[cfg(unix)]
mod replaced;

use std::collections::{HashMap, HashSet};

use freehold_ledger::reader::{End, Session};

#[cfg(unix)]
pub(crate) use replaced::became_untracked;

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
