//! The rule of a return address, worked out from the function tables.

use core::ffi::c_void;
use core::ptr;

use super::pdata::{self, Function, Info, LONGEST};
use super::sys::{self, MEM_COMMIT, region};
use crate::rule::Rule;

/// `RUNTIME_FUNCTION_INDIRECT`: the entry names another entry.
const INDIRECT: u32 = 1;
/// `MEM_IMAGE`: pages of a program or library.
const MEM_IMAGE: u32 = 0x100_0000;

#[link(name = "kernel32")]
unsafe extern "system" {
    pub(crate) fn RtlLookupFunctionEntry(
        pc: u64,
        base: *mut u64,
        history: *mut c_void,
    ) -> *const Function;
}

/// A function entry with its image.
pub(crate) struct Found {
    pub(crate) function: Function,
    pub(crate) base: usize,
    /// It lies in a program or library, whose tables never change. Those that a JIT
    /// registers may.
    pub(crate) is_image: bool,
}

/// The entry of the function that holds `pc`. As the system's own unwinder, this
/// takes the return address itself: compilers for Windows let no function end with
/// a call.
pub(crate) fn find(pc: usize) -> Option<Found> {
    let mut base = 0;
    // SAFETY: a place for the base; there is no history. The entry that is found
    // belongs to a function that runs, so it stays.
    let function = unsafe {
        let entry = RtlLookupFunctionEntry(pc as u64, &mut base, ptr::null_mut());
        if entry.is_null() {
            return None;
        }
        entry.read_unaligned()
    };
    let base = base as usize;
    let is_image = region(base).kind == MEM_IMAGE;
    let mut found = Found {
        function,
        base,
        is_image,
    };
    if function.info & INDIRECT != 0 {
        let mut words = [0; LONGEST];
        found.copy(function.info & !INDIRECT, &mut words[..12])?;
        let word = |i: usize| u32::from_le_bytes([0, 1, 2, 3].map(|j| words[i * 4 + j]));
        found.function = Function {
            begin: word(0),
            end: word(1),
            info: word(2),
        };
    }
    Some(found)
}

impl Found {
    /// Copies bytes of the image.
    fn copy(&self, offset: u32, into: &mut [u8]) -> Option<()> {
        let address = self.base.checked_add(offset as usize)?;
        if self.is_image {
            let (region, end) = (region(address), address + into.len());
            let is_inside = region.kind == MEM_IMAGE && region.state == MEM_COMMIT;
            if !is_inside || end > region.base + region.bytes {
                return None;
            }
            let from = ptr::with_exposed_provenance::<u8>(address);
            // SAFETY: inside committed pages of the image, which stays: a function of it
            // is running.
            unsafe { ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
            return Some(());
        }
        // Of a JIT: what it says, and what may be gone meanwhile.
        let first = address & !7;
        let mut words = [0usize; LONGEST / 8 + 2];
        let count = (address + into.len() - first).div_ceil(8);
        let words = words.get_mut(..count)?;
        if !sys::read_own_memory(first, words) {
            return None;
        }
        for (i, to) in into.iter_mut().enumerate() {
            let at = address - first + i;
            *to = words[at / 8].to_le_bytes()[at % 8];
        }
        Some(())
    }

    /// Copies an info whole, and gives its length.
    pub(crate) fn load(&self, offset: u32, buffer: &mut [u8; LONGEST]) -> Option<usize> {
        self.copy(offset, &mut buffer[..4])?;
        let len = Info::len([buffer[0], buffer[1], buffer[2], buffer[3]])?;
        self.copy(offset, buffer.get_mut(..len)?)?;
        Some(len)
    }
}

/// Works out the rule for a return address, which may be anything.
pub(crate) fn compute(address: usize) -> Rule {
    let Some(found) = find(address) else {
        return if region(address - 1).is_code() {
            Rule::STOP
        } else {
            Rule::NOT_CODE
        };
    };
    // What may change must not be cached: the walk with all registers asks again.
    if !found.is_image {
        return Rule::COMPLEX;
    }
    let offset = (address - found.base).wrapping_sub(found.function.begin as usize);
    pdata::rule(found.function, offset, |at, buffer| found.load(at, buffer))
}
