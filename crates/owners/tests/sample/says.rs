//! What a row says, in one line: the drawing prints it, and the test compares it.

use freehold_owners::Slot;

/// The kind, and what releases it: `owned: SysFreeString`.
pub(crate) fn says(slot: Slot) -> String {
    let release: Vec<&str> = slot.release().collect();
    match release.is_empty() {
        true => slot.kind().name().to_owned(),
        false => format!("{}: {}", slot.kind().name(), release.join(", ")),
    }
}
