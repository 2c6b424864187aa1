//! The processes of a session and who started whom.

use std::collections::HashMap;

use freehold_ledger::reader::{End, Session, Snapshot};

use crate::model::{Exit, ProcessReport, Replaced};
use crate::options::{Options, Outcome};
use crate::symbols::is_windows;

/// How a process ended.
pub(crate) fn exit(snapshot: &Snapshot, options: &Options) -> Exit {
    let process = &snapshot.process;
    match (options.outcomes.get(&process.pid), process.end) {
        (_, End::Replaced) => Exit::Replaced,
        (Some(Outcome::Running), _) => Exit::Running,
        (Some(Outcome::Exited(code)), _) => Exit::Code(*code),
        (Some(Outcome::Killed(signal)), _) => Exit::Signal(*signal),
        // On Windows a status has 32 bits.
        (None | Some(Outcome::Gone), End::Exited(status)) if is_windows(&process.exe) => {
            Exit::Code(status as i32)
        }
        // What a parent sees of the status are its lowest eight bits.
        (None | Some(Outcome::Gone), End::Exited(status)) => Exit::Code((status & 0xff) as i32),
        (Some(Outcome::Gone), End::Open) => Exit::Gone,
        (None, End::Open) => Exit::Unknown,
    }
}

/// For each ledger whether it began with a copy of another process's memory.
pub(crate) fn forked(session: &Session) -> Vec<bool> {
    let slots = by_slot(session);
    let pid = |index: usize| session.ledgers[index].process.pid;
    let is_forked = |i| parent(session, i, &slots).is_some_and(|parent| pid(parent) != pid(i));
    (0..session.ledgers.len()).map(is_forked).collect()
}

fn by_slot(session: &Session) -> HashMap<u32, usize> {
    let ledgers = session.ledgers.iter().enumerate();
    ledgers.map(|(i, ledger)| (ledger.slot, i)).collect()
}

/// The ledger before this one that it was forked from or that it replaced. A
/// ledger is younger than its parent; a file that says otherwise is wrong.
fn parent(session: &Session, index: usize, by_slot: &HashMap<u32, usize>) -> Option<usize> {
    let slot = session.ledgers[index].process.parent_slot?;
    by_slot.get(&slot).copied().filter(|parent| *parent < index)
}

/// Puts `reports`, one for each ledger of `session`, into the shape of a tree.
/// A ledger that was replaced by `exec` goes into the one that replaced it.
pub(crate) fn tree(session: &Session, reports: Vec<ProcessReport>) -> ProcessReport {
    let slots = by_slot(session);
    let mut parents: Vec<Option<usize>> = (0..reports.len())
        .map(|i| parent(session, i, &slots))
        .collect();
    let successor = successors(session, &parents);
    let mut reports: Vec<Option<ProcessReport>> = reports.into_iter().map(Some).collect();
    for old in 0..reports.len() {
        let Some(new) = successor[old] else { continue };
        parents[new] = parents[old];
        for parent in &mut parents {
            if *parent == Some(old) {
                *parent = Some(new);
            }
        }
        if let Some(report) = reports[old].take() {
            become_program(report, reports[new].as_mut());
        }
    }
    hang_up(reports, &parents)
}

/// For each ledger that was replaced the one that replaced it.
fn successors(session: &Session, parents: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut successor = vec![None; parents.len()];
    for (new, parent) in parents.iter().enumerate() {
        let Some(old) = *parent else { continue };
        let (before, after) = (&session.ledgers[old].process, &session.ledgers[new].process);
        if before.end == End::Replaced && before.pid == after.pid {
            successor[old] = Some(new);
        }
    }
    successor
}

/// Moves what is known of a former program into the report of the one that
/// took its place.
fn become_program(old: ProcessReport, new: Option<&mut ProcessReport>) {
    let Some(new) = new else { return };
    let mut former = old.replaced.clone();
    former.push(Replaced {
        argv: old.argv.clone(),
        summary: old.summary,
    });
    former.append(&mut new.replaced);
    new.replaced = former;
    if old.lost().blocks > 0 {
        let mut old = old;
        old.replaced.clear();
        new.children.push(old);
    }
}

/// Processes deeper than this stand beside their parent, not below it: readers
/// of JSON limit nesting, and a chain of forks can have any length.
const DEEPEST: usize = 24;

fn hang_up(mut reports: Vec<Option<ProcessReport>>, parents: &[Option<usize>]) -> ProcessReport {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); reports.len()];
    let mut roots = Vec::new();
    for i in 0..reports.len() {
        match parents[i] {
            _ if reports[i].is_none() => {}
            Some(parent) if parent != i => children[parent].push(i),
            _ => roots.push(i),
        }
    }
    // Parents before children; then, from the last to the first, each goes
    // into its parent with all its own.
    let mut order = Vec::with_capacity(reports.len());
    let mut ahead: Vec<(usize, Option<usize>, usize)> =
        roots.iter().rev().map(|root| (*root, None, 0)).collect();
    while let Some((at, parent, depth)) = ahead.pop() {
        order.push((at, parent));
        let (parent, depth) = match depth < DEEPEST {
            true => (Some(at), depth + 1),
            false => (parent, depth),
        };
        ahead.extend(children[at].iter().rev().map(|c| (*c, parent, depth)));
    }
    for (at, parent) in order.iter().rev() {
        let Some(parent) = *parent else { continue };
        let child = reports[*at].take();
        if let Some(report) = reports[parent].as_mut() {
            report.children.extend(child);
        }
    }
    for report in reports.iter_mut().flatten() {
        oldest_first(report);
    }
    let mut roots = roots.into_iter().filter_map(|root| reports[root].take());
    let mut main = roots.next().unwrap_or_default();
    main.children.extend(roots);
    main
}

/// Children were added youngest first.
fn oldest_first(report: &mut ProcessReport) {
    report.children.reverse();
    report.children.iter_mut().for_each(oldest_first);
}
