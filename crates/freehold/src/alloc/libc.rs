//! The platform's allocator, with more or less told to the tracker.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::NonNull;

use freehold_families::FamilyError;

use super::{AllocError, Allocator};
use crate::contract::LIVE;
use crate::entry::{Entry, enter};
use crate::free::{deallocate, deallocate_registered};
use crate::ownership::Ownership;
use crate::record::{self, What};
use crate::registry::{self, Entry as Registered};
use crate::release::Releaser;
use crate::state::{self, unseen};
use crate::{FreeError, failing, plain, platform};

/// What an allocator tells the tracker.
///
/// ```
/// use freehold::alloc::{Allocator, Libc, Mode};
/// use std::alloc::Layout;
/// /// How much the tracker is told is for the caller to say.
/// fn number<M: Mode>() -> Result<(), freehold::AllocError> {
///     let (malloc, layout) = (Libc::<M, false>::default(), Layout::new::<u32>());
///     let block = malloc.allocate(layout, "u32")?;
///     // SAFETY: allocated above with this layout, released once.
///     unsafe { malloc.deallocate(block, layout) }.expect("was live");
///     Ok(())
/// }
/// number::<freehold::alloc::Platform>()?;
/// number::<freehold::alloc::Diagnostic>()?;
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub trait Mode: Copy + Default + sealed::Sealed {
    /// Whether blocks are recorded while tracking is on.
    ///
    /// ```
    /// use freehold::alloc::{Mode, Platform, Recorded};
    /// assert!(Recorded::RECORDED);
    /// assert!(!Platform::RECORDED, "the tracker never hears of its blocks");
    /// ```
    const RECORDED: bool;
    /// Whether they count as leaks when they stay.
    ///
    /// ```
    /// use freehold::alloc::{Diagnostic, Mode, Recorded};
    /// assert!(Diagnostic::COUNTED);
    /// assert!(!Recorded::COUNTED, "known to `free`, and no leak");
    /// ```
    const COUNTED: bool;
}

/// Nothing is told: the platform's allocator and no more.
///
/// ```
/// use freehold::{Allocator, Answer, alloc::{Libc, Platform}, query, track};
/// track::start(&Default::default()).expect("memory for a ledger");
/// let (platform, layout) = (Libc::<Platform, false>::default(), std::alloc::Layout::new::<u8>());
/// let block = platform.allocate(layout, "u8")?;
/// assert!(!matches!(query(block.as_ptr() as usize), Answer::Live(_)));
/// // SAFETY: allocated above with this layout, released once.
/// unsafe { platform.deallocate(block, layout) }.expect("the platform's free");
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Platform;
/// Blocks are recorded, so that `free` knows them.
///
/// ```
/// use freehold::{Allocator, Answer, alloc::{Libc, Recorded}, query, track};
/// track::start(&Default::default()).expect("memory for a ledger");
/// let (malloc, layout) = (Libc::<Recorded, false>::default(), std::alloc::Layout::new::<u8>());
/// let block = malloc.allocate(layout, "u8")?;
/// let Answer::Live(known) = query(block.as_ptr() as usize) else { panic!("recorded") };
/// assert_eq!((known.size, known.tag.as_str()), (1, "")); // known without its type
/// # // SAFETY: allocated above with this layout, released once.
/// # unsafe { malloc.deallocate(block, layout) }.expect("was live");
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded;
/// Blocks are recorded with their type, and count as leaks.
///
/// ```
/// use freehold::{Allocator, Answer, alloc::{Diagnostic, Libc}, query, track};
/// track::start(&Default::default()).expect("memory for a ledger");
/// let (malloc, layout) = (Libc::<Diagnostic, false>::default(), std::alloc::Layout::new::<u8>());
/// let block = malloc.allocate(layout, "header")?;
/// let Answer::Live(known) = query(block.as_ptr() as usize) else { panic!("recorded") };
/// assert_eq!(known.tag, "header");
/// # // SAFETY: allocated above with this layout, released once.
/// # unsafe { malloc.deallocate(block, layout) }.expect("was live");
/// # Ok::<(), freehold::AllocError>(())
/// ```
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
///
/// ```
/// use freehold::{Arena, alloc::{Libc, Recorded}};
/// // `calloc` whose blocks are recorded: the same as `Calloc`.
/// let arena = Arena::<Libc<Recorded, true>>::over();
/// assert_eq!(arena.alloc::<u32>(4)?, [0; 4]);
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Libc<M: Mode, const ZEROES: bool>(PhantomData<M>);

