//! The `malloc` family.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use freehold_ledger::format::{Called, Family, SegmentRef};
use freehold_ledger::writer::Tried;
use freehold_unwind::Entry;

use super::{allocated, allocated_by, released, released_for_now, released_in, restored, thunk};
use crate::misuse::{self, Fate};
use crate::real::{self, Real};
use crate::thread::{self, Ready, Sampling};
use crate::{early, process};

/// Makes the entry point of a hook that is several functions: one for a thread that
/// records all events and is in none, one for a thread that records samples, one for
/// where nothing is recorded, and one for any other. The choice is made here because
/// a function that begins with it would save registers first. `$own` is the argument
/// register in which the thread goes on to the first two.
macro_rules! gated {
    ($name:ident($($argument:ident: $type:ty)?), $own:literal, $ready:path, $sampling:path,
     $unready:path, $passive:path $(, $before:literal)*) => {
        /// Entry point: see the two hooks it jumps to.
        ///
        /// # Safety
        /// As for the function of this name.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type)?) {
            core::arch::naked_asm!(
                $($before,)*
                concat!("mov ", $own, ", [rip + freehold_tls@GOTTPOFF]"),
                concat!("mov ", $own, ", fs:[", $own, "]"),
                concat!("test ", $own, ", ", $own),
                "jz {unready}",
                concat!("cmp dword ptr [", $own, " + {gate}], {open}"),
                "jne 2f",
                "jmp {ready}",
                "2:",
                concat!("cmp dword ptr [", $own, " + {gate}], {samples}"),
                "jne 3f",
                "jmp {sampling}",
                "3:",
                concat!("cmp dword ptr [", $own, " + {gate}], {closed}"),
                "jne {unready}",
                "jmp {passive}",
                gate = const thread::GATE,
                open = const thread::OPEN,
                samples = const thread::SAMPLES,
                closed = const thread::CLOSED,
                ready = sym $ready,
                sampling = sym $sampling,
                unready = sym $unready,
                passive = sym $passive,
            )
        }
    };
}

gated!(
    malloc(),
    "rcx",
    on_malloc,
    malloc_sampling,
    malloc_unready,
    malloc_passive,
    "mov rsi, rsp",
    "mov rdx, rbp"
);
gated!(
    free(block: *mut u8),
    "rsi",
    on_free,
    free_sampling,
    free_unready,
    free_passive,
    "mov rdx, rsp",
    "mov rcx, rbp"
);
thunk!(free_sized, on_free_sized, "rdx", "rcx");
thunk!(free_aligned_sized, on_free_aligned_sized, "rcx", "r8");
thunk!(calloc, on_calloc, "rdx", "rcx");
thunk!(realloc, on_realloc, "rdx", "rcx");
thunk!(reallocarray, on_reallocarray, "rcx", "r8");
thunk!(posix_memalign, on_posix_memalign, "rcx", "r8");
thunk!(aligned_alloc, on_aligned_alloc, "rdx", "rcx");
thunk!(memalign, on_memalign, "rdx", "rcx");
thunk!(valloc, on_valloc, "rsi", "rdx");
thunk!(pvalloc, on_pvalloc, "rsi", "rdx");

/// Whether the real functions are known; finds them unless that is going on.
#[inline(always)]
fn is_ready(function: &Real) -> bool {
    !function.address().is_null() || {
        thread::current();
        !function.address().is_null()
    }
}

fn out_of_memory() -> *mut u8 {
    // SAFETY: the location is valid for this thread.
    unsafe { *libc::__errno_location() = libc::ENOMEM };
    null_mut()
}

/// What `realloc` gives for something that it must not resize.
#[cold]
fn refused() -> *mut u8 {
    // SAFETY: the location is valid for this thread.
    unsafe { *libc::__errno_location() = libc::EINVAL };
    null_mut()
}

type Malloc = unsafe extern "C" fn(usize) -> *mut u8;

unsafe extern "C" fn on_malloc(size: usize, slot: usize, bp: usize, ready: Ready) -> *mut u8 {
    // SAFETY: the signature of malloc, which is known once a thread has begun;
    // as the caller called us.
    let block = unsafe { real::MALLOC.known::<Malloc>()(size) };
    let family = ready.family_of(block);
    if block.is_null() {
        return block;
    }
    allocated_by(ready, block, size, family, Entry { slot, bp })
}

/// Where nothing is recorded, ever.
unsafe extern "C" fn malloc_passive(size: usize) -> *mut u8 {
    // SAFETY: the signature of malloc.
    match unsafe { real::MALLOC.get::<Malloc>() } {
        // SAFETY: as the caller called us.
        Some(malloc) => unsafe { malloc(size) },
        None => out_of_memory(),
    }
}

