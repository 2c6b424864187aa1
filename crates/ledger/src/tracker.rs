//! The table by which a library in the process talks to whoever keeps the
//! process's ledger: one ledger for a process, whatever writes to it.
//!
//! # The contract
//!
//! A keeper exports a static [`Tracker`] under the name [`SYMBOL`], so that
//! `dlsym(RTLD_DEFAULT, …)` finds it: the preload library does, and so may any
//! library with a ledger of its own. Who wants to record looks for it once. When
//! it is there, has this [`VERSION`], is as long as it says and
//! [`Tracker::is_active`] gives 1, it records there.
//!
//! All functions may be called on any thread, at any time, also in a forked
//! child; they never unwind, never allocate from the heap that is tracked, and
//! leave `errno` alone. Where nothing can be recorded (a signal handler that
//! interrupted an event, a passive process) they answer [`BUSY`] or 0 and do
//! nothing.
//!
//! New fields are appended; `bytes` tells how many there are. Any other change
//! is a new version, and who looks for another passes over it.
//!
//! A keeper implements [`Keeper`] and has its table from [`table`].
//!
//! What is not here: when what is told (`freehold`, `freehold-interpose`).

mod table;

use core::ffi::{CStr, c_void};

pub use table::{Event, Keeper, table};

/// The name under which a [`Tracker`] is exported.
pub const SYMBOL: &CStr = c"freehold_tracker";
/// The version of this contract.
pub const VERSION: u32 = 2;

/// Answer: it is done; a live block begins there.
pub const LIVE: u32 = 1;
/// Answer: a block that began there was released, and nothing took its place.
pub const DEAD: u32 = 2;
/// Answer: nothing is known of the address.
pub const UNKNOWN: u32 = 3;
/// Answer: nobody can tell now.
pub const BUSY: u32 = 0;

/// [`Tracker::name`]: a tag.
pub const TAG: u32 = 0;
/// [`Tracker::name`]: a scope.
pub const SCOPE: u32 = 1;

/// [`Tracker::flags`]: the functions of the platform are watched, so a block that
/// is passed to one is taken out unless [`Tracker::quiet`] was called.
pub const HOOKS: u32 = 1;

/// [`Tracker::frames`]: there were more frames than the depth allows.
pub const TRUNCATED: u32 = 1;
/// [`Tracker::frames`]: the walk ended before the thread's first frame.
pub const INCOMPLETE: u32 = 2;
/// [`Tracker::frames`]: frame pointers were followed.
pub const APPROXIMATE: u32 = 4;

/// [`Block::flags`]: it has just been allocated, and its stack is known to the caller.
///
/// ```
/// use freehold_ledger::tracker::{Block, NEW};
/// let block = Block { stack: 7, flags: NEW, ..Block::default() };
/// assert_ne!(block, Block::default());
/// ```
pub const NEW: u8 = 1;

/// [`Tracker::stack_state`]: frame pointers were followed through code without unwind
/// data, as of a JIT.
///
/// ```
/// use freehold_ledger::tracker::{NAMED, OF_JIT};
/// assert_eq!(NAMED & OF_JIT, 0);
/// ```
pub const OF_JIT: u32 = 1;
/// [`Tracker::stack_state`]: it was given names.
///
/// ```
/// use freehold_ledger::tracker::{NAMED, OF_JIT};
/// // A stack that is named needs no other names.
/// let wants_names = |state: u32| state & (NAMED | OF_JIT) == OF_JIT;
/// assert!(wants_names(OF_JIT) && !wants_names(OF_JIT | NAMED));
/// ```
pub const NAMED: u32 = 2;

/// A block, as it is told and asked for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Its address.
    pub address: u64,
    /// Bytes that were asked for.
    pub size: u64,
    /// Number of the stack that allocated it, 0 for none.
    pub stack: u32,
    /// Milliseconds since the session began; an answer only.
    pub time_ms: u32,
    /// Number of the thread that allocated it; an answer only.
    pub thread: u32,
    /// Number of its scope, 0 for none.
    pub scope: u16,
    /// Number of its tag, 0 for none.
    pub tag: u16,
    /// Number of its family, as in the ledger's format.
    pub family: u8,
    /// Number of its owner, as in the ledger's format.
    pub owner: u8,
    /// [`NEW`] or 0; no answer has it.
    pub flags: u8,
    /// Zero.
    pub spare: [u8; 5],
}