/// The allocator of [`malloc`](super::malloc()).
///
/// ```
/// use freehold::{Block, Malloc, malloc};
/// use std::mem::MaybeUninit;
/// let block: Block<MaybeUninit<u8>, Malloc> = malloc(16)?;
/// assert_eq!(block.len(), 16);
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub type Malloc = Libc<Recorded, false>;
/// The allocator of [`calloc`](super::calloc()).
///
/// ```
/// use freehold::{Block, Calloc, calloc};
/// struct Table { rows: Block<u32, Calloc> }
/// let table = Table { rows: calloc(16)? };
/// assert_eq!(table.rows[15], 0);
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub type Calloc = Libc<Recorded, true>;
/// The allocator of [`diagnostic_malloc`](super::diagnostic_malloc()).
///
/// ```
/// use freehold::{Block, DiagnosticMalloc, diagnostic_malloc};
/// use std::mem::MaybeUninit;
/// let block: Block<MaybeUninit<u8>, DiagnosticMalloc> = diagnostic_malloc(16)?;
/// assert_eq!(block.len(), 16);
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub type DiagnosticMalloc = Libc<Diagnostic, false>;
/// The allocator of [`diagnostic_calloc`](super::diagnostic_calloc()).
///
/// ```
/// use freehold::{Block, DiagnosticCalloc, strings::NativeText};
/// // What makes text for native code gives blocks of this one.
/// let text: Block<u8, DiagnosticCalloc> = "hi".to_native_utf8()?;
/// assert_eq!(text[..], *b"hi\0");
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub type DiagnosticCalloc = Libc<Diagnostic, true>;
/// The platform's `malloc`, never told of.
///
/// ```
/// use freehold::{Arena, alloc::PlatformMalloc};
/// // Scratch memory that no report shall show.
/// let arena = Arena::<PlatformMalloc>::over();
/// assert_eq!(arena.alloc_from(&[1u8, 2])?, [1, 2]);
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub type PlatformMalloc = Libc<Platform, false>;
/// The platform's `calloc`, never told of.
///
/// ```
/// use freehold::{Arena, alloc::PlatformCalloc};
/// let arena = Arena::<PlatformCalloc>::over();
/// assert_eq!(arena.alloc::<u16>(3)?, [0; 3]);
/// # Ok::<(), freehold::AllocError>(())
/// ```
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
///
/// ```
/// use freehold::{AdaptiveMalloc, Block, adaptive_malloc};
/// use std::mem::MaybeUninit;
/// let block: Block<MaybeUninit<u8>, AdaptiveMalloc> = adaptive_malloc(16)?;
/// assert_eq!(block.len(), 16);
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub type AdaptiveMalloc = Libc<adaptive::Mode, false>;
/// The allocator of [`adaptive_calloc`](super::adaptive_calloc()).
///
/// ```
/// use freehold::{AdaptiveCalloc, Block, adaptive_calloc};
/// let block: Block<u8, AdaptiveCalloc> = adaptive_calloc(16)?;
/// assert_eq!(block[..], [0; 16]);
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub type AdaptiveCalloc = Libc<adaptive::Mode, true>;

/// The platform's allocation of one layout or of `count` of them. The alignment is
/// mostly known when this is compiled.
#[inline(always)]
fn platform(count: usize, element: Layout, zeroed: bool) -> Result<NonNull<u8>, AllocError> {
    let size = element.size();
    let block = match (element.align() <= platform::ALIGNMENT, zeroed) {
        // The platform says what overflows or is too large by giving null.
        (true, true) => platform::calloc(count, size),
        (true, false) => match count.checked_mul(size) {
            Some(bytes) => platform::malloc(bytes),
            None => return Err(no_memory(count, size)),
        },
        (false, zeroed) => match count.checked_mul(size) {
            Some(bytes) => platform::over_aligned(bytes, element.align(), zeroed)
                .map_or(core::ptr::null_mut(), |(block, _)| block.as_ptr()),
            None => core::ptr::null_mut(),
        },
    };
    match NonNull::new(block) {
        Some(block) => Ok(block),
        None => Err(no_memory(count, size)),
    }
}

