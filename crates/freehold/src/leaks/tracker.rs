//! The tracker under the names of the reference: one for the process.

use core::sync::atomic::Ordering;
use std::io;
use std::sync::{PoisonError, RwLock};

use super::{
    Allocation, COUNTING, Filter, LeakError, LeaksEmitter, PrintEmitter, Scope, counting_scope,
    scope,
};
use crate::state;
use crate::{record, track};

static FILTER: RwLock<Option<Filter>> = RwLock::new(None);

/// Counts blocks of the diagnostic allocators, and adopted ones, that stay.
///
/// ```
/// use freehold::{LeakTracker, diagnostic_calloc};
/// LeakTracker::enable();
/// let block = diagnostic_calloc::<u8>(100)?;
/// assert!(LeakTracker::has_leaks());
/// drop(block);
/// LeakTracker::verify_no_leaks().expect("nothing stays");
/// # Ok::<(), freehold::AllocError>(())
/// ```
#[derive(Debug)]
pub struct LeakTracker;

impl LeakTracker {
    /// Blocks count from now on. Begins tracking when it is off; when that
    /// fails, [`LeakTracker::verify_no_leaks`] says so.
    ///
    /// ```
    /// use freehold::LeakTracker;
    /// LeakTracker::enable();
    /// assert!(LeakTracker::is_enabled());
    /// ```
    pub fn enable() {
        let _ = track::start(&track::Options::default());
        COUNTING.store(true, Ordering::Relaxed);
    }

    /// [`LeakTracker::enable`] in debug builds, nothing in others.
    ///
    /// ```
    /// freehold::LeakTracker::enable_in_debug();
    /// assert_eq!(freehold::LeakTracker::is_enabled(), cfg!(debug_assertions));
    /// ```
    pub fn enable_in_debug() {
        if cfg!(debug_assertions) {
            LeakTracker::enable();
        }
    }

    /// Blocks that are allocated from now on do not count. Those that do are
    /// still seen to go.
    ///
    /// ```
    /// freehold::LeakTracker::disable();
    /// assert!(!freehold::LeakTracker::is_enabled());
    /// ```
    pub fn disable() {
        COUNTING.store(false, Ordering::Relaxed);
    }

    /// Whether blocks count that this thread allocates now: in a scope always.
    ///
    /// ```
    /// use freehold::LeakTracker;
    /// assert!(LeakTracker::run_scoped(|| LeakTracker::is_enabled(), None));
    /// ```
    pub fn is_enabled() -> bool {
        record::scope() != 0 || COUNTING.load(Ordering::Relaxed)
    }

    /// Whether anything that counts lives: see [`LeakTracker::snapshot`].
    ///
    /// ```
    /// assert!(!freehold::LeakTracker::has_leaks());
    /// ```
    pub fn has_leaks() -> bool {
        !LeakTracker::snapshot().is_empty()
    }

    /// The blocks that count and live, by address, without those that the filter
    /// leaves out, and those that were given away or left to a finalizer: in a
    /// scope those of the scope and the ones inside it,
    /// otherwise those in no scope.
    ///
    /// ```
    /// assert!(freehold::LeakTracker::snapshot().is_empty());
    /// ```
    pub fn snapshot() -> Vec<Allocation> {
        let Some(tracker) = state::tracker() else {
            return Vec::new();
        };
        match record::scope() {
            0 => {
                let global = counting_scope(tracker);
                let filter = LeakTracker::global_filter();
                scope::blocks(tracker, |block| block.scope == global, &filter)
            }
            number => scope::shown(tracker, number),
        }
    }

    /// Blocks that live now count no longer; nothing is released.
    ///
    /// ```
    /// use freehold::{LeakTracker, diagnostic_calloc};
    /// LeakTracker::enable();
    /// let kept = diagnostic_calloc::<u8>(1)?;
    /// LeakTracker::reset();
    /// assert!(!LeakTracker::has_leaks());
    /// # drop(kept);
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn reset() {
        if let Some(tracker) = state::tracker() {
            let current = match record::scope() {
                0 => counting_scope(tracker),
                number => number,
            };
            scope::move_all(tracker, |scope| (scope == current).then_some(0));
        }
    }

