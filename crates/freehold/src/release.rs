//! What releases a registered block.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

use freehold_families::custom::Release;
#[cfg(not(windows))]
use freehold_families::emulated::{bstr, co_task_mem, heap, hstring, movable, virtual_memory};
use freehold_families::{Family, FamilyError, cpp, libc_malloc, rust};

type Function = unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32;

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

/// The same in words that are all written: the unused part of an enum is what its
/// place held before, which in a map of blocks may be the address of one.
#[derive(Clone, Copy)]
pub(crate) struct Packed {
    kind: usize,
    first: *const c_void,
    second: *mut c_void,
}

// SAFETY: a `Releaser` is Send.
unsafe impl Send for Packed {}

impl Releaser {
    pub(crate) fn pack(self) -> Packed {
        let plain = |kind| (kind, ptr::null(), ptr::null_mut());
        let number = |kind, number| (kind, ptr::without_provenance(number), ptr::null_mut());
        let (kind, first, second) = match self {
            Releaser::Never => plain(0),
            Releaser::Malloc => plain(1),
            Releaser::Rust(layout) => (
                2,
                ptr::without_provenance(layout.size()),
                ptr::without_provenance_mut(layout.align()),
            ),
            Releaser::Cpp(family) => number(3, family as usize),
            Releaser::Custom(release) => {
                (4, release.function() as *const c_void, release.context())
            }
            #[cfg(not(windows))]
            Releaser::CoTaskMem => plain(5),
            #[cfg(not(windows))]
            Releaser::Local => plain(6),
            #[cfg(not(windows))]
            Releaser::Global => plain(7),
            #[cfg(not(windows))]
            Releaser::Heap(heap) => number(8, heap.handle()),
            #[cfg(not(windows))]
            Releaser::Virtual => plain(9),
            #[cfg(not(windows))]
            Releaser::Bstr => plain(10),
            #[cfg(not(windows))]
            Releaser::Hstring => plain(11),
        };
        Packed {
            kind,
            first,
            second,
        }
    }
}

impl Packed {
    pub(crate) fn unpack(self) -> Releaser {
        match self.kind {
            1 => Releaser::Malloc,
            2 => {
                let layout = Layout::from_size_align(self.first.addr(), self.second.addr());
                layout.map_or(Releaser::Never, Releaser::Rust)
            }
            3 => Releaser::Cpp(Family::from_number(self.first.addr() as u64)),
            // SAFETY: packed from a function of this type, and its context.
            4 => Releaser::Custom(unsafe {
                Release::new(
                    core::mem::transmute::<*const c_void, Function>(self.first),
                    self.second,
                )
            }),
            #[cfg(not(windows))]
            5 => Releaser::CoTaskMem,
            #[cfg(not(windows))]
            6 => Releaser::Local,
            #[cfg(not(windows))]
            7 => Releaser::Global,
            #[cfg(not(windows))]
            8 => Releaser::Heap(heap::Heap::from_handle(self.first.addr())),
            #[cfg(not(windows))]
            9 => Releaser::Virtual,
            #[cfg(not(windows))]
            10 => Releaser::Bstr,
            #[cfg(not(windows))]
            11 => Releaser::Hstring,
            _ => Releaser::Never,
        }
    }
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
