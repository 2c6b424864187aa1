//! Scopes: regions whose blocks are counted apart. They nest, go along with
//! threads and futures, and see releases from anywhere, because they are numbers
//! in the ledger and not lists of their own.

use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use freehold_ledger::format::Owner;

use super::{Allocation, Filter, LeakError, global_scope};
use crate::contract::{Block, Tracker};
use crate::{record, state, tags, track};

/// A scope that has begun, and not ended or not been left by all threads.
struct Open {
    /// As the ledger has it.
    name: String,
    /// Different for each scope, whatever its number.
    serial: u64,
    /// The one that it was begun in; 0 for none.
    parent: u16,
    filter: Filter,
    /// Threads that are in it, each as often as it entered.
    entered: usize,
    ended: bool,
}

static OPEN: Mutex<BTreeMap<u16, Open>> = Mutex::new(BTreeMap::new());

fn with_open<R>(run: impl FnOnce(&mut BTreeMap<u16, Open>) -> R) -> R {
    run(&mut OPEN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A region whose blocks are counted apart: begun, entered on any number of
/// threads and by futures, ended once.
///
/// ```
/// use freehold::{Scope, diagnostic_calloc};
/// let scope = Scope::begin("request");
/// let block = scope.enter(|| diagnostic_calloc::<u8>(10)).expect("memory");
/// assert_eq!(scope.leaks().len(), 1);
/// drop(block); // outside of it: seen all the same
/// scope.end().expect("nothing stays");
/// ```
#[derive(Debug)]
pub struct Scope {
    handle: ScopeHandle,
}

/// A scope for other threads and for futures. It may outlive the scope: then
/// blocks count for the one around it.
///
/// ```
/// use freehold::{Scope, diagnostic_calloc};
/// let scope = Scope::begin("pool");
/// let blocks: Vec<_> = (0..2)
///     .map(|_| scope.handle())
///     .map(|handle| std::thread::spawn(move || handle.enter(|| diagnostic_calloc::<u8>(1))))
///     .map(|thread| thread.join().expect("no panic").expect("memory"))
///     .collect();
/// assert_eq!(scope.leaks().len(), 2);
/// drop(blocks);
/// scope.end().expect("nothing stays");
/// ```
#[derive(Clone, Debug)]
pub struct ScopeHandle {
    /// 0 when there is no ledger, or no room in it.
    number: u16,
    serial: u64,
}

impl Scope {
    /// Begins a scope inside the one of this thread. Begins tracking when it is
    /// off.
    ///
    /// ```
    /// use freehold::{Scope, diagnostic_calloc};
    /// let scope = Scope::begin("load");
    /// let kept = scope.enter(|| diagnostic_calloc::<u8>(10)).expect("memory");
    /// assert_eq!(scope.leaks()[0].scope, "load");
    /// drop(kept);
    /// scope.end().expect("nothing stays");
    /// ```
    pub fn begin(name: &str) -> Scope {
        Scope::begin_with(name, None)
    }

    /// The same with a filter for what [`Scope::leaks`] shows; without one, that
    /// of the scope around it.
    ///
    /// ```
    /// use freehold::{Filter, Scope, diagnostic_calloc};
    /// let scope = Scope::begin_with("quiet", Some(Filter::types(["u8"])));
    /// let block = scope.enter(|| diagnostic_calloc::<u8>(10)).expect("memory");
    /// assert!(scope.leaks().is_empty());
    /// # drop(block);
    /// ```
    pub fn begin_with(name: &str, filter: Option<Filter>) -> Scope {
        // Without a ledger the scope has no number, and says so when it ends.
        let _ = track::start(&track::Options::default());
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only unique.
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let number = match state::tracker() {
            Some(tracker) => begin(tracker, name, filter, serial),
            None => 0,
        };
        Scope {
            handle: ScopeHandle { number, serial },
        }
    }

    /// Runs `body` in the scope, on this thread.
    ///
    /// ```
    /// use freehold::{Scope, diagnostic_calloc};
    /// let scope = Scope::begin("inside");
    /// let outside = diagnostic_calloc::<u8>(10).expect("memory");
    /// let inside = scope.enter(|| diagnostic_calloc::<u8>(20)).expect("memory");
    /// assert_eq!(scope.leaks()[0].size, 20);
    /// drop(inside);
    /// scope.end().expect("what is outside does not count");
    /// # drop(outside);
    /// ```
    pub fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        self.handle.enter(body)
    }

    /// What can be given to other threads.
    ///
    /// ```
    /// use freehold::{Scope, diagnostic_calloc};
    /// let scope = Scope::begin("threads");
    /// let handle = scope.handle();
    /// let block = std::thread::spawn(move || handle.enter(|| diagnostic_calloc::<u8>(1)))
    ///     .join().expect("no panic").expect("memory");
    /// assert_eq!(scope.leaks().len(), 1);
    /// # drop(block);
    /// ```
    pub fn handle(&self) -> ScopeHandle {
        self.handle.clone()
    }

    /// The future that runs in the scope, on whatever thread it is polled.
    ///
    /// ```
    /// use freehold::{Scope, diagnostic_calloc};
    /// let scope = Scope::begin("task");
    /// let task = scope.wrap(async { diagnostic_calloc::<u8>(1) });
    /// # use std::task::{Context, Poll, Waker};
    /// # let mut task = std::pin::pin!(task);
    /// # let Poll::Ready(block) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
    /// assert_eq!(scope.leaks().len(), 1);
    /// # drop(block);
    /// ```
    pub fn wrap<F: Future>(&self, future: F) -> Scoped<F> {
        self.handle.wrap(future)
    }

    /// The blocks that were allocated in it, or in a scope inside it, and live
    /// now; without those that the filter leaves out.
    ///
    /// ```
    /// use freehold::{Scope, diagnostic_calloc};
    /// let scope = Scope::begin("request");
    /// let kept = scope.enter(|| diagnostic_calloc::<u32>(10)).expect("memory");
    /// assert_eq!(scope.leaks()[0].type_name, "u32");
    /// # drop(kept);
    /// ```
    pub fn leaks(&self) -> Vec<Allocation> {
        let number = self.handle.number;
        match state::tracker() {
            Some(tracker) if number != 0 => shown(tracker, number),
            _ => Vec::new(),
        }
    }

    /// Ends the scope and says what stays. That counts from now on for the scope
    /// around it.
    ///
    /// # Errors
    /// [`LeakError`] with what stays, or when the scope could not be counted.
    ///
    /// ```
    /// use freehold::{Scope, diagnostic_calloc};
    /// let scope = Scope::begin("request");
    /// let kept = scope.enter(|| diagnostic_calloc::<u8>(10)).expect("memory");
    /// assert_eq!(scope.end().unwrap_err().count(), 1);
    /// # drop(kept);
    /// ```
    pub fn end(self) -> Result<(), LeakError> {
        let number = self.handle.number;
        if number == 0 {
            return Err(LeakError::uncounted());
        }
        let leaks = self.leaks();
        let filter = filter_of(number);
        match leaks.is_empty() {
            true => Ok(()),
            false => Err(LeakError::new(leaks, filter)),
        }
        // Dropping it hands over what stays.
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if let Some(tracker) = state::tracker() {
            end(tracker, self.handle.number);
        }
    }
}

impl ScopeHandle {
    /// Runs `body` in the scope, on this thread.
    ///
    /// ```
    /// let scope = freehold::Scope::begin("region");
    /// assert_eq!(scope.handle().enter(|| 5), 5);
    /// ```
    pub fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = self.entered();
        body()
    }

    /// Puts this thread into the scope until the value is dropped. Drop them in
    /// the reverse order.
    ///
    /// ```
    /// let scope = freehold::Scope::begin("region");
    /// let entered = scope.handle().entered();
    /// drop(entered);
    /// ```
    pub fn entered(&self) -> Entered {
        let number = with_open(|open| {
            let scope = open.get_mut(&self.number)?;
            let is_it = scope.serial == self.serial && !scope.ended;
            scope.entered += usize::from(is_it);
            is_it.then_some(self.number)
        });
        let scope = number.unwrap_or_else(record::scope);
        Entered {
            before: record::replace_scope(scope),
            number,
            on_this_thread: PhantomData,
        }
    }

    /// The future that runs in the scope.
    ///
    /// ```
    /// use freehold::{Scope, diagnostic_calloc};
    /// use std::task::{Context, Poll, Waker};
    /// let scope = Scope::begin("task");
    /// let task = scope.handle().wrap(async { diagnostic_calloc::<u8>(8).expect("memory") });
    /// let mut task = std::pin::pin!(task);
    /// // An executor polls it, on any thread.
    /// let Poll::Ready(block) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
    ///     panic!("nothing to wait for")
    /// };
    /// assert_eq!(scope.leaks().len(), 1);
    /// # drop(block);
    /// ```
    pub fn wrap<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped {
            handle: self.clone(),
            future,
        }
    }
}