/// Why there are not `count` elements of `size` bytes. Without any effect, so that
/// callers that do not ask need not be told.
#[inline]
const fn no_memory(count: usize, size: usize) -> AllocError {
    match count.checked_mul(size) {
        None => AllocError::Overflow { count, size },
        Some(bytes) if bytes > isize::MAX as usize => AllocError::TooLarge { bytes },
        Some(bytes) => AllocError::OutOfMemory { bytes },
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
    fn error(&self, count: usize, size: usize) -> AllocError {
        match self.injected {
            0 => no_memory(count, size),
            number => AllocError::Injected {
                bytes: count * size,
                number,
            },
        }
    }
}

/// What `how` holds, from its lowest bit on: whether to zero, whether the block is
/// told of, whether it counts, six bits of alignment, the length of the tag.
const ZEROED: usize = 1;
const RECORDED: usize = 2;
const COUNTED: usize = 4;
const ALIGN_SHIFT: u32 = 3;
const TAG_SHIFT: u32 = 9;

/// The entry to [`allocate_slowly`]: all in registers, so that a caller for whom
/// nothing is tracked prepares nothing.
///
/// # Safety
/// `how` is what it says, with the length of the text at `tag`, which stays.
#[cfg(all(target_arch = "x86_64", not(windows)))]
#[unsafe(naked)]
unsafe extern "C-unwind" fn allocate_thunk(
    count: usize,
    size: usize,
    how: usize,
    tag: *const u8,
) -> Answer {
    core::arch::naked_asm!(
        "mov r8, rsp",
        "mov r9, rbp",
        "jmp {slowly}",
        slowly = sym allocate_slowly,
    )
}

/// The same on Windows, whose convention has four registers for arguments and one
/// for a result, and in 32-bit programs, which pass nothing in registers.
///
/// # Safety
/// As elsewhere.
#[cfg(any(target_arch = "x86", windows))]
#[inline(always)]
unsafe fn allocate_thunk(count: usize, size: usize, how: usize, tag: *const u8) -> Answer {
    // SAFETY: promised by the caller.
    enter(|Entry { slot, bp }| unsafe { allocate_slowly(count, size, how, tag, slot, bp) })
}

unsafe extern "C-unwind" fn allocate_slowly(
    count: usize,
    size: usize,
    how: usize,
    tag: *const u8,
    slot: usize,
    bp: usize,
) -> Answer {
    const NONE: Answer = Answer {
        block: core::ptr::null_mut(),
        injected: 0,
    };
    // On Windows `enter` has seen to it.
    #[cfg(not(windows))]
    let _errno = crate::system::KeepErrno::new();
    let tracker = state::tracker();
    if state::is_plain() {
        plain::open();
    }
    let align = 1 << (how >> ALIGN_SHIFT & 63);
    let bytes = count.checked_mul(size);
    let Some(Ok(layout)) = bytes.map(|bytes| Layout::from_size_align(bytes, align)) else {
        return NONE;
    };
    let is_recorded = how & RECORDED != 0;
    if let Some(injected) = is_recorded.then(failing::next).flatten() {
        return Answer { injected, ..NONE };
    }
    let zeroed = how & ZEROED != 0;
    let found = unseen(|| match platform::is_own(align) {
        true => Some((platform(1, layout, zeroed).ok()?, Releaser::PLATFORM)),
        false => platform::over_aligned(layout.size(), align, zeroed),
    });
    let Some((block, release)) = found else {
        return NONE;
    };
    registry::forget_stale(block.as_ptr() as usize);
    if !platform::is_own(align) {
        let entry = Registered::new(layout.size(), release, Ownership::Owned);
        registry::with(|map| map.insert(block.as_ptr() as usize, entry));
    }
    if let Some(tracker) = tracker.filter(|_| is_recorded) {
        // SAFETY: the text that the caller named.
        let tag: &'static str = unsafe {
            core::str::from_utf8_unchecked(core::slice::from_raw_parts(tag, how >> TAG_SHIFT))
        };
        let what = What {
            address: block.as_ptr() as usize,
            size: layout.size(),
            family: release.family(),
            tag: (how & COUNTED != 0).then_some(tag),
            owner: Ownership::Owned,
        };
        record::allocated(tracker, &what, Entry { slot, bp });
    }
    Answer {
        block: block.as_ptr(),
        ..NONE
    }
}

