//! Blocks that others allocated: taking them over, lending them, giving them
//! away, leaving them to a finalizer.
//!
//! What is adopted is registered whether or not anything is tracked: `free` then
//! knows what releases it.

use core::ffi::c_void;
use core::fmt;
use core::ptr::NonNull;

use freehold_families::custom::Release;
use freehold_families::{Family, Kind, info};
use freehold_ledger::format::Owner;

use crate::contract::LIVE;
use crate::entry::enter;
use crate::free::{Called, release};
use crate::ownership::Ownership;
use crate::record::{self, What};
use crate::registry::{self, Entry};
use crate::release::Releaser;
use crate::win32::{self, heap};
use crate::{state, tags};

/// How an adopted block is to be released.
///
/// ```
/// use freehold::{Family, ReleaseWith, adopt, free};
/// // SAFETY: the text is ours to release; four bytes with its NUL.
/// unsafe {
///     let text = libc::strdup(c"abc".as_ptr()).cast();
///     adopt(text, 4, ReleaseWith::Family(Family::Malloc))?;
///     free(text).expect("was live");
/// }
/// # Ok::<(), freehold::AdoptError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ReleaseWith {
    /// By the function of a family; [`Family::Heap`] means the process's heap. On
    /// Windows these are all families of Windows; a reference to a COM object
    /// ([`Family::Com`]) may be adopted as often as there are references. Handles
    /// that are no memory are adopted by `handles::adopt`.
    Family(Family),
    /// By `HeapFree` with this heap.
    Heap(heap::Heap),
    /// By a function of its own.
    Custom(Release),
}

impl ReleaseWith {
    /// What releases the block; `None` when the address is not enough.
    ///
    /// # Safety
    /// `address` is that of a live block, or a live handle, which this releases.
    unsafe fn releaser(self, address: usize) -> Option<Releaser> {
        match self {
            ReleaseWith::Custom(release) => Some(Releaser::Custom(release)),
            ReleaseWith::Heap(heap) => Some(Releaser::Heap(heap)),
            ReleaseWith::Family(Family::Heap) => Some(Releaser::Heap(heap::PROCESS)),
            // SAFETY: promised by the caller.
            ReleaseWith::Family(family) if unsafe { win32::is_movable(family, address) } => {
                Some(Releaser::Movable(family))
            }
            // The size of a mapping may have changed until it is released.
            ReleaseWith::Family(Family::Mmap) => None,
            ReleaseWith::Family(family) if info(family).kind == Kind::Handle => None,
            ReleaseWith::Family(family) => Releaser::of(family, 0),
        }
    }
}

/// Why a block was not adopted.
///
/// ```
/// use freehold::{AdoptError, Family, ReleaseWith, adopt};
/// let with = ReleaseWith::Family(Family::Malloc);
/// // SAFETY: what an API gives when it fails; nothing is adopted.
/// let error = unsafe { adopt(std::ptr::null_mut(), 8, with) }.unwrap_err();
/// assert_eq!(error, AdoptError::Null);
/// assert!(error.to_string().contains("the API failed"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdoptError {
    /// A null pointer: the API gave nothing.
    Null,
    /// It is registered already: two owners would release it twice.
    Owned {
        /// Its address.
        address: usize,
        /// Its present owner.
        state: Ownership,
    },
    /// The family needs more than an address to release a block.
    Unreleasable {
        /// The family.
        family: Family,
    },
    /// A handle that nobody has to close: it stands for something that is always
    /// there.
    Unowned {
        /// The handle.
        handle: usize,
    },
    /// The address is not inside the block that was named.
    Outside {
        /// The address.
        address: usize,
        /// Where the block begins.
        base: usize,
    },
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AdoptError::Null => {
                f.write_str("there is nothing to adopt: the pointer is null, so the API failed")
            }
            AdoptError::Owned { address, state } => write!(
                f,
                "{address:#x} is registered already ({state:?}): two owners would release it twice"
            ),
            AdoptError::Unreleasable { family } => write!(
                f,
                "a block of the family {} cannot be released by its address alone: adopt it with \
                 a function of its own",
                family.name()
            ),
            AdoptError::Unowned { handle } => write!(
                f,
                "the handle {handle:#x} stands for something that is always there: nobody closes it"
            ),
            AdoptError::Outside { address, base } => {
                write!(f, "{address:#x} is not inside the block {base:#x}")
            }
        }
    }
}

impl std::error::Error for AdoptError {}

