//! The table of `contract` over the library's own ledger.

use core::ffi::c_void;
use core::slice;

use freehold_ledger::annotate::{Lookup, NameKind};
use freehold_ledger::format::{Called, Family, Ground, MisuseKind, Owner, Record, Root, Slot};
use freehold_ledger::writer::{Allocation, Misuse, Release};
use freehold_unwind::{Entry, Stack};

use super::thread::{self, Thread};
use super::{DEPTH, ledger, objects, with_session};
use crate::contract::{
    APPROXIMATE, BUSY, Block, DEAD, INCOMPLETE, LIVE, TAG, TRUNCATED, Tracker, UNKNOWN, VERSION,
    Visit, Wrong,
};

/// The library's own ledger.
pub(crate) static TABLE: Tracker = VALUE;

pub(crate) const VALUE: Tracker = Tracker {
    version: VERSION,
    bytes: size_of::<Tracker>() as u32,
    is_active,
    quiet,
    capture,
    allocated,
    released,
    find,
    containing,
    misused,
    change,
    name,
    name_of,
    frames,
    for_each,
    started,
    session,
};

unsafe extern "C" fn is_active() -> u32 {
    u32::from(ledger().is_some())
}

/// There are no hooks that would have to be told.
unsafe extern "C" fn quiet(_: u32) {}

unsafe extern "C" fn capture(slot: usize, bp: usize) -> u32 {
    // Relaxed: set before the ledger was.
    let depth = DEPTH.load(core::sync::atomic::Ordering::Relaxed) as usize;
    let Some(ledger) = ledger().filter(|_| depth != 0) else {
        return 0;
    };
    let captured = thread::event(ledger, |thread| {
        let Thread {
            history,
            last,
            bounds,
            ..
        } = thread;
        let intern = |stack: &Stack<'_>| {
            // First the objects: a new one may begin a new epoch.
            objects::note(ledger, stack.frames);
            let root = Root {
                epoch: ledger.epoch(),
                truncated: stack.truncated,
                incomplete: !stack.complete && !stack.truncated,
                approximate: stack.approximate,
            };
            ledger.intern_after(last, root, stack.frames)
        };
        // SAFETY: the caller promises the entry; the bounds are this thread's,
        // and `event` keeps a second capture out.
        unsafe { history.capture(Entry { slot, bp }, depth, *bounds, intern) }
    });
    captured.unwrap_or(0)
}

unsafe extern "C" fn allocated(block: *const Block) -> u32 {
    let Some(ledger) = ledger() else { return 0 };
    // SAFETY: the caller passes a block.
    let block = unsafe { &*block };
    let what = Allocation {
        address: block.address,
        size: block.size,
        stack: block.stack,
        family: Family::from_number(block.family.into()),
    };
    let noted = thread::event(ledger, |thread| {
        let noted = thread.log.allocated(ledger, what);
        if noted && (block.tag | block.scope != 0 || block.owner != 0) {
            thread.log.change(ledger, what.address, |r| apply(r, block));
        }
        noted
    });
    u32::from(noted == Some(true))
}

fn apply(record: &mut Record, block: &Block) {
    record.family = Family::from_number(block.family.into());
    record.owner = Owner::from_number(block.owner.into());
    record.scope = block.scope;
    record.tag = block.tag;
}

fn describe(address: u64, record: &Record) -> Block {
    Block {
        address,
        size: record.size,
        stack: record.stack,
        time_ms: record.time_ms,
        thread: record.thread,
        scope: record.scope,
        tag: record.tag,
        family: record.family as u8,
        owner: record.owner as u8,
        spare: [0; 6],
    }
}

unsafe extern "C" fn released(address: u64, site: u64, block: *mut Block) -> u32 {
    let Some(ledger) = ledger() else { return BUSY };
    let answer = thread::event(ledger, |thread| {
        match thread
            .log
            .released_for_now(ledger, address, Family::Unknown, site)
        {
            Ok(known) => {
                // SAFETY: the caller passes a place for it.
                unsafe { *block = describe(address, &known.record) };
                LIVE
            }
            Err(Release::Unknown) => UNKNOWN,
            Err(_) => DEAD,
        }
    });
    answer.unwrap_or(BUSY)
}

unsafe extern "C" fn find(address: u64, block: *mut Block) -> u32 {
    match ledger().map(|l| l.lookup(address)) {
        Some(Lookup::Live(record)) => {
            // SAFETY: the caller passes a place for it.
            unsafe { *block = describe(address, &record) };
            LIVE
        }
        Some(Lookup::Dead) => DEAD,
        Some(Lookup::Unknown) => UNKNOWN,
        None => BUSY,
    }
}

