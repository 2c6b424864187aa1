//! A ledger from inside its process.
//!
//! [`Ledger`] is what the threads of a process share, [`ThreadLog`] what each
//! has for itself. Both are plain memory in which all bits zero mean "not
//! begun", so that they can lie in pages that a forked child finds wiped: the
//! child then begins a ledger of its own before it can write to its parent's.
//!
//! In the steady state nothing here allocates, locks or calls the system.

use core::ffi::CStr;

pub use crate::fast::Tried;
use crate::format::{
    Clock, LEDGER_MAGIC, MAX_MODULES, Module, Record, Root, SESSION_MAGIC, Section, SessionHeader,
    State, ThreadEntry, VERSION,
};
use crate::index;
pub use crate::misuse::{Gone, Misuse};
use crate::primitive::{AtomicU32, Ordering};
use crate::records::Batches;
use crate::samples::Samples;
use crate::space::Memory;
use crate::sys;
use crate::thread_log;
pub use crate::thread_log::{Allocation, Known, Release, ThreadLog};
pub use crate::trie::Path;
use crate::trie::Trie;

/// What the threads of a process share.
#[repr(C)]
pub struct Ledger {
    pub(crate) memory: Memory,
    pub(crate) batches: Batches,
    pub(crate) samples: Samples,
    trie: Trie,
    slot: u32,
}

// SAFETY: the pointers in it lead to mappings that are never ended, and all
// that they hold is atomic or belongs to one thread by number.
unsafe impl Sync for Ledger {}
// SAFETY: as above.
unsafe impl Send for Ledger {}

/// What a process says of itself when it begins.
#[derive(Clone, Copy, Debug)]
pub struct Birth<'a> {
    /// Its process id.
    pub pid: u32,
    /// That of its parent.
    pub parent_pid: u32,
    /// The ledger that it was forked from.
    pub parent_slot: Option<u32>,
    /// Its arguments, each ended by a NUL.
    pub argv: &'a [u8],
    /// Path of its executable.
    pub exe: &'a [u8],
}

/// A loaded object.
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'a> {
    /// First address.
    pub start: u64,
    /// Address behind the last.
    pub end: u64,
    /// What to subtract from an address to get the one in the object file.
    pub bias: u64,
    /// Path of its file.
    pub path: &'a [u8],
    /// Its build id; at most 32 bytes of it are kept.
    pub build_id: &'a [u8],
}

/// An open session, seen from a process that shall be tracked.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    header: *const SessionHeader,
}

impl Session {
    /// Maps the session at `path` and hands its file, which the caller closes.
    ///
    /// # Errors
    /// An errno; `EPROTO` when it is no session of this version.
    pub fn open(path: &CStr) -> Result<(Session, i32), i32> {
        let fd = sys::open(path)?;
        let mapped = sys::map_shared(fd, 0, crate::format::PAGE);
        let at = mapped.inspect_err(|_| sys::close(fd))?;
        let session = Session { header: at.cast() };
        let header = session.header();
        // Relaxed: the launcher wrote these before it started the process.
        if header.magic.load(Ordering::Relaxed) != SESSION_MAGIC
            || header.version.load(Ordering::Relaxed) != VERSION
        {
            sys::close(fd);
            // SAFETY: the reference ends here.
            unsafe { sys::unmap(at, crate::format::PAGE) };
            return Err(libc::EPROTO);
        }
        Ok((session, fd))
    }

    /// Its header.
    pub fn header(&self) -> &SessionHeader {
        // SAFETY: mapped in `open` and never unmapped while a Session exists.
        unsafe { &*self.header }
    }
}

impl Ledger {
    /// Begins a ledger in the session.
    ///
    /// # Errors
    /// An errno: `ENOSPC` when the session has no room for another process.
    ///
    /// # Safety
    /// `place` is valid and all zero, and nobody else uses it before the return;
    /// `fd` is the file of `session`.
    pub unsafe fn begin(
        place: *mut Ledger,
        session: Session,
        fd: i32,
        birth: &Birth<'_>,
    ) -> Result<(), i32> {
        let header = session.header();
        let most = header.max_slots.load(Ordering::Relaxed);
        // Relaxed: the number is unique, nothing is published by it.
        let slot = header.slots.fetch_add(1, Ordering::Relaxed);
        if slot >= most {
            header.slots.fetch_sub(1, Ordering::Relaxed);
            return Err(libc::ENOSPC);
        }
        // SAFETY: the slot was just taken; the session stays mapped.
        let memory = unsafe { Memory::map(session.header, fd, slot)? };
        // SAFETY: promised by the caller.
        let ledger = unsafe {
            (&raw mut (*place).memory).write(memory);
            (*place).slot = slot;
            &*place
        };
        ledger.describe(birth);
        Ok(())
    }

