//! All live `Buffer`s by address, so that a release by address ends the object, too.
//!
//! An open table with linear probing, at most half full; entries move back when one
//! goes, so there are no tombstones.

use crate::buffer::Buffer;

/// The table; the interpreter's lock protects it.
pub(crate) struct Live {
    /// Pointers to buffers, null for none; a power of two of them.
    slots: Vec<*mut Buffer>,
    used: usize,
}

impl Live {
    pub(crate) const fn new() -> Live {
        Live {
            slots: Vec::new(),
            used: 0,
        }
    }

    /// Where the search for an address begins: blocks lie 16 bytes apart or more.
    fn home(&self, address: usize) -> usize {
        let mixed = (address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 20) & (self.slots.len() - 1)
    }

    /// Adds one. An address that is there already stays the first one's.
    ///
    /// # Safety
    /// All buffers in the table are alive.
    pub(crate) unsafe fn add(&mut self, buffer: *mut Buffer) {
        if (self.used + 1) * 2 > self.slots.len() {
            // SAFETY: promised by the caller.
            unsafe { self.grow() };
        }
        // SAFETY: promised by the caller.
        let address = unsafe { (*buffer).address as usize };
        let mask = self.slots.len() - 1;
        let mut at = self.home(address);
        while !self.slots[at].is_null() {
            at = (at + 1) & mask;
        }
        self.slots[at] = buffer;
        self.used += 1;
    }

    /// # Safety
    /// All buffers in the table are alive.
    unsafe fn grow(&mut self) {
        let larger = vec![core::ptr::null_mut(); (self.slots.len() * 2).max(64)];
        let old = core::mem::replace(&mut self.slots, larger);
        self.used = 0;
        for buffer in old.into_iter().filter(|buffer| !buffer.is_null()) {
            // SAFETY: promised by the caller; there is room.
            unsafe { self.add(buffer) };
        }
    }

    /// The buffer that begins at an address, or null.
    ///
    /// # Safety
    /// All buffers in the table are alive.
    pub(crate) unsafe fn find(&self, address: usize) -> *mut Buffer {
        if self.slots.is_empty() {
            return core::ptr::null_mut();
        }
        let mut at = self.home(address);
        loop {
            let found = self.slots[at];
            // SAFETY: promised by the caller.
            if found.is_null() || unsafe { (*found).address as usize } == address {
                return found;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Takes one out, if it is there.
    ///
    /// # Safety
    /// All buffers in the table are alive.
    pub(crate) unsafe fn remove(&mut self, buffer: *mut Buffer) {
        if self.slots.is_empty() {
            return;
        }
        let mask = self.slots.len() - 1;
        // SAFETY: promised by the caller.
        let mut hole = self.home(unsafe { (*buffer).address as usize });
        while self.slots[hole] != buffer {
            if self.slots[hole].is_null() {
                return;
            }
            hole = (hole + 1) & mask;
        }
        self.used -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let next = self.slots[at];
            if next.is_null() {
                break;
            }
            // SAFETY: promised by the caller.
            let home = self.home(unsafe { (*next).address as usize });
            // It may move back unless its home lies behind the hole.
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = next;
                hole = at;
            }
        }
        self.slots[hole] = core::ptr::null_mut();
    }
}
