//! What releases a registered block.

use core::alloc::Layout;
use core::ptr::NonNull;

use freehold_families::custom::Release;
#[cfg(not(windows))]
use freehold_families::emulated::{bstr, co_task_mem, heap, hstring, movable, virtual_memory};
use freehold_families::{Family, FamilyError, cpp, libc_malloc, rust};

/// How a block is to be released.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Releaser {
    Malloc,
    Rust(Layout),
    Cpp(Family),
    #[cfg(not(windows))]
    CoTaskMem,
    #[cfg(not(windows))]
    Local,
    #[cfg(not(windows))]
    Global,
    #[cfg(not(windows))]
    Heap(heap::Heap),
    #[cfg(not(windows))]
    Virtual,
    #[cfg(not(windows))]
    Bstr,
    #[cfg(not(windows))]
    Hstring,
    Custom(Release),
    /// Nothing does: somebody else's.
    Never,
}

impl Releaser {
    /// The family of the block.
    pub(crate) fn family(&self) -> Family {
        match self {
            Releaser::Malloc => Family::Malloc,
            Releaser::Rust(_) => Family::Rust,
            Releaser::Cpp(family) => *family,
            #[cfg(not(windows))]
            Releaser::CoTaskMem => Family::CoTaskMem,
            #[cfg(not(windows))]
            Releaser::Local => Family::Local,
            #[cfg(not(windows))]
            Releaser::Global => Family::Global,
            #[cfg(not(windows))]
            Releaser::Heap(_) => Family::Heap,
            #[cfg(not(windows))]
            Releaser::Virtual => Family::Virtual,
            #[cfg(not(windows))]
            Releaser::Bstr => Family::Bstr,
            #[cfg(not(windows))]
            Releaser::Hstring => Family::Hstring,
            Releaser::Custom(_) => Family::Custom,
            Releaser::Never => Family::Unknown,
        }
    }

    /// Whether the address is that of a handle, behind which nothing lies.
    pub(crate) fn is_handle(&self, address: usize) -> bool {
        match self {
            #[cfg(not(windows))]
            Releaser::Local => movable::LOCAL.is_movable(address),
            #[cfg(not(windows))]
            Releaser::Global => movable::GLOBAL.is_movable(address),
            _ => false,
        }
    }

    /// References to the block that must go before it does, this one included.
    pub(crate) fn references(&self, address: usize) -> usize {
        match self {
            #[cfg(not(windows))]
            Releaser::Hstring => hstring::references(address).unwrap_or(1),
            _ => 1,
        }
    }

    /// Releases the block.
    ///
    /// # Safety
    /// It is a live block of this kind; nobody uses it any more.
    pub(crate) unsafe fn call(&self, block: NonNull<u8>) -> Result<(), FamilyError> {
        let address = block.as_ptr() as usize;
        // SAFETY: promised by the caller, for each kind.
        unsafe {
            match self {
                Releaser::Malloc => libc_malloc::release(block),
                Releaser::Rust(layout) => rust::release(block, *layout),
                Releaser::Cpp(family) => cpp::release(*family, block)?,
                #[cfg(not(windows))]
                Releaser::CoTaskMem => co_task_mem::free(address)?,
                #[cfg(not(windows))]
                Releaser::Local => movable::LOCAL.free(address)?,
                #[cfg(not(windows))]
                Releaser::Global => movable::GLOBAL.free(address)?,
                #[cfg(not(windows))]
                Releaser::Heap(heap) => heap.free(address)?,
                #[cfg(not(windows))]
                Releaser::Virtual => virtual_memory::free(address)?,
                #[cfg(not(windows))]
                Releaser::Bstr => bstr::free(address)?,
                #[cfg(not(windows))]
                Releaser::Hstring => hstring::delete(address).map(|_| ())?,
                Releaser::Custom(release) => release.call(block)?,
                Releaser::Never => {}
            }
        }
        Ok(())
    }
}
