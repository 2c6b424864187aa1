//! The one `free`: it finds out what a pointer is and what releases it, and
//! refuses what is wrong.
//!
//! The order is fixed: look, refuse; take out of the registry and the ledger;
//! release. A release that fails puts the block back.

use core::ffi::c_void;
use core::ptr::NonNull;

use freehold_families::Family;
use freehold_ledger::format::Owner;

use crate::contract::{Block, DEAD, LIVE, Tracker, UNKNOWN};
use crate::entry::{Entry, enter};
use crate::ownership::Ownership;
use crate::refuse::{Failure, Report};
use crate::registry::{self, Entry as Registered};
use crate::release::Releaser;
use crate::state::{self, quietly, unseen};
use crate::system::{self, KeepErrno};
use crate::{FreeError, Misuse, plain, platform, recent, record};

/// Who releases, and how.
#[derive(Clone, Copy)]
pub(crate) struct Called {
    /// The name of the function, for people.
    pub(crate) name: &'static str,
    /// The only family that the function is for.
    pub(crate) family: Option<Family>,
    /// Whom the caller acts for.
    pub(crate) by: Ownership,
    /// The size that was passed.
    pub(crate) size: Option<usize>,
    /// The block is known to be a live one of the C library though nobody may
    /// have recorded it: its owner has it in his hands.
    pub(crate) known_malloc: bool,
}

impl Called {
    pub(crate) const fn new(name: &'static str) -> Called {
        Called {
            name,
            family: None,
            by: Ownership::Owned,
            size: None,
            known_malloc: false,
        }
    }
}

/// Releases a block of any family.
///
/// The same in every build. What is registered (blocks of the families other
/// than `malloc`, adopted ones) is always known; blocks of `malloc` are known
/// while tracking is on. Then every misuse is refused: a null pointer, a second
/// release, a foreign address, one in the middle of a block, a borrowed, given
/// away, arena's or finalizer's block.
///
/// Blocks of `malloc` are the platform's: on Windows those of `CoTaskMemAlloc`
/// ([`FAMILY`](crate::alloc::FAMILY)). A block of a C runtime is there one of another
/// family, to be adopted first.
///
/// Where a block could not be recorded (the ledger is full, or samples only), an
/// unknown address may be that block's, and goes to the platform's `free`; so it
/// does in a forked child, whose ledger does not have what it inherited.
///
/// # Errors
/// [`FreeError`] says what is wrong, with the stacks that are known; the block
/// is as it was.
///
/// # Safety
/// Nobody uses the block after it was released. While tracking is off, `pointer`
/// is null, a registered block, or a live block of `malloc`: there is nobody who
/// could tell.
///
/// ```
/// use freehold::{calloc, free};
/// let block = calloc::<u8>(256)?;
/// let raw = block.into_raw();
/// // SAFETY: nobody uses it any more.
/// unsafe { free(raw.cast()) }.expect("was live");
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[inline(always)]
pub unsafe fn free(pointer: *mut c_void) -> Result<(), FreeError> {
    if plain::releases(pointer) {
        // SAFETY: promised by the caller: nothing is tracked or registered.
        unsafe { platform::free(pointer) };
        return Ok(());
    }
    core::hint::cold_path();
    // SAFETY: as promised by the caller.
    answer(unsafe { free_thunk(pointer, UNOWNED) })
}

/// Releases a block that its owner knows to be one of `malloc` with `size` bytes.
///
/// # Safety
/// It is, and nobody uses it any more.
#[inline(always)]
pub(crate) unsafe fn deallocate(pointer: *mut c_void, size: usize) -> Result<(), FreeError> {
    // SAFETY: as promised by the caller.
    answer(unsafe { free_thunk(pointer, size) })
}

/// Releases a block that its owner knows to be a registered one with `size` bytes.
///
/// # Safety
/// It is, and nobody uses it any more.
#[inline(always)]
pub(crate) unsafe fn deallocate_registered(
    pointer: *mut c_void,
    size: usize,
) -> Result<(), FreeError> {
    let called = Called {
        size: Some(size),
        ..Called::new("deallocate")
    };
    // SAFETY: as promised by the caller.
    enter(|entry| unsafe { release(pointer as usize, called, entry) })
}

