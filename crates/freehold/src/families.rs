//! Blocks of the families other than `malloc`: C++'s, Rust's, and those of
//! Win32, the real ones on Windows and emulated elsewhere. What they give is
//! registered, so that the one [`free`](crate::free) knows what releases it.
//!
//! Their own release functions are [`free_as`](crate::free_as) with the family.
//!
//! ```
//! use freehold::families::{heap_alloc, local_alloc, PROCESS_HEAP, ZEROINIT};
//! use freehold::free;
//! let local = local_alloc(ZEROINIT, 8)?;
//! let heap = heap_alloc(PROCESS_HEAP, 8, true)?;
//! // SAFETY: nobody uses the blocks; `free` finds out which is which.
//! unsafe {
//!     free(local as *mut _).expect("by LocalFree");
//!     free(heap.as_ptr().cast()).expect("by HeapFree");
//! }
//! # Ok::<(), freehold::FamilyError>(())
//! ```

use core::ptr::NonNull;

use freehold_families::{Family, FamilyError, cpp};

use crate::adopt::register;
use crate::ownership::Ownership;
use crate::release::Releaser;
use crate::state::quietly;
use crate::system::KeepErrno;
use crate::win32::{self, bstr, co_task_mem, heap, hstring, movable, virtual_memory};
use crate::{record, registry, state};

pub use freehold_families::win32::heap::{Heap, PROCESS as PROCESS_HEAP};
pub use freehold_families::win32::movable::{FIXED, MOVEABLE, ZEROINIT};

/// Registers what a family gave.
#[inline(always)]
fn registered(address: usize, size: usize, release: Releaser, tag: &'static str) -> usize {
    // The family has just handed the address out: what was there is gone.
    registry::forget_stale(address);
    let _ = register(address, size, release, Ownership::Owned, tag);
    address
}

macro_rules! allocates {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty,
     $call:expr, $address:expr, $size:expr, $release:expr, $tag:literal) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`FamilyError`] as the family gives it.
        #[inline(always)]
        pub fn $name($($argument: $type),*) -> Result<$result, FamilyError> {
            let block: $result = quietly(|| $call)?;
            #[allow(clippy::redundant_closure_call)]
            registered(($address)(block), $size, $release, $tag);
            Ok(block)
        }
    };
}

allocates! {
    /// `CoTaskMemAlloc`: a block of `bytes` bytes.
    ///
    /// ```
    /// let block = freehold::families::co_task_mem_alloc(8).expect("memory");
    /// // SAFETY: live, used by nobody.
    /// unsafe { freehold::free(block.as_ptr().cast()) }.expect("was live");
    /// ```
    co_task_mem_alloc(bytes: usize) -> NonNull<u8>,
    co_task_mem::alloc(bytes), |b: NonNull<u8>| b.as_ptr() as usize, bytes,
    Releaser::Win32(Family::CoTaskMem), "CoTaskMem"
}

allocates! {
    /// `LocalAlloc`: a handle; with [`FIXED`] it is the address of the block.
    ///
    /// ```
    /// use freehold::families::{FIXED, local_alloc};
    /// let handle = local_alloc(FIXED, 8).expect("memory");
    /// // SAFETY: live, used by nobody.
    /// unsafe { freehold::free(handle as *mut _) }.expect("was live");
    /// ```
    local_alloc(flags: u32, bytes: usize) -> usize,
    movable::LOCAL.alloc(flags, bytes), |h: usize| h, bytes,
    movable_releaser(Family::Local, flags), "Local"
}

allocates! {
    /// `GlobalAlloc`: a handle; with [`FIXED`] it is the address of the block.
    ///
    /// ```
    /// use freehold::families::{MOVEABLE, global_alloc};
    /// let handle = global_alloc(MOVEABLE, 8).expect("memory");
    /// // SAFETY: live, used by nobody.
    /// unsafe { freehold::free(handle as *mut _) }.expect("was live");
    /// ```
    global_alloc(flags: u32, bytes: usize) -> usize,
    movable::GLOBAL.alloc(flags, bytes), |h: usize| h, bytes,
    movable_releaser(Family::Global, flags), "Global"
}

