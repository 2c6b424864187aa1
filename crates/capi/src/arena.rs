//! Arenas: blocks that are released together, the last first.

use core::ffi::{c_char, c_void};
use std::sync::{PoisonError, RwLock};

use freehold::{ReleaseWith, SharedArena};

use crate::arguments::{self, Place};
use crate::codes::{FREEHOLD_NULL, Failure, freehold_code, of_arena};
use crate::tables::{self, ArenaCell};
use crate::{allocate, guard, own};

/// An arena. Checked: one that was released is an error, not undefined. 0 is
/// never one.
pub type freehold_arena = u64;

/// Done when an arena is released. Gives 0 when it succeeded.
pub type freehold_action = Option<unsafe extern "C" fn(context: *mut c_void) -> i32>;

/// What is done with an arena that is not released meanwhile.
fn with<R>(
    arena: freehold_arena,
    run: impl FnOnce(&SharedArena) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let cell: ArenaCell = tables::get(arena)?;
    let guard = cell.read().unwrap_or_else(PoisonError::into_inner);
    match &*guard {
        Some(there) => run(there),
        // Another thread has just released it.
        None => Err(tables::bad::<ArenaCell>(arena)),
    }
}

/// A new arena, for any number of threads. The caller releases it with
/// `freehold_arena_release`.
///
/// Errors: FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT.
///
/// # Safety
/// `arena` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_arena_new(arena: *mut freehold_arena) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        let place = unsafe { Place::new(arena, "arena")? };
        place.set(tables::add(ArenaCell::new(RwLock::new(Some(
            SharedArena::new(),
        )))));
        Ok(())
    })
}

/// A zeroed block that lives as long as the arena: `count` elements of `size`
/// bytes, at a multiple of `alignment`; `tag` as in `freehold_typed`. Its address
/// goes to `block`, NULL on an error. It belongs to the arena: releases of it are
/// refused while blocks are tracked.
///
/// Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_NULL; those of `freehold_typed`.
///
/// # Safety
/// `tag` is null or ends with a NUL; `block` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_arena_alloc(
    arena: freehold_arena,
    count: usize,
    size: usize,
    alignment: usize,
    tag: *const c_char,
    block: *mut *mut c_void,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        unsafe { Place::new(block, "block")? }.set(core::ptr::null_mut());
        let layout = allocate::layout(count, size, alignment)?;
        // SAFETY: as above.
        let tag = unsafe { allocate::tag(tag)? };
        let start = with(arena, |arena| Ok(arena.alloc_layout(layout, tag)?))?;
        // SAFETY: as above.
        unsafe { Place::new(block, "block")? }.set(start.as_ptr().cast());
        Ok(())
    })
}

/// Takes over a block that an API returned: the arena releases it with the
/// function of `family`. Otherwise as `freehold_adopt`.
///
/// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt`.
///
/// # Safety
/// As for `freehold_adopt`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_arena_adopt(
    arena: freehold_arena,
    block: *mut c_void,
    size: usize,
    family: u32,
) -> freehold_code {
    guard::code(|| {
        let with_family = ReleaseWith::Family(arguments::family(family)?);
        arguments::extent(block, size)?;
        with(arena, |arena| {
            // SAFETY: as promised by the caller.
            unsafe { arena.adopt(block, size, with_family)? };
            Ok(())
        })
    })
}

/// The same with a release function, as `freehold_adopt_with`.
///
/// Errors: FREEHOLD_BAD_HANDLE; those of `freehold_adopt_with`.
///
/// # Safety
/// As for `freehold_adopt_with`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_arena_adopt_with(
    arena: freehold_arena,
    block: *mut c_void,
    size: usize,
    release: own::freehold_release,
    context: *mut c_void,
) -> freehold_code {
    guard::code(|| {
        let function = own::custom(release, context)?;
        arguments::extent(block, size)?;
        with(arena, |arena| {
            // SAFETY: as promised by the caller.
            unsafe { arena.adopt(block, size, function)? };
            Ok(())
        })
    })
}

/// Does something when the arena is released, in the reverse order of these
/// calls and of the blocks between them. What was allocated before it is still
/// there then; the arena itself can no longer be used.
///
/// Errors: FREEHOLD_BAD_HANDLE, FREEHOLD_NULL.
///
/// # Safety
/// `action` may be called with `context` on any thread until the arena is
/// released, throws nothing and does not `longjmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_arena_on_release(
    arena: freehold_arena,
    action: freehold_action,
    context: *mut c_void,
) -> freehold_code {
    struct Context(*mut c_void);
    // SAFETY: promised by the caller: on any thread.
    unsafe impl Send for Context {}
    impl Context {
        fn get(&self) -> *mut c_void {
            self.0
        }
    }
    guard::code(|| {
        let Some(action) = action else {
            let message = "`action` is null: pass the function to call";
            return Err(Failure::new(FREEHOLD_NULL, message));
        };
        let context = Context(context);
        let call = move || {
            // SAFETY: promised by the caller.
            match unsafe { action(context.get()) } {
                0 => Ok(()),
                code => Err(format!(
                    "an action at the arena's release failed with {code}"
                )),
            }
        };
        with(arena, |arena| Ok(arena.on_release(call)?))
    })
}

/// Takes a block out of the arena, by its first byte: from now on it is the
/// caller's, to be released with `freehold_free`.
///
/// Errors: FREEHOLD_BAD_HANDLE; FREEHOLD_FOREIGN when no block of the arena
/// begins there.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_arena_move_out(
    arena: freehold_arena,
    block: *mut c_void,
) -> freehold_code {
    guard::code(|| {
        with(arena, |arena| {
            arena.move_out(block.cast::<u8>())?;
            Ok(())
        })
    })
}

/// Releases everything in the arena, the last first, and goes on after a
/// failure. The handle is none any more, whatever this gives. `failures`, when
/// it is not null, gets how many releases failed.
///
/// Errors: FREEHOLD_BAD_HANDLE; when releases failed, the code of the first of
/// them, with all of them in the message.
///
/// # Safety
/// Nobody uses the arena's blocks any more; `failures` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_arena_release(
    arena: freehold_arena,
    failures: *mut usize,
) -> freehold_code {
    guard::code(|| {
        // SAFETY: as promised by the caller.
        unsafe { arguments::set_if(failures, "failures", 0)? };
        let cell: ArenaCell = tables::take(arena)?;
        // Waits for threads that are allocating in it. Not held below: an action
        // may come back here, and finds no arena.
        let taken = cell.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Err(error)) = taken.map(SharedArena::release) else {
            return Ok(());
        };
        let all = error.failures();
        // SAFETY: as above.
        unsafe { arguments::set_if(failures, "failures", all.len())? };
        let code = all
            .first()
            .map_or(crate::codes::FREEHOLD_INTERNAL, of_arena);
        Err(Failure::new(code, error.to_string()))
    })
}
