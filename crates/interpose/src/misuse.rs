//! Releases of what must not be released, or not so: what they are, and what
//! becomes of them.
//!
//! Nothing is called a misuse that could be right: an address that the ledger
//! does not know may be a block from before it began.
//!
//! What is not here: the table in which they are kept (the ledger), and words for
//! people (the report).

use freehold_ledger::format::{Called, Family, Ground, MisuseKind, OnMisuse, Record};
use freehold_ledger::writer::{Gone, Misuse, Release};
use freehold_unwind::Entry;

use crate::thread::Event;
use crate::{capture, objects, real};

/// What becomes of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The real function is called.
    Make,
    /// Nothing is.
    Drop,
    /// The function for blocks of this family is called instead.
    Due(Family),
}

/// What an address was found to be.
struct Finding {
    kind: MisuseKind,
    family: Family,
    ground: Ground,
    size: u64,
    offset: u64,
    allocated: u32,
    /// The stack of the first release, and where it returned to.
    released: u32,
    site: u64,
}

impl Finding {
    fn new(kind: MisuseKind, family: Family) -> Finding {
        Finding {
            kind,
            family,
            ground: Ground::Unknown,
            size: 0,
            offset: 0,
            allocated: 0,
            released: 0,
            site: 0,
        }
    }

    fn of(kind: MisuseKind, record: &Record) -> Finding {
        Finding {
            size: record.size,
            allocated: record.stack,
            ..Finding::new(kind, record.family)
        }
    }
}

/// Decides on a release that the ledger does not take for granted.
#[cold]
#[inline(never)]
pub(crate) fn judge(
    mut event: Event,
    address: *mut u8,
    release: Release,
    called: Called,
    entry: Entry,
) -> Fate {
    let passing = &mut event.thread().passing;
    if *passing == address as usize {
        // `operator delete` noted it and passes it on.
        *passing = 0;
        return Fate::Make;
    }
    let finding = match release {
        Release::Live => None,
        Release::Other(record) => Some(Finding::of(MisuseKind::Mismatched, &record)),
        Release::Dead(gone) => double(&event, address, gone, called),
        Release::Unknown => not_a_block(&mut event, address, called, entry),
    };
    let Some(finding) = finding else {
        if release != Release::Live && event.process().sample_bytes() == 0 {
            event.ledger().note_unknown_release();
        }
        return Fate::Make;
    };
    note(&mut event, address, &finding, called, entry);
    let policy = event.ledger().on_misuse();
    if policy == OnMisuse::Abort {
        drop(event);
        // SAFETY: no requirement.
        unsafe { libc::abort() };
    }
    if finding.kind != MisuseKind::Mismatched {
        return match policy {
            OnMisuse::Ignore => Fate::Make,
            _ => Fate::Drop,
        };
    }
    let is_ours = matches!(
        finding.family,
        Family::Malloc | Family::New | Family::NewArray
    );
    if !is_ours && policy != OnMisuse::Ignore {
        // What is due is not known here.
        return Fate::Drop;
    }
    let ledger = event.ledger();
    event.log().released(ledger, address as u64);
    match policy {
        OnMisuse::Ignore => Fate::Make,
        _ => {
            if finding.family != Family::Malloc
                && !matches!(called, Called::Realloc | Called::ReallocArray)
            {
                // The real `operator delete` calls `free`.
                event.thread().passing = address as usize;
            }
            Fate::Due(finding.family)
        }
    }
}

/// Notes that a block was released with another size than its own, which does no
/// harm to most allocators.
pub(crate) fn check_size(address: *mut u8, size: usize, called: Called, entry: Entry) {
    let Some(mut event) = Event::begin() else {
        return;
    };
    if let Some(record) = event.ledger().find(address as u64)
        && record.family == called.family()
        && record.size != size as u64
    {
        let finding = Finding {
            offset: size as u64,
            ..Finding::of(MisuseKind::Size, &record)
        };
        note(&mut event, address, &finding, called, entry);
        if event.ledger().on_misuse() == OnMisuse::Abort {
            drop(event);
            // SAFETY: no requirement.
            unsafe { libc::abort() };
        }
    }
}

fn note(event: &mut Event, address: *mut u8, finding: &Finding, called: Called, entry: Entry) {
    let here = capture::capture(event, entry);
    if finding.site != 0 {
        // The report needs to know what lies there.
        objects::note(event.process(), &[finding.site as usize]);
    }
    let thread = event.log().number();
    event.ledger().note_misuse(&Misuse {
        kind: finding.kind,
        called,
        address: address as u64,
        family: finding.family,
        ground: finding.ground,
        size: finding.size,
        offset: finding.offset,
        allocated: finding.allocated,
        released: finding.released,
        released_site: finding.site,
        here,
        thread,
    });
}

/// A block that was released before. Where the ledger has not seen everything, its
/// address may have been handed out again.
fn double(event: &Event, address: *mut u8, gone: Option<Gone>, called: Called) -> Option<Finding> {
    if !event.ledger().is_complete() {
        return None;
    }
    let family = gone.map_or(called.family(), |gone| gone.family);
    Some(Finding {
        allocated: gone.map_or(0, |gone| gone.stack),
        released: event.process().releases().find(address as u64),
        site: gone.map_or(0, |gone| gone.site),
        ..Finding::new(MisuseKind::Double, family)
    })
}

/// An address at which no block is known: what else it is, if that is certain.
fn not_a_block(
    event: &mut Event,
    address: *mut u8,
    called: Called,
    entry: Entry,
) -> Option<Finding> {
    let at = address as usize;
    let bounds = event.thread().bounds;
    if at >= entry.slot && bounds.contains(at) {
        return Some(Finding {
            ground: Ground::Stack,
            ..Finding::new(MisuseKind::Foreign, called.family())
        });
    }
    if let Some((start, record)) = event.ledger().block_around(at as u64) {
        // A mapping may be somebody's heap.
        return (record.family != Family::Mmap).then(|| Finding {
            offset: at as u64 - start,
            ..Finding::of(MisuseKind::Interior, &record)
        });
    }
    // An allocator may hand out its own variables before its heap is there.
    let is_allocators = objects::are_together(at, real::FREE.address() as usize);
    (!is_allocators && objects::is_in_one(at)).then(|| Finding {
        ground: Ground::Object,
        ..Finding::new(MisuseKind::Foreign, called.family())
    })
}