allocates! {
    /// `HeapAlloc`: a block of a heap, which need not be named to release it.
    ///
    /// ```
    /// use freehold::families::{Heap, heap_alloc};
    /// let block = heap_alloc(Heap::create(), 8, true).expect("memory");
    /// // SAFETY: live, used by nobody.
    /// unsafe { freehold::free(block.as_ptr().cast()) }.expect("was live");
    /// ```
    heap_alloc(heap: heap::Heap, bytes: usize, zeroed: bool) -> NonNull<u8>,
    heap.alloc(bytes, zeroed), |b: NonNull<u8>| b.as_ptr() as usize, bytes,
    Releaser::Heap(heap), "Heap"
}

allocates! {
    /// `VirtualAlloc`: zeroed pages for `bytes` bytes.
    ///
    /// ```
    /// let block = freehold::families::virtual_alloc(8).expect("memory");
    /// // SAFETY: live, used by nobody.
    /// unsafe { freehold::free(block.as_ptr().cast()) }.expect("was live");
    /// ```
    virtual_alloc(bytes: usize) -> NonNull<u8>,
    virtual_memory::alloc(bytes), |b: NonNull<u8>| b.as_ptr() as usize,
    bytes.next_multiple_of(4096), Releaser::Win32(Family::Virtual), "Virtual"
}

allocates! {
    /// `SysAllocStringLen`: a string with this text, which may hold NULs.
    ///
    /// ```
    /// let text = freehold::families::sys_alloc_string(&[97, 0, 98]).expect("memory");
    /// // SAFETY: live, used by nobody.
    /// unsafe { freehold::free(text.as_ptr().cast()) }.expect("was live");
    /// ```
    sys_alloc_string(text: &[u16]) -> NonNull<u16>,
    bstr::alloc(text), |b: NonNull<u16>| b.as_ptr() as usize, size_of_val(text),
    Releaser::Win32(Family::Bstr), "BSTR"
}

/// What releases a block of the two families with handles.
fn movable_releaser(family: Family, flags: u32) -> Releaser {
    match flags & MOVEABLE {
        0 => Releaser::Win32(family),
        _ => Releaser::Movable(family),
    }
}

/// Refuses what is no live block of this family: the real functions cannot tell.
fn known(family: Family, address: usize) -> Result<(), FamilyError> {
    match registry::find(address) {
        Some(entry) if entry.release.family() == family => Ok(()),
        _ => Err(FamilyError::UnknownBlock { family, address }),
    }
}

/// The functions of a handle, when it is one.
fn functions(family: Family, handle: usize) -> Result<&'static movable::Movable, FamilyError> {
    known(family, handle)?;
    let address = handle;
    win32::movable(family).ok_or(FamilyError::UnknownBlock { family, address })
}

/// `LocalLock` or `GlobalLock`, by the family: where the block of a handle lies.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it is no live handle of the family that is
/// registered here.
///
/// ```
/// use freehold::Family;
/// use freehold::families::{MOVEABLE, ZEROINIT, global_alloc, movable_lock, movable_unlock};
/// let handle = global_alloc(MOVEABLE | ZEROINIT, 8).expect("memory");
/// let memory = movable_lock(Family::Global, handle)?;
/// // SAFETY: eight bytes, locked; then released, used by nobody.
/// unsafe {
///     assert_eq!(memory.cast::<u64>().read_unaligned(), 0);
///     assert_eq!(movable_unlock(Family::Global, handle)?, 0);
///     freehold::free(handle as *mut _).expect("was live");
/// }
/// # Ok::<(), freehold::FamilyError>(())
/// ```
pub fn movable_lock(family: Family, handle: usize) -> Result<NonNull<u8>, FamilyError> {
    // SAFETY: a live one, as the registry says.
    unsafe { win32::lock(functions(family, handle)?, handle) }
}

