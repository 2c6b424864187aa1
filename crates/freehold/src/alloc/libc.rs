//! The platform's allocator, with more or less told to the tracker.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::NonNull;

use freehold_families::{Family, FamilyError, libc_malloc};

use super::{AllocError, Allocator};
use crate::contract::LIVE;
use crate::entry::{Entry, KeepErrno, enter};
use crate::free::deallocate;
use crate::ownership::Ownership;
use crate::record::{self, What};
use crate::state::{self, quietly};
use crate::{FreeError, failing, registry};

/// What an allocator tells the tracker.
pub trait Mode: Copy + Default + sealed::Sealed {
    /// Whether blocks are recorded while tracking is on.
    const RECORDED: bool;
    /// Whether they count as leaks when they stay.
    const COUNTED: bool;
}

/// Nothing is told: the platform's allocator and no more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Platform;
/// Blocks are recorded, so that `free` knows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded;
/// Blocks are recorded with their type, and count as leaks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Diagnostic;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Platform {}
    impl Sealed for super::Recorded {}
    impl Sealed for super::Diagnostic {}
}

impl Mode for Platform {
    const RECORDED: bool = false;
    const COUNTED: bool = false;
}
impl Mode for Recorded {
    const RECORDED: bool = true;
    const COUNTED: bool = false;
}
impl Mode for Diagnostic {
    const RECORDED: bool = true;
    const COUNTED: bool = true;
}

/// The platform's `malloc`, or `calloc` when `ZEROES`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Libc<M: Mode, const ZEROES: bool>(PhantomData<M>);

/// The allocator of [`malloc`](super::malloc()).
pub type Malloc = Libc<Recorded, false>;
/// The allocator of [`calloc`](super::calloc()).
pub type Calloc = Libc<Recorded, true>;
/// The allocator of [`diagnostic_malloc`](super::diagnostic_malloc()).
pub type DiagnosticMalloc = Libc<Diagnostic, false>;
/// The allocator of [`diagnostic_calloc`](super::diagnostic_calloc()).
pub type DiagnosticCalloc = Libc<Diagnostic, true>;
/// The platform's `malloc`, never told of.
pub type PlatformMalloc = Libc<Platform, false>;
/// The platform's `calloc`, never told of.
pub type PlatformCalloc = Libc<Platform, true>;

#[cfg(any(debug_assertions, feature = "adaptive-tracking"))]
mod adaptive {
    pub(super) type Mode = super::Diagnostic;
}
#[cfg(not(any(debug_assertions, feature = "adaptive-tracking")))]
mod adaptive {
    pub(super) type Mode = super::Platform;
}

/// The allocator of [`adaptive_malloc`](super::adaptive_malloc()).
pub type AdaptiveMalloc = Libc<adaptive::Mode, false>;
/// The allocator of [`adaptive_calloc`](super::adaptive_calloc()).
pub type AdaptiveCalloc = Libc<adaptive::Mode, true>;

/// The platform's allocation. `align` is mostly known when this is compiled.
#[inline(always)]
fn platform(size: usize, align: usize, zeroed: bool) -> Result<NonNull<u8>, AllocError> {
    let block = match (align <= libc_malloc::ALIGNMENT, zeroed) {
        // SAFETY: no requirement.
        (true, true) => NonNull::new(unsafe { libc::calloc(size, 1) }.cast()),
        // SAFETY: no requirement.
        (true, false) => NonNull::new(unsafe { libc::malloc(size) }.cast()),
        (false, zeroed) => libc_malloc::allocate(size, align, zeroed).ok(),
    };
    match block {
        Some(block) => Ok(block),
        None => Err(no_memory(size)),
    }
}

#[cold]
fn no_memory(bytes: usize) -> AllocError {
    match bytes > isize::MAX as usize {
        true => AllocError::TooLarge { bytes },
        false => AllocError::OutOfMemory { bytes },
    }
}

/// What a test wants to fail is not asked for.
fn injected(bytes: usize) -> Result<(), AllocError> {
    match failing::next() {
        Some(number) => Err(AllocError::Injected { bytes, number }),
        None => Ok(()),
    }
}

/// What [`allocate_slowly`] gives, in two registers.
#[repr(C)]
struct Answer {
    /// Null when there is none.
    block: *mut u8,
    /// Which allocation it was that a test made to fail, or 0.
    injected: u64,
}

impl Answer {
    #[cold]
    fn error(&self, bytes: usize) -> AllocError {
        match self.injected {
            0 => no_memory(bytes),
            number => AllocError::Injected { bytes, number },
        }
    }
}

/// Bits of `how` below the alignment.
const ZEROED: usize = 1;
const COUNTED: usize = 2;
const HOW_BITS: u32 = 2;

/// The entry to [`allocate_slowly`]: all in registers, so that a caller for whom
/// nothing is tracked prepares nothing.
///
/// # Safety
/// `how` holds an alignment and its bits, `tag` is a text of `tag_len` bytes that
/// stays.
#[unsafe(naked)]
unsafe extern "C-unwind" fn allocate_thunk(
    size: usize,
    how: usize,
    tag: *const u8,
    tag_len: usize,
) -> Answer {
    core::arch::naked_asm!(
        "mov r8, rsp",
        "mov r9, rbp",
        "jmp {slowly}",
        slowly = sym allocate_slowly,
    )
}

