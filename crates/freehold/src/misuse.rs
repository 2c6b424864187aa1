//! What can be wrong with a release, said so that it can be put right.

use core::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use freehold_families::{Family, FamilyError, info};

use crate::Stack;

/// What is wrong with a release.
///
/// ```
/// use freehold::{Misuse, calloc, free, track};
/// track::start(&Default::default())?;
/// let block = calloc::<u8>(16).expect("memory");
/// let base = block.as_ptr() as usize;
/// // SAFETY: tracked, so that an address inside of a block is refused.
/// let error = unsafe { free((base + 4) as *mut _) }.unwrap_err();
/// assert_eq!(error.misuse(), Misuse::Interior { base, offset: 4 });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// A null pointer was passed.
    Null,
    /// The block was released before.
    Double,
    /// Nobody knows the address: it never was a block, or it is older than the
    /// tracker.
    Foreign,
    /// The address lies in the middle of a block.
    Interior {
        /// Where the block begins.
        base: usize,
        /// Bytes from there to the address.
        offset: usize,
    },
    /// The block belongs to the API that lent it.
    Borrowed,
    /// The block was given away.
    Transferred,
    /// The block belongs to an arena, which releases it.
    ArenaOwned,
    /// The block belongs to a finalizer, which releases it.
    FinalizerOwned,
    /// Another family's release function was called.
    WrongFamily {
        /// The family of the block.
        family: Family,
    },
    /// The size that was passed is not that of the block.
    SizeMismatch {
        /// Bytes of the block.
        size: usize,
        /// Bytes that were passed.
        passed: usize,
    },
    /// The release function was right and said that it failed.
    Failed(FamilyError),
}

/// What to do about a misuse.
///
/// ```
/// use freehold::track::{OnMisuse, on_misuse, take_misuses};
/// on_misuse(OnMisuse::Ignore);
/// // SAFETY: null is never released.
/// unsafe { freehold::free(std::ptr::null_mut()) }.expect("not told");
/// assert_eq!(take_misuses().len(), 1);
/// # on_misuse(OnMisuse::Refuse);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum OnMisuse {
    /// Refuse the release and give the error.
    #[default]
    Refuse = 0,
    /// Print the error and abort the process.
    Abort = 1,
    /// Refuse the release, count it, and say that all is well.
    Ignore = 2,
}

/// Misuses that are kept.
const KEPT: usize = 256;
static POLICY: AtomicU8 = AtomicU8::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);
static LAST: Mutex<Vec<FreeError>> = Mutex::new(Vec::new());

/// Everything that is known of a refused release.
#[derive(Debug)]
struct Details {
    misuse: Misuse,
    address: usize,
    called: &'static str,
    size: Option<usize>,
    family: Option<Family>,
    /// What releases the block, where its family does not tell.
    due: Option<&'static str>,
    tag: String,
    allocated: Stack,
    released: Stack,
    here: Stack,
    os_error: i32,
}

/// Why a block was not released, with all that is known of it. The block is as
/// it was.
///
/// ```
/// use freehold::{Misuse, free};
/// // SAFETY: null is refused.
/// let error = unsafe { free(std::ptr::null_mut()) }.unwrap_err();
/// assert_eq!(error.misuse(), Misuse::Null);
/// ```
#[derive(Clone, Debug)]
pub struct FreeError(Arc<Details>);

impl FreeError {
    pub(crate) fn new(misuse: Misuse, address: usize, called: &'static str) -> FreeError {
        FreeError(Arc::new(Details {
            misuse,
            address,
            called,
            size: None,
            family: None,
            due: None,
            tag: String::new(),
            allocated: Stack::default(),
            released: Stack::default(),
            here: Stack::default(),
            os_error: 0,
        }))
    }

    /// As a pointer, which is never null.
    pub(crate) fn into_raw(self) -> *const core::ffi::c_void {
        Arc::into_raw(self.0).cast()
    }

    /// Back from it.
    ///
    /// # Safety
    /// It came from `into_raw` and is taken once.
    pub(crate) unsafe fn from_raw(raw: *const core::ffi::c_void) -> FreeError {
        // SAFETY: promised by the caller.
        FreeError(unsafe { Arc::from_raw(raw.cast()) })
    }

    fn edit(mut self, edit: impl FnOnce(&mut Details)) -> FreeError {
        // Nobody else has it before it is finished.
        if let Some(details) = Arc::get_mut(&mut self.0) {
            edit(details);
        }
        self
    }

    pub(crate) fn block(self, size: usize, family: Family, tag: String) -> FreeError {
        self.edit(|d| {
            (d.size, d.family, d.tag) = (Some(size), Some(family), tag);
        })
    }

    pub(crate) fn due(self, due: Option<&'static str>) -> FreeError {
        self.edit(|details| details.due = due)
    }

    pub(crate) fn with_os_error(self, number: i32) -> FreeError {
        self.edit(|d| d.os_error = number)
    }

    pub(crate) fn stacks(self, allocated: Stack, released: Stack, here: Stack) -> FreeError {
        self.edit(|d| (d.allocated, d.released, d.here) = (allocated, released, here))
    }