const _: () = assert!(size_of::<Block>() == 40);

/// A misuse, as it is told.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// The address that was passed.
    pub address: u64,
    /// Bytes of the block, 0 when unknown.
    pub size: u64,
    /// Bytes from the block's start to the address; the size that was passed when
    /// that was wrong.
    pub offset: u64,
    /// Number of the stack that allocated the block, 0 when unknown.
    pub allocated: u32,
    /// Number of the stack of the misuse.
    pub here: u32,
    /// Number of the stack that released it first, 0 when unknown.
    pub released: u32,
    /// What was wrong: a number of the ledger's format.
    pub kind: u8,
    /// Number of the block's family.
    pub family: u8,
    /// Zero.
    pub spare: [u8; 2],
}

const _: () = assert!(size_of::<Wrong>() == 40);

/// A place in code of a managed language, as it is told and asked for.
///
/// ```
/// use freehold_ledger::tracker::Place;
/// let (function, file) = ("main", "a.dart");
/// let place = Place {
///     function: function.as_ptr(),
///     function_len: function.len(),
///     file: file.as_ptr(),
///     file_len: file.len(),
///     line: 3,
///     column: 0,
///     language: 3,
///     spare: 0,
/// };
/// assert_eq!(place.function_len, 4);
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The function's name in UTF-8, and its length in bytes.
    pub function: *const u8,
    /// See `function`.
    pub function_len: usize,
    /// The file's path or URI in UTF-8, and its length in bytes.
    pub file: *const u8,
    /// See `file`.
    pub file_len: usize,
    /// The line, counted from 1; 0 when it is not known.
    pub line: u32,
    /// The column, counted from 1; 0 when it is not known.
    pub column: u32,
    /// Number of its language, as in the ledger's format.
    pub language: u32,
    /// Zero.
    pub spare: u32,
}

/// Called for each live block with the context that was given; gives 0 to end.
pub type Visit = unsafe extern "C" fn(context: *mut c_void, block: *const Block) -> u32;

