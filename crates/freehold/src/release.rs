//! What releases a registered block.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

use freehold_families::custom::Release;
use freehold_families::{Family, FamilyError, Kind, cpp, info, is_documented_alias, libc_malloc};
use freehold_families::{resource, rust};

#[cfg(feature = "owners")]
use crate::named::Named;
use crate::win32::{self, heap};
use crate::{platform, system};

type Function = unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32;

/// How a block is to be released.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Releaser {
    Malloc,
    Rust(Layout),
    Cpp(Family),
    /// A family of Win32 whose function needs no more than the address.
    Win32(Family),
    /// One with handles, and the block is named by one that is not its address.
    Movable(Family),
    Heap(heap::Heap),
    /// A mapping of so many bytes.
    Mmap(usize),
    Custom(Release),
    /// By a function of the process that the ownership database names.
    #[cfg(feature = "owners")]
    Named(Named),
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
            Releaser::Win32(family) => number(5, family as usize),
            Releaser::Heap(heap) => number(6, heap.handle()),
            Releaser::Mmap(bytes) => number(7, bytes),
            Releaser::Movable(family) => number(8, family as usize),
            #[cfg(feature = "owners")]
            Releaser::Named(named) => {
                let (function, number) = named.words();
                (9, function, ptr::without_provenance_mut(number))
            }
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
        let family = || Family::from_number(self.first.addr() as u64);
        match self.kind {
            1 => Releaser::Malloc,
            2 => {
                let layout = Layout::from_size_align(self.first.addr(), self.second.addr());
                layout.map_or(Releaser::Never, Releaser::Rust)
            }
            3 => Releaser::Cpp(family()),
            // SAFETY: packed from a function of this type, and its context.
            4 => Releaser::Custom(unsafe {
                Release::new(
                    core::mem::transmute::<*const c_void, Function>(self.first),
                    self.second,
                )
            }),
            5 => Releaser::Win32(family()),
            6 => Releaser::Heap(heap::Heap::from_handle(self.first.addr())),
            7 => Releaser::Mmap(self.first.addr()),
            8 => Releaser::Movable(family()),
            #[cfg(feature = "owners")]
            // SAFETY: packed above.
            9 => Releaser::Named(unsafe { Named::from_words(self.first, self.second.addr()) }),
            _ => Releaser::Never,
        }
    }
}

impl Releaser {
    /// What releases a block of a family of which no more is known than address and
    /// size; `None` when that is not enough.
    pub(crate) fn of(family: Family, size: usize) -> Option<Releaser> {
        match family {
            Family::Malloc => Some(Releaser::Malloc),
            Family::New | Family::NewArray => Some(Releaser::Cpp(family)),
            Family::Mmap if cfg!(unix) => Some(Releaser::Mmap(size)),
            family if win32::releases(family) => Some(Releaser::Win32(family)),
            _ => None,
        }
    }

    /// What releases a block of the platform's allocator.
    pub(crate) const PLATFORM: Releaser = match platform::FAMILY {
        Family::Malloc => Releaser::Malloc,
        family => Releaser::Win32(family),
    };

    /// The family of the block.
    pub(crate) fn family(&self) -> Family {
        match self {
            Releaser::Malloc => Family::Malloc,
            Releaser::Rust(_) => Family::Rust,
            Releaser::Cpp(family) | Releaser::Win32(family) | Releaser::Movable(family) => *family,
            Releaser::Heap(_) => Family::Heap,
            Releaser::Mmap(_) => Family::Mmap,
            Releaser::Custom(_) => Family::Custom,
            #[cfg(feature = "owners")]
            Releaser::Named(_) => Family::Custom,
            Releaser::Never => Family::Unknown,
        }
    }

    /// The name of its function, where the family does not tell.
    pub(crate) fn function_name(&self) -> Option<&'static str> {
        match self {
            #[cfg(feature = "owners")]
            Releaser::Named(named) => Some(named.name()),
            _ => None,
        }
    }

    /// Whether the address is that of a handle, behind which nothing lies.
    pub(crate) fn is_handle(&self) -> bool {
        match self {
            Releaser::Movable(_) => true,
            Releaser::Win32(family) => info(*family).kind == Kind::Handle,
            _ => false,
        }
    }

    /// Whether the function of another family may release the block, because Windows
    /// documents that it does: that of a fixed block of `Local` with the process's
    /// heap.
    pub(crate) fn is_alias(&self, by: Family) -> bool {
        let is_of_process = match self {
            Releaser::Heap(heap) => *heap == heap::PROCESS,
            other => !other.is_handle(),
        };
        is_of_process && is_documented_alias(self.family(), by)
    }

    /// Whether an address may be registered as often as there are references, when
    /// each is released like this.
    pub(crate) fn is_counted_with(&self, other: &Releaser) -> bool {
        #[cfg(feature = "owners")]
        if let (Releaser::Named(one), Releaser::Named(other)) = (self, other) {
            return one.shares_with(*other);
        }
        let family = self.family();
        let counts = info(family).kind == Kind::Reference || family == Family::Hstring;
        counts && other.family() == family
    }

    /// References to the block that must go before it does, this one included, as
    /// far as its family tells.
    pub(crate) fn references(&self, address: usize) -> Option<usize> {
        match self {
            Releaser::Win32(Family::Hstring) => win32::hstring::references(address),
            _ => None,
        }
    }

    /// Whether code of the program may run in the release, or other blocks go with
    /// this one.
    pub(crate) fn runs_other_code(&self) -> bool {
        let holds_others = [
            Family::Com,
            Family::SafeArray,
            Family::Variant,
            Family::PropVariant,
        ];
        match self {
            Releaser::Custom(_) => true,
            #[cfg(feature = "owners")]
            Releaser::Named(_) => true,
            Releaser::Win32(family) => holds_others.contains(family),
            _ => false,
        }
    }

    /// Whether the function may be one of Rust's, which may allocate for itself:
    /// emulated ones, and those that a program can replace.
    pub(crate) fn runs_rust_code(&self) -> bool {
        match self {
            Releaser::Malloc | Releaser::Mmap(_) => false,
            Releaser::Win32(_) | Releaser::Movable(_) | Releaser::Heap(_) => !cfg!(windows),
            _ => true,
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
                Releaser::Win32(family) | Releaser::Movable(family) => {
                    win32::release(*family, address)?;
                }
                Releaser::Heap(heap) => heap.free(address)?,
                Releaser::Mmap(bytes) => {
                    let family = Family::Mmap;
                    system::unmap(block.as_ptr().cast(), *bytes)
                        .map_err(|code| FamilyError::Failed { family, code })?;
                }
                Releaser::Custom(release) => release.call(block)?,
                #[cfg(feature = "owners")]
                Releaser::Named(named) => named.call(block.as_ptr().cast()),
                Releaser::Never => {}
            }
        }
        Ok(())
    }
}

/// The address that a release function was given, as people know it: the handle that
/// it stands for, where the function is one for handles.
pub(crate) fn shown(by: Option<Family>, address: usize) -> usize {
    let of_handles = by.is_some_and(|by| info(by).kind == Kind::Handle && !info(by).absent);
    match of_handles {
        true => resource::handle(address as u64).unwrap_or(address),
        false => address,
    }
}
