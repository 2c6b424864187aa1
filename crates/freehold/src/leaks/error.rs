//! Leaks as an error.

use core::fmt;

use super::emitter::{self, Colors};
use super::{Allocation, Filter};

/// Blocks that stayed though none should have.
///
/// ```
/// use freehold::{LeakTracker, diagnostic_calloc};
/// let result = LeakTracker::run_scoped_verified("example", || {
///     diagnostic_calloc::<u8>(100).expect("memory").into_raw()
/// });
/// let error = result.unwrap_err();
/// assert_eq!((error.count(), error.total_bytes()), (1, 100));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeakError {
    leaks: Vec<Allocation>,
    filter: Filter,
    uncounted: bool,
}

impl LeakError {
    /// An error for these blocks, of which `filter` has left out others.
    ///
    /// # Panics
    /// When there is no leak.
    ///
    /// ```
    /// use freehold::{Allocation, Filter, LeakError};
    /// let error = LeakError::new(vec![Allocation::default()], Filter::ignore_none());
    /// assert_eq!(error.count(), 1);
    /// ```
    pub fn new(leaks: Vec<Allocation>, filter: Filter) -> LeakError {
        assert!(!leaks.is_empty(), "LeakError must have at least one leak.");
        LeakError {
            leaks,
            filter,
            uncounted: false,
        }
    }

    /// An error for a scope whose blocks could not be told apart.
    pub(super) fn uncounted() -> LeakError {
        LeakError {
            leaks: Vec::new(),
            filter: Filter::ignore_none(),
            uncounted: true,
        }
    }

    /// The blocks.
    ///
    /// ```
    /// use freehold::{Allocation, Filter, LeakError};
    /// let leak = Allocation { type_name: "Row".into(), ..Allocation::default() };
    /// let error = LeakError::new(vec![leak], Filter::ignore_none());
    /// assert_eq!(error.leaks()[0].type_name, "Row");
    /// ```
    pub fn leaks(&self) -> &[Allocation] {
        &self.leaks
    }

    /// The filter that was in force.
    ///
    /// ```
    /// use freehold::{Allocation, Filter, LeakError};
    /// let filter = Filter::types(["Cache"]);
    /// let error = LeakError::new(vec![Allocation::default()], filter.clone());
    /// assert_eq!(error.filter().to_string(), filter.to_string());
    /// ```
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// How many blocks.
    ///
    /// ```
    /// use freehold::{Allocation, Filter, LeakError};
    /// let error = LeakError::new(vec![Allocation::default(); 3], Filter::ignore_none());
    /// assert_eq!(error.count(), 3);
    /// ```
    pub fn count(&self) -> usize {
        self.leaks.len()
    }

    /// Bytes of all of them.
    ///
    /// ```
    /// use freehold::{Allocation, Filter, LeakError};
    /// let leak = Allocation { size: 64, ..Allocation::default() };
    /// let error = LeakError::new(vec![leak.clone(), leak], Filter::ignore_none());
    /// assert_eq!(error.total_bytes(), 128);
    /// ```
    pub fn total_bytes(&self) -> u64 {
        self.leaks.iter().map(|leak| leak.size).sum()
    }

    /// The text, with colours or without.
    ///
    /// ```
    /// use freehold::{Allocation, Colors, Filter, LeakError};
    /// let error = LeakError::new(vec![Allocation::default()], Filter::ignore_none());
    /// assert!(error.text(Colors::Never).contains("Leaks   : 1"));
    /// ```
    pub fn text(&self, colors: Colors) -> String {
        if self.uncounted {
            return "the scope could not be counted: no ledger could begin, or it has no room \
                    for another name of a scope"
                .into();
        }
        let style = emitter::Style::new(colors);
        let title = style.red(&style.bold("LeakTrackerException: Native memory leaks detected"));
        let filter = style.bold(&self.filter.to_string());
        format!(
            "{title}\nFilter  : {filter}\n{}",
            emitter::body(&style, &self.leaks)
        )
    }
}

impl fmt::Display for LeakError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(Colors::Never).trim_end())
    }
}

impl std::error::Error for LeakError {}
