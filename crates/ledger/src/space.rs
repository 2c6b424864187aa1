//! The memory of one ledger: the shared mapping, how far each section may be
//! touched, and the hard limit.

use core::ptr;
use core::sync::atomic::AtomicPtr;

use crate::format::{
    ADDRESS_LIMIT, LEAF_BYTES, LEAF_ENTRIES, Layout, LedgerHeader, MIN_CLASS, NO_WINDOW, PAGE,
    REGION_BITS, Record, Section, SegmentRef, SessionHeader, Slot, UNIT_BITS, Verdict, WINDOW_BITS,
    WINDOWS, round_up,
};
use crate::index::{ORDERED_CLASS, Space, region_of};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::{records, sys, trie};

/// Class of a region's first segment where blocks are sampled.
const SAMPLES_CLASS: u32 = 7;

/// How many bytes of segments are handed out before a region's first one is sized
/// by what it has to hold: the heaps of small programs have a home for each block.
const GENEROUS: u64 = 3 << 20;

/// The greatest limit that a process makes room for. A ledger takes a little more
/// than three times its limit of address space, of which a 32-bit process may have
/// only 2 GiB: there, a ledger of 64 MiB, for more than a million blocks, takes a
/// tenth. (A 64-bit process has 2^47 bytes in all.) What finds no room is counted, as
/// behind any limit.
const MOST_MAPPED: u64 = match usize::BITS {
    32 => 64 << 20,
    _ => 1 << 46,
};

/// Addresses below this are indexed: in 32-bit programs all that there are, and
/// behind them what stands for handles.
pub(crate) const INDEXED: u64 = match usize::BITS {
    32 => 1 << 37,
    _ => ADDRESS_LIMIT,
};
/// Windows of these.
const OWN_WINDOWS: usize = (INDEXED >> WINDOW_BITS) as usize;

/// A leaf in memory.
pub(crate) type Leaf = [AtomicU64; LEAF_ENTRIES];

/// A ledger that this process writes to.
///
/// Every bit zero is the value before [`Memory::map`].
#[derive(Clone, Copy)]
pub struct Memory {
    session: *const SessionHeader,
    base: *mut u8,
    layout: Layout,
    /// For each window the address of its leaf. Private to the process: the
    /// file tells it by the window section.
    windows: *const AtomicPtr<Leaf>,
}

impl Memory {
    /// Maps the ledger number `slot` of a session.
    ///
    /// # Errors
    /// A number of the system when there is not enough address space even for a
    /// small one.
    ///
    /// # Safety
    /// `session` must stay mapped; `file` is the one that it was mapped from;
    /// the slot belongs to the calling process alone.
    pub unsafe fn map(
        session: *const SessionHeader,
        file: sys::RawFile,
        slot: u32,
    ) -> Result<Memory, i32> {
        // SAFETY: promised by the caller.
        let header = unsafe { &*session };
        // Relaxed: the launcher set these before the process began.
        let stride = header.stride.load(Ordering::Relaxed);
        let first = header.slots_offset.load(Ordering::Relaxed);
        let offset = first + u64::from(slot) * stride;
        let limit = header.max_memory.load(Ordering::Relaxed);
        let mut limit = limit.min(MOST_MAPPED);
        // A program with a small limit of address space gets a small ledger.
        let (layout, base) = loop {
            let layout = Layout::new(limit);
            match sys::map_shared(file, offset, layout.total) {
                Ok(base) => break (layout, base),
                Err(error) if sys::lacks_address_space(error) && limit > 4 << 20 => limit /= 4,
                Err(error) => return Err(error),
            }
        };
        sys::leave_out_of_dumps(base, layout.total);
        let windows = sys::map_private((OWN_WINDOWS * size_of::<AtomicPtr<Leaf>>()) as u64);
        let windows = windows.inspect_err(|_| {
            // SAFETY: nobody knows of the mapping yet.
            unsafe { sys::unmap_shared(base, layout.total) }
        })?;
        let memory = Memory {
            session,
            base,
            layout,
            windows: windows.cast(),
        };
        if memory.reserves() {
            sys::populate(base, PAGE)?;
        }
        memory.begin();
        Ok(memory)
    }

