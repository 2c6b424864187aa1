//! From a session to a report.

use std::collections::HashSet;

use freehold_ledger::reader::{Session, Snapshot};

use crate::findings::Findings;
use crate::frame::Frame;
use crate::model::{ModuleReport, ProcessReport, Report};
use crate::notes;
use crate::options::{Options, Show};
use crate::processes;
use crate::symbols::{ObjectId, Symbols};
use crate::trim;

/// How far the work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Blocks are put into groups: this many of so many processes are done.
    Grouping(usize, usize),
    /// Functions are named: this many of so many objects are done.
    Naming(usize, usize),
}

/// Finds what was lost in `session`, by the lights of `options`, with names
/// from `symbols`. `progress` is called from this thread, often.
pub fn build(
    session: &Session,
    options: &Options,
    symbols: &mut Symbols<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Report {
    let ledgers = session.ledgers.len();
    let mut findings = Vec::with_capacity(ledgers);
    for (done, snapshot) in session.ledgers.iter().enumerate() {
        progress(Progress::Grouping(done, ledgers));
        findings.push(Findings::group(snapshot, options, symbols));
    }
    let wanted = findings.iter().flat_map(Findings::wanted);
    symbols.load(wanted, &mut |done, all| {
        progress(Progress::Naming(done, all))
    });
    let mut report = Report {
        notes: notes::of_session(session),
        show: options.show,
        sample_bytes: session.sample_bytes,
        ..Report::default()
    };
    let forked = processes::forked(session);
    let mut processes = Vec::with_capacity(ledgers);
    for ((snapshot, mut findings), is_forked) in session.ledgers.iter().zip(findings).zip(forked) {
        let mut process = process(snapshot, &mut findings, options, symbols);
        let about = notes::of_process(&process, session.depth, is_forked, &snapshot.damage);
        process.notes.splice(0..0, about);
        let lost = process.lost();
        report.lost_blocks = report.lost_blocks.saturating_add(lost.blocks);
        report.lost_bytes = report.lost_bytes.saturating_add(lost.bytes);
        report.misuses = report.misuses.saturating_add(process.summary.misuses);
        processes.push(process);
    }
    report.main = processes::tree(session, processes);
    report
}

fn process(
    snapshot: &Snapshot,
    findings: &mut Findings,
    options: &Options,
    symbols: &Symbols<'_>,
) -> ProcessReport {
    let objects = findings.objects();
    let sites = findings.sites(snapshot, symbols);
    let misuses = findings.misuses(snapshot, symbols);
    let known = &snapshot.process;
    let mut report = ProcessReport {
        pid: known.pid,
        argv: known.argv.clone(),
        exe: known.exe.clone(),
        exit: processes::exit(snapshot, options),
        start_ms: known.start_ms,
        duration_ms: known.end_ms.saturating_sub(known.start_ms),
        summary: findings.summary,
        misuses,
        scan: snapshot.scan,
        ..ProcessReport::default()
    };
    for site in sites {
        // The loader's own blocks are no findings.
        let is_hidden = site.runtime && options.show == Show::Lost;
        if site.total.bytes < options.min_bytes && !is_hidden {
            report.small.add(site.total);
        } else if !is_hidden {
            report.sites.push(site);
        }
    }
    let misused = || {
        let misuses = report.misuses.iter();
        misuses.flat_map(|m| [&m.allocated[..], &m.released[..], &m.here[..]])
    };
    let stacks = || {
        report
            .sites
            .iter()
            .map(|site| &site.stack[..])
            .chain(misused())
    };
    let listed = objects_of(stacks(), &objects, symbols);
    let telling = objects_of(stacks().map(trim::telling), &objects, symbols);
    report.modules = listed.iter().map(|id| module(*id, symbols)).collect();
    report.notes = notes::of_objects(telling.iter().map(|id| symbols.known(*id)));
    report
}

/// Those of `objects` that frames of `stacks` lie in.
fn objects_of<'r>(
    stacks: impl Iterator<Item = &'r [Frame]>,
    objects: &[ObjectId],
    symbols: &Symbols<'_>,
) -> Vec<ObjectId> {
    let names: HashSet<&str> = stacks.flatten().map(|frame| &*frame.module).collect();
    let objects = objects.iter().copied();
    objects
        .filter(|id| names.contains(&*symbols.known(*id).name))
        .collect()
}

fn module(id: ObjectId, symbols: &Symbols<'_>) -> ModuleReport {
    let known = symbols.known(id);
    ModuleReport {
        name: known.name.clone(),
        path: known.path().to_owned(),
        build_id: known.build_id(),
        has_lines: known.has_lines,
    }
}
