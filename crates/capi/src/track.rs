//! Tracking: on and off, what stays, what was refused.

use core::ffi::c_char;

use freehold::track::{OnMisuse, Options};
use freehold::{Allocation, Colors, LeakTracker, LeaksEmitter, PrintEmitter};

use crate::codes::{
    FREEHOLD_INTERNAL, FREEHOLD_NOT_TRACKED, FREEHOLD_SYSTEM, FREEHOLD_UNKNOWN_VALUE, Failure,
    freehold_code,
};
use crate::{arguments, guard};

/// A report for people.
pub const FREEHOLD_TEXT: u32 = 0;
/// A JSON array: an object for each block, with "address", "type", "size",
/// "timestamp" and "stack".
pub const FREEHOLD_JSON: u32 = 1;

/// A misuse is refused, and its code given.
pub const FREEHOLD_REFUSE: u32 = 0;
/// A misuse is printed on standard error and ends the process.
pub const FREEHOLD_ABORT: u32 = 1;
/// A misuse is refused and counted, and FREEHOLD_OK given.
pub const FREEHOLD_IGNORE: u32 = 2;

/// Begins to track, and to count blocks as leaks that stay. Call it before the
/// first block: `freehold_free` refuses older ones as foreign. When the program
/// was started by `freehold run`, its ledger is used, and the arguments do not
/// matter; neither do they when tracking is on already.
///
/// `depth` is the number of frames of each stack (0: 64, at most 128),
/// `max_memory` the hard limit for the ledger in bytes (0: 1 GiB).
///
/// Errors: FREEHOLD_SYSTEM when the system refuses the memory file;
/// FREEHOLD_UNKNOWN_VALUE for a depth beyond 128.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_tracking_start(depth: u32, max_memory: u64) -> freehold_code {
    guard::code(|| {
        let mut options = Options::default();
        if depth > 128 {
            let message = format!("a depth of {depth} frames is more than 128");
            return Err(Failure::new(FREEHOLD_UNKNOWN_VALUE, message));
        }
        if depth != 0 {
            options.depth = depth;
        }
        if max_memory != 0 {
            options.max_memory = max_memory;
        }
        freehold::track::start(&options).map_err(|error| {
            Failure::new(FREEHOLD_SYSTEM, format!("no ledger can begin: {error}"))
        })?;
        LeakTracker::enable();
        Ok(())
    })
}

/// Blocks that are allocated from now on outside of scopes do not count as leaks.
/// They are still recorded, so that misuses are refused, and those that count
/// are still seen to go.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_tracking_stop() {
    guard::value(|| {
        LeakTracker::disable();
        Ok(())
    });
}

/// Whether blocks are recorded.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_tracking_is_on() -> bool {
    guard::value(|| Ok(freehold::track::is_on())) == Some(true)
}

/// Whether they are recorded in the ledger of `freehold run`.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_tracking_is_shared() -> bool {
    guard::value(|| Ok(freehold::track::is_shared())) == Some(true)
}

/// Tells that code was loaded or unloaded (`dlopen`, `dlclose`), so that nothing
/// remembered of it is used again. Not needed under `freehold run`.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_objects_changed() {
    guard::value(|| {
        freehold::track::loaded_objects_changed();
        Ok(())
    });
}

/// Where the ledger lies: a path for `freehold report`, while this process lives.
/// `buffer`, `room` and `needed` as in `freehold_leaks`.
///
/// Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_NULL, FREEHOLD_BAD_ALIGNMENT,
/// FREEHOLD_TOO_SHORT.
///
/// # Safety
/// As for `freehold_leaks`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_session(
    buffer: *mut c_char,
    room: usize,
    needed: *mut usize,
) -> freehold_code {
    guard::code(|| {
        let (path, _) = freehold::track::session().ok_or_else(not_tracked)?;
        // SAFETY: as promised by the caller.
        unsafe { arguments::fill(&path.to_string_lossy(), buffer, room, needed) }
    })
}