    /// Shows the snapshot, also an empty one; forgets nothing.
    ///
    /// # Errors
    /// Those of the emitter.
    ///
    /// ```
    /// use freehold::{Colors, LeakTracker, PrintEmitter};
    /// let mut text = Vec::new();
    /// LeakTracker::emit(&mut PrintEmitter::to(&mut text, Colors::Never))?;
    /// assert!(String::from_utf8_lossy(&text).contains("No native memory leaks"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn emit(emitter: &mut dyn LeaksEmitter) -> io::Result<()> {
        emitter.emit(&LeakTracker::snapshot())
    }

    /// Shows the snapshot on standard output.
    ///
    /// # Errors
    /// Those of standard output.
    ///
    /// ```
    /// freehold::LeakTracker::print()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn print() -> io::Result<()> {
        LeakTracker::emit(&mut PrintEmitter::stdout())
    }

    /// Says when anything that counts lives.
    ///
    /// # Errors
    /// [`LeakError`] with all of it, or when tracking could not begin though it
    /// was enabled.
    ///
    /// ```
    /// use freehold::{LeakTracker, diagnostic_calloc};
    /// LeakTracker::enable();
    /// let kept = diagnostic_calloc::<u8>(10)?;
    /// assert_eq!(LeakTracker::verify_no_leaks().unwrap_err().total_bytes(), 10);
    /// drop(kept);
    /// LeakTracker::verify_no_leaks().expect("nothing stays");
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    pub fn verify_no_leaks() -> Result<(), LeakError> {
        if state::tracker().is_none() && COUNTING.load(Ordering::Relaxed) {
            return Err(LeakError::uncounted());
        }
        let leaks = LeakTracker::snapshot();
        let filter = match record::scope() {
            0 => LeakTracker::global_filter(),
            number => scope::filter_of(number),
        };
        match leaks.is_empty() {
            true => Ok(()),
            false => Err(LeakError::new(leaks, filter)),
        }
    }

    /// [`LeakTracker::verify_no_leaks`] in debug builds; `Ok` in others.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// freehold::LeakTracker::verify_no_leaks_in_debug().expect("nothing stays");
    /// ```
    pub fn verify_no_leaks_in_debug() -> Result<(), LeakError> {
        match cfg!(debug_assertions) {
            true => LeakTracker::verify_no_leaks(),
            false => Ok(()),
        }
    }

    /// The filter outside of scopes.
    ///
    /// ```
    /// use freehold::{Filter, LeakTracker};
    /// assert_eq!(LeakTracker::global_filter(), Filter::ignore_none());
    /// ```
    pub fn global_filter() -> Filter {
        let filter = FILTER.read().unwrap_or_else(PoisonError::into_inner);
        filter.clone().unwrap_or_default()
    }

    /// Sets the filter outside of scopes. It holds for all that is shown from
    /// now on, whenever it was allocated.
    ///
    /// ```
    /// use freehold::{Filter, LeakTracker};
    /// LeakTracker::set_global_filter(Filter::types(["u8"]));
    /// assert_eq!(LeakTracker::global_filter(), Filter::types(["u8"]));
    /// ```
    pub fn set_global_filter(filter: Filter) {
        *FILTER.write().unwrap_or_else(PoisonError::into_inner) = Some(filter);
    }

    /// Leaves out what `filter` does, too.
    ///
    /// ```
    /// use freehold::{Filter, LeakTracker};
    /// LeakTracker::add_global_filter(Filter::types(["u8"]));
    /// LeakTracker::add_global_filter(Filter::stack_contains("init"));
    /// assert!(LeakTracker::global_filter().to_string().contains(" OR "));
    /// ```
    pub fn add_global_filter(filter: Filter) {
        LeakTracker::set_global_filter(LeakTracker::global_filter() | filter);
    }

    /// Leaves out nothing any more.
    ///
    /// ```
    /// freehold::LeakTracker::clear_global_filter();
    /// ```
    pub fn clear_global_filter() {
        LeakTracker::set_global_filter(Filter::ignore_none());
    }

    /// Runs `body` in a scope of its own, in which blocks count. What stays
    /// counts for the scope around it, if blocks count there.
    ///
    /// Without a filter, that of the scope around it holds.
    ///
    /// ```
    /// use freehold::{LeakTracker, diagnostic_calloc};
    /// let count = LeakTracker::run_scoped(|| {
    ///     let block = diagnostic_calloc::<u8>(1).expect("memory");
    ///     let count = LeakTracker::snapshot().len();
    ///     drop(block);
    ///     count
    /// }, None);
    /// assert_eq!(count, 1);
    /// ```
    pub fn run_scoped<R>(body: impl FnOnce() -> R, filter: Option<Filter>) -> R {
        let outside = (record::scope() == 0).then(LeakTracker::global_filter);
        let scope = Scope::begin_with("scoped", filter.or(outside));
        scope.enter(body)
    }

    /// The same, and says at the end what stays.
    ///
    /// # Errors
    /// [`LeakError`] with what stays.
    ///
    /// ```
    /// use freehold::{LeakTracker, diagnostic_calloc};
    /// LeakTracker::run_scoped_verified("clean", || {
    ///     diagnostic_calloc::<u8>(1).expect("memory");
    /// }).expect("nothing stays");
    /// ```
    pub fn run_scoped_verified<R>(name: &str, body: impl FnOnce() -> R) -> Result<R, LeakError> {
        let scope = Scope::begin(name);
        let result = scope.enter(body);
        scope.end()?;
        Ok(result)
    }
}