/// Where samples are recorded.
unsafe extern "C" fn malloc_sampling(
    size: usize,
    slot: usize,
    bp: usize,
    sampling: Sampling,
) -> *mut u8 {
    if !sampling.ignores(size) {
        return malloc_slowly(size, slot, bp);
    }
    // SAFETY: as in `on_malloc`.
    unsafe { real::MALLOC.known::<Malloc>()(size) }
}

/// Where nothing has begun, or an event was interrupted.
unsafe extern "C" fn malloc_unready(size: usize, slot: usize, bp: usize) -> *mut u8 {
    if !thread::ignores(size) {
        return malloc_slowly(size, slot, bp);
    }
    // SAFETY: as the caller called us.
    unsafe { malloc_passive(size) }
}

#[cold]
#[inline(never)]
fn malloc_slowly(size: usize, slot: usize, bp: usize) -> *mut u8 {
    if !is_ready(&real::MALLOC) {
        return early::allocate(size, 16);
    }
    // SAFETY: the signature of malloc.
    let Some(malloc) = (unsafe { real::MALLOC.get::<Malloc>() }) else {
        return out_of_memory();
    };
    // SAFETY: as the caller called us.
    let block = unsafe { malloc(size) };
    allocated(block, size, Family::Malloc, Entry { slot, bp });
    block
}

unsafe extern "C" fn on_calloc(count: usize, size: usize, slot: usize, bp: usize) -> *mut u8 {
    if !is_ready(&real::CALLOC) {
        return match count.checked_mul(size) {
            Some(bytes) => early::allocate(bytes, 16),
            None => out_of_memory(),
        };
    }
    // SAFETY: the signature of calloc.
    let calloc = unsafe { real::CALLOC.get::<unsafe extern "C" fn(usize, usize) -> *mut u8>() };
    let Some(calloc) = calloc else {
        return out_of_memory();
    };
    // SAFETY: as the caller called us.
    let block = unsafe { calloc(count, size) };
    // It succeeded, so the product does not overflow.
    allocated(
        block,
        count.wrapping_mul(size),
        Family::Malloc,
        Entry { slot, bp },
    );
    block
}

/// The release of the old block is noted before the real call and the new block
/// after it: between them another thread may be given the old address.
#[inline(always)]
fn reallocated(
    old: *mut u8,
    size: usize,
    called: Called,
    entry: Entry,
    call: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let known = match old.is_null() {
        true => None,
        false => match released_for_now(old, called, entry) {
            Ok(known) => Some(known),
            Err(Fate::Drop) => return refused(),
            // One allocator serves all families that it could be.
            Err(Fate::Make | Fate::Due(_)) => None,
        },
    };
    let block = call();
    if !block.is_null() {
        allocated(block, size, Family::Malloc, entry);
    } else if let Some(known) = known
        // With size 0, null means that glibc has released the block.
        && size != 0
    {
        restored(old, &known);
    }
    block
}

/// A block from before the real functions were known moves to the real heap.
#[cold]
fn realloc_early(old: *mut u8, size: usize, entry: Entry) -> *mut u8 {
    // SAFETY: the caller found that it is ours.
    let old_size = unsafe { early::size(old) };
    let block = malloc_slowly(size, entry.slot, entry.bp);
    if !block.is_null() {
        // SAFETY: both are at least as long.
        unsafe { core::ptr::copy_nonoverlapping(old, block, old_size.min(size)) };
    }
    block
}

unsafe extern "C" fn on_realloc(old: *mut u8, size: usize, slot: usize, bp: usize) -> *mut u8 {
    // SAFETY: as the caller called us.
    unsafe { resize(old, size, Called::Realloc, Entry { slot, bp }) }
}

/// # Safety
/// As for `realloc`.
unsafe fn resize(old: *mut u8, size: usize, called: Called, entry: Entry) -> *mut u8 {
    if early::owns(old) || !is_ready(&real::REALLOC) {
        return match old.is_null() {
            true => early::allocate(size, 16),
            false => realloc_early(old, size, entry),
        };
    }
    type Realloc = unsafe extern "C" fn(*mut u8, usize) -> *mut u8;
    // SAFETY: the signature of realloc.
    let Some(realloc) = (unsafe { real::REALLOC.get::<Realloc>() }) else {
        return out_of_memory();
    };
    // SAFETY: as the caller called us.
    reallocated(old, size, called, entry, || unsafe { realloc(old, size) })
}

