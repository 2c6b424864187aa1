//! Ownership: taking over what an API returned, lending, giving away, leaving
//! to a finalizer.

use core::ffi::{c_char, c_void};

#[cfg(not(all(windows, target_pointer_width = "64")))]
use freehold::AdoptError;
use freehold::{Release, ReleaseWith};

use crate::codes::{
    FREEHOLD_FOREIGN, FREEHOLD_NOT_SO, FREEHOLD_NOT_TRACKED, FREEHOLD_NULL, Failure, freehold_code,
};
use crate::{arguments, guard};

/// Releases `block`; `context` is what was given with the function. Gives 0 when
/// it is released, any other number when it is not.
pub type freehold_release =
    Option<unsafe extern "C" fn(block: *mut c_void, context: *mut c_void) -> i32>;

/// The release function that C names.
pub(crate) fn custom(
    release: freehold_release,
    context: *mut c_void,
) -> Result<ReleaseWith, Failure> {
    let Some(function) = release else {
        let message = "`release` is null: pass the function that releases the block";
        return Err(Failure::new(FREEHOLD_NULL, message));
    };
    // SAFETY: the header demands that the function may be called on any thread
    // with this context, and does not unwind.
    Ok(ReleaseWith::Custom(unsafe {
        Release::new(function, context)
    }))
}

/// Takes over a block that an API returned: from now on `freehold_free` releases
/// it with the function of `family` (a constant FREEHOLD_FAMILY_…), and when it
/// stays it is a leak. `size` is its length in bytes, 0 when it is not known.
///
/// ```c
/// char *text = strdup("hello");
/// freehold_adopt(text, 6, FREEHOLD_FAMILY_MALLOC);
/// freehold_free(text);
/// ```
///
/// Errors: FREEHOLD_NULL when the API gave nothing; FREEHOLD_OWNED when the
/// block is registered already; FREEHOLD_UNRELEASABLE for a family that needs
/// more than an address (`mmap`, Rust): adopt it with a function;
/// FREEHOLD_UNKNOWN_VALUE; FREEHOLD_TOO_LARGE; FREEHOLD_OVERFLOW.
///
/// # Safety
/// `block` is null or a live block that this family's function may release,
/// once, on any thread; nobody else does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_adopt(
    block: *mut c_void,
    size: usize,
    family: u32,
) -> freehold_code {
    guard::code(|| {
        let with = ReleaseWith::Family(arguments::family(family)?);
        arguments::extent(block, size)?;
        // SAFETY: as promised by the caller.
        unsafe { freehold::adopt(block, size, with)? };
        Ok(())
    })
}

/// The same for a block that `release` releases, which is given `context` each
/// time; it is called once, unless it fails.
///
/// Errors: as `freehold_adopt`; FREEHOLD_NULL for a null function, too.
///
/// # Safety
/// As for `freehold_adopt`. `release` may be called on any thread as long as the
/// block lives, throws nothing and does not `longjmp`; `context` is valid for it
/// as long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_adopt_with(
    block: *mut c_void,
    size: usize,
    release: freehold_release,
    context: *mut c_void,
) -> freehold_code {
    guard::code(|| {
        let with = custom(release, context)?;
        arguments::extent(block, size)?;
        // SAFETY: as promised by the caller.
        unsafe { freehold::adopt(block, size, with)? };
        Ok(())
    })
}