unsafe extern "C" fn misused(wrong: *const Wrong) {
    let Some(ledger) = ledger() else { return };
    // SAFETY: the caller passes one.
    let wrong = unsafe { &*wrong };
    let Some(kind) = MisuseKind::from_number(wrong.kind.into()) else {
        return;
    };
    let thread = thread::event(ledger, |thread| thread.log.number());
    ledger.note_misuse(&Misuse {
        kind,
        called: Called::Library,
        address: wrong.address,
        family: Family::from_number(wrong.family.into()),
        ground: Ground::Unknown,
        size: wrong.size,
        offset: wrong.offset,
        allocated: wrong.allocated,
        released_site: 0,
        here: wrong.here,
        thread: thread.unwrap_or(0),
    });
}

unsafe extern "C" fn containing(address: u64, block: *mut Block) -> u32 {
    match ledger().map(|l| l.block_around(address)) {
        Some(Some((start, record))) => {
            // SAFETY: the caller passes a place for it.
            unsafe { *block = describe(start, &record) };
            LIVE
        }
        Some(None) => UNKNOWN,
        None => BUSY,
    }
}

unsafe extern "C" fn change(block: *const Block) -> u32 {
    let Some(ledger) = ledger() else { return 0 };
    // SAFETY: the caller passes a block.
    let block = unsafe { &*block };
    let changed = thread::event(ledger, |thread| {
        let log = &mut thread.log;
        log.change(ledger, block.address, |record| apply(record, block))
    });
    u32::from(changed == Some(true))
}

fn kind(number: u32) -> NameKind {
    match number {
        TAG => NameKind::Tag,
        _ => NameKind::Scope,
    }
}

unsafe extern "C" fn name(what: u32, name: *const u8, len: usize) -> u32 {
    // SAFETY: the caller passes a name of this length.
    let name = unsafe { slice::from_raw_parts(name, len) };
    let name = core::str::from_utf8(name).ok();
    let number = ledger().zip(name).map(|(l, n)| l.name(kind(what), n));
    number.unwrap_or(0).into()
}

unsafe extern "C" fn name_of(what: u32, number: u32, name: *mut *const u8) -> usize {
    let bytes = ledger().map_or(&[][..], |l| l.name_bytes(kind(what), number));
    // SAFETY: the caller passes a place for it.
    unsafe { *name = bytes.as_ptr() };
    bytes.len()
}

unsafe extern "C" fn frames(stack: u32, out: *mut usize, room: usize, flags: *mut u32) -> usize {
    // SAFETY: the caller passes that much room.
    let out = unsafe { slice::from_raw_parts_mut(out, room) };
    let found = ledger().and_then(|l| l.frames(stack, out));
    let (count, set) = match found {
        Some((count, root)) => (
            count,
            (u32::from(root.truncated) * TRUNCATED)
                | (u32::from(root.incomplete) * INCOMPLETE)
                | (u32::from(root.approximate) * APPROXIMATE),
        ),
        None => (0, INCOMPLETE),
    };
    // SAFETY: the caller passes a place for them.
    unsafe { *flags = set };
    count
}

unsafe extern "C" fn for_each(visit: Visit, context: *mut c_void) {
    let Some(ledger) = ledger() else { return };
    let mut go_on = true;
    let memory = ledger.memory();
    memory.for_each_slot(|address, slot: Slot| {
        if go_on && slot.is_live() {
            let record = memory.record(slot);
            // A record of another generation is that of a block which came
            // after this slot was read.
            if record.generation == slot.generation() {
                let block = describe(address, &record);
                // SAFETY: as the caller asked for.
                go_on = unsafe { visit(context, &block) } != 0;
            }
        }
    });
}

unsafe extern "C" fn started() -> u64 {
    // Relaxed: written before the ledger began.
    let order = core::sync::atomic::Ordering::Relaxed;
    ledger().map_or(0, |l| l.memory().session().start_unix_ns.load(order))
}

unsafe extern "C" fn session(out: *mut u8, room: usize, slot: *mut u32) -> usize {
    use std::os::unix::ffi::OsStrExt;
    let Some(ledger) = ledger() else { return 0 };
    with_session(|session| {
        let path = session.map_or(&[][..], |s| s.path().as_os_str().as_bytes());
        // SAFETY: the caller passes that much room, and a place for the number.
        unsafe {
            if path.len() <= room {
                core::ptr::copy_nonoverlapping(path.as_ptr(), out, path.len());
            }
            *slot = ledger.slot();
        }
        path.len()
    })
}
