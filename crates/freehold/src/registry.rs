//! The blocks that the ledger's record does not say enough of: those with a
//! release function of their own, with a state, with users.
//!
//! One map behind a lock: what comes here costs a call of an API anyway. It is
//! kept whether or not anything is tracked, or `free` would not know what to
//! call. Before the first block comes here, nobody looks at it.

use core::ops::Bound;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::collections::BTreeMap;
#[cfg(unix)]
use std::sync::MutexGuard;
use std::sync::{Mutex, PoisonError};

use freehold_families::Family;
use freehold_ledger::format::Owner;

use crate::ownership::Ownership;
use crate::release::{Packed, Releaser};
use crate::{plain, recent, state};

/// A registered block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) size: usize,
    pub(crate) release: Releaser,
    pub(crate) state: Ownership,
    /// References to it that are known here, each of which is released.
    pub(crate) references: u32,
    /// Who uses it now; a release waits for them.
    pub(crate) uses: u32,
    /// Released while it was in use.
    pub(crate) closing: bool,
    /// Different for each block, whatever its address.
    pub(crate) serial: u64,
    /// The family under which hooks have it in the ledger: they see it go, too.
    pub(crate) hooked: Option<Family>,
}

impl Entry {
    pub(crate) fn new(size: usize, release: Releaser, state: Ownership) -> Entry {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        Entry {
            size,
            release,
            state,
            references: 1,
            uses: 0,
            closing: false,
            hooked: None,
            // Relaxed: only unique.
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Whether who adopts this once more has another reference to the same object.
    pub(crate) fn is_shared(&self, release: &Releaser, state: Ownership) -> bool {
        let is_owned = self.state == Ownership::Owned && state == Ownership::Owned;
        is_owned && self.release.is_counted_with(release)
    }
}

/// An entry as it is kept: in words that are all written, with the address in it
/// inverted.
struct Kept {
    size: usize,
    release: Packed,
    owner: usize,
    /// Inverted; of an interior pointer.
    base: usize,
    references: u64,
    uses: u64,
    closing: u64,
    serial: u64,
    hooked: u64,
}

impl From<Entry> for Kept {
    fn from(entry: Entry) -> Kept {
        let (owner, base) = match entry.state {
            Ownership::InteriorOf { base } => (INTERIOR, !base),
            state => (state.owner() as usize, 0),
        };
        Kept {
            size: entry.size,
            release: entry.release.pack(),
            owner,
            base,
            references: entry.references.into(),
            uses: entry.uses.into(),
            closing: entry.closing.into(),
            serial: entry.serial,
            hooked: entry.hooked.map_or(NOT_HOOKED, |family| family as u64),
        }
    }
}

impl Kept {
    fn entry(&self) -> Entry {
        Entry {
            size: self.size,
            release: self.release.unpack(),
            state: match self.owner {
                INTERIOR => Ownership::InteriorOf { base: !self.base },
                owner => Ownership::from_owner(Owner::from_number(owner as u64)),
            },
            references: self.references as u32,
            uses: self.uses as u32,
            closing: self.closing != 0,
            serial: self.serial,
            hooked: (self.hooked != NOT_HOOKED).then(|| Family::from_number(self.hooked)),
        }
    }
}

/// [`Kept::owner`] of an interior pointer; the others are the ledger's numbers.
const INTERIOR: usize = usize::MAX;
const NOT_HOOKED: u64 = u64::MAX;

/// The registered blocks by address. Addresses are kept inverted: to a search of
/// memory for pointers, a block that is only listed here must count as lost.
pub(crate) struct Map(BTreeMap<usize, Kept>);

impl Map {
    pub(crate) fn get(&self, address: usize) -> Option<Entry> {
        self.0.get(&!address).map(|kept| kept.entry())
    }

    pub(crate) fn insert(&mut self, address: usize, entry: Entry) {
        self.0.insert(!address, entry.into());
    }

    pub(crate) fn remove(&mut self, address: usize) -> Option<Entry> {
        self.0.remove(&!address).map(|kept| kept.entry())
    }

    /// Changes what is registered at an address, if anything is.
    pub(crate) fn change<R>(
        &mut self,
        address: usize,
        change: impl FnOnce(&mut Entry) -> R,
    ) -> Option<R> {
        let kept = self.0.get_mut(&!address)?;
        let mut entry = kept.entry();
        let result = change(&mut entry);
        *kept = entry.into();
        Some(result)
    }

    /// The last one that begins before an address.
    fn before(&self, address: usize) -> Option<(usize, Entry)> {
        let after = (Bound::Excluded(!address), Bound::Unbounded);
        let (hidden, kept) = self.0.range(after).next()?;
        Some((!*hidden, kept.entry()))
    }

    /// Addresses of those that are to be released so.
    pub(crate) fn released_by(&self, which: impl Fn(&Releaser) -> bool) -> Vec<usize> {
        let those = self
            .0
            .iter()
            .filter(|(_, kept)| which(&kept.release.unpack()));
        those.map(|(hidden, _)| !*hidden).collect()
    }
}

static MAP: Mutex<Map> = Mutex::new(Map(BTreeMap::new()));
/// Blocks in it.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Whether there is any registered block.
pub(crate) fn has_any() -> bool {
    COUNT.load(Ordering::Relaxed) != 0
}

/// Runs with the map.
pub(crate) fn with<R>(run: impl FnOnce(&mut Map) -> R) -> R {
    let mut map = MAP.lock().unwrap_or_else(PoisonError::into_inner);
    let result = run(&mut map);
    if !map.0.is_empty() && !state::has(state::REGISTERED) {
        // For good: what was here and is released must not go to the C library.
        state::set(state::REGISTERED);
        plain::close();
    }
    // Relaxed: who looks for a block has been given it by whoever put it here.
    COUNT.store(map.0.len(), Ordering::Relaxed);
    result
}

/// What is registered at an address.
pub(crate) fn find(address: usize) -> Option<Entry> {
    if !has_any() {
        return None;
    }
    with(|map| map.get(address))
}

/// Whether a function that somebody gave, or one of another library, releases what is
/// registered at an address.
pub(crate) fn has_release_of_its_own(address: usize) -> bool {
    let is_given = |entry: Entry| match entry.release {
        Releaser::Custom(_) => true,
        #[cfg(feature = "owners")]
        Releaser::Named(_) => true,
        _ => false,
    };
    find(address).is_some_and(is_given)
}

/// The function that releases a registered block, where its family does not tell.
pub(crate) fn release_name(address: usize) -> Option<&'static str> {
    find(address).and_then(|entry| entry.release.function_name())
}

/// The registered block in the middle of which an address lies: base and size.
pub(crate) fn containing(address: usize) -> Option<(usize, usize)> {
    if !has_any() {
        return None;
    }
    with(|map| {
        let (base, entry) = map.before(address)?;
        let inside = address - base < entry.size && !entry.release.is_handle();
        inside.then_some((base, entry.size))
    })
}

/// An address was handed out anew: what was registered there is gone.
pub(crate) fn forget_stale(address: usize) {
    if has_any() {
        with(|map| map.remove(address));
    }
    if state::has(state::REGISTERED) {
        recent::forget(address as u64);
    }
}

/// The map, and the words that change with its first block.
#[cfg(unix)]
pub(crate) type Guards = (MutexGuard<'static, Map>, MutexGuard<'static, ()>);

/// Before a fork: nobody may be half through.
#[cfg(unix)]
pub(crate) fn hold() -> Guards {
    let guard = MAP.lock().unwrap_or_else(PoisonError::into_inner);
    (guard, plain::lock())
}
