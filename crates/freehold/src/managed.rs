//! Frames of managed languages in the ledger: for bindings, whose callers' functions
//! are no machine code that has names.
//!
//! A binding that knows its frames makes a stack of them ([`stack`]) and sets it while
//! it calls ([`set`]): then it is recorded in place of a walk. One whose frames are
//! code of a JIT, which the walk sees but nobody can name, asks for stacks without
//! names ([`unnamed`]) and gives them later ([`name`]).
//!
//! What is not here: who knows the frames.
//!
//! ```
//! use freehold::managed::{self, Frame, Language};
//! use freehold::{diagnostic_calloc, free, track};
//! track::start(&Default::default())?;
//! let line = |line| Frame {
//!     language: Language::Python,
//!     function: "load".into(),
//!     file: "app.py".into(),
//!     line,
//!     column: 0,
//! };
//! managed::set(managed::stack(&[line(41)]));
//! let raw = diagnostic_calloc::<u32>(4).expect("memory").into_raw();
//! managed::set(managed::stack(&[line(42)]));
//! // SAFETY: live; tracked, so that the second call is refused.
//! let error = unsafe { free(raw.cast()).and_then(|()| free(raw.cast())) }.unwrap_err();
//! managed::set(None);
//! assert!(error.to_string().contains("load (app.py:41)"));
//! # Ok::<(), std::io::Error>(())
//! ```

use core::cell::Cell;
use core::fmt;
use core::num::NonZeroU64;
use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::HashMap;
use std::sync::{Mutex, TryLockError};

pub use freehold_ledger::format::Language;
use freehold_ledger::format::{MAX_DEPTH, Place as Word};

use crate::contract::{self, LIVE, NAMED, OF_JIT, TRUNCATED, Tracker};
use crate::{record, state};

/// A frame in code of a managed language.
///
/// ```
/// use freehold::managed::{Frame, Language};
/// let frame = Frame {
///     language: Language::Python,
///     function: "load".into(),
///     file: "app.py".into(),
///     line: 42,
///     column: 0,
/// };
/// assert_eq!(frame.to_string(), "load (app.py:42)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// In which language.
    pub language: Language,
    /// The function.
    pub function: String,
    /// The file: a path or a URI.
    pub file: String,
    /// The line, counted from 1; 0 when it is not known.
    pub line: u32,
    /// The column, counted from 1; 0 when it is not known.
    pub column: u32,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = match &*self.function {
            "" => "<anonymous>",
            function => function,
        };
        f.write_str(function)?;
        if self.file.is_empty() {
            return Ok(());
        }
        write!(f, " ({}", self.file)?;
        if self.line != 0 {
            write!(f, ":{}", self.line)?;
            if self.column != 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        f.write_str(")")
    }
}

/// A stack in the ledger of this process. It belongs to that ledger alone: after a
/// fork, or when another ledger began, it is stale.
///
/// ```
/// use freehold::managed::Stack;
/// assert!(Stack::from_bits(7).is_some_and(|stack| !stack.is_fresh()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stack(NonZeroU64);

/// Counts ledgers: which one a [`Stack`] is of; 0 before the first one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Another ledger begins, with other numbers.
pub(crate) fn forget() {
    // Release: what the last ledger had is gone before the new one has stacks.
    GENERATION.fetch_add(1, Ordering::Release);
}

thread_local! {
    /// The stack that this thread records, as [`Stack::to_bits`]; 0 for none.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
    /// The last one that was walked for a release, likewise.
    static LAST: Cell<u64> = const { Cell::new(0) };
    /// Number of the one that the last block was recorded with.
    static ALLOCATED: Cell<u32> = const { Cell::new(0) };
}

impl Stack {
    fn of(number: u32) -> Option<Stack> {
        // Acquire: pairs with the release in `forget`.
        let generation = u64::from(GENERATION.load(Ordering::Acquire));
        let bits = generation << 32 | u64::from(number);
        (number != 0).then(|| NonZeroU64::new(bits).map(Stack))?
    }

    /// As a number for languages without types: never 0.
    ///
    /// ```
    /// use freehold::managed::Stack;
    /// assert_eq!(Stack::from_bits(7).map(Stack::to_bits), Some(7));
    /// ```
    pub fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// From such a number; `None` for 0.
    ///
    /// ```
    /// assert_eq!(freehold::managed::Stack::from_bits(0), None);
    /// ```
    pub fn from_bits(bits: u64) -> Option<Stack> {
        NonZeroU64::new(bits).map(Stack)
    }