/// What a keeper of a ledger can do.
///
/// ```
/// # #[cfg(not(unix))]
/// # fn main() {}
/// # #[cfg(unix)]
/// # fn main() {
/// use freehold_ledger::tracker::{Block, LIVE, SYMBOL, Tracker, VERSION};
///
/// /// The keeper of this process, when there is one.
/// fn keeper() -> Option<&'static Tracker> {
///     // SAFETY: the name is a C string; the call may be made at any time.
///     let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, SYMBOL.as_ptr()) };
///     // SAFETY: by the contract what has this name is such a table, for good.
///     let table = unsafe { found.cast::<Tracker>().as_ref() }?;
///     let long_enough = table.bytes as usize >= size_of::<Tracker>();
///     // SAFETY: by the contract it may be called at any time.
///     (table.version == VERSION && long_enough && unsafe { (table.is_active)() } == 1)
///         .then_some(table)
/// }
///
/// /// How many bytes the block there has, if it is live.
/// fn size(of: *const u8) -> Option<u64> {
///     let mut block = Block::default();
///     // SAFETY: by the contract, with a block of our own to fill in.
///     let found = unsafe { (keeper()?.find)(of.addr() as u64, &mut block) };
///     (found == LIVE).then_some(block.size)
/// }
///
/// // Not under `freehold run`, and without a library that keeps a ledger.
/// assert_eq!(size([0_u8; 4].as_ptr()), None);
/// # }
/// ```
#[repr(C)]
#[derive(Debug)]
pub struct Tracker {
    /// [`VERSION`].
    pub version: u32,
    /// Length of this table in bytes.
    pub bytes: u32,
    /// [`HOOKS`] or 0.
    pub flags: u32,
    /// Zero.
    pub spare: u32,
    /// Gives 1 when events are recorded in this process; begins to if need be.
    pub is_active: unsafe extern "C" fn() -> u32,
    /// With 1: from now on hooks neither record nor judge what this thread
    /// allocates and releases, because the caller tells of it by this table;
    /// with 0: the last of these ends. Nests. Between the two there is one call
    /// of a real function, and no code of the program.
    pub quiet: unsafe extern "C" fn(begin: u32),
    /// The number of the calling thread's stack from a return address on:
    /// `slot` is the place of that return address, `bp` the value of `rbp` in
    /// the function that it returns to. The function that was called there has
    /// not returned. 0 when it is not recorded.
    pub capture: unsafe extern "C" fn(slot: usize, bp: usize) -> u32,
    /// Notes a block that has just been allocated: all fields but time and
    /// thread count. Where `slot` is not 0, its stack is captured as by
    /// `capture` and the field does not count. With that or with [`NEW`] it may be
    /// none of the samples where blocks are sampled. Gives 0 when it
    /// was not recorded, else 2³² and the number of its stack.
    pub allocated: unsafe extern "C" fn(block: *const Block, slot: usize, bp: usize) -> u64,
    /// Takes out a block that is about to be released. Gives [`LIVE`] with what
    /// it was in `block`, or [`DEAD`], [`UNKNOWN`], [`BUSY`]. Of two callers
    /// with the same block one gets [`LIVE`]. `site` is where the function that
    /// releases it returns to, 0 when that is not known.
    pub released: unsafe extern "C" fn(address: u64, site: u64, block: *mut Block) -> u32,
    /// The same without taking it out.
    pub find: unsafe extern "C" fn(address: u64, block: *mut Block) -> u32,
    /// The live block in which an address lies: [`LIVE`] with it, or [`UNKNOWN`],
    /// [`BUSY`].
    pub containing: unsafe extern "C" fn(address: u64, block: *mut Block) -> u32,
    /// What is left of the block that was the last to be released at an address:
    /// [`DEAD`] with the stack that allocated it and its family in `block`, and
    /// in `site` where its release returned to (0 when that is not known); or
    /// [`UNKNOWN`], [`BUSY`].
    pub gone: unsafe extern "C" fn(address: u64, block: *mut Block, site: *mut u64) -> u32,
    /// Notes a misuse that the library has refused; ends the process where the
    /// session asks for that.
    pub misused: unsafe extern "C" fn(wrong: *const Wrong),
    /// Sets family, owner, scope and tag of the live block at its address.
    /// Gives 1 when there is one.
    pub change: unsafe extern "C" fn(block: *const Block) -> u32,
    /// The number of a tag or scope with this name (not ended by a NUL); 0 when
    /// there is no room.
    pub name: unsafe extern "C" fn(kind: u32, name: *const u8, len: usize) -> u32,
    /// The name with a number: its length, and in `name` where it lies for good.
    pub name_of: unsafe extern "C" fn(kind: u32, number: u32, name: *mut *const u8) -> usize,
    /// Writes the frames of a stack, innermost first, at most `room`: return
    /// addresses, and places as the ledger's format has them. Gives how many; flags
    /// go to `flags`.
    pub frames:
        unsafe extern "C" fn(stack: u32, out: *mut u64, room: usize, flags: *mut u32) -> usize,
    /// Calls `visit` for each live block.
    pub for_each: unsafe extern "C" fn(visit: Visit, context: *mut c_void),
    /// When the session began, in nanoseconds since 1970.
    pub started: unsafe extern "C" fn() -> u64,
    /// Writes the path by which the session can be opened, ended by no NUL, and
    /// the number of this process's ledger in it. Gives the length of the path;
    /// when that is more than `room`, nothing was written.
    pub session: unsafe extern "C" fn(out: *mut u8, room: usize, slot: *mut u32) -> usize,
    /// Adds a place in code of a managed language. Gives its number, 0 when there is
    /// no room.
    pub add_place: unsafe extern "C" fn(place: *const Place) -> u32,
    /// The place with a number; its texts lie where they are for good. Gives 1 when
    /// there is one.
    pub place: unsafe extern "C" fn(number: u32, place: *mut Place) -> u32,
    /// The number of a stack of such frames as `frames` writes; `flags` may have
    /// [`TRUNCATED`]. 0 when there is no room.
    pub stack: unsafe extern "C" fn(frames: *const u64, count: usize, flags: u32) -> u32,
    /// What is to be known of a stack to name it: [`OF_JIT`], [`NAMED`].
    pub stack_state: unsafe extern "C" fn(stack: u32) -> u32,
    /// Gives a stack that was walked the frames of the stack `by` as names. Gives 1
    /// when it had none and there is room.
    pub name_stack: unsafe extern "C" fn(stack: u32, by: u32) -> u32,
    /// The stack whose frames were given to this one as names; 0 for none.
    pub naming_of: unsafe extern "C" fn(stack: u32) -> u32,
    /// Gives 1 once for each stack that has code of a JIT and no names.
    pub ask_names: unsafe extern "C" fn(stack: u32) -> u32,
}