/// Registers a block and tells the ledger.
#[inline(always)]
pub(crate) fn register(
    address: usize,
    size: usize,
    release: Releaser,
    state: Ownership,
    tag: &'static str,
) -> Result<(), AdoptError> {
    enter(|entry| {
        let tracker = state::tracker();
        registry::with(|map| match map.get(address) {
            Some(known) if known.is_shared(&release, state) => {
                map.change(address, |entry| entry.references += 1);
                Ok(())
            }
            Some(known) => Err(AdoptError::Owned {
                address,
                state: known.state,
            }),
            None => {
                map.insert(address, Entry::new(size, release, state));
                Ok(())
            }
        })?;
        if let Some(tracker) = tracker {
            let family = release.family();
            let scope = record::scope_for(tracker);
            let mut before = Family::Unknown;
            let known = record::change(tracker, address, |block| {
                before = Family::from_number(block.family.into());
                block.owner = state.owner() as u8;
                if !matches!(release, Releaser::Never) {
                    block.family = family as u8;
                }
                if block.tag == 0 && state == Ownership::Owned {
                    (block.tag, block.scope) = (tags::number(tracker, tag), scope);
                }
            });
            if known && state::has_hooks() {
                registry::with(|map| map.change(address, |entry| entry.hooked = Some(before)));
            }
            if !known && !matches!(state, Ownership::InteriorOf { .. } | Ownership::Borrowed) {
                let what = What {
                    address,
                    size,
                    family,
                    tag: Some(tag),
                    owner: state,
                };
                record::allocated(tracker, &what, entry);
            }
        }
        Ok(())
    })
}

/// Takes over a block that an API returned: `free` releases it from now on as
/// `with` says, and when it stays it is a leak.
///
/// `size` is its length in bytes, 0 when it is not known.
///
/// # Errors
/// [`AdoptError`] says why not.
///
/// # Safety
/// `pointer` is null or a live block that `with` may release, once, on any
/// thread; nobody else does.
///
/// ```
/// use freehold::{Family, ReleaseWith, adopt, free};
/// // SAFETY: `strdup` gives a block of malloc that is the caller's.
/// unsafe {
///     let text = libc::strdup(c"hello".as_ptr());
///     adopt(text.cast(), 6, ReleaseWith::Family(Family::Malloc)).expect("not null");
///     free(text.cast()).expect("was live");
/// }
/// ```
#[inline(always)]
pub unsafe fn adopt(
    pointer: *mut c_void,
    size: usize,
    with: ReleaseWith,
) -> Result<NonNull<c_void>, AdoptError> {
    let block = NonNull::new(pointer).ok_or(AdoptError::Null)?;
    // SAFETY: promised by the caller.
    let releaser = unsafe { with.releaser(pointer as usize) }.ok_or(match with {
        ReleaseWith::Family(family) => AdoptError::Unreleasable { family },
        _ => AdoptError::Null,
    })?;
    register(
        pointer as usize,
        size,
        releaser,
        Ownership::Owned,
        "adopted",
    )?;
    Ok(block)
}

/// Notes a block that an API only lends: `free` refuses it until
/// [`give_back`].
///
/// # Errors
/// [`AdoptError::Null`], or [`AdoptError::Owned`] when it is registered.
///
/// ```
/// use freehold::{Misuse, borrow, free, give_back};
/// let environment = c"HOME=/".as_ptr().cast_mut().cast();
/// borrow(environment, 7).expect("not null");
/// // SAFETY: refused.
/// let error = unsafe { free(environment) }.unwrap_err();
/// assert_eq!(error.misuse(), Misuse::Borrowed);
/// assert!(give_back(environment));
/// ```
pub fn borrow(pointer: *mut c_void, size: usize) -> Result<NonNull<c_void>, AdoptError> {
    let block = NonNull::new(pointer).ok_or(AdoptError::Null)?;
    let state = Ownership::Borrowed;
    register(pointer as usize, size, Releaser::Never, state, "borrowed")?;
    Ok(block)
}

/// Notes a pointer into a block that is not its start (as `PSID`s into a security
/// descriptor): `free` names the base when it is given the pointer.
///
/// # Errors
/// [`AdoptError::Outside`] when the block is registered and the pointer is not
/// in it; [`AdoptError::Null`]; [`AdoptError::Owned`].
///
/// ```
/// use freehold::{Misuse, calloc, free, give_back, interior};
/// let block = calloc::<u8>(64)?;
/// let inside = block.as_ptr().wrapping_add(16).cast_mut().cast();
/// interior(inside, block.as_ptr().cast_mut().cast()).expect("not null");
/// // SAFETY: refused.
/// let error = unsafe { free(inside) }.unwrap_err();
/// assert!(matches!(error.misuse(), Misuse::Interior { offset: 16, .. }));
/// assert!(give_back(inside));
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub fn interior(pointer: *mut c_void, base: *mut c_void) -> Result<NonNull<c_void>, AdoptError> {
    let block = NonNull::new(pointer).ok_or(AdoptError::Null)?;
    let (address, base) = (pointer as usize, base as usize);
    let size = registry::find(base).map(|entry| entry.size);
    if address <= base || size.is_some_and(|size| address - base >= size && size != 0) {
        return Err(AdoptError::Outside { address, base });
    }
    let state = Ownership::InteriorOf { base };
    register(address, 0, Releaser::Never, state, "interior")?;
    Ok(block)
}

/// Forgets a borrowed or interior pointer: the API has it back. False when it is
/// none.
///
/// ```
/// assert!(!freehold::give_back(std::ptr::null_mut()));
/// ```
pub fn give_back(pointer: *mut c_void) -> bool {
    let address = pointer as usize;
    if !matches!(
        registry::find(address).map(|e| e.state),
        Some(Ownership::Borrowed | Ownership::InteriorOf { .. })
    ) {
        return false;
    }
    registry::with(|map| map.remove(address));
    if let Some(tracker) = state::tracker() {
        record::change(tracker, address, |block| {
            block.owner = Owner::Caller as u8;
        });
    }
    true
}

