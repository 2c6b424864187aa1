//! What C names by a number or a text: handles and tags.
//!
//! A handle is a number that is never given twice, with its kind in the lowest
//! byte: a stale one, or one of another kind, is not found. A tag is kept for
//! good, because the ledger's names are.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use freehold::{Scope, SharedArena};

use crate::codes::{FREEHOLD_BAD_HANDLE, FREEHOLD_OUT_OF_MEMORY, FREEHOLD_UNKNOWN_VALUE, Failure};

/// Tags that can be told apart in a process.
const MOST_TAGS: usize = 4096;

/// An arena; `None` from the moment when it is released. Readers allocate in it.
pub(crate) type ArenaCell = Arc<RwLock<Option<SharedArena>>>;

/// All of them.
pub(crate) struct Tables {
    last: u64,
    arenas: BTreeMap<u64, ArenaCell>,
    scopes: BTreeMap<u64, Arc<Scope>>,
    /// Texts with their numbers.
    tags: BTreeMap<&'static str, u32>,
}

static TABLES: Mutex<Tables> = Mutex::new(Tables {
    last: 0,
    arenas: BTreeMap::new(),
    scopes: BTreeMap::new(),
    tags: BTreeMap::new(),
});

fn lock() -> MutexGuard<'static, Tables> {
    #[cfg(unix)]
    forks::watch();
    TABLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a fork does to the tables; Windows has none.
#[cfg(unix)]
mod forks {
    use super::*;
    use core::cell::UnsafeCell;
    use std::sync::Once;

    /// Keeps the tables whole over forks from now on.
    pub(super) fn watch() {
        static WATCHED: Once = Once::new();
        // SAFETY: the functions live as long as the library; the C library forgets
        // them when it is unloaded.
        WATCHED.call_once(|| unsafe {
            libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork));
        });
    }

    struct Held(UnsafeCell<Option<MutexGuard<'static, Tables>>>);

    // SAFETY: used only between the two halves of a fork, which the C library keeps
    // apart by a lock of its own.
    unsafe impl Sync for Held {}

    static HELD: Held = Held(UnsafeCell::new(None));

    /// Nobody may be half through, or the child would wait for a thread that it
    /// does not have.
    unsafe extern "C" fn before_fork() {
        let guard = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: see `Held`.
        unsafe { *HELD.0.get() = Some(guard) };
    }

    unsafe extern "C" fn after_fork() {
        // SAFETY: see `Held`.
        unsafe { *HELD.0.get() = None };
    }
}

/// A kind of thing that has handles.
pub(crate) trait Handled: Sized {
    const KIND: u64;
    const NAME: &'static str;
    fn map(tables: &mut Tables) -> &mut BTreeMap<u64, Self>;
}

impl Handled for ArenaCell {
    const KIND: u64 = 0xa1;
    const NAME: &'static str = "arena";
    fn map(tables: &mut Tables) -> &mut BTreeMap<u64, Self> {
        &mut tables.arenas
    }
}

impl Handled for Arc<Scope> {
    const KIND: u64 = 0x5c;
    const NAME: &'static str = "scope";
    fn map(tables: &mut Tables) -> &mut BTreeMap<u64, Self> {
        &mut tables.scopes
    }
}

fn with<T: Handled, R>(run: impl FnOnce(&mut BTreeMap<u64, T>) -> R) -> R {
    run(T::map(&mut lock()))
}

/// A handle for a thing, which is kept until [`take`].
pub(crate) fn add<T: Handled>(thing: T) -> u64 {
    let mut tables = lock();
    tables.last += 1;
    let handle = tables.last << 8 | T::KIND;
    T::map(&mut tables).insert(handle, thing);
    handle
}

/// The thing with a handle.
pub(crate) fn get<T: Handled + Clone>(handle: u64) -> Result<T, Failure> {
    with(|map: &mut BTreeMap<u64, T>| map.get(&handle).cloned()).ok_or_else(|| bad::<T>(handle))
}

/// The same, and the handle is no longer one.
pub(crate) fn take<T: Handled>(handle: u64) -> Result<T, Failure> {
    with(|map: &mut BTreeMap<u64, T>| map.remove(&handle)).ok_or_else(|| bad::<T>(handle))
}

pub(crate) fn bad<T: Handled>(handle: u64) -> Failure {
    let name = T::NAME;
    let last = lock().last;
    let number = handle >> 8;
    let why = match handle & 0xff {
        kind if kind == T::KIND && (1..=last).contains(&number) => {
            format!("that {name} was ended before")
        }
        kind if kind == T::KIND => format!("no such {name} was ever made"),
        _ => format!("it is not the handle of any {name}"),
    };
    Failure::new(
        FREEHOLD_BAD_HANDLE,
        format!("the {name} {handle:#x} cannot be used: {why}"),
    )
}

/// The texts of tags by number, from 1 on, so that a caller who has the number needs
/// no lock.
static NAMES: [AtomicPtr<&'static str>; MOST_TAGS + 1] =
    [const { AtomicPtr::new(null_mut()) }; MOST_TAGS + 1];

/// The text, kept for good.
pub(crate) fn tag(text: &str) -> Result<&'static str, Failure> {
    kept_tag(text).map(|(kept, _)| kept)
}

/// Its number: 1 or more.
pub(crate) fn tag_number(text: &str) -> Result<u32, Failure> {
    kept_tag(text).map(|(_, number)| number)
}

/// The text with a number.
#[inline]
pub(crate) fn tag_name(number: u32) -> Result<&'static str, Failure> {
    let name = NAMES.get(number as usize);
    // Acquire: pairs with the release in `kept_tag`.
    let name = name.map_or(null_mut(), |name| name.load(Ordering::Acquire));
    // SAFETY: null, or kept for good.
    match unsafe { name.as_ref() } {
        Some(name) => Ok(name),
        None => {
            let message = format!("{number} is the number of no tag: freehold_tag gives them");
            Err(Failure::new(FREEHOLD_UNKNOWN_VALUE, message))
        }
    }
}

fn kept_tag(text: &str) -> Result<(&'static str, u32), Failure> {
    let mut tables = lock();
    if let Some((known, number)) = tables.tags.get_key_value(text) {
        return Ok((known, *number));
    }
    if tables.tags.len() == MOST_TAGS {
        let message = format!(
            "there are {MOST_TAGS} tags already: name what is in a block, not the block itself"
        );
        return Err(Failure::new(FREEHOLD_OUT_OF_MEMORY, message));
    }
    // For good: the ledger's cache of names goes by their addresses.
    let kept: &'static str = Box::leak(text.into());
    let number = tables.tags.len() + 1;
    // Release: who sees the name sees its text.
    NAMES[number].store(Box::leak(Box::new(kept)), Ordering::Release);
    tables.tags.insert(kept, number as u32);
    Ok((kept, number as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_found_once() {
        let first: u64 = add(ArenaCell::default());
        let second = add(ArenaCell::default());
        assert_ne!(first, second);
        assert!(get::<ArenaCell>(first).is_ok() && take::<ArenaCell>(first).is_ok());
        let stale = get::<ArenaCell>(first).unwrap_err();
        assert!(
            stale.message.contains("was ended before"),
            "{}",
            stale.message
        );
        assert!(get::<Arc<Scope>>(second).is_err(), "of another kind");
        assert!(get::<ArenaCell>(u64::MAX).is_err() && get::<ArenaCell>(0).is_err());
    }

    #[test]
    fn tags_are_kept_once() {
        let first = tag("a tag").expect("room");
        assert!(core::ptr::eq(
            first,
            tag(&String::from("a tag")).expect("room")
        ));
    }
}