/// This thread is in a scope while it lives.
///
/// ```
/// use freehold::{Scope, diagnostic_calloc};
/// let scope = Scope::begin("region");
/// let entered = scope.handle().entered();
/// let inside = diagnostic_calloc::<u8>(1).expect("memory");
/// drop(entered);
/// let outside = diagnostic_calloc::<u8>(1).expect("memory");
/// assert_eq!(scope.leaks().len(), 1);
/// # drop((inside, outside));
/// ```
#[must_use = "the scope is left when it is dropped"]
#[derive(Debug)]
pub struct Entered {
    before: u16,
    /// The scope that was entered; `None` when it had ended.
    number: Option<u16>,
    on_this_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        record::replace_scope(self.before);
        let Some(number) = self.number else { return };
        let is_last = with_open(|open| {
            let scope = open.get_mut(&number)?;
            scope.entered = scope.entered.saturating_sub(1);
            Some(scope.ended && scope.entered == 0)
        });
        if let (Some(true), Some(tracker)) = (is_last, state::tracker()) {
            close(tracker, number);
        }
    }
}

/// A future that runs in a scope: see [`Scope::wrap`].
///
/// ```
/// use freehold::{Scope, Scoped};
/// use std::future::{Ready, ready};
/// // A field of a future of one's own.
/// struct Task { work: Scoped<Ready<u8>> }
/// let scope = Scope::begin("task");
/// let task = Task { work: scope.handle().wrap(ready(1)) };
/// # let waker = std::task::Waker::noop();
/// # let mut context = std::task::Context::from_waker(waker);
/// let answer = std::pin::pin!(task.work).poll(&mut context);
/// assert_eq!(answer, std::task::Poll::Ready(1));
/// ```
#[derive(Debug)]
pub struct Scoped<F> {
    handle: ScopeHandle,
    future: F,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future stays where it is; only the handle is moved from.
        let (handle, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&this.handle, Pin::new_unchecked(&mut this.future))
        };
        handle.enter(|| future.poll(context))
    }
}

