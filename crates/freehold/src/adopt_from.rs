//! Taking over what an API gave, by the name of its function: the ownership database
//! says what releases it.
//!
//! What is not here: the database (`freehold-owners`), and how the release is found
//! in the process (`named`).

use core::ffi::c_void;
use core::fmt;
use core::ptr::NonNull;

use freehold_families::{Family, Kind as FamilyKind, info};
use freehold_owners::compact::{self, NoRule, rule};
use freehold_owners::{Kind, Platform};

use crate::adopt::{AdoptError, ReleaseWith, adopt, register};
use crate::entry::enter;
use crate::named::{Named, PLATFORM};
use crate::ownership::Ownership;
use crate::release::Releaser;
use crate::system::NotFound;
use crate::{record, state, tags};

/// Numbers below are no addresses: nothing is ever mapped there.
const LOWEST_ADDRESS: usize = 4096;

/// Why what a function gave was not adopted.
///
/// ```
/// use freehold::{AdoptFromError, adopt_from};
/// // SAFETY: nothing is adopted.
/// let error = unsafe { adopt_from("no_such_function", "return", std::ptr::null_mut(), 0) };
/// let error = error.unwrap_err();
/// assert!(matches!(error, AdoptFromError::UnknownFunction { .. }));
/// assert!(error.to_string().contains("adopt it with a release of your own"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdoptFromError {
    /// The database asserts nothing of a function of this name on this system.
    UnknownFunction {
        /// The function.
        function: String,
    },
    /// It asserts nothing of this slot of it.
    UnknownSlot {
        /// The function.
        function: String,
        /// The slot.
        slot: String,
    },
    /// It is not the caller's to release.
    NotYours {
        /// The function.
        function: String,
        /// The slot.
        slot: String,
        /// Whose it is instead.
        kind: Kind,
    },
    /// The value alone is not enough to release it.
    NeedsMore {
        /// The function.
        function: String,
        /// What releases it, the value as `*`.
        release: &'static str,
    },
    /// The process has no function of the name of the release.
    NoRelease {
        /// The function.
        function: String,
        /// What releases it.
        release: &'static str,
        /// The library that should have it.
        library: &'static str,
    },
    /// Several libraries of the process have one.
    SeveralReleases {
        /// The function.
        function: String,
        /// What releases it.
        release: &'static str,
    },
    /// A number, as of a file descriptor: not an address.
    NoAddress {
        /// The number.
        value: usize,
        /// What releases it.
        release: &'static str,
    },
    /// As for [`adopt`](crate::adopt()).
    Adopt(AdoptError),
}

impl From<AdoptError> for AdoptFromError {
    fn from(error: AdoptError) -> AdoptFromError {
        AdoptFromError::Adopt(error)
    }
}

impl fmt::Display for AdoptFromError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use AdoptFromError::*;
        let own = "adopt it with a release of your own";
        match self {
            UnknownFunction { function } => write!(
                f,
                "nobody has checked who owns what {function} gives: `freehold owner {function}` \
                 shows names like it; {own}"
            ),
            UnknownSlot { function, slot } => write!(
                f,
                "nobody has checked who owns `{slot}` of {function}: `freehold owner {function}` \
                 lists the slots that are known; {own}"
            ),
            NotYours {
                function,
                slot,
                kind,
            } => match kind {
                Kind::Borrowed => write!(
                    f,
                    "`{slot}` of {function} stays the library's, nobody else releases it: \
                     borrow it instead"
                ),
                Kind::Transferred => write!(
                    f,
                    "`{slot}` of {function} is taken over by the library: transfer it instead"
                ),
                _ => write!(f, "`{slot}` of {function} is nothing that is released"),
            },
            NeedsMore { function, release } => write!(
                f,
                "what {function} gives is released by {release}, which needs more than the value: \
                 {own}"
            ),
            NoRelease {
                function,
                release,
                library,
            } => write!(
                f,
                "what {function} gives is released by {release}, which no library of the process \
                 has (it is one of {library}'s, perhaps linked into the program without its name): \
                 {own}"
            ),
            SeveralReleases { function, release } => write!(
                f,
                "what {function} gives is released by {release}, which several libraries of the \
                 process have: {own}, that of the library that gave it"
            ),
            NoAddress { value, release } => write!(
                f,
                "{value:#x} is a number and not an address: release it by {release} itself"
            ),
            Adopt(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AdoptFromError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AdoptFromError::Adopt(error) => Some(error),
            _ => None,
        }
    }
}

