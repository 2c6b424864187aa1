//! A stack as people read it: addresses with the names that the loader and the
//! object files in this process have.
//!
//! What is not here: files and lines, which the `freehold` command finds.

use core::fmt;

use crate::contract::{APPROXIMATE, INCOMPLETE, TRUNCATED, Tracker};
use crate::symbols;

const MOST: usize = 128;

/// Return addresses of one moment, innermost first.
///
/// ```
/// assert!(freehold::Stack::default().frames().is_empty());
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Stack {
    frames: Vec<usize>,
    flags: u32,
}

impl Stack {
    /// The stack with a number in the ledger; number 0 has no frames.
    pub(crate) fn of(tracker: &Tracker, number: u32) -> Stack {
        if number == 0 {
            return Stack::default();
        }
        let mut frames = [0; MOST];
        let mut flags = 0;
        // SAFETY: that much room, and a place for the flags.
        let count = unsafe { (tracker.frames)(number, frames.as_mut_ptr(), MOST, &mut flags) };
        Stack {
            frames: frames[..count.min(MOST)].to_vec(),
            flags,
        }
    }

    /// The one return address that is known of a stack.
    pub(crate) fn of_one(site: usize) -> Stack {
        Stack {
            frames: vec![site],
            flags: INCOMPLETE,
        }
    }

    /// The return addresses, innermost first. `address - 1` lies in the call.
    ///
    /// ```
    /// use freehold::{calloc, free, track};
    /// track::start(&Default::default())?;
    /// let raw = calloc::<u8>(1).expect("memory").into_raw();
    /// // SAFETY: live; then refused.
    /// let error = unsafe { free(raw.cast()).and_then(|()| free(raw.cast())) }.unwrap_err();
    /// assert!(!error.allocated().frames().is_empty());
    /// println!("{}", error.allocated()); // with names
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn frames(&self) -> &[usize] {
        &self.frames
    }

    /// Whether nothing is known of it.
    ///
    /// ```
    /// // SAFETY: null is refused, and no block was ever there.
    /// let error = unsafe { freehold::free(std::ptr::null_mut()) }.unwrap_err();
    /// assert!(error.allocated().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether there were more frames than are recorded.
    ///
    /// ```
    /// use freehold::{Answer, calloc, query, track};
    /// track::start(&track::Options { depth: 1, ..Default::default() })?;
    /// let block = calloc::<u8>(1).expect("memory");
    /// let Answer::Live(known) = query(block.as_ptr() as usize) else { panic!("tracked") };
    /// assert_eq!(known.allocated.frames().len(), 1);
    /// assert!(known.allocated.is_truncated());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_truncated(&self) -> bool {
        self.flags & TRUNCATED != 0
    }

    /// Whether frames may be missing or wrong: the walk ended early, or crossed
    /// code without unwind data.
    ///
    /// ```
    /// use freehold::{calloc, free, track};
    /// track::start(&Default::default())?;
    /// let raw = calloc::<u8>(1).expect("memory").into_raw();
    /// // SAFETY: live; tracked, so that the second release is refused.
    /// let error = unsafe { free(raw.cast()).and_then(|()| free(raw.cast())) }.unwrap_err();
    /// // Rust programs have unwind data for all of their code.
    /// assert!(!error.allocated().is_uncertain());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_uncertain(&self) -> bool {
        self.flags & (INCOMPLETE | APPROXIMATE) != 0
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stack({} frames)", self.frames.len())
    }
}

/// One line for each frame: number, function or place in the object, object.
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frames.is_empty() {
            return f.write_str("(not recorded)");
        }
        for (i, address) in self.frames.iter().enumerate() {
            if i != 0 {
                f.write_str("\n")?;
            }
            write!(f, "#{i:<4}")?;
            frame(f, *address)?;
        }
        if self.is_truncated() {
            f.write_str("\n… more frames were not recorded")?;
        }
        Ok(())
    }
}

fn frame(f: &mut fmt::Formatter<'_>, address: usize) -> fmt::Result {
    let Some(place) = symbols::place(address) else {
        return write!(f, "{address:#x}");
    };
    let (object, offset) = (place.object, place.offset);
    match place.function {
        Some(name) => write!(f, "{name} ({object}+{offset:#x})"),
        None => write!(f, "{object}+{offset:#x}"),
    }
}