/// A number in the ledger that no open scope has: under this name, or with a
/// number behind it.
fn begin(tracker: &Tracker, name: &str, filter: Option<Filter>, serial: u64) -> u16 {
    let parent = record::scope();
    with_open(|open| {
        let filter = filter.unwrap_or_else(|| {
            let around = open.get(&parent).map(|o| o.filter.clone());
            around.unwrap_or_default()
        });
        // The global scope is not for anybody to begin.
        let taken = super::counting_scope(tracker);
        let mut own_name = String::from(name);
        let mut number = tags::scope(tracker, name);
        for again in 2.. {
            if number == 0 || number != taken && !open.contains_key(&number) {
                break;
            }
            own_name = format!("{name} ({again})");
            number = tags::scope(tracker, &own_name);
        }
        if number != 0 {
            let scope = Open {
                name: own_name,
                serial,
                parent,
                filter,
                entered: 0,
                ended: false,
            };
            open.insert(number, scope);
        }
        number
    })
}

/// Gives the scopes that are open the same numbers in a ledger that has just begun,
/// as that of a forked child.
pub(super) fn begin_again(tracker: &Tracker) {
    // A thread of the parent may have held the lock.
    let Ok(open) = OPEN.try_lock() else { return };
    for number in 1..=open.keys().next_back().copied().unwrap_or(0) {
        // Numbers are given in their order.
        match open.get(&number) {
            Some(scope) => tags::scope(tracker, &scope.name),
            None => tags::scope(tracker, &format!("scope {number} before the fork")),
        };
    }
}

