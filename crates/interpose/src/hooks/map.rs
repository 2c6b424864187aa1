//! `mmap`, `munmap`, `mremap`: an optional family.
//!
//! Anonymous and file mappings of the program itself are recorded as blocks.
//! Those that the C library makes for itself (thread stacks, the heap) do not
//! come by here. A part that is unmapped leaves the rest as one or two blocks
//! with the stack of the whole.

use core::ffi::c_int;

use freehold_ledger::format::Family::Mmap;
use freehold_ledger::writer::{Allocation, Known};
use freehold_unwind::Entry;

use super::note_allocation;
use crate::thread::Event;
use crate::{process, real};

const PAGE: usize = 4096;

type MapFn = unsafe extern "C" fn(usize, usize, c_int, c_int, c_int, i64) -> *mut u8;

type UnmapFn = unsafe extern "C" fn(usize, usize) -> c_int;

/// For calls that come while the real functions are being looked for.
unsafe extern "C" fn raw_mmap(
    at: usize,
    len: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut u8 {
    // SAFETY: as the caller called `mmap`.
    unsafe { libc::syscall(libc::SYS_mmap, at, len, protection, flags, fd, offset) as *mut u8 }
}

unsafe extern "C" fn raw_munmap(at: usize, len: usize) -> c_int {
    // SAFETY: as the caller called `munmap`.
    unsafe { libc::syscall(libc::SYS_munmap, at, len) as c_int }
}

/// `mmap` takes all six argument registers, so entry and `rbp` go by the stack.
macro_rules! map_thunk {
    ($name:ident) => {
        /// Entry point: see `on_mmap`.
        ///
        /// # Safety
        /// As for the function of this name.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "mov rax, rsp",
                "sub rsp, 8",
                "push rbp",
                "push rax",
                ".cfi_adjust_cfa_offset 24",
                "call {hook}",
                "add rsp, 24",
                ".cfi_adjust_cfa_offset -24",
                "ret",
                ".cfi_endproc",
                hook = sym on_mmap,
            )
        }
    };
}

map_thunk!(mmap);
map_thunk!(mmap64);

#[inline(always)]
fn is_recorded() -> bool {
    let process = process::get();
    process.is_active() && process.records(Mmap)
}

unsafe extern "C" fn on_mmap(
    at: usize,
    len: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
    slot: usize,
    bp: usize,
) -> *mut u8 {
    real::resolve();
    // SAFETY: the signature of mmap.
    let map = unsafe { real::MMAP.get::<MapFn>() }.unwrap_or(raw_mmap);
    // A fixed mapping takes the place of what was there.
    if is_recorded() && flags & libc::MAP_FIXED != 0 {
        unmapped(at, len);
    }
    // SAFETY: as the caller called us.
    let block = unsafe { map(at, len, protection, flags, fd, offset) };
    if is_recorded()
        && block != libc::MAP_FAILED.cast()
        && let Some(mut event) = Event::begin()
    {
        note_allocation(&mut event, block as u64, len, Mmap, Entry { slot, bp });
    }
    block
}

/// `munmap`.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(at: usize, len: usize) -> c_int {
    real::resolve();
    // SAFETY: the signature of munmap.
    let function = unsafe { real::MUNMAP.get::<UnmapFn>() }.unwrap_or(raw_munmap);
    if is_recorded() && at.is_multiple_of(PAGE) && len != 0 {
        unmapped(at, len);
    }
    // SAFETY: as the caller called us.
    unsafe { function(at, len) }
}

/// `mremap`. The fifth argument, which is only there with some flags, is passed
/// on as it came.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap(
    old: usize,
    old_len: usize,
    new_len: usize,
    flags: c_int,
    new: usize,
) -> *mut u8 {
    real::resolve();
    type Remap = unsafe extern "C" fn(usize, usize, usize, c_int, usize) -> *mut u8;
    // SAFETY: the signature of mremap with all its arguments.
    let Some(function) = (unsafe { real::MREMAP.get::<Remap>() }) else {
        return libc::MAP_FAILED.cast();
    };
    let known = is_recorded().then(|| release(old)).flatten();
    // SAFETY: as the caller called us.
    let block = unsafe { function(old, old_len, new_len, flags, new) };
    if let Some(known) = known {
        let moved = block != libc::MAP_FAILED.cast();
        let (at, len) = match moved {
            true => (block as usize, new_len as u64),
            false => (old, known.record.size),
        };
        record_again(at, len, &known);
    }
    block
}

/// Takes the block that starts at `at` out of the ledger.
fn release(at: usize) -> Option<Known> {
    let mut event = Event::begin()?;
    let ledger = event.ledger();
    event
        .log()
        .released_for_now(ledger, at as u64, Mmap, 0)
        .ok()
}

/// Notes what is left of a block.
fn record_again(at: usize, len: u64, known: &Known) {
    if let Some(mut event) = Event::begin() {
        let what = Allocation {
            address: at as u64,
            size: len,
            stack: known.record.stack,
            family: Mmap,
        };
        let ledger = event.ledger();
        event.log().allocated(ledger, what);
    }
}

/// The range `at .. at + len` is about to be unmapped.
fn unmapped(at: usize, len: usize) {
    let end = at.saturating_add(len.next_multiple_of(PAGE));
    // A block that starts before the range: looked for among the recorded
    // starts, page by page, no further than a gigabyte.
    let mut before = at;
    for _ in 0..(1 << 30) / PAGE {
        let Some(next) = before.checked_sub(PAGE) else {
            break;
        };
        before = next;
        if let Some(block_end) = live_end(before) {
            if block_end > at
                && let Some(known) = release(before)
            {
                record_again(before, (at - before) as u64, &known);
                if block_end > end {
                    record_again(end, (block_end - end) as u64, &known);
                }
            }
            break;
        }
    }
    // Blocks that start within it.
    let mut page = at;
    while page < end {
        match live_end(page) {
            Some(block_end) => {
                if let Some(known) = release(page)
                    && block_end > end
                {
                    record_again(end, (block_end - end) as u64, &known);
                }
                page = block_end.max(page + PAGE);
            }
            None => page += PAGE,
        }
    }
}

/// Where the recorded mapping that starts at `at` ends.
fn live_end(at: usize) -> Option<usize> {
    let process = process::get();
    let record = process.ledger().find(at as u64)?;
    (record.family == Mmap).then(|| at + (record.size as usize).next_multiple_of(PAGE))
}