/// What is done about a misuse from now on, in the whole process: `policy` is
/// FREEHOLD_REFUSE (as in the beginning), FREEHOLD_ABORT or FREEHOLD_IGNORE.
///
/// Errors: FREEHOLD_UNKNOWN_VALUE.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_on_misuse(policy: u32) -> freehold_code {
    guard::code(|| {
        freehold::track::on_misuse(match policy {
            FREEHOLD_REFUSE => OnMisuse::Refuse,
            FREEHOLD_ABORT => OnMisuse::Abort,
            FREEHOLD_IGNORE => OnMisuse::Ignore,
            other => {
                let message = format!(
                    "{other} is no policy: pass FREEHOLD_REFUSE, FREEHOLD_ABORT or FREEHOLD_IGNORE"
                );
                return Err(Failure::new(FREEHOLD_UNKNOWN_VALUE, message));
            }
        });
        Ok(())
    })
}

/// How many releases were refused in this process, also by `freehold_finalize`.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_misuses() -> u64 {
    guard::value(|| Ok(freehold::track::misuses())).unwrap_or(0)
}

/// The blocks that live and count: in the scope that this thread is in with
/// those inside it, or, in none, those that were allocated in none. Written as
/// `format` says: FREEHOLD_TEXT or FREEHOLD_JSON, in UTF-8 with a NUL.
///
/// `needed`, when it is not null, gets the bytes of the text and its NUL, also
/// when there is no room. With `buffer` NULL and `room` 0 only that is done. The
/// text may be longer at the next call: go round until there is room.
///
/// Errors: FREEHOLD_TOO_SHORT: nothing was written but a NUL; FREEHOLD_NULL;
/// FREEHOLD_UNKNOWN_VALUE; FREEHOLD_BAD_ALIGNMENT.
///
/// # Safety
/// `buffer` is null or has room for `room` bytes; `needed` is null or may be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_leaks(
    format: u32,
    buffer: *mut c_char,
    room: usize,
    needed: *mut usize,
) -> freehold_code {
    guard::code(|| {
        let text = written(format, &LeakTracker::snapshot())?;
        // SAFETY: as promised by the caller.
        unsafe { arguments::fill(&text, buffer, room, needed) }
    })
}

/// The blocks that `freehold_leaks` has now count no longer; nothing is released.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_leaks_reset() {
    guard::value(|| {
        LeakTracker::reset();
        Ok(())
    });
}

/// How many blocks `freehold_leaks` has, and their bytes; both may be null.
///
/// Errors: FREEHOLD_NOT_TRACKED; FREEHOLD_BAD_ALIGNMENT.
///
/// # Safety
/// `blocks` and `bytes` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_leak_count(blocks: *mut usize, bytes: *mut u64) -> freehold_code {
    guard::code(|| {
        if !freehold::track::is_on() {
            return Err(not_tracked());
        }
        let leaks = LeakTracker::snapshot();
        // SAFETY: as promised by the caller.
        unsafe { arguments::set_if(blocks, "blocks", leaks.len())? };
        let sum = leaks.iter().map(|leak| leak.size).sum();
        // SAFETY: as above.
        unsafe { arguments::set_if(bytes, "bytes", sum) }
    })
}

/// Blocks as a format has them.
pub(crate) fn written(format: u32, leaks: &[Allocation]) -> Result<String, Failure> {
    match format {
        FREEHOLD_TEXT => {
            let mut text = Vec::new();
            PrintEmitter::to(&mut text, Colors::Never)
                .emit(leaks)
                .map_err(|error| Failure::new(FREEHOLD_INTERNAL, error.to_string()))?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        FREEHOLD_JSON if leaks.is_empty() => Ok("[]".into()),
        FREEHOLD_JSON => {
            let items: Vec<String> = leaks.iter().map(Allocation::to_json_with_frames).collect();
            Ok(format!("[\n{}\n]", items.join(",\n")))
        }
        other => Err(Failure::new(
            FREEHOLD_UNKNOWN_VALUE,
            format!("{other} is no format: pass FREEHOLD_TEXT or FREEHOLD_JSON"),
        )),
    }
}

fn not_tracked() -> Failure {
    let message = "nothing is tracked: call freehold_tracking_start, set FREEHOLD_TRACK=1, or \
                   start the program by freehold run";
    Failure::new(FREEHOLD_NOT_TRACKED, message)
}