#[inline(always)]
fn answer(error: *const c_void) -> Result<(), FreeError> {
    match error.is_null() {
        true => Ok(()),
        // SAFETY: just made, taken once.
        false => Err(unsafe { FreeError::from_raw(error) }),
    }
}

/// No size of a block: who releases it does not know.
const UNOWNED: usize = usize::MAX;

/// The entry to [`free_slowly`]: all in registers, so that a caller for whom
/// nothing is tracked prepares nothing. Gives null or an error.
///
/// # Safety
/// As for [`free`] when the size is [`UNOWNED`]; otherwise for [`deallocate`].
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C-unwind" fn free_thunk(pointer: *mut c_void, size: usize) -> *const c_void {
    // The two conventions differ in the registers of the arguments.
    #[cfg(not(windows))]
    core::arch::naked_asm!(
        "mov rdx, rsp",
        "mov rcx, rbp",
        "jmp {slowly}",
        slowly = sym free_slowly,
    );
    #[cfg(windows)]
    core::arch::naked_asm!(
        "mov r8, rsp",
        "mov r9, rbp",
        "jmp {slowly}",
        slowly = sym free_slowly,
    );
}

/// The same for 32-bit programs, which pass no arguments in registers.
///
/// # Safety
/// As on x86-64.
#[cfg(target_arch = "x86")]
#[inline(always)]
unsafe fn free_thunk(pointer: *mut c_void, size: usize) -> *const c_void {
    // SAFETY: promised by the caller.
    enter(|Entry { slot, bp }| unsafe { free_slowly(pointer, size, slot, bp) })
}

unsafe extern "C-unwind" fn free_slowly(
    pointer: *mut c_void,
    size: usize,
    slot: usize,
    bp: usize,
) -> *const c_void {
    let _errno = KeepErrno::new();
    let called = match size {
        UNOWNED => Called::new("free"),
        _ => Called {
            family: Some(platform::FAMILY),
            size: Some(size),
            known_malloc: true,
            ..Called::new("deallocate")
        },
    };
    // SAFETY: as promised by the caller.
    let released = unsafe { release(pointer as usize, called, Entry { slot, bp }) };
    if state::is_plain() {
        plain::open();
    }
    match released {
        Ok(()) => core::ptr::null(),
        Err(error) => error.into_raw(),
    }
}

/// The same for a block of which the caller knows the size: it must agree.
///
/// # Errors
/// As for [`free`], and [`Misuse::SizeMismatch`].
///
/// # Safety
/// As for [`free`].
///
/// ```
/// use freehold::{Misuse, free_sized, malloc, track};
/// track::start(&track::Options::default()).expect("memory for a ledger");
/// let raw = malloc::<u8>(100)?.into_raw();
/// // SAFETY: refused, then released once.
/// unsafe {
///     let error = free_sized(raw.cast(), 99).unwrap_err();
///     assert_eq!(error.misuse(), Misuse::SizeMismatch { size: 100, passed: 99 });
///     free_sized(raw.cast(), 100).expect("was live");
/// }
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[inline(always)]
pub unsafe fn free_sized(pointer: *mut c_void, size: usize) -> Result<(), FreeError> {
    let called = Called {
        size: Some(size),
        ..Called::new("free_sized")
    };
    // SAFETY: as promised by the caller.
    enter(|entry| unsafe { release(pointer as usize, called, entry) })
}