    fn describe(&self, birth: &Birth<'_>) {
        let header = self.memory.header();
        let set = |field: &AtomicU32, value: u32| field.store(value, Ordering::Relaxed);
        set(&header.pid, birth.pid);
        set(&header.parent_pid, birth.parent_pid);
        set(&header.parent_slot, birth.parent_slot.map_or(0, |s| s + 1));
        set(&header.start_ms, self.now_ms());
        let room = 16 * crate::format::PAGE as usize;
        let exe = &birth.exe[..birth.exe.len().min(room)];
        let argv = &birth.argv[..birth.argv.len().min(room - exe.len())];
        let len = argv.len() + exe.len();
        if self.memory.commit(Section::Text, len as u64) {
            self.write(Section::Text, 0, argv);
            self.write(Section::Text, argv.len() as u64, exe);
            set(&header.argv_len, argv.len() as u32);
            set(&header.exe_len, exe.len() as u32);
        }
        set(&header.version, VERSION);
        set(&header.state, State::Running as u32);
        // Release: a reader that sees the magic sees the rest.
        header.magic.store(LEDGER_MAGIC, Ordering::Release);
    }

    fn write(&self, section: Section, at: u64, bytes: &[u8]) {
        let to = self.memory.at(section, at);
        // SAFETY: the callers committed the range and own it.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.memory.is_mapped()
    }

    /// Its number in the session.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Its memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Says that the process ends in this way.
    pub fn end(&self, state: State, exit_status: u32) {
        let header = self.memory.header();
        header.exit_status.store(exit_status, Ordering::Relaxed);
        header.end_ms.store(self.now_ms(), Ordering::Relaxed);
        // Release: the status was written before.
        header.state.store(state as u32, Ordering::Release);
    }

    /// Milliseconds since the session began: the launcher's tick, or the clock
    /// when there is no launcher to tick.
    #[inline(always)]
    pub fn now_ms(&self) -> u32 {
        let (flags, ms) = self.memory.session().clock.read();
        match flags & Clock::TICKING {
            0 => self.clock_ms(),
            _ => ms,
        }
    }

    #[cold]
    #[inline(never)]
    fn clock_ms(&self) -> u32 {
        let session = self.memory.session();
        let start = session.start_monotonic_ns.load(Ordering::Relaxed) / 1_000_000;
        let now = sys::coarse_ms().saturating_sub(start) as u32;
        // Readers take it for the present; it never goes back.
        session.clock.advance(now)
    }

    /// Stores a stack, innermost frame first; 0 when there is no room for it.
    pub fn intern(&self, root: Root, frames: &[usize]) -> u32 {
        let stored = self.trie.intern(&self.memory, root, frames);
        stored.unwrap_or_else(|| self.drop_stack())
    }

    /// The same, faster for a thread that keeps its last stack in `last`.
    pub fn intern_after(&self, last: &mut Path, root: Root, frames: &[usize]) -> u32 {
        let stored = self.trie.intern_after(&self.memory, last, root, frames);
        stored.unwrap_or_else(|| self.drop_stack())
    }

    #[cold]
    fn drop_stack(&self) -> u32 {
        let dropped = &self.memory.header().dropped_stacks;
        dropped.fetch_add(1, Ordering::Relaxed);
        0
    }

    /// Whether some reader waits for a process of the session to judge its
    /// blocks.
    #[inline(always)]
    pub fn is_called(&self) -> bool {
        self.memory.session().clock.read().0 & Clock::CALLING != 0
    }

    /// The present module epoch.
    #[inline(always)]
    pub fn epoch(&self) -> u32 {
        // Relaxed: whoever changed it flushed the caches that depend on it.
        self.memory.header().epoch.load(Ordering::Relaxed)
    }

    /// Notes a loaded object. True when it lies where another one lay before:
    /// then a new epoch has begun, and stacks must be stored anew.
    pub fn add_module(&self, what: &Loaded<'_>) -> bool {
        let header = self.memory.header();
        let modules = &header.modules;
        let known = modules.load(Ordering::Acquire).min(MAX_MODULES as u32);
        let mut latest: Option<&Module> = None;
        for number in 0..known {
            let module = self.module(number);
            let start = module.start.load(Ordering::Relaxed);
            let end = module.end.load(Ordering::Relaxed);
            if start < what.end && what.start < end {
                latest = Some(module);
            }
        }
        if let Some(module) = latest
            && self.is_module(module, what)
        {
            // It has come back to its place, and nothing lay there meanwhile.
            module.unload_epoch.store(0, Ordering::Relaxed);
            return false;
        }
        let epoch = match latest {
            None => header.epoch.load(Ordering::Relaxed),
            Some(_) => header.epoch.fetch_add(1, Ordering::Relaxed) + 1,
        };
        if known < MAX_MODULES as u32 {
            self.write_module(what, epoch);
        }
        latest.is_some()
    }

    fn module(&self, number: u32) -> &Module {
        let at = u64::from(number) * size_of::<Module>() as u64;
        // SAFETY: numbers below the count are committed; made of atomics.
        unsafe { &*self.memory.at(Section::Modules, at).cast::<Module>() }
    }