    /// The parts of a fresh header that others rely on.
    fn begin(&self) {
        let header = self.header();
        for (section, offset) in self.layout.offset.iter().enumerate() {
            header.section_offset[section].store(*offset, Ordering::Relaxed);
        }
        // Numbers and offsets of zero mean "none".
        header.segment_bytes.store(64, Ordering::Relaxed);
        header.records.store(1, Ordering::Relaxed);
        header.nodes.store(1, Ordering::Relaxed);
        header.tags.store(1, Ordering::Relaxed);
        header.scopes.store(1, Ordering::Relaxed);
    }

    /// Whether it was mapped.
    pub fn is_mapped(&self) -> bool {
        !self.base.is_null()
    }

    /// The header of the session.
    #[inline(always)]
    pub fn session(&self) -> &SessionHeader {
        // SAFETY: mapped as long as the ledger, see `map`.
        unsafe { &*self.session }
    }

    /// The header of the ledger.
    #[inline(always)]
    pub fn header(&self) -> &LedgerHeader {
        // SAFETY: the header lies at the start of the mapping and is made of
        // atomics.
        unsafe { &*self.base.cast::<LedgerHeader>() }
    }

    /// First byte and length of the mapping, for a scan that must leave it out.
    pub fn range(&self) -> (usize, usize) {
        (self.base as usize, self.layout.total as usize)
    }

    /// The private table of windows.
    pub(crate) fn windows(&self) -> *const AtomicPtr<Leaf> {
        self.windows
    }

    /// First byte and length of the private table of windows.
    pub fn windows_range(&self) -> (usize, usize) {
        let bytes = OWN_WINDOWS * size_of::<AtomicPtr<Leaf>>();
        (self.windows as usize, bytes)
    }

    /// Address of the byte `at` of a section.
    #[inline(always)]
    pub fn at(&self, section: Section, at: u64) -> *mut u8 {
        // SAFETY: callers stay within what `commit` granted, which is within
        // the mapping.
        unsafe {
            self.base
                .add((self.layout.offset[section as usize] + at) as usize)
        }
    }

    fn reserves(&self) -> bool {
        self.session().reserve.load(Ordering::Relaxed) != 0
    }