/// Releases a block as a specific function would: one of another family is
/// refused, and the error names the right function.
///
/// # Errors
/// As for [`free`], and [`Misuse::WrongFamily`].
///
/// # Safety
/// As for [`free`].
///
/// ```
/// # #[cfg(not(windows))] {
/// use freehold::{Family, Misuse, families, free, free_as};
/// let block = families::co_task_mem_alloc(16).expect("memory");
/// // SAFETY: refused, then released once.
/// unsafe {
///     let error = free_as(Family::Local, block.as_ptr().cast()).unwrap_err();
///     assert_eq!(error.misuse(), Misuse::WrongFamily { family: Family::CoTaskMem });
///     assert!(error.to_string().contains("release it with CoTaskMemFree"));
///     free(block.as_ptr().cast()).expect("was live");
/// }
/// # }
/// ```
#[inline(always)]
pub unsafe fn free_as(family: Family, pointer: *mut c_void) -> Result<(), FreeError> {
    let called = Called {
        family: Some(family),
        ..Called::new(
            freehold_families::info(family)
                .release
                .first()
                .copied()
                .unwrap_or("free"),
        )
    };
    // SAFETY: as promised by the caller.
    enter(|entry| unsafe { release(pointer as usize, called, entry) })
}

/// Releases a block of `malloc` by the platform's function (`free`, on Windows
/// `CoTaskMemFree`), whatever is known of it; the tracker is told, so that nothing stale is left.
///
/// # Safety
/// `pointer` is null or a live block of `malloc` that nobody uses any more.
///
/// ```
/// let raw = freehold::malloc::<u8>(8)?.into_raw();
/// // SAFETY: live, used by nobody.
/// unsafe { freehold::native_free(raw.cast()) };
/// # Ok::<(), freehold::AllocError>(())
/// ```
pub unsafe extern "C" fn native_free(pointer: *mut c_void) {
    let _errno = KeepErrno::new();
    if !state::is_plain() {
        registry::forget_stale(pointer as usize);
        if let Some(tracker) = state::tracker() {
            record::released(tracker, pointer as usize, 0, 0);
        }
    }
    // SAFETY: promised by the caller.
    unseen(|| unsafe { platform::free(pointer) });
}

/// Releases what `address` is, for whom `called` says.
///
/// # Safety
/// As for [`free`].
pub(crate) unsafe fn release(
    address: usize,
    called: Called,
    entry: Entry,
) -> Result<(), FreeError> {
    let tracker = state::tracker();
    let here = tracker.map_or(0, |t| record::capture(t, entry));
    let report = Report {
        tracker,
        called,
        address,
        here,
        site: record::site(entry),
    };
    let Some(block) = NonNull::new(address as *mut u8) else {
        return report.refuse(Misuse::Null, None);
    };
    if let Some(taken) = take_registered(&report)? {
        return match taken {
            // SAFETY: registered as a live block of this kind, and just taken
            // out; the caller promises that nobody uses it.
            Taken::Last(registered) => unsafe { release_registered(&report, block, registered) },
            // SAFETY: one reference of several.
            Taken::Reference(releaser) => unsafe { call(&releaser, false, block) }
                .or_else(|failure| report.failed(failure, None)),
            Taken::Deferred => Ok(()),
        };
    }
    let Some(tracker) = tracker else {
        if recent::find(address as u64).is_some() {
            // A registered block that was released; the address was not handed
            // out again, as far as we know.
            return report.refuse(Misuse::Double, None);
        }
        if let Some((base, size)) = registry::containing(address) {
            let offset = address - base;
            let family = registry::find(base).map(|entry| entry.release.family());
            let about = family.map(|family| (size, family));
            return report.refuse(Misuse::Interior { base, offset }, about);
        }
        return match called.family {
            None | Some(platform::FAMILY) => {
                // SAFETY: promised by the caller, as nothing is tracked.
                unseen(|| unsafe { platform::free(block.as_ptr().cast()) });
                Ok(())
            }
            // All blocks of other families are registered.
            Some(_) => report.refuse(Misuse::Foreign, None),
        };
    };
    // SAFETY: as promised by the caller.
    unsafe { release_recorded(&report, tracker, block) }
}

/// What became of a registered block.
enum Taken {
    /// It is out of the registry.
    Last(Registered),
    /// It has other references.
    Reference(Releaser),
    /// Somebody uses it, and releases it in the end.
    Deferred,
}