/// `LocalUnlock` or `GlobalUnlock`, by the family: how many locks are left.
///
/// # Errors
/// [`FamilyError::UnknownBlock`]; [`FamilyError::NotLocked`].
///
/// ```
/// use freehold::{Family, families::movable_unlock};
/// assert!(movable_unlock(Family::Global, 16).is_err());
/// ```
pub fn movable_unlock(family: Family, handle: usize) -> Result<u32, FamilyError> {
    // SAFETY: as above.
    unsafe { win32::unlock(functions(family, handle)?, handle) }
}

/// `HeapDestroy`: releases a heap with all its blocks.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it was destroyed before, and for the
/// process's heap.
///
/// # Safety
/// Nobody uses a block of it any more.
///
/// ```
/// use freehold::families::{Heap, heap_alloc, heap_destroy};
/// let heap = Heap::create();
/// let block = heap_alloc(heap, 8, true).expect("memory");
/// // SAFETY: the block is not used any more.
/// unsafe { heap_destroy(heap) }.expect("live");
/// assert_eq!(freehold::ownership_of(block.as_ptr() as usize), None);
/// ```
pub unsafe fn heap_destroy(heap: Heap) -> Result<(), FamilyError> {
    let _errno = KeepErrno::new();
    let is_of = |release: &Releaser| matches!(release, Releaser::Heap(h) if *h == heap);
    let blocks = registry::with(|map| map.released_by(is_of));
    // SAFETY: promised by the caller.
    quietly(|| unsafe { heap.destroy() })?;
    for block in blocks {
        registry::with(|map| map.remove(block));
        if let Some(tracker) = state::tracker() {
            record::released(tracker, block, 0, 0);
        }
    }
    Ok(())
}

/// `operator new`, or `operator new[]` with [`Family::NewArray`], of the C++
/// runtime in this process.
///
/// # Errors
/// [`FamilyError::Absent`] when there is none.
///
/// ```
/// use freehold::{Family, families::cpp_new};
/// if let Ok(block) = cpp_new(Family::New, 8) {
///     // SAFETY: live, used by nobody.
///     unsafe { freehold::free(block.as_ptr().cast()) }.expect("was live");
/// }
/// ```
#[inline(always)]
pub fn cpp_new(family: Family, bytes: usize) -> Result<NonNull<u8>, FamilyError> {
    let block = quietly(|| cpp::allocate(family, bytes))?;
    registered(block.as_ptr() as usize, bytes, Releaser::Cpp(family), "new");
    Ok(block)
}

/// `WindowsCreateString`: a handle with one reference; 0 for no text, which
/// needs no release.
///
/// # Errors
/// [`FamilyError`] as the family gives it.
///
/// ```
/// use freehold::families::{windows_create_string, windows_duplicate_string};
/// let text = windows_create_string(&[104, 105]).expect("memory");
/// windows_duplicate_string(text).expect("live");
/// // SAFETY: two references, used by nobody.
/// unsafe {
///     freehold::free(text as *mut _).expect("one is left");
///     freehold::free(text as *mut _).expect("was live");
///     freehold::free(text as *mut _).expect_err("none is left");
/// }
/// ```
#[inline(always)]
pub fn windows_create_string(text: &[u16]) -> Result<usize, FamilyError> {
    let handle = quietly(|| hstring::create(text))?;
    if handle != 0 {
        let size = size_of_val(text);
        registered(handle, size, Releaser::Win32(Family::Hstring), "HSTRING");
    }
    Ok(handle)
}

