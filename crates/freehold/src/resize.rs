//! Another size for a block of `malloc` of which only the address is known, as
//! C's `realloc` has it, with the same refusals as [`free`](crate::free).

use core::ffi::c_void;
use core::fmt;
use core::ptr::NonNull;

use freehold_families::{Family, FamilyError};
use freehold_ledger::format::Owner;

use crate::contract::{Block, LIVE, Tracker};
use crate::entry::{Entry, enter};
use crate::free::{Called, unrecorded};
use crate::ownership::Ownership;
use crate::record::{self, What};
use crate::refuse::Report;
use crate::registry::{self, Entry as Registered};
use crate::release::Releaser;
use crate::state::{self, quietly};
use crate::{AllocError, FreeError, Misuse, failing, platform, recent};

/// Why a block has not got another size; it is as it was.
///
/// ```
/// use freehold::{Misuse, ResizeError, resize, track};
/// track::start(&Default::default())?;
/// let mut variable = 0u64;
/// // SAFETY: tracked, so that what is no block is refused.
/// match unsafe { resize((&raw mut variable).cast(), 16) } {
///     Err(ResizeError::Refused(error)) => assert_eq!(error.misuse(), Misuse::Foreign),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResizeError {
    /// The pointer is not that of a block of `malloc` that the caller owns.
    Refused(FreeError),
    /// The same, and the policy is to say nothing of it.
    Ignored,
    /// Somebody uses the block now ([`Lease`](crate::Lease)).
    InUse {
        /// Its address.
        address: usize,
    },
    /// There is no memory for it.
    Memory(AllocError),
}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResizeError::Refused(error) => error.fmt(f),
            ResizeError::Ignored => f.write_str(
                "realloc was refused, and the policy is to ignore misuses: the block is as it was",
            ),
            ResizeError::InUse { address } => write!(
                f,
                "{address:#x} is in use by somebody who may not see it move: resize it afterwards"
            ),
            ResizeError::Memory(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ResizeError {}

/// A block of `size` bytes with the first bytes of the one at `pointer`, which
/// is released; its tag and scope go along. What is new has anything in it. An
/// alignment of more than 16 bytes may be lost, as by C's `realloc`.
///
/// # Errors
/// [`ResizeError`] says why not; the block is then as it was.
///
/// # Safety
/// As for [`free`](crate::free); the old address is no longer used.
///
/// ```
/// use freehold::{calloc, free, resize};
/// let raw = calloc::<u8>(8)?.into_raw();
/// // SAFETY: live; the new block is released once.
/// unsafe {
///     let larger = resize(raw.cast(), 1000).expect("memory");
///     assert_eq!(*larger.cast::<u8>().as_ptr().add(7), 0);
///     free(larger.as_ptr()).expect("was live");
/// }
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[inline(always)]
pub unsafe fn resize(pointer: *mut c_void, size: usize) -> Result<NonNull<c_void>, ResizeError> {
    // SAFETY: as promised by the caller.
    enter(|entry| unsafe { resize_at(pointer as usize, size, entry) })
}

/// # Safety
/// As for [`resize`].
unsafe fn resize_at(
    address: usize,
    size: usize,
    entry: Entry,
) -> Result<NonNull<c_void>, ResizeError> {
    let tracker = state::tracker();
    let called = Called {
        family: Some(platform::FAMILY),
        ..Called::new("realloc")
    };
    let report = Report {
        tracker,
        called,
        address,
        here: tracker.map_or(0, |t| record::capture(t, entry)),
        site: record::site(entry),
    };
    let Some(block) = NonNull::new(address as *mut u8) else {
        return refused(&report, Misuse::Null, None);
    };
    if let Some(number) = failing::next() {
        let error = AllocError::Injected {
            bytes: size,
            number,
        };
        return Err(ResizeError::Memory(error));
    }
    let registered = take_registered(&report)?;
    if registered.is_none() {
        check(&report)?;
    }
    // The old block before the real call and the new one after it: between them
    // another thread may be given the old address.
    let known = tracker.map(|t| record::released(t, address, report.here, report.site));
    // SAFETY: known to be a block of malloc, or promised by the caller.
    match quietly(|| unsafe { platform::reallocate(block, 0, 1, size) }) {
        Ok(moved) => {
            let moved_to = moved.as_ptr() as usize;
            registry::forget_stale(moved_to);
            if let Some(tracker) = tracker {
                note(tracker, known, moved_to, size, entry);
            }
            if let Some(old) = registered {
                registry::with(|map| map.insert(moved_to, Registered { size, ..old }));
            }
            Ok(moved.cast())
        }
        Err(error) => {
            if let (Some(tracker), Some((LIVE, known))) = (tracker, known) {
                record::restored(tracker, &known);
            }
            if let Some(old) = registered {
                registry::with(|map| map.insert(address, old));
            }
            Err(ResizeError::Memory(match error {
                FamilyError::TooLarge { bytes, .. } => AllocError::TooLarge { bytes },
                _ => AllocError::OutOfMemory { bytes: size },
            }))
        }
    }
}

fn refused<T>(
    report: &Report,
    misuse: Misuse,
    about: Option<(usize, Family)>,
) -> Result<T, ResizeError> {
    match report.refuse(misuse, about) {
        Err(error) => Err(ResizeError::Refused(error)),
        Ok(()) => Err(ResizeError::Ignored),
    }
}

/// Takes a registered block out of the registry, or says why it must stay.
fn take_registered(report: &Report) -> Result<Option<Registered>, ResizeError> {
    if !registry::has_any() {
        return Ok(None);
    }
    let address = report.address;
    let found = registry::with(|map| {
        let entry = map.get(address)?;
        if let Some(misuse) = report.objection_to(&entry) {
            return Some(Err(Some((misuse, entry))));
        }
        if entry.uses > 0 {
            return Some(Err(None));
        }
        map.remove(address).map(Ok)
    });
    match found {
        None => Ok(None),
        Some(Ok(entry)) => Ok(Some(entry)),
        Some(Err(None)) => Err(ResizeError::InUse { address }),
        Some(Err(Some((misuse, entry)))) => {
            let about = Some((entry.size, entry.release.family()));
            refused(report, misuse, about)
        }
    }
}

/// Refuses what is known to be no block of `malloc` that the caller owns.
fn check(report: &Report) -> Result<(), ResizeError> {
    let Some(tracker) = report.tracker else {
        return match recent::find(report.address as u64) {
            Some(_) => refused(report, Misuse::Double, None),
            None => Ok(()),
        };
    };
    let (answer, known) = record::find(tracker, report.address);
    if answer != LIVE {
        return match unrecorded(report, tracker, answer) {
            Some(misuse) => refused(report, misuse, None),
            None => Ok(()),
        };
    }
    let (size, family) = (
        known.size as usize,
        Family::from_number(known.family.into()),
    );
    let owner = Ownership::from_owner(Owner::from_number(known.owner.into()));
    let release = Releaser::of(family, size).unwrap_or(Releaser::Never);
    match report.objection(owner, family, &release, size) {
        Some(misuse) => refused(report, misuse, Some((size, family))),
        None => Ok(()),
    }
}

/// Notes the block at its new place, with what was known of the old one.
fn note(tracker: &Tracker, known: Option<(u32, Block)>, address: usize, size: usize, entry: Entry) {
    let Some((LIVE, old)) = known else {
        let what = What {
            address,
            size,
            family: platform::FAMILY,
            tag: None,
            owner: Ownership::Owned,
        };
        return record::allocated(tracker, &what, entry);
    };
    let block = Block {
        address: address as u64,
        size: size as u64,
        ..old
    };
    if !record::tell(tracker, block, entry) {
        state::set_incomplete();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, ReleaseWith, adopt, diagnostic_calloc, free, query, track};

    fn misuse(result: Result<NonNull<c_void>, ResizeError>) -> Option<Misuse> {
        match result {
            Err(ResizeError::Refused(error)) => Some(error.misuse()),
            _ => None,
        }
    }

    fn tag_and_size(address: usize) -> (String, usize) {
        match query(address) {
            Answer::Live(known) => (known.tag, known.size),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_block_keeps_its_bytes_and_its_tag() {
        track::start(&track::Options::default()).expect("a ledger");
        let mut block = diagnostic_calloc::<u8>(3).expect("memory");
        block.copy_from_slice(b"abc");
        let mut raw: *mut c_void = block.into_raw().cast();
        for size in [10, 100_000, 3, 0, 8] {
            // SAFETY: live; the new address is used from now on.
            unsafe {
                raw = resize(raw, size).expect("memory").as_ptr();
                assert_eq!(tag_and_size(raw as usize), ("u8".into(), size));
                if size >= 3 && size != 8 {
                    let bytes = core::slice::from_raw_parts(raw.cast::<u8>(), 3);
                    assert_eq!(bytes, b"abc");
                }
            }
        }
        // SAFETY: live, then refused.
        unsafe {
            assert!(matches!(
                resize(raw, usize::MAX),
                Err(ResizeError::Memory(AllocError::TooLarge { .. }))
            ));
            assert_eq!(tag_and_size(raw as usize).1, 8);
            free(raw).expect("was live");
            assert_eq!(misuse(resize(raw, 5)), Some(Misuse::Double));
        }
    }

    #[test]
    fn what_cannot_be_resized_is_refused() {
        track::start(&track::Options::default()).expect("a ledger");
        let raw: *mut c_void = diagnostic_calloc::<u8>(64)
            .expect("memory")
            .into_raw()
            .cast();
        let pages = crate::families::virtual_alloc(8).expect("memory");
        // SAFETY: refused, then released once.
        unsafe {
            assert_eq!(misuse(resize(core::ptr::null_mut(), 5)), Some(Misuse::Null));
            assert_eq!(misuse(resize(16 as *mut c_void, 5)), Some(Misuse::Foreign));
            let base = raw as usize;
            let inside = Misuse::Interior { base, offset: 8 };
            assert_eq!(misuse(resize(raw.byte_add(8), 5)), Some(inside));
            let family = Family::Virtual;
            let wrong = Misuse::WrongFamily { family };
            assert_eq!(misuse(resize(pages.as_ptr().cast(), 5)), Some(wrong));
            free(raw).expect("was live");
            free(pages.as_ptr().cast()).expect("was live");
        }
    }

    #[test]
    fn an_adopted_block_stays_adopted() {
        // SAFETY: a block of malloc, adopted, released once.
        unsafe {
            let raw = platform::malloc(8).cast();
            adopt(raw, 8, ReleaseWith::Family(platform::FAMILY)).expect("not registered");
            let moved = resize(raw, 100_000).expect("memory").as_ptr();
            assert_eq!(
                registry::find(moved as usize).map(|e| e.size),
                Some(100_000)
            );
            free(moved).expect("was live");
        }
    }
}
