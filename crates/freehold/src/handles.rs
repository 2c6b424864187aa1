//! Handles that are no memory: of kernel objects, registry keys, and objects of GDI
//! and USER. A handle is adopted when an API gives it, and closed here; then a
//! handle that stays is a leak, and one that is closed twice or by another's
//! function is refused.
//!
//! Only on Windows, in 64-bit programs: smaller ones have no addresses to spare that
//! could stand for handles. Handles of memory (`LocalAlloc`) and references to COM objects
//! are adopted by [`adopt`](crate::adopt()).

use freehold_families::win32::handles::is_owned;
use freehold_families::{Family, Kind, info, resource};

use crate::adopt::{AdoptError, register};
use crate::entry::enter;
use crate::free::{Called, release};
use crate::ownership::Ownership;
use crate::release::Releaser;
use crate::{FreeError, recent, registry};

/// What stands for a handle in the registry and the ledger.
fn place(family: Family, handle: usize) -> Option<usize> {
    resource::key(family, handle).map(|key| key as usize)
}

/// Takes over a handle that an API returned: [`close`] releases it from now on, and
/// when it stays it is a leak.
///
/// # Errors
/// [`AdoptError::Null`] for what says that the API failed (0, and -1 of a kernel
/// object); [`AdoptError::Unowned`] for a handle that is always there, as
/// `HKEY_LOCAL_MACHINE`; [`AdoptError::Owned`] when it is adopted already;
/// [`AdoptError::Unreleasable`] when the family has no handles.
///
/// # Safety
/// `handle` is a live one of this family, which nobody else closes.
///
/// ```no_run
/// use freehold::{Family, handles};
/// # fn open() -> usize { 0 }
/// let key = open(); // as RegOpenKeyExW gives it
/// // SAFETY: a key of ours, which nobody else closes.
/// unsafe {
///     handles::adopt(Family::RegKey, key).expect("opened");
///     handles::close(Family::RegKey, key).expect("open until now");
/// }
/// ```
#[inline(always)]
pub unsafe fn adopt(family: Family, handle: usize) -> Result<(), AdoptError> {
    if info(family).kind != Kind::Handle {
        return Err(AdoptError::Unreleasable { family });
    }
    let is_invalid = family == Family::Handle && handle == usize::MAX;
    if handle == 0 || is_invalid {
        return Err(AdoptError::Null);
    }
    if !is_owned(family, handle) {
        return Err(AdoptError::Unowned { handle });
    }
    let place = place(family, handle).ok_or(AdoptError::Unreleasable { family })?;
    recent::forget(place as u64);
    let (release, owned) = (Releaser::Win32(family), Ownership::Owned);
    register(place, 0, release, owned, family.name()).map_err(|error| match error {
        AdoptError::Owned { state, .. } => AdoptError::Owned {
            address: handle,
            state,
        },
        other => other,
    })
}

/// Closes a handle by the function of its family.
///
/// # Errors
/// [`FreeError`]: a second time it is `Double`, a handle that was not adopted is
/// `Foreign`, one of another family `WrongFamily`; `Failed` when the system refused,
/// as `DestroyWindow` does on another thread: then it is still adopted.
///
/// # Safety
/// Nobody uses the handle any more; that of a window belongs to this thread.
///
/// ```
/// use freehold::{Family, Misuse, handles};
/// // SAFETY: refused: nobody has adopted a menu with this number.
/// let error = unsafe { handles::close(Family::Menu, 0x7f_0004) }.unwrap_err();
/// assert_eq!(error.misuse(), Misuse::Foreign);
/// assert!(error.to_string().contains("DestroyMenu was given 0x7f0004"));
/// ```
#[inline(always)]
pub unsafe fn close(family: Family, handle: usize) -> Result<(), FreeError> {
    let called = Called {
        family: Some(family),
        ..Called::new(info(family).release.first().copied().unwrap_or("close"))
    };
    let place = place(family, handle).filter(|_| handle != 0).unwrap_or(0);
    // SAFETY: registered handles are live, as promised when they were adopted.
    enter(|entry| unsafe { release(place, called, entry) })
}

/// Whether a handle is adopted, and not closed yet.
///
/// ```
/// use freehold::{Family, handles};
/// assert!(!handles::is_adopted(Family::RegKey, 0x7f_0004));
/// ```
pub fn is_adopted(family: Family, handle: usize) -> bool {
    let entry = place(family, handle).and_then(registry::find);
    entry.is_some_and(|entry| entry.release.family() == family)
}