/// `WindowsDuplicateString`: one reference more.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it is no live string that is registered here.
///
/// ```
/// use freehold::families::{windows_create_string, windows_duplicate_string};
/// let text = windows_create_string(&[104, 105])?;
/// assert_eq!(windows_duplicate_string(text)?, text);
/// // SAFETY: two references, each given back once.
/// unsafe {
///     freehold::free(text as *mut _).expect("one is left");
///     freehold::free(text as *mut _).expect("was live");
/// }
/// assert!(windows_duplicate_string(text).is_err(), "it is gone");
/// # Ok::<(), freehold::FamilyError>(())
/// ```
pub fn windows_duplicate_string(handle: usize) -> Result<usize, FamilyError> {
    if handle == 0 {
        return Ok(0);
    }
    known(Family::Hstring, handle)?;
    // SAFETY: a live one, as the registry says.
    let copy = quietly(|| unsafe { win32::duplicate(handle) })?;
    // A string that only stands for another's buffer is copied, under a new handle.
    if registry::with(|map| map.change(copy, |entry| entry.references += 1)).is_none() {
        // SAFETY: as above.
        let units = unsafe { win32::hstring_text(copy) }.map_or(0, |(_, units)| units);
        let release = Releaser::Win32(Family::Hstring);
        registered(copy, 2 * units, release, "HSTRING");
    }
    Ok(copy)
}

/// `WindowsGetStringRawBuffer`: where the text of a live string lies, with a NUL
/// behind it, and its units; valid as long as the string.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it is no live string.
///
/// ```
/// use freehold::families::{windows_create_string, windows_string_raw_buffer};
/// let text = windows_create_string(&[104, 105]).expect("memory");
/// let (at, units) = windows_string_raw_buffer(text)?;
/// // SAFETY: a live string; then released, used by nobody.
/// unsafe {
///     assert_eq!(std::slice::from_raw_parts(at.as_ptr(), units + 1), [104, 105, 0]);
///     freehold::free(text as *mut _).expect("was live");
/// }
/// # Ok::<(), freehold::FamilyError>(())
/// ```
pub fn windows_string_raw_buffer(handle: usize) -> Result<(NonNull<u16>, usize), FamilyError> {
    static EMPTY: u16 = 0;
    if handle == 0 {
        return Ok((NonNull::from(&EMPTY), 0));
    }
    known(Family::Hstring, handle)?;
    // SAFETY: a live one, as the registry says.
    unsafe { win32::hstring_text(handle) }.ok_or(FamilyError::UnknownBlock {
        family: Family::Hstring,
        address: handle,
    })
}

/// `SysStringLen`: units of a live string, 0 for null.
///
/// # Errors
/// [`FamilyError::UnknownBlock`] when it is no live string.
///
/// ```
/// use freehold::families::{sys_alloc_string, sys_string_len};
/// let text = sys_alloc_string(&[97, 0, 98]).expect("memory");
/// assert_eq!(sys_string_len(text.as_ptr() as usize), Ok(3));
/// // SAFETY: live, used by nobody.
/// unsafe { freehold::free(text.as_ptr().cast()) }.expect("was live");
/// ```
pub fn sys_string_len(text: usize) -> Result<usize, FamilyError> {
    if text == 0 {
        return Ok(0);
    }
    known(Family::Bstr, text)?;
    // SAFETY: a live one, as the registry says.
    let bytes = unsafe { win32::bstr_bytes(text) };
    let (family, address) = (Family::Bstr, text);
    bytes
        .map(|bytes| bytes / 2)
        .ok_or(FamilyError::UnknownBlock { family, address })
}

/// Rust's own allocator as a family: a block with its layout remembered, so that
/// the one `free` can release it.
///
/// # Errors
/// [`FamilyError`] as the family gives it; for no bytes, too.
///
/// ```
/// let layout = std::alloc::Layout::new::<[u64; 4]>();
/// let block = freehold::families::rust_alloc(layout).expect("memory");
/// // SAFETY: live, used by nobody.
/// unsafe { freehold::free(block.as_ptr().cast()) }.expect("was live");
/// ```
#[inline(always)]
pub fn rust_alloc(layout: core::alloc::Layout) -> Result<NonNull<u8>, FamilyError> {
    let block = quietly(|| freehold_families::rust::allocate(layout, true))?;
    let address = block.as_ptr() as usize;
    registered(address, layout.size(), Releaser::Rust(layout), "Rust");
    Ok(block)
}
