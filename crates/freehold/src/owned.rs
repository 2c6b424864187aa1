//! A resource with one owner in Rust: released once, with an answer, and not
//! while it is in use.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use freehold_families::Family;

use crate::adopt::adopt;
use crate::entry::enter;
use crate::free::{Called, free, release};
use crate::registry;
use crate::{AdoptError, FreeError, Ownership, ReleaseWith, set_ownership};

/// How resources of a kind are released: one type for each kind, so that two
/// kinds cannot be mixed up.
///
/// # Safety
/// What [`Rule::with`] gives may release what its users adopt, on any thread.
///
/// ```
/// use freehold::{Family, Owned, ReleaseWith, Rule};
/// struct StrDup;
/// // SAFETY: `strdup` gives blocks of malloc.
/// unsafe impl Rule for StrDup {
///     fn with() -> ReleaseWith {
///         ReleaseWith::Family(Family::Malloc)
///     }
/// }
/// // SAFETY: the text is ours; NUL included it has three bytes.
/// let text: Owned<_, StrDup> = unsafe { Owned::adopt(libc::strdup(c"hi".as_ptr()), 3) }?;
/// # Ok::<(), freehold::AdoptError>(())
/// ```
pub unsafe trait Rule {
    /// What releases them.
    ///
    /// ```
    /// use freehold::{Family, ReleaseWith, Rule, rules};
    /// // What the rule for a family gives.
    /// assert!(matches!(rules::Bstr::with(), ReleaseWith::Family(Family::Bstr)));
    /// ```
    fn with() -> ReleaseWith;
}

/// [`Rule`]s for whole families.
///
/// ```
/// use freehold::{Owned, rules};
/// // Each API's texts have a type of their own, and cannot be mixed up.
/// type ComText = Owned<u16, rules::Bstr>;
/// type ShellText = Owned<u16, rules::CoTaskMem>;
/// assert_ne!(std::any::TypeId::of::<ComText>(), std::any::TypeId::of::<ShellText>());
/// ```
pub mod rules {
    use super::{Family, ReleaseWith, Rule};

    macro_rules! rules {
        ($($name:ident: $doc:literal, $block:literal $($fence:literal)?;)*) => {$(
            #[doc = $doc]
            ///
            #[doc = concat!("```", $($fence)?)]
            /// use freehold::{Owned, rules};
            /// # use freehold_families::{Family, cpp, libc_malloc, win32::*};
            #[doc = $block]
            /// // SAFETY: live, of this family; nobody else releases it.
            #[doc = concat!("let owned: Owned<_, rules::", stringify!($name), "> =")]
            ///     unsafe { Owned::adopt(block, 8) }.expect("no other owner");
            /// owned.release().expect("was live");
            /// # Ok::<(), freehold::FamilyError>(())
            /// ```
            #[derive(Clone, Copy, Debug)]
            pub struct $name;
            // SAFETY: by the adopter's promise they are blocks of the family.
            unsafe impl Rule for $name {
                fn with() -> ReleaseWith {
                    ReleaseWith::Family(Family::$name)
                }
            }
        )*};
    }

    rules! {
        Malloc: "By `free`.",
            "let block = libc_malloc::allocate(8, 8, false)?.as_ptr();";
        New: "By `operator delete`.",
            "let Ok(block) = cpp::allocate(Family::New, 8) else { return Ok(()) }; // no C++ here
    let block = block.as_ptr();";
        NewArray: "By `operator delete[]`.",
            "let Ok(block) = cpp::allocate(Family::NewArray, 8) else { return Ok(()) }; // no C++ here
    let block = block.as_ptr();";
        CoTaskMem: "By `CoTaskMemFree`.",
            "let block = co_task_mem::alloc(8)?.as_ptr();";
        Local: "By `LocalFree`.",
            "let block = movable::LOCAL.alloc(movable::FIXED, 8)? as *mut u8;";
        Global: "By `GlobalFree`.",
            "let block = movable::GLOBAL.alloc(movable::FIXED, 8)? as *mut u8;";
        Heap: "By `HeapFree` of the process's heap.",
            "let block = heap::PROCESS.alloc(8, false)?.as_ptr();";
        Virtual: "By `VirtualFree`.",
            "let block = virtual_memory::alloc(8)?.as_ptr();";
        Bstr: "By `SysFreeString`.",
            "let block = bstr::alloc(&[104, 101, 108, 112])?.as_ptr();";
        Hstring: "By `WindowsDeleteString`.",
            "let block = hstring::create(&[104, 101, 108, 112])? as *mut u8;";
    }