    /// Whether it is of the ledger that this process has now.
    ///
    /// ```
    /// use freehold::managed::{self, Frame, Language};
    /// freehold::track::start(&Default::default())?;
    /// let frame = Frame {
    ///     language: Language::Dart,
    ///     function: "main".into(),
    ///     file: "a.dart".into(),
    ///     line: 3,
    ///     column: 0,
    /// };
    /// assert!(managed::stack(&[frame]).is_some_and(|stack| stack.is_fresh()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_fresh(self) -> bool {
        self.number().is_some()
    }

    /// Its number in the ledger; `None` when it is of another one.
    #[inline]
    pub(crate) fn number(self) -> Option<u32> {
        // Acquire: as in `of`.
        let generation = GENERATION.load(Ordering::Acquire);
        let is_of_it = generation != 0 && self.to_bits() >> 32 == u64::from(generation);
        is_of_it.then_some(self.to_bits() as u32)
    }
}

/// The stack that the thread has set, if it is of this ledger; else 0.
#[inline(always)]
pub(crate) fn current() -> u32 {
    match Stack::from_bits(CURRENT.get()) {
        None => 0,
        Some(stack) => stack.number().unwrap_or(0),
    }
}

/// A stack was walked for a release or a misuse.
#[inline(always)]
pub(crate) fn captured(stack: u32) {
    LAST.set(Stack::of(stack).map_or(0, Stack::to_bits));
}

/// The same for the stack with which this thread last released a block or was refused to.
///
/// ```
/// use freehold::{diagnostic_calloc, free, managed, track};
/// track::start(&Default::default())?;
/// let raw = diagnostic_calloc::<u8>(1).expect("memory").into_raw();
/// // SAFETY: live, released once.
/// unsafe { free(raw.cast()).expect("live") };
/// // There is no JIT here.
/// assert_eq!(managed::last_unnamed(), None);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn last_unnamed() -> Option<Stack> {
    let stack = Stack::from_bits(LAST.get())?;
    ask(state::tracker()?, stack.number()?)
}

/// The stack, if nobody was asked for its names.
fn ask(tracker: &Tracker, number: u32) -> Option<Stack> {
    // SAFETY: by the contract it may be called at any time.
    let is_first = unsafe { (tracker.ask_names)(number) == 1 };
    Stack::of(number).filter(|_| is_first)
}

/// The stack, if there is code of a JIT in it that has no names yet.
pub(crate) fn without_names(tracker: &Tracker, number: u32) -> Option<Stack> {
    // SAFETY: by the contract it may be called at any time.
    match unsafe { (tracker.stack_state)(number) } {
        OF_JIT => Stack::of(number),
        _ => None,
    }
}

/// Numbers of places that this copy of the library has made.
struct Places {
    generation: u32,
    numbers: HashMap<Frame, u32>,
}

static PLACES: Mutex<Option<Places>> = Mutex::new(None);

/// The number of a place, the same as the last time where that is to be had.
fn place(tracker: &Tracker, frame: &Frame) -> u32 {
    let add = || {
        let place = contract::Place {
            function: frame.function.as_ptr(),
            function_len: frame.function.len(),
            file: frame.file.as_ptr(),
            file_len: frame.file.len(),
            line: frame.line,
            column: frame.column,
            language: frame.language as u32,
            spare: 0,
        };
        // SAFETY: a place with texts of these lengths.
        unsafe { (tracker.add_place)(&place) }
    };
    // What the table holds is nobody's leak.
    let _quiet = state::Quiet::new();
    let mut places = match PLACES.try_lock() {
        Ok(places) => places,
        Err(TryLockError::Poisoned(places)) => places.into_inner(),
        // Another thread; perhaps one that a fork left behind. A place may have two
        // numbers.
        Err(TryLockError::WouldBlock) => return add(),
    };
    // Acquire: as in `Stack::of`.
    let generation = GENERATION.load(Ordering::Acquire);
    let places = match &mut *places {
        Some(places) if places.generation == generation => places,
        other => other.insert(Places {
            generation,
            numbers: HashMap::new(),
        }),
    };
    if let Some(number) = places.numbers.get(frame) {
        return *number;
    }
    let number = add();
    if number != 0 {
        places.numbers.insert(frame.clone(), number);
    }
    number
}

/// The stack of these frames, innermost first: the same for the same frames. At most
/// 128 count. `None` when nothing is tracked, there is no room, or there are no frames.
///
/// ```
/// use freehold::managed::{self, Frame, Language};
/// use freehold::{Answer, calloc, query, track};
/// track::start(&Default::default())?;
/// let frame = Frame {
///     language: Language::JavaScript,
///     function: "render".into(),
///     file: "app.js".into(),
///     line: 7,
///     column: 3,
/// };
/// let stack = managed::stack(&[frame]).expect("tracked");
/// managed::set(Some(stack));
/// let block = calloc::<u8>(1).expect("memory");
/// managed::set(None);
/// let Answer::Live(known) = query(block.as_ptr() as usize) else { panic!("tracked") };
/// assert_eq!(known.allocated.to_string(), "#0   render (app.js:7:3)");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stack(frames: &[Frame]) -> Option<Stack> {
    let tracker = state::tracker()?;
    let mut words = [0; MAX_DEPTH];
    let count = frames.len().min(MAX_DEPTH);
    for (word, frame) in words.iter_mut().zip(frames) {
        match place(tracker, frame) {
            0 => return None,
            number => *word = Word::word(number),
        }
    }
    let flags = u32::from(frames.len() > count) * TRUNCATED;
    let number = match count {
        0 => 0,
        // SAFETY: so many words are there.
        count => unsafe { (tracker.stack)(words.as_ptr(), count, flags) },
    };
    Stack::of(number)
}

