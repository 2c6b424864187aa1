//! The platform's allocator, with more or less told to the tracker.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::NonNull;

use freehold_families::{Family, FamilyError, libc_malloc};

use super::{AllocError, Allocator};
use crate::contract::LIVE;
use crate::entry::enter;
use crate::free::{Called, release};
use crate::ownership::Ownership;
use crate::record::{self, What};
use crate::state::{self, Quiet};
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

/// The platform's `malloc`, or `calloc` when `ZEROED`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Libc<M: Mode, const ZEROED: bool>(PhantomData<M>);

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

impl<M: Mode, const ZEROED: bool> Libc<M, ZEROED> {
    #[inline(always)]
    pub(crate) fn allocate_as(
        layout: Layout,
        tag: &'static str,
        zeroed: bool,
        owner: Ownership,
    ) -> Result<NonNull<u8>, AllocError> {
        let (size, align) = (layout.size(), layout.align());
        if !M::RECORDED || state::is_plain() {
            return platform(size, align, zeroed);
        }
        enter(|entry| {
            let tracker = state::tracker();
            injected(size)?;
            let _quiet = Quiet::new();
            let block = platform(size, align, zeroed)?;
            let address = block.as_ptr() as usize;
            registry::forget_stale(address);
            if let Some(tracker) = tracker {
                let what = What {
                    address,
                    size,
                    family: Family::Malloc,
                    tag: M::COUNTED.then_some(tag),
                    owner,
                };
                record::allocated(tracker, &what, entry);
            }
            Ok(block)
        })
    }
}

// SAFETY: the platform's allocator; a failed `realloc` leaves the block.
unsafe impl<M: Mode, const ZEROED: bool> Allocator for Libc<M, ZEROED> {
    #[inline(always)]
    fn allocate(&self, layout: Layout, tag: &'static str) -> Result<NonNull<u8>, AllocError> {
        Self::allocate_as(layout, tag, ZEROED, Ownership::Owned)
    }

    #[inline(always)]
    fn allocate_zeroed(
        &self,
        layout: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError> {
        Self::allocate_as(layout, tag, true, Ownership::Owned)
    }

    #[inline(always)]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) -> Result<(), FreeError> {
        if !M::RECORDED || state::is_plain() {
            // SAFETY: promised by the caller.
            unsafe { libc::free(block.as_ptr().cast()) };
            return Ok(());
        }
        enter(|entry| {
            let called = Called {
                family: Some(Family::Malloc),
                size: Some(layout.size()),
                known_malloc: true,
                ..Called::new("deallocate")
            };
            // SAFETY: promised by the caller.
            unsafe { release(block.as_ptr() as usize, called, entry) }
        })
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
            if ZEROED && new.size() > old.size() {
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
            let _quiet = Quiet::new();
            let address = block.as_ptr() as usize;
            let here = record::capture(tracker, entry);
            // The old block before the real call and the new one after it:
            // between them another thread may be given the old address.
            let known = record::released(tracker, address, here);
            match resize() {
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