unsafe extern "C-unwind" fn allocate_slowly(
    size: usize,
    how: usize,
    tag: *const u8,
    tag_len: usize,
    slot: usize,
    bp: usize,
) -> Answer {
    let _errno = KeepErrno::new();
    let tracker = state::tracker();
    if let Some(injected) = failing::next() {
        return Answer {
            block: core::ptr::null_mut(),
            injected,
        };
    }
    let align = 1 << (how >> HOW_BITS);
    let block = quietly(|| platform(size, align, how & ZEROED != 0));
    let block = block.map_or(core::ptr::null_mut(), NonNull::as_ptr);
    if !block.is_null() {
        registry::forget_stale(block as usize);
        if let Some(tracker) = tracker {
            // SAFETY: the text that the caller named.
            let tag: &'static str = unsafe {
                core::str::from_utf8_unchecked(core::slice::from_raw_parts(tag, tag_len))
            };
            let what = What {
                address: block as usize,
                size,
                family: Family::Malloc,
                tag: (how & COUNTED != 0).then_some(tag),
                owner: Ownership::Owned,
            };
            record::allocated(tracker, &what, Entry { slot, bp });
        }
    }
    Answer { block, injected: 0 }
}

impl<M: Mode, const ZEROES: bool> Libc<M, ZEROES> {
    #[inline(always)]
    fn allocate_as(
        layout: Layout,
        tag: &'static str,
        zeroed: bool,
    ) -> Result<NonNull<u8>, AllocError> {
        let (size, align) = (layout.size(), layout.align());
        if !M::RECORDED || state::is_plain() {
            return platform(size, align, zeroed);
        }
        core::hint::cold_path();
        let bits = usize::from(zeroed) * ZEROED + usize::from(M::COUNTED) * COUNTED;
        let how = ((align.trailing_zeros() as usize) << HOW_BITS) + bits;
        // SAFETY: an alignment with its bits, and a text.
        let answer = unsafe { allocate_thunk(size, how, tag.as_ptr(), tag.len()) };
        match NonNull::new(answer.block) {
            Some(block) => Ok(block),
            None => Err(answer.error(size)),
        }
    }
}

// SAFETY: the platform's allocator; a failed `realloc` leaves the block.
unsafe impl<M: Mode, const ZEROES: bool> Allocator for Libc<M, ZEROES> {
    #[inline(always)]
    fn allocate(&self, layout: Layout, tag: &'static str) -> Result<NonNull<u8>, AllocError> {
        Self::allocate_as(layout, tag, ZEROES)
    }

    #[inline(always)]
    fn allocate_zeroed(
        &self,
        layout: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError> {
        Self::allocate_as(layout, tag, true)
    }

    #[inline(always)]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) -> Result<(), FreeError> {
        if !M::RECORDED || state::is_plain() {
            // SAFETY: promised by the caller.
            unsafe { libc::free(block.as_ptr().cast()) };
            return Ok(());
        }
        core::hint::cold_path();
        // SAFETY: promised by the caller.
        unsafe { deallocate(block.as_ptr().cast(), layout.size()) }
    }

    #[inline(always)]
    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError> {
        let resize = || {
            // SAFETY: promised by the caller.
            let moved =
                unsafe { libc_malloc::reallocate(block, old.size(), old.align(), new.size()) };
            let moved = moved.map_err(|error| match error {
                FamilyError::TooLarge { bytes, .. } => AllocError::TooLarge { bytes },
                _ => no_memory(new.size()),
            })?;
            if ZEROES && new.size() > old.size() {
                // SAFETY: the block is that long now.
                unsafe {
                    let behind = moved.as_ptr().add(old.size());
                    behind.write_bytes(0, new.size() - old.size());
                }
            }
            Ok(moved)
        };
        if !M::RECORDED || state::is_plain() {
            return resize();
        }
        enter(|entry| {
            let Some(tracker) = state::tracker() else {
                injected(new.size())?;
                return resize();
            };
            injected(new.size())?;
            let address = block.as_ptr() as usize;
            let here = record::capture(tracker, entry);
            // The old block before the real call and the new one after it:
            // between them another thread may be given the old address.
            let known = record::released(tracker, address, here, record::site(entry));
            match quietly(resize) {
                Ok(moved) => {
                    let what = What {
                        address: moved.as_ptr() as usize,
                        size: new.size(),
                        family: Family::Malloc,
                        tag: M::COUNTED.then_some(tag),
                        owner: Ownership::Owned,
                    };
                    record::allocated(tracker, &what, entry);
                    Ok(moved)
                }
                Err(error) => {
                    if known.0 == LIVE {
                        record::restored(tracker, &known.1);
                    }
                    Err(error)
                }
            }
        })
    }
}