fn take_registered(report: &Report) -> Result<Option<Taken>, FreeError> {
    if !registry::has_any() {
        return Ok(None);
    }
    let address = report.address;
    let found = registry::with(|map| {
        let entry = map.get(address)?;
        if let Some(misuse) = report.objection_to(&entry) {
            return Some(Err((misuse, entry)));
        }
        if entry.uses > 0 && entry.closing {
            return Some(Err((Misuse::Double, entry)));
        }
        if entry.uses > 0 {
            map.change(address, |entry| entry.closing = true);
            return Some(Ok(Taken::Deferred));
        }
        let told = entry.release.references(address);
        if told.unwrap_or(entry.references as usize) > 1 {
            map.change(address, |entry| {
                entry.references = (entry.references - 1).max(1)
            });
            return Some(Ok(Taken::Reference(entry.release)));
        }
        map.remove(address).map(|entry| Ok(Taken::Last(entry)))
    });
    match found {
        None => Ok(None),
        Some(Ok(taken)) => Ok(Some(taken)),
        Some(Err((misuse, entry))) => report
            .refuse(misuse, Some((entry.size, entry.release.family())))
            .map(|()| Some(Taken::Deferred)),
    }
}

/// Takes a registered block out of the ledger, or makes it what hooks know it as,
/// who then take it out when they see it go.
fn take_record(tracker: &Tracker, report: &Report, registered: &Registered) -> (u32, Block) {
    let Some(family) = registered.hooked else {
        return record::released(tracker, report.address, report.here, report.site);
    };
    let (answer, block) = record::find(tracker, report.address);
    if answer == LIVE {
        recent::note(&block, report.here);
        record::change(tracker, report.address, |block| {
            block.family = family as u8;
            block.owner = Owner::Caller as u8;
        });
    }
    (answer, block)
}

/// Releases a block. Hooks see it when they know it (`hooked`), and whatever its
/// function releases beside it.
///
/// # Safety
/// As for [`Releaser::call`].
unsafe fn call(release: &Releaser, hooked: bool, block: NonNull<u8>) -> Result<(), Failure> {
    let call = || {
        // SAFETY: promised by the caller.
        unsafe { release.call(block) }.map_err(|error| Failure {
            error,
            os_error: system::os_error(),
        })
    };
    if hooked || release.runs_other_code() {
        return call();
    }
    match release.runs_rust_code() {
        true => quietly(call),
        false => unseen(call),
    }
}

/// # Safety
/// The block was registered like this until now, and nobody uses it.
unsafe fn release_registered(
    report: &Report,
    block: NonNull<u8>,
    registered: Registered,
) -> Result<(), FreeError> {
    let recorded = report.tracker.map(|t| take_record(t, report, &registered));
    // SAFETY: promised by the caller.
    let released = unsafe { call(&registered.release, registered.hooked.is_some(), block) };
    let Err(failure) = released else {
        if recorded.is_none_or(|(answer, _)| answer != LIVE) {
            let block = Block {
                address: report.address as u64,
                size: registered.size as u64,
                family: registered.release.family() as u8,
                ..Block::default()
            };
            recent::note(&block, report.here);
        }
        return Ok(());
    };
    registry::with(|map| map.insert(report.address, registered));
    if let (Some(tracker), Some((LIVE, known))) = (report.tracker, recorded) {
        match registered.hooked {
            None => record::restored(tracker, &known),
            Some(_) => {
                record::change(tracker, report.address, |block| *block = known);
            }
        }
    }
    let about = (registered.size, registered.release.family());
    report.failed(failure, Some(about))
}

/// # Safety
/// As for [`free`].
unsafe fn release_recorded(
    report: &Report,
    tracker: &Tracker,
    block: NonNull<u8>,
) -> Result<(), FreeError> {
    let (answer, known) = record::find(tracker, report.address);
    if answer != LIVE {
        // SAFETY: as promised by the caller.
        return unsafe { release_unrecorded(report, tracker, block, answer) };
    }
    let family = Family::from_number(known.family.into());
    let about = Some((known.size as usize, family));
    let state = Ownership::from_owner(Owner::from_number(known.owner.into()));
    let releaser = Releaser::of(family, known.size as usize);
    let release = releaser.unwrap_or(Releaser::Never);
    if let Some(misuse) = report.objection(state, family, &release, known.size as usize) {
        return report.refuse(misuse, about);
    }
    if releaser.is_none() {
        // A family that needs more than an address, recorded by somebody else.
        return report.refuse(Misuse::WrongFamily { family }, about);
    }
    // Of two threads that release it, one gets it.
    if record::released(tracker, report.address, report.here, report.site).0 != LIVE {
        return report.refuse(Misuse::Double, about);
    }
    // SAFETY: live until now, and taken out by nobody else.
    let released = unsafe { call(&release, false, block) };
    released.or_else(|failure| {
        record::restored(tracker, &known);
        report.failed(failure, about)
    })
}

