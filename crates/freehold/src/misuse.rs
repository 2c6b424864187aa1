//! What can be wrong with a release, said so that it can be put right.

use core::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use freehold_families::{Family, FamilyError, info};

use crate::Stack;

/// What is wrong with a release.
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
            tag: String::new(),
            allocated: Stack::default(),
            released: Stack::default(),
            here: Stack::default(),
            // SAFETY: the location is valid for the calling thread.
            os_error: unsafe { *libc::__errno_location() },
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

    pub(crate) fn stacks(self, allocated: Stack, released: Stack, here: Stack) -> FreeError {
        self.edit(|d| (d.allocated, d.released, d.here) = (allocated, released, here))
    }

    /// What is wrong.
    pub fn misuse(&self) -> Misuse {
        self.0.misuse
    }
    /// The address that was passed.
    pub fn address(&self) -> usize {
        self.0.address
    }
    /// The function that was called.
    pub fn called(&self) -> &'static str {
        self.0.called
    }
    /// Bytes of the block, when it is known.
    pub fn size(&self) -> Option<usize> {
        self.0.size
    }
    /// The family of the block, when it is known.
    pub fn family(&self) -> Option<Family> {
        self.0.family
    }
    /// The name of what is in the block; empty when it is not known.
    pub fn tag(&self) -> &str {
        &self.0.tag
    }
    /// Where the block was allocated.
    pub fn allocated(&self) -> &Stack {
        &self.0.allocated
    }
    /// Where it was released first.
    pub fn released(&self) -> &Stack {
        &self.0.released
    }
    /// Where it was now to be released.
    pub fn here(&self) -> &Stack {
        &self.0.here
    }
    /// The last error of the operating system when the release failed (`errno`).
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
                functions(family)
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
