//! Frames of managed languages, for bindings: what they know goes into the ledger.

use core::ffi::{c_char, c_void};
use core::ptr::null_mut;

use freehold::managed::{self, Frame, Language, Stack};
use freehold::{Allocator, Calloc, DiagnosticCalloc, DiagnosticMalloc, Malloc};

use crate::codes::{
    FREEHOLD_BAD_HANDLE, FREEHOLD_NOT_SO, FREEHOLD_NOT_TRACKED, FREEHOLD_NULL,
    FREEHOLD_UNKNOWN_VALUE, Failure, freehold_code,
};
use crate::{allocate, arguments, guard, tables};

/// A language of frames.
pub const FREEHOLD_PYTHON: u32 = 1;
/// A language of frames.
pub const FREEHOLD_JAVASCRIPT: u32 = 2;
/// A language of frames.
pub const FREEHOLD_DART: u32 = 3;

/// For `freehold_alloc`: the block is zeroed.
pub const FREEHOLD_ZEROED: u32 = 1;
/// For `freehold_alloc`: the block is recorded while blocks are tracked, but does not
/// count as a leak when it stays.
pub const FREEHOLD_UNCOUNTED: u32 = 2;

const ZEROED_UNCOUNTED: u32 = FREEHOLD_ZEROED | FREEHOLD_UNCOUNTED;

/// Most frames of a stack that are kept.
pub const FREEHOLD_MAX_FRAMES: usize = 128;

/// A frame in code of a managed language. Texts are UTF-8, ended by a NUL, and copied;
/// null is as "".
#[repr(C)]
#[derive(Clone, Copy)]
pub struct freehold_frame {
    /// The function.
    pub function: *const c_char,
    /// Its file: a path or a URI.
    pub file: *const c_char,
    /// The line of the call, counted from 1; 0 when it is not known.
    pub line: u32,
    /// The column, counted from 1; 0 when it is not known.
    pub column: u32,
    /// FREEHOLD_PYTHON, FREEHOLD_JAVASCRIPT or FREEHOLD_DART.
    pub language: u32,
}

/// A stack in the ledger; 0 is none. It belongs to one ledger: after a fork, or when
/// tracking began again, it is stale, which is noticed.
pub type freehold_stack = u64;

/// # Safety
/// `frames` is null or leads to `count` frames, whose texts are null or end with a NUL.
unsafe fn read(frames: *const freehold_frame, count: usize) -> Result<Vec<Frame>, Failure> {
    if frames.is_null() && count != 0 {
        let message = "`frames` is null: pass the address of the first frame";
        return Err(Failure::new(FREEHOLD_NULL, message));
    }
    arguments::aligned(frames, "frames")?;
    // One more than is kept, so that it is known to be cut.
    let count = count.min(FREEHOLD_MAX_FRAMES + 1);
    let text = |text: *const c_char, name: &str| match text.is_null() {
        true => Ok(String::new()),
        // SAFETY: promised by the caller.
        false => unsafe { arguments::text(text, name) }.map(str::to_owned),
    };
    (0..count)
        .map(|i| {
            // SAFETY: promised by the caller.
            let frame = unsafe { frames.add(i).read() };
            let language = Language::from_number(frame.language).ok_or_else(|| {
                let message = format!(
                    "{} is no language: pass FREEHOLD_PYTHON, FREEHOLD_JAVASCRIPT or FREEHOLD_DART",
                    frame.language
                );
                Failure::new(FREEHOLD_UNKNOWN_VALUE, message)
            })?;
            Ok(Frame {
                language,
                function: text(frame.function, "function")?,
                file: text(frame.file, "file")?,
                line: frame.line,
                column: frame.column,
            })
        })
        .collect()
}

/// The stack of these frames, innermost first: the same for the same frames. At most
/// FREEHOLD_MAX_FRAMES are kept. Set it with `freehold_stack_set` while blocks are
/// allocated and released, and they have it in reports.
///
/// Gives 0 when nothing is tracked, there are no frames or there is no room; and on an
/// error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT, FREEHOLD_UNKNOWN_VALUE (the language),
/// FREEHOLD_BAD_ALIGNMENT.
///
/// # Safety
/// `frames` is null or leads to `count` frames, whose texts are null or end with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_stack_new(
    frames: *const freehold_frame,
    count: usize,
) -> freehold_stack {
    guard::value(|| {
        if !freehold::track::is_on() {
            return Ok(0);
        }
        // SAFETY: as promised by the caller.
        let frames = unsafe { read(frames, count)? };
        Ok(managed::stack(&frames).map_or(0, Stack::to_bits))
    })
    .unwrap_or(0)
}

/// From now on what this thread records (allocations, releases, misuses) has this
/// stack in place of one that is walked; 0 ends that. A binding sets the stack of its
/// caller before it calls the library, and 0 afterwards.
///
/// Gives false, and sets none, when the stack is stale: make it again.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_stack_set(stack: freehold_stack) -> bool {
    managed::set(Stack::from_bits(stack))
}