    // What is not emulated.
    #[cfg(windows)]
    rules! {
        Msvcrt: "By `free` of `msvcrt.dll`.",
            "let block = crt::MSVC.malloc(8)?.as_ptr();";
        Ucrt: "By `free` of `ucrtbase.dll`.",
            "let block = crt::UNIVERSAL.malloc(8)?.as_ptr();";
        MsvcrtAligned: "By `_aligned_free` of `msvcrt.dll`.",
            "let block = crt::MSVC.aligned_malloc(8, 64)?.as_ptr();";
        UcrtAligned: "By `_aligned_free` of `ucrtbase.dll`.",
            "let block = crt::UNIVERSAL.aligned_malloc(8, 64)?.as_ptr();";
        NetApi: "By `NetApiBufferFree`.",
            "let block = buffers::net_api_allocate(8)?.as_ptr();";
        SafeArray: "By `SafeArrayDestroy`.",
            "let block = variants::safe_array(3, 10)?.as_ptr(); // VT_I4";
        Wts: "By `WTSFreeMemory`.",
            "# let block = std::ptr::dangling_mut::<u8>();
    // `block` is as WTSEnumerateSessionsW gives it"
            "no_run";
        Cred: "By `CredFree`.",
            "# let block = std::ptr::dangling_mut::<u8>();
    // `block` is as CredReadW gives it"
            "no_run";
        Variant: "By `VariantClear`, which leaves the structure itself.",
            "# let block = std::ptr::dangling_mut::<u8>();
    // `block` is as VariantInit and an API leave it"
            "no_run";
        PropVariant: "By `PropVariantClear`, which leaves the structure itself.",
            "# let block = std::ptr::dangling_mut::<u8>();
    // `block` is as IPropertyStore::GetValue fills it"
            "no_run";
        Com: "By `IUnknown::Release`, once for each reference that is adopted.",
            "# let block = std::ptr::dangling_mut::<u8>();
    // `block` is as CoCreateInstance gives it"
            "no_run";
    }
}

/// What became of a release.
///
/// ```
/// use freehold::{Owned, Released, rules};
/// // SAFETY: a block of malloc that nobody else releases.
/// let block: Owned<u8, rules::Malloc> = unsafe { Owned::adopt(libc::malloc(1).cast(), 1) }?;
/// let use_of_it = block.lease();
/// match block.release().expect("was live") {
///     Released::Now => unreachable!("it is in use"),
///     Released::Later => use_of_it.end().expect("released now"),
/// }
/// # Ok::<(), freehold::AdoptError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It is done.
    Now,
    /// The last [`Lease`] does it.
    Later,
}

/// A resource that an API gave, with its one owner. It is registered: a second
/// owner, a release behind the owner's back and a leak are seen.
///
/// ```
/// use freehold::{Owned, rules};
/// // SAFETY: a block of malloc that nobody else releases.
/// let block: Owned<u64, rules::Malloc> =
///     unsafe { Owned::adopt(libc::malloc(8).cast(), 8) }?;
/// block.release().expect("was live");
/// # Ok::<(), freehold::AdoptError>(())
/// ```
pub struct Owned<T, R: Rule> {
    pointer: NonNull<T>,
    rule: PhantomData<fn() -> R>,
}

// SAFETY: it owns what it points to, and by the rule's promise that may be
// released on any thread.
unsafe impl<T: Send, R: Rule> Send for Owned<T, R> {}
// SAFETY: through a reference it only hands out the pointer.
unsafe impl<T: Sync, R: Rule> Sync for Owned<T, R> {}

impl<T, R: Rule> fmt::Debug for Owned<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owned({:p})", self.pointer)
    }
}

impl<T, R: Rule> Owned<T, R> {
    /// Takes over what an API gave; `size` in bytes, 0 when it is not known.
    ///
    /// # Errors
    /// [`AdoptError`]: null, or owned by somebody else.
    ///
    /// # Safety
    /// `pointer` is null or a live resource that the rule releases; nobody else
    /// does.
    ///
    /// ```
    /// use freehold::{AdoptError, Owned, rules};
    /// // SAFETY: null is refused.
    /// let none = unsafe { Owned::<u8, rules::Malloc>::adopt(std::ptr::null_mut(), 8) };
    /// assert_eq!(none.unwrap_err(), AdoptError::Null);
    /// ```
    pub unsafe fn adopt(pointer: *mut T, size: usize) -> Result<Self, AdoptError> {
        // SAFETY: promised by the caller.
        unsafe { adopt(pointer.cast(), size, R::with())? };
        let pointer = NonNull::new(pointer).ok_or(AdoptError::Null)?;
        Ok(Owned {
            pointer,
            rule: PhantomData,
        })
    }