    fn is_module(&self, module: &Module, what: &Loaded<'_>) -> bool {
        let path = self.memory.at(
            Section::Names,
            u64::from(module.path_offset.load(Ordering::Relaxed)),
        );
        let len = module.path_len.load(Ordering::Relaxed) as usize;
        // SAFETY: the name was committed and written before the module was ready.
        let path = unsafe { core::slice::from_raw_parts(path, len) };
        module.ready.load(Ordering::Acquire) == 1
            && module.start.load(Ordering::Relaxed) == what.start
            && module.bias.load(Ordering::Relaxed) == what.bias
            && module
                .build_id
                .iter()
                .map(|w| w.load(Ordering::Relaxed))
                .eq(id_words(what))
            && path == what.path
    }

    fn write_module(&self, what: &Loaded<'_>, epoch: u32) {
        let header = self.memory.header();
        let bytes = size_of::<Module>() as u64;
        let Some(path) = self.write_name(what.path) else {
            return;
        };
        let Some(number) = self
            .memory
            .take(Section::Modules, &header.modules, 1, bytes)
        else {
            return;
        };
        let module = self.module(number);
        // Relaxed: `ready` publishes them.
        module.start.store(what.start, Ordering::Relaxed);
        module.end.store(what.end, Ordering::Relaxed);
        module.bias.store(what.bias, Ordering::Relaxed);
        module.load_epoch.store(epoch, Ordering::Relaxed);
        module.path_offset.store(path, Ordering::Relaxed);
        module
            .path_len
            .store(what.path.len() as u32, Ordering::Relaxed);
        let id_len = what.build_id.len().min(32) as u32;
        module.build_id_len.store(id_len, Ordering::Relaxed);
        for (to, word) in module.build_id.iter().zip(id_words(what)) {
            to.store(word, Ordering::Relaxed);
        }
        module.ready.store(1, Ordering::Release);
    }

    /// Where in the name section these bytes were put.
    fn write_name(&self, bytes: &[u8]) -> Option<u32> {
        let used = &self.memory.header().name_bytes;
        let len = u32::try_from(bytes.len()).ok()?;
        let at = self.memory.take(Section::Names, used, len, 1)?;
        self.write(Section::Names, u64::from(at), bytes);
        Some(at)
    }

    /// Notes which of the known objects are no longer loaded. `loaded` is asked
    /// for the first address and the path of each.
    pub fn unload_modules(&self, mut loaded: impl FnMut(u64, u64) -> bool) {
        let header = self.memory.header();
        let known = header
            .modules
            .load(Ordering::Acquire)
            .min(MAX_MODULES as u32);
        let epoch = header.epoch.load(Ordering::Relaxed);
        for number in 0..known {
            let module = self.module(number);
            let start = module.start.load(Ordering::Relaxed);
            let bias = module.bias.load(Ordering::Relaxed);
            let alive = module.unload_epoch.load(Ordering::Relaxed) == 0;
            if alive && module.ready.load(Ordering::Acquire) == 1 && !loaded(start, bias) {
                module.unload_epoch.store(epoch + 1, Ordering::Relaxed);
            }
        }
    }

    /// What the ledger has on the block at `address`, when it is live.
    pub fn find(&self, address: u64) -> Option<Record> {
        thread_log::can_index(address)
            .then(|| index::find(&self.memory, address))
            .flatten()
            .map(|slot| self.memory.record(slot))
    }

    /// Whether a block was ever recorded near `address`: cheap, and nearly
    /// always false when blocks are sampled.
    #[inline(always)]
    pub fn has_region(&self, address: u64) -> bool {
        use crate::index::Space;
        thread_log::can_index(address)
            // Relaxed: only whether there is one.
            && self.memory.entry(address).is_some_and(|e| e.load(Ordering::Relaxed) != 0)
    }

    /// Counts a release of an address that the ledger does not know.
    pub fn note_unknown_release(&self) {
        let unknown = &self.memory.header().unknown_releases;
        unknown.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an event that could not be recorded.
    pub fn note_drop(&self) {
        let dropped = &self.memory.header().dropped_records;
        dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The build id as words, zero behind its end.
fn id_words(what: &Loaded<'_>) -> impl Iterator<Item = u64> {
    let mut bytes = [0; 32];
    let len = what.build_id.len().min(32);
    bytes[..len].copy_from_slice(&what.build_id[..len]);
    (0..4).map(move |i| {
        let word = bytes[i * 8..i * 8 + 8].try_into();
        u64::from_le_bytes(word.unwrap_or_default())
    })
}

impl Ledger {
    pub(crate) fn thread(&self, number: u32) -> &ThreadEntry {
        let at = u64::from(number) * size_of::<ThreadEntry>() as u64;
        // SAFETY: numbers below the count are committed; made of atomics.
        unsafe { &*self.memory.at(Section::Threads, at).cast::<ThreadEntry>() }
    }
}
