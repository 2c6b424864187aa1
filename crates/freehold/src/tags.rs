//! Numbers of type names and scopes in the ledger, remembered.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::contract::{SCOPE, TAG, Tracker};

/// Number of the tag in the lower 16 bits, address of the name above.
static KNOWN: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];

/// The number of a tag. Names of types lie at one place each, mostly.
pub(crate) fn number(tracker: &Tracker, name: &'static str) -> u16 {
    let place = name.as_ptr() as u64;
    let hash = (place >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55;
    let known = &KNOWN[hash as usize % KNOWN.len()];
    // Relaxed: name and number are one word.
    let word = known.load(Ordering::Relaxed);
    if word >> 16 == place && word != 0 {
        return word as u16;
    }
    let number = named(tracker, TAG, name);
    known.store(place << 16 | u64::from(number), Ordering::Relaxed);
    number
}

/// The number of a tag whose name does not stay where it is.
#[cfg(feature = "owners")]
pub(crate) fn of_name(tracker: &Tracker, name: &str) -> u16 {
    named(tracker, TAG, name)
}

/// The number of a scope.
pub(crate) fn scope(tracker: &Tracker, name: &str) -> u16 {
    named(tracker, SCOPE, name)
}

fn named(tracker: &Tracker, kind: u32, name: &str) -> u16 {
    // SAFETY: a name with its length.
    let number = unsafe { (tracker.name)(kind, name.as_ptr(), name.len()) };
    u16::try_from(number).unwrap_or(0)
}

/// The name of a tag or scope.
pub(crate) fn name_of(tracker: &Tracker, kind: u32, number: u16) -> String {
    let mut at = core::ptr::null();
    // SAFETY: a place for the answer; the name lies there for good.
    let bytes = unsafe {
        let len = (tracker.name_of)(kind, number.into(), &mut at);
        match len {
            0 => &[],
            len => core::slice::from_raw_parts(at, len),
        }
    };
    String::from_utf8_lossy(bytes).into_owned()
}

/// Another ledger begins, with other numbers.
pub(crate) fn forget() {
    for word in &KNOWN {
        word.store(0, Ordering::Relaxed);
    }
}