    /// Takes back what [`Owned::into_raw`] gave up.
    ///
    /// # Errors
    /// [`AdoptError::Null`] when nothing is registered there: it was released.
    ///
    /// # Safety
    /// `pointer` came from [`Owned::into_raw`] of the same type; nobody else took
    /// it back.
    ///
    /// ```
    /// use freehold::{Owned, rules};
    /// # unsafe {
    /// # // SAFETY: a block of malloc that nobody else releases.
    /// let block: Owned<u8, rules::Malloc> = Owned::adopt(libc::malloc(1).cast(), 1)?;
    /// let raw = block.into_raw();
    /// let block: Owned<u8, rules::Malloc> = Owned::from_raw(raw)?;
    /// # drop(block);
    /// # }
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    pub unsafe fn from_raw(pointer: *mut T) -> Result<Self, AdoptError> {
        let address = pointer as usize;
        let pointer = NonNull::new(pointer).ok_or(AdoptError::Null)?;
        match registry::find(address).map(|entry| entry.state) {
            Some(Ownership::Owned) => Ok(Owned {
                pointer,
                rule: PhantomData,
            }),
            Some(state) => Err(AdoptError::Owned { address, state }),
            None => Err(AdoptError::Null),
        }
    }

    /// The pointer, for calls of the API. It is valid as long as this value.
    ///
    /// ```
    /// use freehold::{Owned, rules};
    /// // SAFETY: the text is ours; NUL included it has three bytes.
    /// let text: Owned<_, rules::Malloc> = unsafe { Owned::adopt(libc::strdup(c"hi".as_ptr()), 3) }?;
    /// // SAFETY: live as long as `text`.
    /// assert_eq!(unsafe { libc::strlen(text.as_ptr()) }, 2);
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    pub fn as_ptr(&self) -> *mut T {
        self.pointer.as_ptr()
    }

    /// Gives the owner up; [`free`](crate::free) still knows how to release it.
    ///
    /// ```
    /// use freehold::{Owned, free, rules};
    /// // SAFETY: a block of malloc that nobody else releases; released once.
    /// unsafe {
    ///     let block: Owned<u8, rules::Malloc> = Owned::adopt(libc::malloc(8).cast(), 8)?;
    ///     let raw = block.into_raw(); // into a structure of C
    ///     free(raw.cast()).expect("still registered");
    /// }
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    #[must_use = "the resource is lost when nobody releases the pointer"]
    pub fn into_raw(self) -> *mut T {
        ManuallyDrop::new(self).pointer.as_ptr()
    }

    /// Gives the resource to somebody who releases it in his own way: it is no
    /// longer registered.
    ///
    /// ```
    /// use freehold::{Owned, rules};
    /// # unsafe {
    /// # // SAFETY: a block of malloc that nobody else releases.
    /// let block: Owned<u8, rules::Malloc> = Owned::adopt(libc::malloc(1).cast(), 1)?;
    /// libc::free(block.transfer().cast());
    /// # }
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    #[must_use = "the resource is lost when the new owner does not get the pointer"]
    pub fn transfer(self) -> *mut T {
        let raw = self.into_raw();
        set_ownership(raw as usize, Ownership::Transferred);
        registry::with(|map| map.remove(raw as usize));
        raw
    }

    /// A use of the resource: it is released only after the use has ended, even
    /// when the owner releases it before. For other threads.
    ///
    /// ```
    /// use freehold::{Owned, Released, rules};
    /// # // SAFETY: a block of malloc that nobody else releases.
    /// let block: Owned<u8, rules::Malloc> = unsafe { Owned::adopt(libc::calloc(1, 1).cast(), 1) }?;
    /// let lease = block.lease();
    /// assert_eq!(block.release().expect("live"), Released::Later);
    /// // SAFETY: live until the lease ends.
    /// assert_eq!(unsafe { *lease.as_ptr() }, 0);
    /// lease.end().expect("released now");
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    pub fn lease(&self) -> Lease<T, R> {
        let address = self.pointer.as_ptr() as usize;
        let serial = registry::with(|map| {
            map.change(address, |entry| {
                entry.uses += 1;
                entry.serial
            })
        });
        Lease {
            pointer: self.pointer,
            serial,
            rule: PhantomData,
        }
    }

