//! The table of a keeper, made of the few things in which keepers differ.
//!
//! What is not here: what the functions promise ([`Tracker`]).

use core::ffi::c_void;
use core::marker::PhantomData;
use core::slice;

use super::{
    APPROXIMATE, BUSY, Block, DEAD, INCOMPLETE, LIVE, NAMED, NEW, OF_JIT, Place, TAG, TRUNCATED,
    Tracker, UNKNOWN, VERSION, Visit, Wrong,
};
use crate::annotate::{Lookup, NameKind};
use crate::format::{Called, Family, Ground, Language, MisuseKind, OnMisuse, Owner, Record, Root};
use crate::managed::PlaceText;
use crate::primitive::Ordering;
use crate::thread_log::{Allocation, Release, ThreadLog};
use crate::writer::{Ledger, Misuse};

/// Who keeps the ledger of a process.
pub trait Keeper: 'static {
    /// What it has of a thread while an event of it is noted.
    type Event: Event;

    /// [`Tracker::flags`].
    const FLAGS: u32;

    /// The ledger, when events are recorded in this process; begins it if that
    /// is for the process to decide and not for a caller.
    fn ledger() -> Option<&'static Ledger>;

    /// Begins an event of the calling thread; `None` when there is no ledger, or
    /// it interrupts another event.
    fn begin() -> Option<Self::Event>;

    /// [`Tracker::quiet`].
    fn quiet(begin: bool);

    /// Runs with the path by which the session can be opened.
    fn with_session<R>(run: impl FnOnce(&[u8]) -> R) -> R;
}

/// An event: while it lives, what the thread allocates is not recorded.
pub trait Event {
    /// The log of the thread.
    fn log(&mut self) -> &mut ThreadLog;

    /// The number of the thread's stack from a return address on, see
    /// [`Tracker::capture`].
    ///
    /// # Safety
    /// The two describe a function on this thread's stack that has not returned.
    unsafe fn capture(&mut self, slot: usize, bp: usize) -> u32;

    /// Tells the ledger which object an address lies in, so that a reader can name
    /// it.
    fn note_object(&mut self, address: usize);

    /// The stack of the last release at an address, 0 when it is not kept.
    fn last_release(&self, _address: u64) -> u32 {
        0
    }

    /// Whether an allocation of so many bytes is to be recorded.
    fn wants(&mut self, size: u64) -> bool;

    /// The end of an event in which a block was recorded.
    fn end(self);
}

/// The table of a keeper.
pub const fn table<K: Keeper>() -> Tracker {
    Tracker {
        version: VERSION,
        bytes: size_of::<Tracker>() as u32,
        flags: K::FLAGS,
        spare: 0,
        is_active: Of::<K>::is_active,
        quiet: Of::<K>::quiet,
        capture: Of::<K>::capture,
        allocated: Of::<K>::allocated,
        released: Of::<K>::released,
        find: Of::<K>::find,
        containing: Of::<K>::containing,
        gone: Of::<K>::gone,
        misused: Of::<K>::misused,
        change: Of::<K>::change,
        name: Of::<K>::name,
        name_of: Of::<K>::name_of,
        frames: Of::<K>::frames,
        for_each: Of::<K>::for_each,
        started: Of::<K>::started,
        session: Of::<K>::session,
        add_place: Of::<K>::add_place,
        place: Of::<K>::place,
        stack: Of::<K>::stack,
        stack_state: Of::<K>::stack_state,
        name_stack: Of::<K>::name_stack,
        naming_of: Of::<K>::naming_of,
        ask_names: Of::<K>::ask_names,
    }
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
        flags: 0,
        spare: [0; 5],
    }
}

fn kind(number: u32) -> NameKind {
    match number {
        TAG => NameKind::Tag,
        _ => NameKind::Scope,
    }
}

/// The functions of a keeper's table.
struct Of<K>(PhantomData<K>);

impl<K: Keeper> Of<K> {
    unsafe extern "C" fn is_active() -> u32 {
        u32::from(K::ledger().is_some())
    }

    unsafe extern "C" fn quiet(begin: u32) {
        K::quiet(begin != 0);
    }

    unsafe extern "C" fn capture(slot: usize, bp: usize) -> u32 {
        // SAFETY: promised by the caller.
        K::begin().map_or(0, |mut event| unsafe { event.capture(slot, bp) })
    }