/// Who owns the block that begins at `address`: `None` when nobody knows it.
///
/// ```
/// assert_eq!(freehold::ownership_of(16), None);
/// ```
pub fn ownership_of(address: usize) -> Option<Ownership> {
    if let Some(entry) = registry::find(address) {
        return Some(entry.state);
    }
    let (answer, block) = record::find(state::tracker()?, address);
    let owner = Owner::from_number(block.owner.into());
    (answer == LIVE).then(|| Ownership::from_owner(owner))
}

/// Sets who owns a block. False when nobody knows it.
pub(crate) fn set_ownership(address: usize, owner: Ownership) -> bool {
    let mut known = false;
    if registry::has_any() {
        known = registry::with(|map| map.change(address, |entry| entry.state = owner)).is_some();
    }
    if let Some(tracker) = state::tracker() {
        known |= record::change(tracker, address, |block| {
            block.owner = owner.owner() as u8;
        });
    }
    known
}

/// Gives a block away: whoever gets the pointer releases it, in a way that we
/// may not see. It counts no longer as our leak, and `free` refuses it. False
/// when nobody knows the block.
///
/// # Safety
/// The new owner releases it with its family's function.
///
/// ```
/// use freehold::{Misuse, free, malloc, track, transfer};
/// track::start(&Default::default()).expect("memory for a ledger");
/// let raw = malloc::<u8>(8)?.into_raw();
/// // SAFETY: the new owner, below, is malloc's `free`.
/// unsafe {
///     assert!(transfer(raw.cast()));
///     assert_eq!(free(raw.cast()).unwrap_err().misuse(), Misuse::Transferred);
///     freehold::native_free(raw.cast());
/// }
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub unsafe fn transfer(pointer: *mut c_void) -> bool {
    set_ownership(pointer as usize, Ownership::Transferred)
}

/// Leaves a block to a finalizer of a managed object: `free` refuses it until
/// [`detach_finalizer`]. Give the runtime [`finalize`] as the native function.
///
/// Blocks of `malloc` are then registered, so that the finalizer finds them
/// whether or not anything is tracked. False for null.
///
/// # Safety
/// `pointer` is null, a block that `free` knows, or a live block of `malloc`
/// that nobody else releases.
///
/// ```
/// use freehold::{Misuse, attach_finalizer, calloc, finalize, free};
/// let raw = calloc::<u8>(8)?.into_raw();
/// // SAFETY: refused, then released once.
/// unsafe {
///     assert!(attach_finalizer(raw.cast(), 8));
///     assert_eq!(free(raw.cast()).unwrap_err().misuse(), Misuse::FinalizerOwned);
///     finalize(raw.cast()); // as the garbage collector does
/// }
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub unsafe fn attach_finalizer(pointer: *mut c_void, size: usize) -> bool {
    let address = pointer as usize;
    if pointer.is_null() {
        return false;
    }
    if registry::find(address).is_some() {
        return set_ownership(address, Ownership::Finalizer);
    }
    let known = state::tracker().map(|t| record::find(t, address));
    let releaser = match known {
        Some((LIVE, block)) => {
            let family = Family::from_number(block.family.into());
            Releaser::of(family, block.size as usize).unwrap_or(Releaser::PLATFORM)
        }
        _ => Releaser::PLATFORM,
    };
    register(address, size, releaser, Ownership::Finalizer, "finalizable").is_ok()
}

/// Takes a block back from its finalizer, which the caller has cancelled. False
/// when it has none.
///
/// ```
/// use freehold::{attach_finalizer, calloc, detach_finalizer, free};
/// let raw = calloc::<u8>(8)?.into_raw();
/// // SAFETY: live; released once.
/// unsafe {
///     attach_finalizer(raw.cast(), 8);
///     assert!(detach_finalizer(raw.cast()));
///     free(raw.cast()).expect("was live");
/// }
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub fn detach_finalizer(pointer: *mut c_void) -> bool {
    let address = pointer as usize;
    ownership_of(address) == Some(Ownership::Finalizer) && set_ownership(address, Ownership::Owned)
}

/// The native release function for finalizers: releases a block that was left to
/// one, and the tracker sees it. May be called on any thread; of null it does
/// nothing. A misuse is counted: see
/// [`track::misuses`](crate::track::misuses).
///
/// # Safety
/// As for [`free`](crate::free).
///
/// ```
/// // SAFETY: null.
/// unsafe { freehold::finalize(std::ptr::null_mut()) };
/// ```
pub unsafe extern "C" fn finalize(pointer: *mut c_void) {
    if pointer.is_null() {
        return;
    }
    let called = Called {
        by: Ownership::Finalizer,
        ..Called::new("finalize")
    };
    // SAFETY: as promised by the caller.
    let _ = enter(|entry| unsafe { release(pointer as usize, called, entry) });
}