/// Takes over what a function of a library gave, by the function's name: the ownership
/// database knows what releases it, and `freehold_free` will call that. When it stays it
/// is a leak of that function.
///
/// `function` is the name as the documentation has it, of a method with its interface
/// before it (`IShellItem::GetDisplayName`); `slot` is `return`, the name of a
/// parameter, or one with a field or `[]` behind it (`pDataOut.pbData`); `size` is the
/// length in bytes, 0 when it is not known. `freehold owner NAME` shows functions and
/// slots, and conditions, which must hold. On Windows the functions of Win32 and COM
/// are known, elsewhere those of C libraries. A library whose function is needed later
/// stays loaded. A handle of Windows that is no memory is closed by
/// `freehold_handle_close`.
///
/// ```c
/// DIR *folder = opendir("/");
/// freehold_adopt_from("opendir", "return", folder, 0);
/// freehold_free(folder); // by closedir
/// ```
///
/// Errors: FREEHOLD_NULL when the API gave nothing; FREEHOLD_NOT_KNOWN;
/// FREEHOLD_NOT_YOURS, as of what `getenv` gives; FREEHOLD_NO_RELEASE; FREEHOLD_OWNED
/// when the block is registered already; FREEHOLD_BAD_TEXT; FREEHOLD_TOO_LARGE;
/// FREEHOLD_OVERFLOW.
///
/// # Safety
/// The names end with a NUL. `block` is null or what this function gave in this slot,
/// live; nobody else releases it, and its release may be called on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_adopt_from(
    function: *const c_char,
    slot: *const c_char,
    block: *mut c_void,
    size: usize,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let (function, slot) = unsafe {
            (
                arguments::text(function, "function")?,
                arguments::text(slot, "slot")?,
            )
        };
        arguments::extent(block, size)?;
        // SAFETY: as promised by the caller.
        unsafe { freehold::adopt_from(function, slot, block, size)? };
        Ok(())
    })
}

/// Takes over a handle that is no memory (FREEHOLD_FAMILY_HANDLE, …_REG_KEY, …_MENU …)
/// and that an API of Windows gave: when it stays it is a leak.
///
/// Errors: FREEHOLD_NULL for what says that the API failed; FREEHOLD_OWNED when it is
/// adopted already; FREEHOLD_UNRELEASABLE for a family without such handles, which are
/// all where there is no Windows, and in 32-bit programs; FREEHOLD_NOT_YOURS for a
/// handle that is always there; FREEHOLD_UNKNOWN_VALUE.
///
/// # Safety
/// `handle` is a live one of this family, which nobody else closes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_handle_adopt(family: u32, handle: *mut c_void) -> freehold_code {
    guard::code(|| {
        let family = arguments::family(family)?;
        #[cfg(all(windows, target_pointer_width = "64"))]
        // SAFETY: as promised by the caller.
        unsafe {
            freehold::handles::adopt(family, handle as usize)?;
        }
        #[cfg(not(all(windows, target_pointer_width = "64")))]
        match handle.is_null() {
            true => Err(Failure::from(AdoptError::Null)),
            false => Err(Failure::from(AdoptError::Unreleasable { family })),
        }
        #[cfg(all(windows, target_pointer_width = "64"))]
        Ok(())
    })
}

/// Closes a handle by the function of its family.
///
/// Errors: as `freehold_free`: FREEHOLD_DOUBLE, FREEHOLD_FOREIGN for one that was not
/// adopted, FREEHOLD_WRONG_FAMILY, FREEHOLD_RELEASE_FAILED: then it is still adopted.
///
/// # Safety
/// Nobody uses the handle any more; that of a window belongs to this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_handle_close(family: u32, handle: *mut c_void) -> freehold_code {
    guard::code(|| {
        let family = arguments::family(family)?;
        #[cfg(all(windows, target_pointer_width = "64"))]
        // SAFETY: as promised by the caller.
        unsafe {
            freehold::handles::close(family, handle as usize)?;
        }
        #[cfg(not(all(windows, target_pointer_width = "64")))]
        {
            let message = format!("{handle:p} is no handle of the family {}", family.name());
            Err(Failure::new(FREEHOLD_FOREIGN, message))
        }
        #[cfg(all(windows, target_pointer_width = "64"))]
        Ok(())
    })
}

/// Notes a block that an API only lends: releases of it are refused until
/// `freehold_give_back`. It is not read.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_OWNED, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_borrow(block: *const c_void, size: usize) -> freehold_code {
    guard::code(|| {
        arguments::extent(block, size)?;
        freehold::borrow(block.cast_mut(), size)?;
        Ok(())
    })
}