/// Ends a scope; while threads are in it, its number stays taken, and what they
/// allocate counts for the scope around it.
fn end(tracker: &Tracker, number: u16) {
    let is_left = with_open(|open| {
        let scope = open.get_mut(&number)?;
        scope.ended = true;
        Some(scope.entered == 0)
    });
    match is_left {
        Some(true) => close(tracker, number),
        Some(false) => hand_over(tracker, number),
        None => {}
    }
}

/// Hands over what stays, and gives the number back.
fn close(tracker: &Tracker, number: u16) {
    hand_over(tracker, number);
    // Last: from now on another scope may have the number.
    with_open(|open| open.remove(&number));
}

/// What stays counts for the scope around it.
fn hand_over(tracker: &Tracker, number: u16) {
    let parent = with_open(|open| {
        let parent = open.get(&number)?.parent;
        // What was begun inside goes on inside the one around.
        for inner in open.values_mut().filter(|o| o.parent == number) {
            inner.parent = parent;
        }
        Some(parent)
    });
    let parent = match parent {
        None | Some(0) => global_scope(tracker),
        Some(parent) => parent,
    };
    move_all(tracker, |scope| (scope == number).then_some(parent));
}

/// Gives blocks of some scopes to others.
pub(super) fn move_all(tracker: &Tracker, to: impl Fn(u16) -> Option<u16>) {
    let mut moving: Vec<(Block, u16)> = Vec::new();
    record::for_each(tracker, |block| {
        if let Some(scope) = to(block.scope).filter(|_| block.tag != 0) {
            moving.push((*block, scope));
        }
        true
    });
    for (block, scope) in moving {
        record::change(tracker, block.address as usize, |now| {
            // Another block may have come to the address meanwhile.
            if now.scope == block.scope {
                now.scope = scope;
            }
        });
    }
}

/// The filter of an open scope.
pub(super) fn filter_of(number: u16) -> Filter {
    with_open(|open| open.get(&number).map(|o| o.filter.clone())).unwrap_or_default()
}

/// The blocks of a scope and those inside it that its filter shows.
pub(super) fn shown(tracker: &Tracker, number: u16) -> Vec<Allocation> {
    let mut wanted = vec![number];
    with_open(|open| {
        // Inner scopes may have smaller numbers: until nothing is added.
        loop {
            let before = wanted.len();
            for (inner, scope) in open.iter() {
                if wanted.contains(&scope.parent) && !wanted.contains(inner) {
                    wanted.push(*inner);
                }
            }
            if wanted.len() == before {
                return;
            }
        }
    });
    let filter = filter_of(number);
    blocks(tracker, |block| wanted.contains(&block.scope), &filter)
}

/// The blocks that count, are wanted, and are not left out; by address.
pub(super) fn blocks(
    tracker: &Tracker,
    wanted: impl Fn(&Block) -> bool,
    filter: &Filter,
) -> Vec<Allocation> {
    let mut found = Vec::new();
    record::for_each(tracker, |block| {
        // Those of others are theirs to release.
        let owner = Owner::from_number(block.owner.into());
        let ours = matches!(owner, Owner::Caller | Owner::Arena);
        if block.tag != 0 && ours && wanted(block) {
            found.push(*block);
        }
        true
    });
    found.sort_by_key(|block| block.address);
    found
        .iter()
        .map(|block| Allocation::of(tracker, block))
        .filter(|allocation| !filter.ignores(allocation))
        .collect()
}
