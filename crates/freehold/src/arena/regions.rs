//! Arenas for a region of code: a closure, a future, or all that is called in
//! one without being told.

use core::cell::RefCell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::rc::Rc;

use super::{Arena, ArenaError, SharedArena};

/// Runs `body` with an arena that is released at its end, also by a panic.
/// Regions nest: each has an arena of its own.
///
/// # Errors
/// [`ArenaError`] when a release failed; what `body` gave is then dropped.
///
/// ```
/// let sum = freehold::using(|arena| {
///     let numbers = arena.alloc_from(&[1u64, 2, 3]).expect("memory");
///     numbers.iter().sum::<u64>()
/// })?;
/// assert_eq!(sum, 6);
/// # Ok::<(), freehold::ArenaError>(())
/// ```
pub fn using<R>(body: impl FnOnce(&Arena) -> R) -> Result<R, ArenaError> {
    let arena = Arena::new();
    let result = body(&arena);
    arena.release().map(|()| result)
}

/// The same for a future: the arena is released when it ends, panics or is
/// dropped, on whatever thread that is.
///
/// # Errors
/// [`ArenaError`] when a release failed.
///
/// ```
/// async fn sum() -> u64 {
///     freehold::using_async(async |arena| {
///         let numbers = arena.alloc_from(&[1u64, 2, 3]).expect("memory");
///         std::future::ready(()).await;
///         numbers.iter().sum::<u64>()
///     }).await.expect("nothing fails")
/// }
/// # use std::task::{Context, Poll, Waker};
/// # let mut task = std::pin::pin!(sum());
/// # assert_eq!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(6));
/// ```
pub async fn using_async<R>(body: impl AsyncFnOnce(&SharedArena) -> R) -> Result<R, ArenaError> {
    let arena = SharedArena::new();
    let result = body(&arena).await;
    arena.release().map(|()| result)
}

thread_local! {
    /// The arenas of the zones that this thread is in, the innermost last.
    static ZONES: RefCell<Vec<Rc<Arena>>> = const { RefCell::new(Vec::new()) };
}

/// This thread is in a zone while it lives.
struct InZone;

impl InZone {
    fn enter(arena: Rc<Arena>) -> InZone {
        ZONES.with_borrow_mut(|zones| zones.push(arena));
        InZone
    }
}

impl Drop for InZone {
    fn drop(&mut self) {
        let arena = ZONES.with_borrow_mut(Vec::pop);
        drop(arena);
    }
}

/// The caller is in no zone.
///
/// ```
/// use freehold::{NoZone, zone_arena};
/// assert_eq!(zone_arena(|_| ()), Err(NoZone));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoZone;

impl fmt::Display for NoZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not inside a zone: call it within with_zone_arena")
    }
}

impl core::error::Error for NoZone {}

/// Runs `body` in a zone with an arena of its own, which [`zone_arena`] finds in
/// all that is called there.
///
/// # Errors
/// [`ArenaError`] when a release failed.
///
/// ```
/// use freehold::{with_zone_arena, zone_arena};
/// fn deep_inside() -> *mut u8 {
///     zone_arena(|arena| arena.alloc::<u8>(8).expect("memory").as_mut_ptr()).expect("in a zone")
/// }
/// with_zone_arena(|| assert!(!deep_inside().is_null()))?;
/// # Ok::<(), freehold::ArenaError>(())
/// ```
pub fn with_zone_arena<R>(body: impl FnOnce() -> R) -> Result<R, ArenaError> {
    let arena = Rc::new(Arena::new());
    let zone = InZone::enter(Rc::clone(&arena));
    let result = body();
    drop(zone);
    release(arena).map(|()| result)
}

fn release(arena: Rc<Arena>) -> Result<(), ArenaError> {
    match Rc::try_unwrap(arena) {
        Ok(arena) => arena.release(),
        // Another zone of the same future has it: it is released there.
        Err(_) => Ok(()),
    }
}

/// The same for a future; it stays on the thread where it began.
///
/// # Errors
/// [`ArenaError`] when a release failed.
///
/// ```
/// use freehold::{with_zone_arena_async, zone_arena};
/// let task = with_zone_arena_async(async {
///     std::future::ready(()).await;
///     zone_arena(|arena| arena.alloc::<u8>(8).is_ok()).expect("in a zone")
/// });
/// # use std::task::{Context, Poll, Waker};
/// # let mut task = std::pin::pin!(task);
/// # let Poll::Ready(Ok(true)) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
/// ```
pub async fn with_zone_arena_async<F: Future>(future: F) -> Result<F::Output, ArenaError> {
    let arena = Rc::new(Arena::new());
    let result = Zoned {
        arena: Rc::clone(&arena),
        future,
    }
    .await;
    release(arena).map(|()| result)
}

struct Zoned<F> {
    arena: Rc<Arena>,
    future: F,
}

impl<F: Future> Future for Zoned<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future stays where it is; only the arena is moved from.
        let (arena, future) = unsafe {
            let this = self.get_unchecked_mut();
            (Rc::clone(&this.arena), Pin::new_unchecked(&mut this.future))
        };
        let _zone = InZone::enter(arena);
        future.poll(context)
    }
}

/// Runs `body` with the arena of the innermost zone.
///
/// # Errors
/// [`NoZone`] outside of all.
///
/// ```
/// assert!(freehold::zone_arena(|_| ()).is_err());
/// ```
pub fn zone_arena<R>(body: impl FnOnce(&Arena) -> R) -> Result<R, NoZone> {
    let arena = ZONES.with_borrow(|zones| zones.last().cloned());
    arena.map(|arena| body(&arena)).ok_or(NoZone)
}
