//! What is known of an address, for whoever asks: nothing is released or
//! changed by it.

use freehold_families::Family;
use freehold_ledger::format::Owner;

use crate::contract::{Block, DEAD, LIVE, SCOPE, TAG, Tracker, UNKNOWN};
use crate::ownership::Ownership;
use crate::{Stack, recent, record, registry, state, tags};

/// What is known of a live block.
///
/// ```
/// use freehold::{Answer, Family, Ownership, families::heap_alloc, families::PROCESS_HEAP, query};
/// let block = heap_alloc(PROCESS_HEAP, 24, false).expect("memory");
/// let Answer::Live(known) = query(block.as_ptr() as usize) else { panic!("registered") };
/// assert_eq!((known.size, known.family), (24, Family::Heap));
/// assert_eq!(known.ownership, Ownership::Owned);
/// # // SAFETY: live, used by nobody.
/// # unsafe { freehold::free(block.as_ptr().cast()) }.expect("was live");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// Where it begins.
    pub base: usize,
    /// Bytes that were asked for; 0 when nobody said.
    pub size: usize,
    /// Its family.
    pub family: Family,
    /// Who must release it.
    pub ownership: Ownership,
    /// The name of what is in it; empty when it has none.
    pub tag: String,
    /// The scope in which it counts; empty when it counts in none.
    pub scope: String,
    /// When it was allocated, in nanoseconds since 1970; 0 when that was not
    /// recorded.
    pub timestamp_unix_ns: u64,
    /// Where it was allocated.
    pub allocated: Stack,
}

/// The answer of [`query()`].
///
/// ```
/// use freehold::{Answer, calloc, query, track};
/// assert_eq!(query(0x1000), Answer::Untracked);
/// track::start(&Default::default())?;
/// assert_eq!(query(0x1000), Answer::Unknown);
/// let block = calloc::<u8>(1).expect("memory");
/// let address = block.as_ptr() as usize;
/// assert!(matches!(query(address), Answer::Live(_)));
/// drop(block);
/// assert_eq!(query(address), Answer::Released);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// A live block begins there, or the address lies inside one.
    Live(Box<Known>),
    /// A block that began there was released.
    Released,
    /// No block is known there.
    Unknown,
    /// Nobody can tell: nothing is tracked, and nothing registered there.
    Untracked,
}

/// What is known of `address`: of the block that begins there, or in the middle
/// of which it lies.
///
/// ```
/// use freehold::{Answer, diagnostic_calloc, query, track};
/// track::start(&Default::default())?;
/// let block = diagnostic_calloc::<u16>(8).expect("memory");
/// let Answer::Live(known) = query(block.as_ptr() as usize + 3) else { panic!() };
/// assert_eq!((known.base, known.size), (block.as_ptr() as usize, 16));
/// assert_eq!(known.tag, "u16");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn query(address: usize) -> Answer {
    let tracker = state::tracker();
    if let Some(known) = live(tracker, address) {
        return known;
    }
    if let Some((base, _)) = registry::containing(address)
        && let Some(known) = live(tracker, base)
    {
        return known;
    }
    let Some(tracker) = tracker else {
        return Answer::Untracked;
    };
    if let Some(block) = record::containing(tracker, address)
        && let Some(known) = live(Some(tracker), block.address as usize)
    {
        return known;
    }
    match record::find(tracker, address).0 {
        DEAD => Answer::Released,
        // The ledger forgets released blocks where their neighbours grow in number.
        UNKNOWN if recent::find(address as u64).is_some() => Answer::Released,
        _ => Answer::Unknown,
    }
}

/// The block that begins at an address.
fn live(tracker: Option<&Tracker>, base: usize) -> Option<Answer> {
    let registered = registry::find(base);
    let recorded = tracker.and_then(|t| match record::find(t, base) {
        (LIVE, block) => Some((t, block)),
        _ => None,
    });
    if registered.is_none() && recorded.is_none() {
        return None;
    }
    let block = recorded.map_or(Block::default(), |(_, block)| block);
    let family = Family::from_number(block.family.into());
    let mut known = Known {
        base,
        size: block.size as usize,
        family,
        ownership: Ownership::from_owner(Owner::from_number(block.owner.into())),
        tag: String::new(),
        scope: String::new(),
        timestamp_unix_ns: 0,
        allocated: Stack::default(),
    };
    if let Some((tracker, block)) = recorded {
        // SAFETY: by the contract it may be called at any time.
        let started = unsafe { (tracker.started)() };
        known.timestamp_unix_ns = started + u64::from(block.time_ms) * 1_000_000;
        known.tag = tags::name_of(tracker, TAG, block.tag);
        known.scope = tags::name_of(tracker, SCOPE, block.scope);
        known.allocated = Stack::of(tracker, block.stack);
    }
    if let Some(entry) = registered {
        known.ownership = entry.state;
        // Of what is lent nobody says what releases it.
        if entry.release.family() != Family::Unknown {
            known.family = entry.release.family();
        }
        if entry.size != 0 {
            known.size = entry.size;
        }
    }
    Some(Answer::Live(Box::new(known)))
}

/// Whether [`free`](crate::free) would call a function that was given with the block, or one of
/// another library. Where neither may be called (from a managed language's code that the
/// collector must not find running) ask first.
///
/// ```
/// use freehold::{ReleaseWith, adopt, calls_back, diagnostic_calloc, free};
/// let plain = diagnostic_calloc::<u8>(1).expect("memory").into_raw();
/// assert!(!calls_back(plain.cast()));
/// # // SAFETY: live, released once.
/// # unsafe { free(plain.cast()).expect("live") };
/// ```
pub fn calls_back(pointer: *const core::ffi::c_void) -> bool {
    crate::registry::has_release_of_its_own(pointer as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Misuse, borrow, calloc, free, give_back, track};

    #[test]
    fn every_answer_is_given() {
        track::start(&track::Options::default()).expect("a ledger");
        let raw = calloc::<u8>(40).expect("memory").into_raw();
        let address = raw as usize;
        for at in [address, address + 39] {
            let Answer::Live(known) = query(at) else {
                panic!("{at:#x} is not known")
            };
            assert_eq!((known.base, known.size), (address, 40));
            assert_eq!(
                (known.family, known.ownership),
                (crate::platform::FAMILY, Ownership::Owned)
            );
            assert!(!known.allocated.is_empty() && known.timestamp_unix_ns > 0);
        }
        // SAFETY: live, then refused.
        unsafe {
            free(raw.cast()).expect("was live");
            assert_eq!(query(address), Answer::Released);
            assert_eq!(free(raw.cast()).unwrap_err().misuse(), Misuse::Double);
        }
        assert_eq!(query(16), Answer::Unknown);
        let lent = c"lent".as_ptr().cast_mut().cast();
        borrow(lent, 5).expect("not registered");
        let Answer::Live(known) = query(lent as usize) else {
            panic!("lent, and not known")
        };
        assert_eq!((known.size, known.ownership), (5, Ownership::Borrowed));
        assert!(give_back(lent));
    }
}
