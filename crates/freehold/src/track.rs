//! Tracking: whether there is a ledger, and where.
//!
//! A process that was started by `freehold run` has one already, and everything
//! here goes there. Otherwise [`start`] begins one in this process, or the
//! environment variable `FREEHOLD_TRACK=1` does with the first block.
//!
//! While there is none, an allocation costs one load more than the platform's.
//!
//! ```
//! use freehold::{calloc, track};
//! assert!(!track::is_on());
//! track::start(&track::Options::default())?;
//! let block = calloc::<u8>(8).expect("memory");
//! assert!(freehold::ownership_of(block.as_ptr() as usize).is_some());
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;
use std::path::PathBuf;

use crate::{FreeError, misuse, own, plain, state, system};

pub use crate::misuse::OnMisuse;

/// What a ledger of our own shall be.
///
/// ```
/// use freehold::track::{self, Options};
/// // Short stacks, and no more than 16 MiB for the ledger.
/// track::start(&Options { depth: 8, max_memory: 16 << 20 })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Frames of each stack, 0 for none, at most 128.
    pub depth: u32,
    /// Hard limit for the ledger, in bytes. What does not fit is counted.
    pub max_memory: u64,
}

impl Default for Options {
    /// 64 frames, 1 GiB.
    fn default() -> Options {
        Options {
            depth: 64,
            max_memory: 1 << 30,
        }
    }
}

/// Begins to track, unless it has begun: then the options do not matter.
///
/// Begin early: blocks that are older are not known, so that [`free`](crate::free)
/// refuses them as foreign.
///
/// # Errors
/// When the system refuses the memory file or `/proc`.
///
/// ```
/// use freehold::track;
/// track::start(&track::Options::default())?;
/// assert!(track::is_on());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn start(options: &Options) -> io::Result<()> {
    let begun = state::start(options.depth, options.max_memory);
    if begun.is_ok() {
        plain::close();
    }
    begun
}

/// Whether blocks are recorded.
///
/// ```
/// if !freehold::track::is_on() {
///     println!("start me with FREEHOLD_TRACK=1, or by freehold run");
/// }
/// ```
pub fn is_on() -> bool {
    state::tracker().is_some()
}

/// Whether they are recorded in the ledger of `freehold run`.
///
/// ```
/// assert!(!freehold::track::is_shared());
/// ```
pub fn is_shared() -> bool {
    state::is_shared()
}

/// Sets what is done about a misuse from now on, in the whole process.
///
/// ```
/// use freehold::track::{self, OnMisuse};
/// track::on_misuse(OnMisuse::Refuse);
/// ```
pub fn on_misuse(policy: OnMisuse) {
    misuse::set_policy(policy);
}

/// How many releases were refused in this process.
///
/// ```
/// let before = freehold::track::misuses();
/// // SAFETY: null is refused.
/// unsafe { freehold::free(std::ptr::null_mut()) }.unwrap_err();
/// assert!(freehold::track::misuses() > before);
/// ```
pub fn misuses() -> u64 {
    misuse::count()
}

/// The refused releases since the last call; at most the first 256.
///
/// ```
/// # let _ = freehold::track::take_misuses();
/// // SAFETY: null is refused.
/// unsafe { freehold::free(std::ptr::null_mut()) }.unwrap_err();
/// assert_eq!(freehold::track::take_misuses().len(), 1);
/// ```
pub fn take_misuses() -> Vec<FreeError> {
    misuse::take()
}

/// Tells that code was loaded or unloaded (`dlopen`, `dlclose`), so that nothing
/// remembered of it is used again. Under `freehold run` that is seen anyway.
///
/// ```
/// freehold::track::loaded_objects_changed();
/// ```
pub fn loaded_objects_changed() {
    own::changed();
}

/// Where the ledger lies: the path by which `freehold report` opens the session,
/// and the number of this process's ledger in it.
///
/// ```
/// freehold::track::start(&Default::default())?;
/// let (path, number) = freehold::track::session().expect("on");
/// assert!(path.exists());
/// assert_eq!(number, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn session() -> Option<(PathBuf, u32)> {
    let tracker = state::tracker()?;
    let mut path = vec![0; 4096];
    let mut number = 0;
    // SAFETY: that much room, and a place for the number.
    let len = unsafe { (tracker.session)(path.as_mut_ptr(), path.len(), &mut number) };
    if len == 0 || len > path.len() {
        return None;
    }
    path.truncate(len);
    Some((system::path_of(path), number))
}