    /// What is wrong.
    ///
    /// ```
    /// use freehold::{Misuse, calloc, free_sized, track};
    /// track::start(&Default::default())?;
    /// let mut block = calloc::<u8>(16).expect("memory");
    /// // SAFETY: tracked, so that the wrong size is refused.
    /// let error = unsafe { free_sized(block.as_mut_ptr().cast(), 8) }.unwrap_err();
    /// assert_eq!(error.misuse(), Misuse::SizeMismatch { size: 16, passed: 8 });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn misuse(&self) -> Misuse {
        self.0.misuse
    }
    /// The address that was passed.
    ///
    /// ```
    /// # freehold::track::start(&Default::default())?;
    /// let mut variable = 0u64;
    /// let address = (&raw mut variable).cast();
    /// // SAFETY: tracked, so that what is no block is refused.
    /// let error = unsafe { freehold::free(address) }.unwrap_err();
    /// assert_eq!(error.address(), address as usize);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn address(&self) -> usize {
        self.0.address
    }
    /// The function that was called.
    ///
    /// ```
    /// // SAFETY: null is refused.
    /// let error = unsafe { freehold::free(std::ptr::null_mut()) }.unwrap_err();
    /// assert_eq!(error.called(), "free");
    /// ```
    pub fn called(&self) -> &'static str {
        self.0.called
    }
    /// Bytes of the block, when it is known.
    ///
    /// ```
    /// use freehold::{calloc, free, track};
    /// track::start(&Default::default())?;
    /// let block = calloc::<u32>(4).expect("memory");
    /// // SAFETY: tracked, so that an address inside of a block is refused.
    /// let error = unsafe { free(block.as_ptr().cast_mut().wrapping_add(1).cast()) }.unwrap_err();
    /// assert_eq!(error.size(), Some(16)); // of the block, in bytes
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn size(&self) -> Option<usize> {
        self.0.size
    }
    /// The family of the block, when it is known.
    ///
    /// ```
    /// use freehold::{Family, families::co_task_mem_alloc, free, free_as};
    /// let block = co_task_mem_alloc(8).expect("memory").as_ptr().cast();
    /// // SAFETY: live; refused, as another family's function is called; then released.
    /// unsafe {
    ///     let error = free_as(Family::Malloc, block).unwrap_err();
    ///     assert_eq!(error.family(), Some(Family::CoTaskMem));
    ///     free(block).expect("was live");
    /// }
    /// ```
    pub fn family(&self) -> Option<Family> {
        self.0.family
    }
    /// The name of what is in the block; empty when it is not known.
    ///
    /// ```
    /// use freehold::{diagnostic_calloc, free, track};
    /// track::start(&Default::default())?;
    /// let raw = diagnostic_calloc::<u32>(4).expect("memory").into_raw();
    /// // SAFETY: live; tracked, so that the second release is refused.
    /// let again = unsafe { free(raw.cast()).and_then(|()| free(raw.cast())) };
    /// assert_eq!(again.unwrap_err().tag(), "u32");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn tag(&self) -> &str {
        &self.0.tag
    }
    /// Where the block was allocated.
    ///
    /// ```
    /// use freehold::{calloc, free, track};
    /// track::start(&Default::default())?;
    /// let raw = calloc::<u8>(4).expect("memory").into_raw();
    /// // SAFETY: live; tracked, so that the second release is refused.
    /// let error = unsafe { free(raw.cast()).and_then(|()| free(raw.cast())) }.unwrap_err();
    /// assert!(!error.allocated().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn allocated(&self) -> &Stack {
        &self.0.allocated
    }
    /// Where it was released first.
    ///
    /// ```
    /// use freehold::{calloc, free, track};
    /// track::start(&Default::default())?;
    /// let raw = calloc::<u8>(4).expect("memory").into_raw();
    /// // SAFETY: live; tracked, so that the second release is refused.
    /// let error = unsafe { free(raw.cast()).and_then(|()| free(raw.cast())) }.unwrap_err();
    /// eprintln!("the first release was here:\n{}", error.released());
    /// assert!(!error.released().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn released(&self) -> &Stack {
        &self.0.released
    }
    /// Where it was now to be released.
    ///
    /// ```
    /// use freehold::{calloc, free, track};
    /// track::start(&Default::default())?;
    /// let block = calloc::<u8>(4).expect("memory");
    /// // SAFETY: tracked, so that an address inside of a block is refused.
    /// let error = unsafe { free(block.as_ptr().cast_mut().wrapping_add(1).cast()) }.unwrap_err();
    /// assert!(error.here().frames().len() > 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn here(&self) -> &Stack {
        &self.0.here
    }
    /// The last error of the operating system when the release failed (`errno`, on
    /// Windows `GetLastError`); 0 when it was refused.
    ///
    /// ```
    /// use freehold::{Family, FamilyError, Misuse, ReleaseWith, Release, adopt, free};
    /// use std::ffi::c_void;
    /// unsafe extern "C" fn busy(_: *mut c_void, _: *mut c_void) -> i32 {
    ///     # #[cfg(windows)]
    ///     # freehold_families::win32::set_last_error(libc::EBUSY as u32);
    ///     # #[cfg(unix)]
    ///     // SAFETY: the location is valid for the calling thread.
    ///     unsafe { *libc::__errno_location() = libc::EBUSY };
    ///     -1
    /// }
    /// let mut device = 0u8;
    /// let device = (&raw mut device).cast();
    /// // SAFETY: `busy` needs no context and releases nothing.
    /// unsafe {
    ///     adopt(device, 1, ReleaseWith::Custom(Release::new(busy, std::ptr::null_mut())))?;
    ///     let error = free(device).unwrap_err();
    ///     let failed = FamilyError::Failed { family: Family::Custom, code: -1 };
    ///     assert_eq!((error.misuse(), error.os_error()), (Misuse::Failed(failed), libc::EBUSY));
    /// }
    /// # Ok::<(), freehold::AdoptError>(())
    /// ```
    pub fn os_error(&self) -> i32 {
        self.0.os_error
    }

    /// Counts it and does what the policy says.
    pub(crate) fn report(self) -> Result<(), FreeError> {
        if let Misuse::Failed(_) = self.0.misuse {
            // A release that failed is no fault of the caller.
            return Err(self);
        }
        COUNT.fetch_add(1, Ordering::Relaxed);
        {
            let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
            if last.len() < KEPT {
                last.push(self.clone());
            }
        }
        match POLICY.load(Ordering::Relaxed) {
            1 => {
                eprintln!("freehold: {self}");
                std::process::abort();
            }
            2 => Ok(()),
            _ => Err(self),
        }
    }
}