    /// Releases the resource, now or when its last use ends. `errno` stays as it
    /// was.
    ///
    /// # Errors
    /// [`FreeError`] when the release function failed ([`FreeError::os_error`]
    /// has the system's error), or somebody released it before. When the function
    /// failed, the resource is still registered, and [`free`](crate::free) may try
    /// again.
    ///
    /// ```
    /// use freehold::{Owned, Released, rules};
    /// // SAFETY: a block of malloc that nobody else releases.
    /// let block: Owned<u8, rules::Malloc> = unsafe { Owned::adopt(libc::malloc(8).cast(), 8) }?;
    /// assert_eq!(block.release().expect("was live"), Released::Now);
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    pub fn release(self) -> Result<Released, FreeError> {
        let address = ManuallyDrop::new(self).pointer.as_ptr();
        // SAFETY: by `adopt`, it is ours to release; the last use does if there
        // are any.
        unsafe { free(address.cast()) }?;
        match registry::find(address as usize) {
            Some(entry) if entry.closing => Ok(Released::Later),
            _ => Ok(Released::Now),
        }
    }
}

impl<T, R: Rule> Drop for Owned<T, R> {
    /// Errors are lost but for misuses, which are counted: call
    /// [`Owned::release`] to see them.
    fn drop(&mut self) {
        // SAFETY: as in `release`.
        let _ = unsafe { free(self.pointer.as_ptr().cast()) };
    }
}

/// A use of a resource, after which it may be released: see [`Owned::lease`].
///
/// ```
/// use freehold::{Lease, Owned, rules};
/// // SAFETY: a block of malloc that nobody else releases.
/// let block: Owned<u8, rules::Malloc> = unsafe { Owned::adopt(libc::calloc(1, 1).cast(), 1) }?;
/// let lease: Lease<_, _> = block.lease();
/// let reader = std::thread::spawn(move || {
///     // SAFETY: live until the lease ends, and nobody writes.
///     unsafe { *lease.as_ptr() }
/// });
/// drop(block); // released here or when the reader is done
/// assert_eq!(reader.join().expect("no panic"), 0);
/// # Ok::<(), freehold::AdoptError>(())
/// ```
#[must_use = "the use ends when it is dropped"]
pub struct Lease<T, R: Rule> {
    pointer: NonNull<T>,
    /// What was registered there; `None` when it was gone already.
    serial: Option<u64>,
    rule: PhantomData<fn() -> R>,
}

// SAFETY: as for `Owned`.
unsafe impl<T: Send + Sync, R: Rule> Send for Lease<T, R> {}
// SAFETY: as for `Owned`.
unsafe impl<T: Sync, R: Rule> Sync for Lease<T, R> {}

impl<T, R: Rule> fmt::Debug for Lease<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({:p})", self.pointer)
    }
}

impl<T, R: Rule> Lease<T, R> {
    /// The pointer; valid as long as this value.
    ///
    /// ```
    /// use freehold::{Owned, rules};
    /// // SAFETY: a block of malloc that nobody else releases.
    /// let block: Owned<u8, rules::Malloc> = unsafe { Owned::adopt(libc::malloc(8).cast(), 8) }?;
    /// let lease = block.lease();
    /// assert_eq!(lease.as_ptr(), block.as_ptr());
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    pub fn as_ptr(&self) -> *mut T {
        self.pointer.as_ptr()
    }

    /// Ends the use; when the owner has released the resource and this was the
    /// last use, it is released now.
    ///
    /// # Errors
    /// [`FreeError`] as the release gives it.
    ///
    /// ```
    /// use freehold::{Owned, Ownership, ownership_of, rules};
    /// // SAFETY: a block of malloc that nobody else releases.
    /// let block: Owned<u8, rules::Malloc> = unsafe { Owned::adopt(libc::malloc(8).cast(), 8) }?;
    /// let (address, lease) = (block.as_ptr() as usize, block.lease());
    /// drop(block);
    /// assert_eq!(ownership_of(address), Some(Ownership::Owned)); // not gone yet
    /// lease.end().expect("released now");
    /// assert_eq!(ownership_of(address), None);
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    pub fn end(self) -> Result<(), FreeError> {
        ManuallyDrop::new(self).finish()
    }

    fn finish(&self) -> Result<(), FreeError> {
        let address = self.pointer.as_ptr() as usize;
        let last = registry::with(|map| {
            map.change(address, |entry| {
                let mine = Some(entry.serial) == self.serial;
                entry.uses -= u32::from(mine);
                mine && entry.uses == 0 && entry.closing
            })
        });
        if last != Some(true) {
            return Ok(());
        }
        let called = Called::new("the end of the last use");
        // SAFETY: the owner has released it, and nobody uses it any more.
        enter(|entry| unsafe { release(address, called, entry) })
    }
}

impl<T, R: Rule> Drop for Lease<T, R> {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}