impl<M: Mode, const ZEROES: bool> Libc<M, ZEROES> {
    #[inline(always)]
    fn allocate_as(
        count: usize,
        element: Layout,
        tag: &'static str,
        zeroed: bool,
    ) -> Result<NonNull<u8>, AllocError> {
        let (size, align) = (element.size(), element.align());
        if platform::is_own(align) && (!M::RECORDED || plain::allocates()) {
            return platform(count, element, zeroed);
        }
        core::hint::cold_path();
        let bits = usize::from(zeroed) * ZEROED
            + usize::from(M::RECORDED) * RECORDED
            + usize::from(M::COUNTED) * COUNTED;
        let align = (align.trailing_zeros() as usize) << ALIGN_SHIFT;
        let how = bits + align + (tag.len() << TAG_SHIFT);
        // SAFETY: an alignment with its bits, and a text.
        let answer = unsafe { allocate_thunk(count, size, how, tag.as_ptr()) };
        match NonNull::new(answer.block) {
            Some(block) => Ok(block),
            None => Err(answer.error(count, size)),
        }
    }
}

// SAFETY: the platform's allocator; a failed `realloc` leaves the block.
unsafe impl<M: Mode, const ZEROES: bool> Allocator for Libc<M, ZEROES> {
    #[inline(always)]
    fn allocate(&self, layout: Layout, tag: &'static str) -> Result<NonNull<u8>, AllocError> {
        Self::allocate_as(1, layout, tag, ZEROES)
    }

    #[inline(always)]
    fn allocate_zeroed(
        &self,
        layout: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError> {
        Self::allocate_as(1, layout, tag, true)
    }

    #[inline(always)]
    fn allocate_array(
        &self,
        count: usize,
        element: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError> {
        Self::allocate_as(count, element.pad_to_align(), tag, ZEROES)
    }

    #[inline(always)]
    fn allocate_array_zeroed(
        &self,
        count: usize,
        element: Layout,
        tag: &'static str,
    ) -> Result<NonNull<u8>, AllocError> {
        Self::allocate_as(count, element.pad_to_align(), tag, true)
    }

    #[inline(always)]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) -> Result<(), FreeError> {
        if !platform::is_own(layout.align()) {
            // SAFETY: promised by the caller.
            return unsafe { deallocate_registered(block.as_ptr().cast(), layout.size()) };
        }
        if !M::RECORDED || plain::releases(block.as_ptr().cast()) {
            // SAFETY: promised by the caller.
            unsafe { platform::free(block.as_ptr().cast()) };
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
        if !platform::is_own(old.align()) {
            let moved = Self::allocate_as(1, new, tag, ZEROES)?;
            // SAFETY: both are that long; the old one is live, as promised.
            unsafe {
                let kept = old.size().min(new.size());
                core::ptr::copy_nonoverlapping(block.as_ptr(), moved.as_ptr(), kept);
                // A misuse is counted; the caller has the new block either way.
                let _ = deallocate_registered(block.as_ptr().cast(), old.size());
            }
            return Ok(moved);
        }
        let resize = || {
            // SAFETY: promised by the caller.
            let moved = unsafe { platform::reallocate(block, old.size(), old.align(), new.size()) };
            let moved = moved.map_err(|error| match error {
                FamilyError::TooLarge { bytes, .. } => AllocError::TooLarge { bytes },
                _ => no_memory(1, new.size()),
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
            match unseen(resize) {
                Ok(moved) => {
                    let what = What {
                        address: moved.as_ptr() as usize,
                        size: new.size(),
                        family: platform::FAMILY,
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