    unsafe extern "C" fn allocated(block: *const Block, slot: usize, bp: usize) -> u64 {
        // SAFETY: the caller passes a block.
        let block = unsafe { &*block };
        let (Some(ledger), Some(mut event)) = (K::ledger(), K::begin()) else {
            return 0;
        };
        let is_new = slot != 0 || block.flags & NEW != 0;
        let stack = match slot {
            _ if is_new && !event.wants(block.size) => return 0,
            0 => block.stack,
            // SAFETY: promised by the caller.
            _ => unsafe { event.capture(slot, bp) },
        };
        let what = Allocation {
            address: block.address,
            size: block.size,
            stack,
            family: Family::from_number(block.family.into()),
        };
        let log = event.log();
        let noted = log.allocated(ledger, what);
        if noted && (block.tag | block.scope != 0 || block.owner != 0) {
            log.change(ledger, block.address, |record| apply(record, block));
        }
        event.end();
        match noted {
            true => 1 << 32 | u64::from(stack),
            false => 0,
        }
    }

    unsafe extern "C" fn released(address: u64, site: u64, block: *mut Block) -> u32 {
        let (Some(ledger), Some(mut event)) = (K::ledger(), K::begin()) else {
            return BUSY;
        };
        let log = event.log();
        match log.released_for_now(ledger, address, Family::Unknown, site) {
            Ok(known) => {
                // SAFETY: the caller passes a place for it.
                unsafe { *block = describe(address, &known.record) };
                LIVE
            }
            Err(Release::Unknown) => UNKNOWN,
            Err(_) => DEAD,
        }
    }

