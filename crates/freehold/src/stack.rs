//! A stack as people read it: addresses with the names that the loader and the
//! object files in this process have, and frames of managed languages.
//!
//! What is not here: files and lines of machine code, which the `freehold` command
//! finds.

use core::fmt;

use freehold_ledger::format::Place as Word;
use freehold_ledger::managed::is_interpreter;

use crate::contract::{APPROXIMATE, INCOMPLETE, TRUNCATED, Tracker};
use crate::leaks::json::quoted;
use crate::{managed, state, symbols};

const MOST: usize = 128;

/// A frame of a [`Stack`].
///
/// ```
/// use freehold::Frame;
/// assert_eq!(Frame::Code(0x10).address(), Some(0x10));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// Machine code: a return address. `address - 1` lies in the call.
    Code(usize),
    /// Code of a managed language.
    Managed(managed::Frame),
}

impl Frame {
    /// The return address, of machine code.
    ///
    /// ```
    /// use freehold::{Answer, Frame, calloc, query, track};
    /// track::start(&Default::default())?;
    /// let block = calloc::<u8>(1).expect("memory");
    /// let Answer::Live(known) = query(block.as_ptr() as usize) else { panic!("tracked") };
    /// assert!(known.allocated.frames().iter().all(|frame| frame.address().is_some()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn address(&self) -> Option<usize> {
        match self {
            Frame::Code(address) => Some(*address),
            Frame::Managed(_) => None,
        }
    }

    /// As a JSON object on one line; what is not known is left out.
    pub(crate) fn to_json(&self) -> String {
        let mut fields = Vec::new();
        let mut text = |name: &str, value: &str| {
            if !value.is_empty() {
                fields.push(format!("\"{name}\": {}", quoted(value)));
            }
        };
        match self {
            Frame::Managed(frame) => {
                text("language", frame.language.name());
                text("function", &frame.function);
                text("file", &frame.file);
                for (name, value) in [("line", frame.line), ("column", frame.column)] {
                    if value != 0 {
                        fields.push(format!("\"{name}\": {value}"));
                    }
                }
            }
            Frame::Code(address) => {
                text("language", "native");
                text("pc", &format!("{address:#x}"));
                if let Some(place) = symbols::place(*address) {
                    text("function", place.function.as_deref().unwrap_or_default());
                    text("module", &place.object);
                    text("offset", &format!("{:#x}", place.offset));
                }
            }
        }
        format!("{{{}}}", fields.join(", "))
    }
}

/// What the function is called, and where it is.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Managed(frame) => frame.fmt(f),
            Frame::Code(address) => code(f, *address),
        }
    }
}

/// Frames of one moment, innermost first.
///
/// ```
/// assert!(freehold::Stack::default().frames().is_empty());
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Stack {
    frames: Vec<Frame>,
    flags: u32,
    /// Of a stack that may be given names later.
    unnamed: Option<managed::Stack>,
}

impl Stack {
    /// The stack with a number in the ledger; number 0 has no frames. Where a managed
    /// language gave names for its code, they stand where the walk met that first.
    pub(crate) fn of(tracker: &Tracker, number: u32) -> Stack {
        let mut stack = Stack::walked(tracker, number);
        let by = managed::naming_of(tracker, number);
        if by == 0 {
            stack.unnamed = managed::without_names(tracker, number);
            return stack;
        }
        let is_jit = |frame: &Frame| match frame {
            Frame::Code(address) => symbols::place(*address).is_none(),
            Frame::Managed(_) => false,
        };
        let first = stack.frames.iter().position(is_jit).unwrap_or(0);
        stack.frames.retain(|frame| !is_jit(frame));
        let named = Stack::walked(tracker, by);
        stack.frames.splice(first..first, named.frames);
        // The language knows all of its frames.
        stack.flags = stack.flags & !APPROXIMATE | named.flags & TRUNCATED;
        stack
    }

    fn walked(tracker: &Tracker, number: u32) -> Stack {
        if number == 0 {
            return Stack::default();
        }
        let mut words = [0; MOST];
        let mut flags = 0;
        // SAFETY: that much room, and a place for the flags.
        let count = unsafe { (tracker.frames)(number, words.as_mut_ptr(), MOST, &mut flags) };
        let frames = words[..count.min(MOST)].iter().map(|word| {
            let place = Word::number(*word);
            match place.and_then(|number| managed::frame(tracker, number)) {
                Some(frame) => Frame::Managed(frame),
                None => Frame::Code(*word as usize),
            }
        });
        Stack {
            frames: frames.collect(),
            flags,
            unnamed: None,
        }
    }

    /// The one return address that is known of a stack.
    pub(crate) fn of_one(site: usize) -> Stack {
        Stack {
            frames: vec![Frame::Code(site)],
            flags: INCOMPLETE,
            unnamed: None,
        }
    }

    /// The frames, innermost first.
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
    pub fn frames(&self) -> &[Frame] {
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

impl Stack {
    /// The same with the names that it was given meanwhile.
    fn named_since(&self) -> Option<Stack> {
        let tracker = state::tracker()?;
        let stack = Stack::of(tracker, self.unnamed?.number()?);
        stack.unnamed.is_none().then_some(stack)
    }

    fn telling(&self) -> impl Iterator<Item = &Frame> {
        let is_managed = |frame: &Frame| matches!(frame, Frame::Managed(_));
        let knows_more = self.frames.iter().any(is_managed);
        let is_inside = |address: usize| {
            symbols::place(address).is_some_and(|place| is_interpreter(&place.object))
        };
        self.frames.iter().filter(move |frame| match frame {
            Frame::Code(address) => !knows_more || !is_inside(*address),
            Frame::Managed(_) => true,
        })
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stack({} frames)", self.frames.len())
    }
}

/// One line for each frame: number, function or place in the object, object. Where
/// frames of a managed language are known, those of its interpreter are left out.
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(named) = self.named_since() {
            return named.fmt(f);
        }
        if self.frames.is_empty() {
            return f.write_str("(not recorded)");
        }
        for (i, frame) in self.telling().enumerate() {
            if i != 0 {
                f.write_str("\n")?;
            }
            write!(f, "#{i:<4}{frame}")?;
        }
        if self.is_truncated() {
            f.write_str("\n… more frames were not recorded")?;
        }
        Ok(())
    }
}

fn code(f: &mut fmt::Formatter<'_>, address: usize) -> fmt::Result {
    let Some(place) = symbols::place(address) else {
        return write!(f, "{address:#x}");
    };
    let (object, offset) = (place.object, place.offset);
    match place.function {
        Some(name) => write!(f, "{name} ({object}+{offset:#x})"),
        None => write!(f, "{object}+{offset:#x}"),
    }
}
