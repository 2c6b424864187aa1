//! The stack of an event as a number in the ledger.

use freehold_ledger::format::Root;
use freehold_ledger::writer::Path;
use freehold_unwind::{Entry, Stack};

use crate::process::Process;
use crate::thread::{Event, Thread};

/// The same when the stack is expected; `None` when it has to be walked.
#[inline(always)]
pub(crate) fn predict(event: &mut Event, entry: Entry) -> Option<u32> {
    let depth = event.process().depth();
    if depth == 0 {
        return Some(0);
    }
    let thread = event.thread();
    thread.last_slot = entry.slot;
    // SAFETY: as in `capture`; an event that no other one interrupts.
    let stack = unsafe { thread.history.predict(entry, depth)? };
    Some(with_python(event, stack))
}

/// The number of the stack that ends at `entry`; 0 when it is not recorded.
pub(crate) fn capture(event: &mut Event, entry: Entry) -> u32 {
    let process = event.process();
    let depth = process.depth();
    if depth == 0 {
        return 0;
    }
    if event.is_nested() {
        return capture_nested(event, entry, depth);
    }
    // SAFETY: as below.
    match unsafe { event.thread().history.predict(entry, depth) } {
        Some(stack) => with_python(event, stack),
        None => capture_unpredicted(event, entry),
    }
}

/// The same after [`predict`], by an event that no other one interrupts.
pub(crate) fn capture_unpredicted(event: &mut Event, entry: Entry) -> u32 {
    let process = event.process();
    let depth = process.depth();
    let Thread {
        history,
        last_stack,
        bounds,
        last_slot,
        ..
    } = event.thread();
    *last_slot = entry.slot;
    let intern = |stack: &Stack<'_>| intern(last_stack, process, stack);
    // SAFETY: the entry comes from a thunk of this thread, the bounds are its
    // own, and the gate keeps a second capture out.
    let stack = unsafe { history.walk(entry, depth, *bounds, intern) };
    with_python(event, stack)
}

/// The same stack with the frames of a Python interpreter, when there is one.
#[inline(always)]
fn with_python(event: &mut Event, stack: u32) -> u32 {
    match freehold_python::interpreter() {
        None => stack,
        Some(interpreter) => {
            let ledger = event.ledger();
            event.thread().python.stack(interpreter, ledger, stack)
        }
    }
}

/// Without history and last stack, which the interrupted event may be changing.
#[cold]
#[inline(never)]
fn capture_nested(event: &mut Event, entry: Entry, depth: usize) -> u32 {
    let mut frames = [0; freehold_unwind::MAX_DEPTH];
    let bounds = event.thread().bounds;
    // SAFETY: as in `capture`.
    let stack = unsafe { freehold_unwind::walk(entry, depth, bounds, &mut frames) };
    crate::objects::note(event.process(), stack.frames);
    let ledger = event.ledger();
    ledger.intern(root(ledger.epoch(), &stack), stack.frames)
}

fn root(epoch: u32, stack: &Stack<'_>) -> Root {
    Root {
        epoch,
        truncated: stack.truncated,
        incomplete: !stack.complete && !stack.truncated,
        approximate: stack.approximate,
    }
}

#[cold]
#[inline(never)]
fn intern(last: &mut Path, process: &Process, stack: &Stack<'_>) -> u32 {
    // First the objects: a new one may begin a new epoch.
    crate::objects::note(process, stack.frames);
    let ledger = process.ledger();
    ledger.intern_after(last, root(ledger.epoch(), stack), stack.frames)
}

/// Whether this block of `size` bytes is a sample. Blocks are picked as if each
/// byte were with the same chance, so that large blocks are hardly ever missed.
#[inline(always)]
pub(crate) fn is_sample(event: &mut Event, size: usize) -> bool {
    let thread = event.thread();
    thread.until_sample -= size as i64;
    thread.until_sample < 0 && draw(event)
}

#[cold]
#[inline(never)]
fn draw(event: &mut Event) -> bool {
    let process = event.process();
    first_sample(event.thread(), process);
    true
}

/// Draws the distance to the next sample from the exponential distribution
/// whose mean is the interval of the session.
pub(crate) fn first_sample(thread: &mut Thread, process: &Process) {
    let mut random = thread.random;
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    thread.random = random;
    // In (0, 1]: 53 random bits.
    let uniform = ((random >> 11) + 1) as f64 / (1u64 << 53) as f64;
    thread.until_sample = (-ln(uniform) * process.sample_bytes() as f64) as i64;
}

/// Natural logarithm of a number in (0, 1], good to a few parts in a million.
/// The one of the mathematics library is not for us to call.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    // atanh series of (m - 1) / (m + 1), m in [1, 2).
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    let series = t
        * (2.0
            + square
                * (2.0 / 3.0 + square * (2.0 / 5.0 + square * (2.0 / 7.0 + square * 2.0 / 9.0))));
    exponent as f64 * core::f64::consts::LN_2 + series
}

#[cfg(test)]
mod tests {
    #[test]
    fn logarithm_is_close() {
        for i in 1..=10_000 {
            let x = f64::from(i) / 10_000.0;
            assert!((super::ln(x) - x.ln()).abs() < 1e-5, "{x}");
        }
    }
}