/// # Safety
/// As for [`free`].
unsafe fn release_unrecorded(
    report: &Report,
    tracker: &Tracker,
    block: NonNull<u8>,
    answer: u32,
) -> Result<(), FreeError> {
    if let Some(misuse) = unrecorded(report, tracker, answer) {
        return report.refuse(misuse, None);
    }
    // Hooks may know it: they are told as by anybody else.
    // SAFETY: as promised by the caller.
    unsafe { platform::free(block.as_ptr().cast()) };
    Ok(())
}

/// What is wrong with an address of which the ledger gave this answer; `None`
/// when it may be a block of `malloc` that was not recorded.
pub(crate) fn unrecorded(report: &Report, tracker: &Tracker, answer: u32) -> Option<Misuse> {
    let misuse = match answer {
        DEAD => Misuse::Double,
        // The ledger forgets released blocks where their neighbours grow in number.
        UNKNOWN if recent::find(report.address as u64).is_some() => Misuse::Double,
        UNKNOWN if report.called.known_malloc => Misuse::Foreign,
        UNKNOWN => interior(tracker, report.address).unwrap_or(Misuse::Foreign),
        // Nobody can tell now: the platform's own checks have to do.
        _ => return None,
    };
    let may_be_malloc = report.called.family.is_none_or(|f| f == platform::FAMILY);
    let passes = match misuse {
        // Older than the ledger, or its parent's: the owner knows better.
        Misuse::Foreign => {
            report.called.known_malloc || state::is_inherited() || state::is_incomplete()
        }
        // Its address may have been given to a block that was not recorded.
        Misuse::Double => state::is_incomplete(),
        _ => false,
    };
    Some(misuse).filter(|_| !(may_be_malloc && passes))
}

/// The block in the middle of which an address lies.
fn interior(tracker: &Tracker, address: usize) -> Option<Misuse> {
    let base = match registry::containing(address) {
        Some((base, _)) => base,
        None => {
            let block = record::containing(tracker, address)?;
            let base = block.address as usize;
            let is_handle = registry::find(base).is_some_and(|e| e.release.is_handle());
            if is_handle || base == address {
                return None;
            }
            base
        }
    };
    Some(Misuse::Interior {
        base,
        offset: address - base,
    })
}

/// Releases what an adaptive allocator gave: in debug builds and with the feature
/// `adaptive-tracking` as [`free`] does, otherwise as the platform's `free` and
/// no more.
///
/// # Errors
/// As for [`free`], where that is what it does.
///
/// # Safety
/// As for [`free`]; in other builds, `pointer` is null or a live block of an
/// adaptive allocator.
///
/// ```
/// let raw = freehold::adaptive_calloc::<u8>(8)?.into_raw();
/// // SAFETY: live, used by nobody.
/// unsafe { freehold::adaptive_free(raw.cast()) }.expect("was live");
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[inline(always)]
pub unsafe fn adaptive_free(pointer: *mut c_void) -> Result<(), FreeError> {
    #[cfg(any(debug_assertions, feature = "adaptive-tracking"))]
    // SAFETY: as promised by the caller.
    return unsafe { free(pointer) };
    #[cfg(not(any(debug_assertions, feature = "adaptive-tracking")))]
    {
        // Blocks with more alignment are another family's there.
        #[cfg(windows)]
        if registry::find(pointer as usize).is_some() {
            // SAFETY: as promised by the caller.
            return unsafe { free(pointer) };
        }
        // SAFETY: as promised by the caller.
        unsafe { platform::free(pointer) };
        Ok(())
    }
}