    unsafe extern "C" fn find(address: u64, block: *mut Block) -> u32 {
        match K::ledger().map(|l| l.lookup(address)) {
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

    unsafe extern "C" fn containing(address: u64, block: *mut Block) -> u32 {
        match K::ledger().map(|l| l.block_around(address)) {
            Some(Some((start, record))) => {
                // SAFETY: the caller passes a place for it.
                unsafe { *block = describe(start, &record) };
                LIVE
            }
            Some(None) => UNKNOWN,
            None => BUSY,
        }
    }

    unsafe extern "C" fn gone(address: u64, block: *mut Block, site: *mut u64) -> u32 {
        match K::ledger().map(|l| l.gone(address)) {
            Some(Some(gone)) => {
                let what = Block {
                    address,
                    stack: gone.stack,
                    family: gone.family as u8,
                    ..Block::default()
                };
                // SAFETY: the caller passes places for them.
                unsafe { (*block, *site) = (what, gone.site) };
                DEAD
            }
            Some(None) => UNKNOWN,
            None => BUSY,
        }
    }

    unsafe extern "C" fn misused(wrong: *const Wrong) {
        // SAFETY: the caller passes one.
        let wrong = unsafe { &*wrong };
        let kind = MisuseKind::from_number(wrong.kind.into());
        let (Some(ledger), Some(kind)) = (K::ledger(), kind) else {
            return;
        };
        let mut misuse = Misuse {
            kind,
            called: Called::Library,
            address: wrong.address,
            family: Family::from_number(wrong.family.into()),
            ground: Ground::Unknown,
            size: wrong.size,
            offset: wrong.offset,
            allocated: wrong.allocated,
            released: wrong.released,
            released_site: 0,
            here: wrong.here,
            thread: 0,
        };
        if kind == MisuseKind::Double && misuse.released == 0 {
            misuse.released_site = ledger.gone(wrong.address).map_or(0, |gone| gone.site);
        }
        if let Some(mut event) = K::begin() {
            misuse.thread = event.log().number();
            if misuse.released_site != 0 {
                misuse.released = event.last_release(wrong.address);
            }
            event.note_object(misuse.released_site as usize);
        }
        ledger.note_misuse(&misuse);
        if ledger.on_misuse() == OnMisuse::Abort {
            crate::sys::abort();
        }
    }

    unsafe extern "C" fn change(block: *const Block) -> u32 {
        // SAFETY: the caller passes a block.
        let block = unsafe { &*block };
        let (Some(ledger), Some(mut event)) = (K::ledger(), K::begin()) else {
            return 0;
        };
        let log = event.log();
        u32::from(log.change(ledger, block.address, |record| apply(record, block)))
    }

    unsafe extern "C" fn name(what: u32, name: *const u8, len: usize) -> u32 {
        // SAFETY: the caller passes a name of this length.
        let name = unsafe { slice::from_raw_parts(name, len) };
        let name = core::str::from_utf8(name).ok();
        let number = K::ledger().zip(name).map(|(l, n)| l.name(kind(what), n));
        number.unwrap_or(0).into()
    }

    unsafe extern "C" fn name_of(what: u32, number: u32, name: *mut *const u8) -> usize {
        let bytes = K::ledger().map_or(&[][..], |l| l.name_bytes(kind(what), number));
        // SAFETY: the caller passes a place for it.
        unsafe { *name = bytes.as_ptr() };
        bytes.len()
    }

    unsafe extern "C" fn frames(stack: u32, out: *mut u64, room: usize, flags: *mut u32) -> usize {
        // SAFETY: the caller passes that much room.
        let out = unsafe { slice::from_raw_parts_mut(out, room) };
        let found = K::ledger().and_then(|l| l.frames(stack, out));
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
        let Some(ledger) = K::ledger() else { return };
        let mut go_on = true;
        let memory = ledger.memory();
        memory.for_each_slot(|address, slot| {
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
        K::ledger().map_or(0, |l| {
            l.memory().session().start_unix_ns.load(Ordering::Relaxed)
        })
    }

    unsafe extern "C" fn session(out: *mut u8, room: usize, slot: *mut u32) -> usize {
        let Some(ledger) = K::ledger() else { return 0 };
        K::with_session(|path| {
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

    unsafe extern "C" fn add_place(place: *const Place) -> u32 {
        // SAFETY: the caller passes a place with texts of these lengths.
        let (place, function, file) = unsafe {
            let place = &*place;
            (
                place,
                slice::from_raw_parts(place.function, place.function_len),
                slice::from_raw_parts(place.file, place.file_len),
            )
        };
        let (Some(ledger), Some(language)) = (K::ledger(), Language::from_number(place.language))
        else {
            return 0;
        };
        ledger.add_place(&PlaceText {
            language,
            function,
            file,
            line: place.line,
            column: place.column,
        })
    }

    unsafe extern "C" fn place(number: u32, place: *mut Place) -> u32 {
        let Some(found) = K::ledger().and_then(|l| l.place(number)) else {
            return 0;
        };
        let answer = Place {
            function: found.function.as_ptr(),
            function_len: found.function.len(),
            file: found.file.as_ptr(),
            file_len: found.file.len(),
            line: found.line,
            column: found.column,
            language: found.language as u32,
            spare: 0,
        };
        // SAFETY: the caller passes a place for it.
        unsafe { *place = answer };
        1
    }

    unsafe extern "C" fn stack(frames: *const u64, count: usize, flags: u32) -> u32 {
        // SAFETY: the caller passes so many.
        let frames = unsafe { slice::from_raw_parts(frames, count) };
        let Some(ledger) = K::ledger() else { return 0 };
        let root = Root {
            epoch: ledger.epoch(),
            truncated: flags & TRUNCATED != 0,
            incomplete: false,
            approximate: false,
        };
        ledger.intern_words(root, frames)
    }

    unsafe extern "C" fn stack_state(stack: u32) -> u32 {
        match K::ledger() {
            Some(ledger) if ledger.is_named(stack) => NAMED,
            Some(ledger) => match ledger.root_of(stack) {
                Some(root) => u32::from(root.approximate) * OF_JIT,
                None => 0,
            },
            None => 0,
        }
    }

    unsafe extern "C" fn name_stack(stack: u32, by: u32) -> u32 {
        u32::from(K::ledger().is_some_and(|l| l.name_stack(stack, by)))
    }

    unsafe extern "C" fn ask_names(stack: u32) -> u32 {
        u32::from(K::ledger().is_some_and(|l| l.ask_names(stack)))
    }

    unsafe extern "C" fn naming_of(stack: u32) -> u32 {
        let ledger = K::ledger().filter(|l| l.is_named(stack));
        ledger.and_then(|l| l.naming_of(stack)).unwrap_or(0)
    }
}