unsafe extern "C" fn on_reallocarray(
    old: *mut u8,
    count: usize,
    size: usize,
    slot: usize,
    bp: usize,
) -> *mut u8 {
    match count.checked_mul(size) {
        // SAFETY: the same contract.
        Some(bytes) => unsafe { resize(old, bytes, Called::ReallocArray, Entry { slot, bp }) },
        None => out_of_memory(),
    }
}

unsafe extern "C" fn on_posix_memalign(
    out: *mut *mut u8,
    align: usize,
    size: usize,
    slot: usize,
    bp: usize,
) -> c_int {
    type Function = unsafe extern "C" fn(*mut *mut u8, usize, usize) -> c_int;
    if is_ready(&real::POSIX_MEMALIGN)
        // SAFETY: the signature of posix_memalign.
        && let Some(function) = unsafe { real::POSIX_MEMALIGN.get::<Function>() }
    {
        // SAFETY: as the caller called us.
        let error = unsafe { function(out, align, size) };
        if error == 0 {
            // SAFETY: it succeeded, so it wrote the block there.
            allocated(unsafe { *out }, size, Family::Malloc, Entry { slot, bp });
        }
        return error;
    }
    let block = early::allocate(size, align);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller passes a valid place.
    unsafe { *out = block };
    0
}

/// `aligned_alloc`, `memalign`.
#[inline(always)]
fn aligned(function: &Real, align: usize, size: usize, entry: Entry) -> *mut u8 {
    if !is_ready(function) {
        return early::allocate(size, align);
    }
    type Function = unsafe extern "C" fn(usize, usize) -> *mut u8;
    // SAFETY: the signature of both.
    let Some(call) = (unsafe { function.get::<Function>() }) else {
        return out_of_memory();
    };
    // SAFETY: as the caller called us.
    let block = unsafe { call(align, size) };
    allocated(block, size, Family::Malloc, entry);
    block
}

unsafe extern "C" fn on_aligned_alloc(
    align: usize,
    size: usize,
    slot: usize,
    bp: usize,
) -> *mut u8 {
    aligned(&real::ALIGNED_ALLOC, align, size, Entry { slot, bp })
}

unsafe extern "C" fn on_memalign(align: usize, size: usize, slot: usize, bp: usize) -> *mut u8 {
    aligned(&real::MEMALIGN, align, size, Entry { slot, bp })
}

/// `valloc`, `pvalloc`.
fn page_aligned(function: &Real, size: usize, entry: Entry) -> *mut u8 {
    if !is_ready(function) {
        return early::allocate(size, 4096);
    }
    // SAFETY: the signature of both.
    let call = unsafe { function.get::<unsafe extern "C" fn(usize) -> *mut u8>() };
    let Some(call) = call else {
        return out_of_memory();
    };
    // SAFETY: as the caller called us.
    let block = unsafe { call(size) };
    allocated(block, size, Family::Malloc, entry);
    block
}

unsafe extern "C" fn on_valloc(size: usize, slot: usize, bp: usize) -> *mut u8 {
    page_aligned(&real::VALLOC, size, Entry { slot, bp })
}

unsafe extern "C" fn on_pvalloc(size: usize, slot: usize, bp: usize) -> *mut u8 {
    page_aligned(&real::PVALLOC, size, Entry { slot, bp })
}

type Free = unsafe extern "C" fn(*mut u8);

unsafe extern "C" fn on_free(block: *mut u8, ready: Ready, slot: usize, bp: usize) {
    let site = super::site(Entry { slot, bp });
    match ready.try_released(block, Family::Malloc, site) {
        // SAFETY: the signature of free, which is known once a thread has
        // begun; as the caller called us.
        Tried::Done => unsafe { real::FREE.known::<Free>()(block) },
        Tried::Settle => free_settled(ready, block),
        Tried::Home(segment) => free_in(segment, block, slot, bp),
        Tried::Nothing => free_slowly(block, slot, bp),
    }
}

/// Where nothing is recorded, ever; but the first blocks may be ours.
unsafe extern "C" fn free_passive(block: *mut u8) {
    if early::owns(block) {
        return;
    }
    // SAFETY: as in `on_free`.
    unsafe { real::FREE.known::<Free>()(block) };
}

/// Where samples are recorded.
unsafe extern "C" fn free_sampling(block: *mut u8, sampling: Sampling, slot: usize, bp: usize) {
    if !sampling.ignores_release(block) || early::owns(block) {
        // SAFETY: as the caller called us.
        return unsafe { free_unready(block, 0, slot, bp) };
    }
    // SAFETY: as in `on_free`.
    unsafe { real::FREE.known::<Free>()(block) };
}