/// The stack of a live block if the walk met code of a JIT in it, which nobody has
/// named yet; else 0. Told once for each stack, to whoever asks first. For languages whose
/// frames the walk sees, but whose names only they know: see `freehold_stack_name`.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_stack_unnamed(block: *const c_void) -> freehold_stack {
    let found = guard::value(|| Ok(managed::unnamed(block as usize)));
    found.flatten().map_or(0, Stack::to_bits)
}

/// The same for the stack with which this thread last released a block or was refused
/// to. When it is given names before `freehold_last_message` is called, that has them,
/// too.
#[unsafe(no_mangle)]
pub extern "C" fn freehold_stack_last() -> freehold_stack {
    let found = guard::value(|| Ok(managed::last_unnamed()));
    found.flatten().map_or(0, Stack::to_bits)
}

/// Gives a stack the language's frames, innermost first, once and at any time later:
/// reports show them in place of the JIT's code.
///
/// Errors: FREEHOLD_NOT_SO when it has names already, or there is no room for them;
/// FREEHOLD_BAD_HANDLE for a stack that is stale or never was one;
/// FREEHOLD_NOT_TRACKED; those of `freehold_stack_new`.
///
/// # Safety
/// As for `freehold_stack_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_stack_name(
    stack: freehold_stack,
    frames: *const freehold_frame,
    count: usize,
) -> freehold_code {
    guard::code(|| {
        if !freehold::track::is_on() {
            let message = "no stack can be named: nothing is tracked";
            return Err(Failure::new(FREEHOLD_NOT_TRACKED, message));
        }
        // SAFETY: as promised by the caller.
        let frames = unsafe { read(frames, count)? };
        let Some(stack) = Stack::from_bits(stack).filter(|stack| stack.is_fresh()) else {
            let message = format!("{stack:#x} is no stack of this process's ledger");
            return Err(Failure::new(FREEHOLD_BAD_HANDLE, message));
        };
        match managed::name(stack, &frames) {
            true => Ok(()),
            false => {
                let message = "the stack has names already, or there is no room for them";
                Err(Failure::new(FREEHOLD_NOT_SO, message))
            }
        }
    })
}

/// The number of a tag, for `freehold_alloc`: the same for the same text, as long as
/// the process lives. 4,096 different ones can be told apart.
///
/// Gives 0, the number of "void", on an error: FREEHOLD_NULL, FREEHOLD_BAD_TEXT,
/// FREEHOLD_OUT_OF_MEMORY when there are too many.
///
/// # Safety
/// `name` is null or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_tag(name: *const c_char) -> u32 {
    guard::value(|| {
        // SAFETY: as promised by the caller.
        let name = unsafe { arguments::text(name, "name")? };
        tables::tag_number(name)
    })
    .unwrap_or(0)
}

/// A block of `size` bytes at a multiple of `alignment`, for bindings: what
/// `freehold_typed`, `freehold_stack_unnamed` and their checks would take several calls
/// for. `flags` is a sum of FREEHOLD_ZEROED and FREEHOLD_UNCOUNTED, or 0; `tag` is a number
/// that `freehold_tag` gave.
/// `unnamed` may be null; it gets what `freehold_stack_unnamed` says of the new block.
///
/// Gives NULL on an error: FREEHOLD_BAD_ALIGNMENT, FREEHOLD_UNKNOWN_VALUE (a flag or
/// the tag), FREEHOLD_OUT_OF_MEMORY, FREEHOLD_TOO_LARGE.
///
/// # Safety
/// `unnamed` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freehold_alloc(
    size: usize,
    alignment: usize,
    flags: u32,
    tag: u32,
    unnamed: *mut freehold_stack,
) -> *mut c_void {
    let block = guard::value(|| {
        let layout = allocate::layout(1, size, alignment)?;
        let tag = match tag {
            0 => allocate::UNTYPED,
            number => tables::tag_name(number)?,
        };
        arguments::aligned(unnamed, "unnamed")?;
        let block = match flags {
            0 => DiagnosticMalloc::default().allocate(layout, tag)?,
            FREEHOLD_ZEROED => DiagnosticCalloc::default().allocate(layout, tag)?,
            FREEHOLD_UNCOUNTED => Malloc::default().allocate(layout, tag)?,
            ZEROED_UNCOUNTED => Calloc::default().allocate(layout, tag)?,
            other => {
                let message = format!("{other} is no sum of flags: see FREEHOLD_ZEROED");
                return Err(Failure::new(FREEHOLD_UNKNOWN_VALUE, message));
            }
        };
        if !unnamed.is_null() {
            let stack = managed::unnamed_allocation();
            // SAFETY: as promised by the caller.
            unsafe { unnamed.write(stack.map_or(0, Stack::to_bits)) };
        }
        Ok(block)
    });
    block.map_or(null_mut(), |block| block.as_ptr().cast())
}