/// Sets what is done about misuses from now on, in the whole process.
pub(crate) fn set_policy(policy: OnMisuse) {
    POLICY.store(policy as u8, Ordering::Relaxed);
}

/// How many misuses there were.
pub(crate) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// The first of them since the last call.
pub(crate) fn take() -> Vec<FreeError> {
    core::mem::take(&mut *LAST.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The functions that release blocks of a family, for people.
fn functions(family: Family) -> String {
    match info(family).release {
        [] => "the function it was adopted with".to_owned(),
        names => names.join(" or "),
    }
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &*self.0;
        let (called, at) = (details.called, details.address);
        match details.misuse {
            Misuse::Null => write!(
                f,
                "{called} was given a null pointer: check it before, an allocation may have failed"
            )?,
            Misuse::Double => write!(
                f,
                "{called} was given {at:#x}, which was released before: release it once; of several \
                 users one must be its owner"
            )?,
            Misuse::Foreign => write!(
                f,
                "{called} was given {at:#x}, which is no known block: it never was one, was \
                 allocated before tracking began or by an allocator that does not tell; adopt it \
                 when you get it, or release it with the function of whoever made it"
            )?,
            Misuse::Interior { base, offset } => write!(
                f,
                "{called} was given {at:#x}, which lies {offset} bytes inside the block \
                 {base:#x}: release {base:#x}"
            )?,
            Misuse::Borrowed => write!(
                f,
                "{called} was given {at:#x}, which is borrowed: it belongs to whoever lent it and \
                 must not be released"
            )?,
            Misuse::Transferred => write!(
                f,
                "{called} was given {at:#x}, which was given away: its new owner releases it"
            )?,
            Misuse::ArenaOwned => write!(
                f,
                "{called} was given {at:#x}, which belongs to an arena: the arena releases it, or \
                 move it out first"
            )?,
            Misuse::FinalizerOwned => write!(
                f,
                "{called} was given {at:#x}, which a finalizer will release: detach it first"
            )?,
            Misuse::WrongFamily { family } => write!(
                f,
                "{called} was given {at:#x}, a block of the family {}: release it with {}",
                family.name(),
                details.due.map_or_else(|| functions(family), str::to_owned)
            )?,
            Misuse::SizeMismatch { size, passed } => write!(
                f,
                "{called} was told that {at:#x} has {passed} bytes, but it has {size}: pass the \
                 layout that it was allocated with"
            )?,
            Misuse::Failed(error) => write!(f, "{called} could not release {at:#x}: {error}")?,
        }
        if let (Some(size), Some(family)) = (details.size, details.family) {
            write!(f, "\n  block: {size} bytes, family {}", family.name())?;
            if !details.tag.is_empty() {
                write!(f, ", {}", details.tag)?;
            }
        }
        stack(f, "allocated", &details.allocated)?;
        stack(f, "first released", &details.released)?;
        stack(f, "now", &details.here)
    }
}

fn stack(f: &mut fmt::Formatter<'_>, what: &str, stack: &Stack) -> fmt::Result {
    if stack.is_empty() {
        return Ok(());
    }
    write!(f, "\n  {what}:")?;
    for line in stack.to_string().lines() {
        write!(f, "\n    {line}")?;
    }
    Ok(())
}

impl std::error::Error for FreeError {}