    /// Takes `bytes` from the limit of the session. False when it is reached.
    pub fn charge(&self, bytes: u64) -> bool {
        let session = self.session();
        let limit = session.max_memory.load(Ordering::Relaxed);
        // Relaxed: a plain sum; nothing is published by it.
        let before = session.used.fetch_add(bytes, Ordering::Relaxed);
        let granted = before.saturating_add(bytes) <= limit;
        if !granted {
            session.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        granted
    }

    fn uncharge(&self, bytes: u64) {
        self.session().used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Makes the first `end` bytes of a section usable. False when the limit
    /// or the file system is full.
    #[inline]
    pub fn commit(&self, section: Section, end: u64) -> bool {
        let committed = &self.header().section_committed[section as usize];
        // Relaxed: the pages are there for every thread once one made them.
        end <= committed.load(Ordering::Relaxed) || self.commit_more(section, end)
    }

    #[cold]
    #[inline(never)]
    fn commit_more(&self, section: Section, end: u64) -> bool {
        let _errno = sys::KeepErrno::new();
        let committed = &self.header().section_committed[section as usize];
        let room = self.layout.room[section as usize];
        loop {
            let now = committed.load(Ordering::Relaxed);
            if end <= now {
                return true;
            }
            if end > room {
                return false;
            }
            // A sixteenth more each time: few calls, little waste.
            let step = round_up((now / 16).clamp(PAGE, 1 << 20), PAGE);
            let next = round_up(end, PAGE).max(now + step).min(room);
            if !self.charge(next - now) {
                return false;
            }
            if self.reserves() && sys::populate(self.at(section, now), next - now).is_err() {
                self.uncharge(next - now);
                return false;
            }
            let order = Ordering::Relaxed;
            if committed.compare_exchange(now, next, order, order).is_ok() {
                return true;
            }
            self.uncharge(next - now);
        }
    }

    /// Takes `count` items of `bytes` each from a section whose fill level
    /// `used` counts items. Gives the number of the first.
    pub fn take(&self, section: Section, used: &AtomicU32, count: u32, bytes: u64) -> Option<u32> {
        // Relaxed: the number is unique; what is written there is published by
        // whoever publishes the number.
        let mut first = used.load(Ordering::Relaxed);
        loop {
            let next = first.checked_add(count)?;
            if !self.commit(section, u64::from(next) * bytes) {
                return None;
            }
            let order = Ordering::Relaxed;
            match used.compare_exchange_weak(first, next, order, order) {
                Ok(_) => return Some(first),
                Err(now) => first = now,
            }
        }
    }

    /// Every slot that is or was live, region by region. Uses nothing but the
    /// file, so that an image of the process, whose private tables are wiped,
    /// can call it too.
    pub fn for_each_slot(&self, mut visit: impl FnMut(u64, Slot)) {
        let leaves = self.header().leaves.load(Ordering::Acquire);
        for number in 0..u64::from(leaves) {
            let name = self.at(Section::Windows, number * 4);
            // SAFETY: committed before the leaf was counted.
            let window = unsafe { &*name.cast::<AtomicU32>() }.load(Ordering::Acquire);
            if window as usize >= WINDOWS {
                continue;
            }
            let leaf = self.at(Section::Leaves, number * LEAF_BYTES);
            // SAFETY: handed out, so it is committed.
            let leaf = unsafe { &*leaf.cast::<Leaf>() };
            for (region, entry) in leaf.iter().enumerate() {
                // Acquire: as in `index::find`.
                let segment = SegmentRef(entry.load(Ordering::Acquire));
                if segment == SegmentRef::NONE {
                    continue;
                }
                let base = u64::from(window) << WINDOW_BITS | (region as u64) << REGION_BITS;
                for slot in self.slots(segment) {
                    let slot = Slot(slot.load(Ordering::Acquire) & !Slot::FROZEN);
                    if slot != Slot::EMPTY {
                        visit(base + (u64::from(slot.offset()) << UNIT_BITS), slot);
                    }
                }
            }
        }
    }

    /// What a live slot names.
    pub fn record(&self, slot: Slot) -> Record {
        // SAFETY: the slot was read from this ledger's index.
        unsafe { records::read(self, slot.record()) }
    }

    /// The innermost frame of a stack, 0 when there is none.
    pub fn innermost(&self, stack: u32) -> u64 {
        match stack {
            0 => 0,
            stack => trie::frame(self, stack),
        }
    }

    /// Makes room for a verdict on every record; gives their number.
    pub fn make_room_for_verdicts(&self) -> Option<u32> {
        let records = self.header().records.load(Ordering::Acquire);
        self.commit(Section::Verdicts, u64::from(records) * 4)
            .then_some(records)
    }

    /// Writes the verdict on what a slot names. The number of the record must
    /// be below what [`Memory::make_room_for_verdicts`] gave.
    pub fn judge(&self, record: u32, generation: u16, verdict: Verdict) {
        let at = self.at(Section::Verdicts, u64::from(record) * 4);
        let value = u32::from(generation) << 8 | verdict as u32;
        // SAFETY: room was made. Relaxed: the state of the scan publishes it.
        unsafe { &*at.cast::<AtomicU32>() }.store(value, Ordering::Relaxed);
    }

    #[inline(always)]
    fn leaf(&self, window: usize) -> Option<&Leaf> {
        // SAFETY: `window` is below OWN_WINDOWS: see the callers.
        let leaf = unsafe { &*self.windows.add(window) };
        // Acquire: pairs with the release in `new_leaf`.
        let leaf = leaf.load(Ordering::Acquire);
        // SAFETY: a published leaf lies in the mapping and stays there.
        unsafe { leaf.as_ref() }
    }

    #[cold]
    #[inline(never)]
    fn new_leaf(&self, window: usize) -> Option<&Leaf> {
        let header = self.header();
        let leaves = header.leaves.load(Ordering::Relaxed);
        if !self.commit(Section::Windows, (u64::from(leaves) + 64) * 4) {
            return None;
        }
        let number = self.take(Section::Leaves, &header.leaves, 1, LEAF_BYTES)?;
        if !self.commit(Section::Windows, (u64::from(number) + 1) * 4) {
            return None;
        }
        let name = self.at(Section::Windows, u64::from(number) * 4);
        // SAFETY: committed above; the section starts at a page.
        let name = unsafe { &*name.cast::<AtomicU32>() };
        let leaf = self.at(Section::Leaves, u64::from(number) * LEAF_BYTES);
        // SAFETY: as in `leaf`.
        let place = unsafe { &*self.windows.add(window) };
        // AcqRel: releases the zeroed leaf, acquires the one of a winner.
        let order = (Ordering::AcqRel, Ordering::Acquire);
        match place.compare_exchange(ptr::null_mut(), leaf.cast(), order.0, order.1) {
            Ok(_) => name.store(window as u32, Ordering::Release),
            Err(_) => name.store(NO_WINDOW, Ordering::Release),
        }
        self.leaf(window)
    }
}

/// Number of the window of an address below [`INDEXED`].
#[inline(always)]
fn window_of(address: u64) -> usize {
    (address >> WINDOW_BITS) as usize & (OWN_WINDOWS - 1)
}

impl Space for Memory {
    #[inline(always)]
    fn entry(&self, address: u64) -> Option<&AtomicU64> {
        debug_assert!(address < INDEXED);
        let leaf = self.leaf(window_of(address))?;
        // SAFETY: the region is masked to the length of a leaf.
        Some(unsafe { leaf.get_unchecked(region_of(address)) })
    }

    #[inline(always)]
    fn entry_or_new(&self, address: u64) -> Option<&AtomicU64> {
        match self.entry(address) {
            Some(entry) => Some(entry),
            None => Some(&self.new_leaf(window_of(address))?[region_of(address)]),
        }
    }

    #[inline(always)]
    fn slots(&self, segment: SegmentRef) -> &[AtomicU64] {
        let first = self.at(Section::Segments, segment.offset());
        // SAFETY: `allocate` committed the whole segment before it was named.
        unsafe { core::slice::from_raw_parts(first.cast(), segment.slots()) }
    }

    fn allocate(&self, class: u32) -> Option<SegmentRef> {
        let bytes = 8u64 << class;
        let used = &self.header().segment_bytes;
        let mut now = used.load(Ordering::Relaxed);
        loop {
            // Whole cache lines, except for the smallest, which share one.
            let start = round_up(now, bytes.min(64));
            if !self.commit(Section::Segments, start + bytes) {
                return None;
            }
            // Relaxed: the segment is published by the region's entry.
            let order = Ordering::Relaxed;
            match used.compare_exchange_weak(now, start + bytes, order, order) {
                Ok(_) => return Some(SegmentRef::new(start, class)),
                Err(other) => now = other,
            }
        }
    }

    #[inline(always)]
    fn exchange(&self, slot: &AtomicU64, old: u64, new: u64) -> bool {
        exchange(slot, old, new)
    }

    fn least_class(&self) -> u32 {
        // Relaxed, both: only a matter of speed.
        let used = self.header().segment_bytes.load(Ordering::Relaxed);
        let limit = self.session().max_memory.load(Ordering::Relaxed);
        match self.session().sample_bytes.load(Ordering::Relaxed) {
            0 if used < GENEROUS.min(limit / 64) => ORDERED_CLASS,
            0 => MIN_CLASS,
            // Of samples there are few, but every release looks for one: with
            // room between them, the first look at an empty slot is enough.
            _ => SAMPLES_CLASS,
        }
    }

    fn lost(&self, blocks: u64) {
        let dropped = &self.header().dropped_records;
        dropped.fetch_add(blocks, Ordering::Relaxed);
    }
}

/// Compare-and-swap, released on success.
///
/// While the process has one thread, the instruction needs no lock prefix: it
/// cannot be interrupted by a signal handler of that thread, and there is
/// nobody else. That saves more than a nanosecond for each event.
#[inline(always)]
pub(crate) fn exchange(slot: &AtomicU64, old: u64, new: u64) -> bool {
    #[cfg(target_arch = "x86_64")]
    if sys::is_single_threaded() {
        // SAFETY: `slot` is valid for a write of eight bytes. x86 gives every
        // store release order.
        unsafe {
            core::arch::asm!(
                "cmpxchg qword ptr [{slot}], {new}",
                "jne {failed}",
                slot = in(reg) slot.as_ptr(),
                new = in(reg) new,
                failed = label { return false },
                inout("rax") old => _,
                options(nostack),
            );
        }
        return true;
    }
    // AcqRel: releases the record that was written before the slot names it;
    // acquires it for the one who removes the slot.
    let order = (Ordering::AcqRel, Ordering::Relaxed);
    slot.compare_exchange(old, new, order.0, order.1).is_ok()
}