/// From now on what this thread records (allocations, releases, misuses) has this
/// stack; with `None` it is walked again. Gives false, and sets nothing, when the stack
/// is stale.
///
/// ```
/// use freehold::managed::{self, Stack};
/// // One of a ledger that there never was.
/// assert!(!managed::set(Stack::from_bits(u64::MAX)));
/// assert!(managed::set(None));
/// ```
#[inline]
pub fn set(stack: Option<Stack>) -> bool {
    let is_fresh = match stack {
        None => true,
        // In a forked child this begins its own ledger.
        Some(stack) => state::tracker().is_some() && stack.number().is_some(),
    };
    let bits = stack.filter(|_| is_fresh).map_or(0, Stack::to_bits);
    CURRENT.set(bits);
    is_fresh
}

/// A block was recorded with this stack.
#[inline(always)]
pub(crate) fn allocated(stack: u32) {
    ALLOCATED.set(stack);
}

/// The same as [`unnamed`] for the last block that this thread has allocated.
///
/// ```
/// use freehold::{calloc, managed, track};
/// track::start(&Default::default())?;
/// let block = calloc::<u8>(1).expect("memory");
/// assert_eq!(managed::unnamed_allocation(), None);
/// # drop(block);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn unnamed_allocation() -> Option<Stack> {
    match ALLOCATED.replace(0) {
        0 => None,
        stack => ask(state::tracker()?, stack),
    }
}

/// The stack of a live block if there is code of a JIT in it that has no names yet: told
/// once for each stack, to whoever asks first.
///
/// ```
/// use freehold::{calloc, managed, track};
/// track::start(&Default::default())?;
/// let block = calloc::<u8>(1).expect("memory");
/// // There is no JIT here.
/// assert_eq!(managed::unnamed(block.as_ptr() as usize), None);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn unnamed(address: usize) -> Option<Stack> {
    let tracker = state::tracker()?;
    let (answer, block) = record::find(tracker, address);
    if answer != LIVE {
        return None;
    }
    ask(tracker, block.stack)
}

/// Gives a stack its frames, innermost first: reports show them in place of the code
/// of a JIT. False when it is stale, has names already, or there is no room.
///
/// ```
/// use freehold::managed::{self, Stack};
/// assert!(!managed::name(Stack::from_bits(u64::MAX).expect("not 0"), &[]));
/// ```
pub fn name(stack: Stack, frames: &[Frame]) -> bool {
    let (Some(tracker), Some(number)) = (state::tracker(), stack.number()) else {
        return false;
    };
    match self::stack(frames).and_then(Stack::number) {
        None => false,
        // SAFETY: by the contract it may be called at any time.
        Some(by) => unsafe { (tracker.name_stack)(number, by) == 1 },
    }
}

/// The frame of a place.
pub(crate) fn frame(tracker: &Tracker, number: u32) -> Option<Frame> {
    let mut place = contract::Place {
        function: core::ptr::null(),
        function_len: 0,
        file: core::ptr::null(),
        file_len: 0,
        line: 0,
        column: 0,
        language: 0,
        spare: 0,
    };
    // SAFETY: a place for the answer, whose texts lie in the ledger for good.
    let (function, file) = unsafe {
        if (tracker.place)(number, &mut place) != 1 {
            return None;
        }
        (
            core::slice::from_raw_parts(place.function, place.function_len),
            core::slice::from_raw_parts(place.file, place.file_len),
        )
    };
    Some(Frame {
        language: Language::from_number(place.language)?,
        function: String::from_utf8_lossy(function).into_owned(),
        file: String::from_utf8_lossy(file).into_owned(),
        line: place.line,
        column: place.column,
    })
}

/// The stack whose frames were given to this one as names; 0 for none.
pub(crate) fn naming_of(tracker: &Tracker, stack: u32) -> u32 {
    // SAFETY: by the contract it may be called at any time.
    unsafe {
        match (tracker.stack_state)(stack) & NAMED {
            0 => 0,
            _ => (tracker.naming_of)(stack),
        }
    }
}