unsafe extern "C" fn free_unready(block: *mut u8, _: usize, slot: usize, bp: usize) {
    if !thread::ignores_release(block) || early::owns(block) {
        return free_slowly(block, slot, bp);
    }
    // SAFETY: as in `on_free`.
    unsafe { real::FREE.known::<Free>()(block) };
}

/// Of a block after whose release the ledger's sums are due.
#[inline(never)]
extern "C" fn free_settled(ready: Ready, block: *mut u8) {
    ready.settle();
    // SAFETY: as in `on_free`.
    unsafe { real::FREE.known::<Free>()(block) };
}

/// Of a block whose place in its segment has to be looked for.
#[inline(never)]
extern "C" fn free_in(segment: SegmentRef, block: *mut u8, slot: usize, bp: usize) {
    if early::owns(block) {
        return;
    }
    let fate = released_in(segment, block, Called::Free, Entry { slot, bp });
    // SAFETY: as in `on_free`.
    fulfil(fate, block, |block| unsafe {
        real::FREE.known::<Free>()(block)
    });
}

/// Of a block that has to be looked for, of nothing, or where nothing is
/// recorded.
#[inline(never)]
extern "C" fn free_slowly(block: *mut u8, slot: usize, bp: usize) {
    if block.is_null() || early::owns(block) {
        return;
    }
    let fate = match process::is_passive() {
        true => Fate::Make,
        false => super::released_slowly(block, Called::Free, Entry { slot, bp }),
    };
    fulfil(fate, block, release_really);
}

fn release_really(block: *mut u8) {
    // SAFETY: the signature of free.
    if let Some(free) = unsafe { real::FREE.get::<Free>() } {
        // SAFETY: as the caller called us.
        unsafe { free(block) };
    }
}

/// Does what was decided on the release of a block.
fn fulfil(fate: Fate, block: *mut u8, call: impl FnOnce(*mut u8)) {
    let due = match fate {
        Fate::Make => return call(block),
        Fate::Drop => return,
        Fate::Due(Family::New) => &real::DELETE,
        Fate::Due(Family::NewArray) => &real::DELETE_ARRAY,
        Fate::Due(_) => &real::FREE,
    };
    // SAFETY: all three have the signature of free.
    match unsafe { due.get::<Free>() } {
        // SAFETY: it is the function for such blocks.
        Some(due) => unsafe { due(block) },
        None => release_really(block),
    }
}

unsafe extern "C" fn on_free_sized(block: *mut u8, size: usize, slot: usize, bp: usize) {
    type Function = unsafe extern "C" fn(*mut u8, usize);
    if block.is_null() || early::owns(block) {
        return;
    }
    let entry = Entry { slot, bp };
    misuse::check_size(block, size, Called::FreeSized, entry);
    let fate = released(block, Called::FreeSized, entry);
    // SAFETY: the signature of free_sized.
    let function = unsafe { real::FREE_SIZED.get::<Function>() };
    fulfil(fate, block, |block| match function {
        // SAFETY: as the caller called us.
        Some(function) => unsafe { function(block, size) },
        None => release_really(block),
    });
}

unsafe extern "C" fn on_free_aligned_sized(
    block: *mut u8,
    align: usize,
    size: usize,
    slot: usize,
    bp: usize,
) {
    type Function = unsafe extern "C" fn(*mut u8, usize, usize);
    if block.is_null() || early::owns(block) {
        return;
    }
    let entry = Entry { slot, bp };
    misuse::check_size(block, size, Called::FreeAlignedSized, entry);
    let fate = released(block, Called::FreeAlignedSized, entry);
    // SAFETY: the signature of free_aligned_sized.
    let function = unsafe { real::FREE_ALIGNED_SIZED.get::<Function>() };
    fulfil(fate, block, |block| match function {
        // SAFETY: as the caller called us.
        Some(function) => unsafe { function(block, align, size) },
        None => release_really(block),
    });
}

/// `malloc_usable_size`.
///
/// # Safety
/// As for the function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    if early::owns(block.cast()) {
        // SAFETY: it is ours.
        return unsafe { early::size(block.cast()) };
    }
    if !is_ready(&real::USABLE_SIZE) {
        return 0;
    }
    // SAFETY: the signature of malloc_usable_size.
    let function = unsafe { real::USABLE_SIZE.get::<unsafe extern "C" fn(*mut c_void) -> usize>() };
    // SAFETY: as the caller called us.
    function.map_or(0, |f| unsafe { f(block) })
}
