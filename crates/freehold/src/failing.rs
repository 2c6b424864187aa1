//! Allocations that fail because a test wants it: the n-th of a thread, or each
//! in turn.
//!
//! ```
//! use freehold::{calloc, failing};
//! let (results, _) = failing::nth(2, || [calloc::<u8>(8).is_ok(), calloc::<u8>(8).is_ok()]);
//! assert_eq!(results, [true, false]);
//! ```

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::{plain, state};

/// What this thread wants: the allocations so far, and the one that fails.
#[derive(Clone, Copy)]
struct Plan {
    count: u64,
    fails: u64,
    all_after: bool,
}

thread_local! {
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
}

/// Threads with a plan.
static PLANS: AtomicUsize = AtomicUsize::new(0);

/// Counts an allocation; gives its number when it shall fail.
pub(crate) fn next() -> Option<u64> {
    // Relaxed: this thread has set it when it has a plan.
    if PLANS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let mut plan = PLAN.get()?;
    plan.count += 1;
    PLAN.set(Some(plan));
    let fails = plan.count == plan.fails || plan.all_after && plan.count > plan.fails;
    fails.then_some(plan.count)
}

/// Ends the plan of this thread when dropped, and brings back the one before.
struct Ends(Option<Plan>);

impl Drop for Ends {
    fn drop(&mut self) {
        PLAN.set(self.0);
        if PLANS.fetch_sub(1, Ordering::AcqRel) == 1 {
            state::clear(state::FAILING);
        }
    }
}

fn with<R>(fails: u64, all_after: bool, run: impl FnOnce() -> R) -> (R, u64) {
    PLANS.fetch_add(1, Ordering::AcqRel);
    state::set(state::FAILING);
    plain::close();
    let count = 0;
    let _ends = Ends(PLAN.replace(Some(Plan {
        count,
        fails,
        all_after,
    })));
    let result = run();
    (result, PLAN.get().map_or(0, |plan| plan.count))
}

/// Runs `body`; its `number`-th allocation (from 1) on this thread fails, those
/// of the allocators of this crate being counted (the plain platform ones, which
/// the adaptive ones are in release builds, are not).
///
/// Gives what `body` gave, and how many allocations it tried.
///
/// ```
/// use freehold::{AllocError, calloc, failing};
/// let (result, tried) = failing::nth(2, || {
///     let first = calloc::<u8>(1)?;
///     calloc::<u8>(2)?;
///     drop(first);
///     Ok(())
/// });
/// assert_eq!(result, Err(AllocError::Injected { bytes: 2, number: 2 }));
/// assert_eq!(tried, 2);
/// ```
pub fn nth<R>(number: u64, body: impl FnOnce() -> R) -> (R, u64) {
    with(number, false, body)
}

/// The same, but all allocations from the `number`-th on fail: memory is out.
///
/// ```
/// use freehold::{calloc, failing};
/// let (failed, _) = failing::from(1, || {
///     (0..3).filter(|_| calloc::<u8>(1).is_err()).count()
/// });
/// assert_eq!(failed, 3);
/// ```
pub fn from<R>(number: u64, body: impl FnOnce() -> R) -> (R, u64) {
    with(number, true, body)
}

/// Runs `body` again and again: first its 1st allocation fails, then its 2nd, and
/// so on until none is left to fail. Each run must give `Err` when an allocation
/// failed, and leak nothing.
///
/// Gives how many allocations there were.
///
/// # Panics
/// When a run swallows the failure, leaks, or the last one, without any failure,
/// fails.
///
/// ```
/// use freehold::{AllocError, diagnostic_calloc, failing};
/// let tried = failing::every(|| {
///     let a = diagnostic_calloc::<u8>(10)?;
///     let b = diagnostic_calloc::<u8>(20)?;
///     assert_eq!((a.len(), b.len()), (10, 20));
///     Ok::<(), AllocError>(())
/// });
/// assert_eq!(tried, 2);
/// ```
pub fn every<E: core::fmt::Debug>(mut body: impl FnMut() -> Result<(), E>) -> u64 {
    for number in 1.. {
        let scope = crate::Scope::begin(&format!("allocation {number} fails"));
        let (result, tried) = scope.enter(|| nth(number, &mut body));
        if let Err(leaks) = scope.end() {
            panic!("when allocation {number} failed, something was lost:\n{leaks}");
        }
        match result {
            Ok(()) if tried >= number => {
                panic!("allocation {number} failed, and nobody said so")
            }
            Ok(()) => return tried,
            Err(error) if tried < number => {
                panic!("it fails although no allocation does: {error:?}")
            }
            Err(_) => {}
        }
    }
    unreachable!("a body makes fewer than 2^64 allocations")
}