/// What is to be done with it.
enum Release {
    By(ReleaseWith),
    Named(Named),
    #[cfg(all(windows, target_pointer_width = "64"))]
    Handle(Family),
    /// Not at all here: a number, closed by this.
    #[cfg(all(windows, target_pointer_width = "32"))]
    Number(&'static str),
}

/// Takes over what a function of a library gave: `free` releases it from now on as the
/// ownership database says (`freehold owner` shows it), and when it stays it is a leak.
///
/// `function` is the function's name as its documentation has it, a method with its
/// interface before it (`IShellItem::GetDisplayName`); `slot` is `return`, the name of a
/// parameter, or one with a field or `[]` behind it (`pDataOut.pbData`); `size` the
/// length in bytes, 0 when it is not known. In the ledger the block bears the
/// function's name, and reports say from it what should have released it.
///
/// Where it is owned only under a condition (`FormatMessageW`: with
/// `FORMAT_MESSAGE_ALLOCATE_BUFFER`), that must hold. On Windows this knows the
/// functions of Win32 and COM, elsewhere those of C libraries; a library whose function
/// is needed later stays loaded.
///
/// # Errors
/// [`AdoptFromError`]: the function is not known, what it gives is not the caller's,
/// or its release is not to be called with the value alone.
///
/// # Safety
/// `pointer` is null or what this function gave in this slot, live; nobody else
/// releases it. Its release may be called on any thread.
///
/// ```
/// use freehold::{adopt_from, free};
/// # #[cfg(unix)]
/// // SAFETY: `strdup` gives a block that is the caller's.
/// unsafe {
///     let text = libc::strdup(c"hello".as_ptr());
///     adopt_from("strdup", "return", text.cast(), 6)?;
///     free(text.cast()).expect("was live");
/// }
/// # Ok::<(), freehold::AdoptFromError>(())
/// ```
#[inline(always)]
pub unsafe fn adopt_from(
    function: &str,
    slot: &str,
    pointer: *mut c_void,
    size: usize,
) -> Result<NonNull<c_void>, AdoptFromError> {
    let release = release_of(function, slot)?;
    let block = NonNull::new(pointer).ok_or(AdoptError::Null)?;
    let address = pointer as usize;
    match release {
        // SAFETY: promised by the caller, and the database.
        Release::By(with) => unsafe { adopt(pointer, size, with)? },
        #[cfg(all(windows, target_pointer_width = "64"))]
        Release::Handle(family) => {
            // SAFETY: as above.
            unsafe { crate::handles::adopt(family, address)? };
            return Ok(block);
        }
        #[cfg(all(windows, target_pointer_width = "32"))]
        Release::Number(release) => {
            return Err(AdoptFromError::NoAddress {
                value: address,
                release,
            });
        }
        Release::Named(named) if address < LOWEST_ADDRESS => {
            return Err(AdoptFromError::NoAddress {
                value: address,
                release: named.name(),
            });
        }
        Release::Named(named) => {
            let release = Releaser::Named(named);
            register(address, size, release, Ownership::Owned, "adopted")?;
            block
        }
    };
    tag(address, function);
    Ok(block)
}

/// The function's name says more than that the block is adopted.
#[inline(never)]
fn tag(address: usize, function: &str) {
    enter(|_| {
        if let Some(tracker) = state::tracker() {
            let tag = tags::of_name(tracker, function);
            record::change(tracker, address, |block| block.tag = tag);
        }
    });
}

#[inline(never)]
fn release_of(function: &str, slot: &str) -> Result<Release, AdoptFromError> {
    let named = |name: &str| name.to_owned();
    let rule = rule(PLATFORM, function, slot).map_err(|error| match error {
        NoRule::Function => AdoptFromError::UnknownFunction {
            function: named(function),
        },
        NoRule::Slot => AdoptFromError::UnknownSlot {
            function: named(function),
            slot: named(slot),
        },
    })?;
    let kind = rule.kind();
    if !matches!(kind, Kind::Owned | Kind::Refcount | Kind::Lock) || rule.releases().len() == 0 {
        return Err(AdoptFromError::NotYours {
            function: named(function),
            slot: named(slot),
            kind,
        });
    }
    let mut error = None;
    for release in rule.releases() {
        match callable(release, kind) {
            Ok(found) => return Ok(found),
            Err(NotCallable::NeedsMore) => {
                error.get_or_insert(AdoptFromError::NeedsMore {
                    function: named(function),
                    release: release.text(),
                });
            }
            Err(NotCallable::Not(NotFound::Nowhere)) => {
                error = Some(AdoptFromError::NoRelease {
                    function: named(function),
                    release: release.name(),
                    library: release.library(),
                });
            }
            Err(NotCallable::Not(NotFound::Several)) => {
                error = Some(AdoptFromError::SeveralReleases {
                    function: named(function),
                    release: release.name(),
                });
                break;
            }
        }
    }
    Err(error.unwrap_or(AdoptFromError::UnknownFunction {
        function: named(function),
    }))
}

enum NotCallable {
    NeedsMore,
    Not(NotFound),
}

fn callable(release: compact::Release, kind: Kind) -> Result<Release, NotCallable> {
    let family = family_of(release);
    // Its whole reservation goes, from the address alone.
    let is_enough = release.takes_only_the_value() || family == Some(Family::Virtual);
    if !is_enough {
        return Err(NotCallable::NeedsMore);
    }
    match family {
        #[cfg(all(windows, target_pointer_width = "64"))]
        Some(family) if info(family).kind == FamilyKind::Handle => Ok(Release::Handle(family)),
        #[cfg(all(windows, target_pointer_width = "32"))]
        Some(family) if info(family).kind == FamilyKind::Handle => {
            Ok(Release::Number(release.name()))
        }
        Some(family) => Ok(Release::By(ReleaseWith::Family(family))),
        None => {
            // GLib calls what gives back one of several references so.
            let is_counted = kind == Kind::Refcount || release.name().ends_with("_unref");
            let named = Named::find(release, is_counted);
            named.map(Release::Named).map_err(NotCallable::Not)
        }
    }
}

/// The family whose function a release is, when it is one of this system.
fn family_of(release: compact::Release) -> Option<Family> {
    let families = match PLATFORM {
        // Emulated ones are not what a C library gives.
        Platform::C => &[Family::Malloc][..],
        Platform::Win32 => &Family::ALL,
    };
    let is_its = |family: &Family| {
        let info = info(*family);
        let same = info.release.contains(&release.name());
        let can = info.kind == FamilyKind::Handle || Releaser::of(*family, 0).is_some();
        same && can && !info.absent
    };
    families.iter().copied().find(is_its)
}