/// Notes a pointer into the block that begins at `base`: `freehold_free` names
/// the base when it is given the pointer, until `freehold_give_back`.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_OUTSIDE when it is not behind the base, or
/// not inside a registered block; FREEHOLD_OWNED.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_interior(pointer: *const c_void, base: *const c_void) -> freehold_code {
    guard::code(|| {
        freehold::interior(pointer.cast_mut(), base.cast_mut())?;
        Ok(())
    })
}

/// Forgets a borrowed or interior pointer: the API has it back.
///
/// Errors: FREEHOLD_NOT_SO when it is neither.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_give_back(pointer: *const c_void) -> freehold_code {
    guard::code(|| match freehold::give_back(pointer.cast_mut()) {
        true => Ok(()),
        false => Err(Failure::new(
            FREEHOLD_NOT_SO,
            format!("{pointer:p} is neither borrowed nor interior: there is nothing to give back"),
        )),
    })
}

/// Gives a block away: whoever gets the pointer releases it, with the function
/// of its family and perhaps unseen. It counts no longer as a leak, and
/// `freehold_free` refuses it.
///
/// Errors: FREEHOLD_NULL; FREEHOLD_FOREIGN when nobody knows the block;
/// FREEHOLD_NOT_TRACKED when nothing is tracked, so that nobody can.
///
/// # Safety
/// The new owner releases it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_transfer(block: *mut c_void) -> freehold_code {
    guard::code(|| {
        not_null(block)?;
        // SAFETY: as promised by the caller.
        if unsafe { freehold::transfer(block) } {
            return Ok(());
        }
        Err(match freehold::track::is_on() {
            true => Failure::new(
                FREEHOLD_FOREIGN,
                format!("{block:p} is no known block, so it cannot be given away"),
            ),
            false => untracked(block),
        })
    })
}

/// Leaves a block to a finalizer: `freehold_free` refuses it until
/// `freehold_detach_finalizer`, and `freehold_finalize` releases it. `size` is
/// its length in bytes, for blocks of `malloc` that nobody has recorded.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_TOO_LARGE, FREEHOLD_OVERFLOW.
///
/// # Safety
/// `block` is null, a block that `freehold_free` knows, or a live block of
/// `malloc` that nobody else releases.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_attach_finalizer(
    block: *mut c_void,
    size: usize,
) -> freehold_code {
    guard::code(|| {
        not_null(block)?;
        arguments::extent(block, size)?;
        // SAFETY: as promised by the caller.
        match unsafe { freehold::attach_finalizer(block, size) } {
            true => Ok(()),
            false => Err(Failure::new(
                FREEHOLD_FOREIGN,
                format!("{block:p} was released meanwhile by another thread"),
            )),
        }
    })
}

/// Takes a block back from its finalizer, which the caller has cancelled.
///
/// Errors: FREEHOLD_NOT_SO when it has none.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_detach_finalizer(block: *mut c_void) -> freehold_code {
    guard::code(|| match freehold::detach_finalizer(block) {
        true => Ok(()),
        false => Err(Failure::new(
            FREEHOLD_NOT_SO,
            format!("{block:p} has no finalizer that it could be taken from"),
        )),
    })
}

fn not_null(block: *mut c_void) -> Result<(), Failure> {
    match block.is_null() {
        true => Err(Failure::new(
            FREEHOLD_NULL,
            "`block` is null: there is nothing to own",
        )),
        false => Ok(()),
    }
}

pub(crate) fn untracked(block: *const c_void) -> Failure {
    Failure::new(
        FREEHOLD_NOT_TRACKED,
        format!(
            "nobody knows {block:p}, because nothing is tracked: call freehold_tracking_start \
             before the first block, set FREEHOLD_TRACK=1, or start the program by freehold run"
        ),
    )
}
