//! A row by hand that contradicts what a platform declares says why. Rows by hand
//! come first, so that a slip there would hide what is right.

use super::{Complaint, kind};
use crate::read::{Fact, Functions, REASON};

const CHECK: &str = "conflict";

pub(super) fn check(declared: &Functions, by_hand: &Functions) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for ((name, _), function) in by_hand {
        let from = (name.clone(), String::new());
        let same = declared
            .range(from..)
            .take_while(|((known, _), _)| known == name);
        let same = same.filter(|(_, other)| other.platform == function.platform);
        // The row is for the first of them, as the reader has it.
        let Some((_, other)) = same.into_iter().next() else {
            continue;
        };
        for (slot, fact) in &function.slots {
            let Some((_, theirs)) = other.slots.iter().find(|(known, _)| known == slot) else {
                continue;
            };
            let has_reason = fact.sources.iter().any(|source| source.starts_with(REASON));
            let says = match (differ(fact, theirs), has_reason) {
                (true, false) => format!(
                    "it is {} here, and {} by {}: say why (reason), or take the row away",
                    shown(fact),
                    shown(theirs),
                    theirs.sources.join("; ")
                ),
                (false, true) => "it has a reason to contradict, and does not".into(),
                _ => continue,
            };
            complaints.push(Complaint {
                check: CHECK,
                function: name.clone(),
                slot: slot.clone(),
                release: None,
                says,
            });
        }
    }
    complaints
}

/// Whether both assert something, and not the same.
fn differ(one: &Fact, other: &Fact) -> bool {
    let asserts = |fact: &Fact| kind(fact) != "unknown";
    if !asserts(one) || !asserts(other) {
        return false;
    }
    let names = |fact: &Fact| {
        let mut names: Vec<String> = fact
            .release
            .iter()
            .map(|call| super::called(call).to_owned())
            .collect();
        names.sort();
        names
    };
    // More arguments, or another release that does as well, are no contradiction.
    let (mine, theirs) = (names(one), names(other));
    kind(one) != kind(other) || !theirs.iter().all(|name| mine.contains(name))
}

fn shown(fact: &Fact) -> String {
    match fact.release.is_empty() {
        true => kind(fact).to_owned(),
        false => format!("{}, {}", kind(fact), fact.release.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{fact, said, table};
    use crate::check::{C, WIN32};

    fn conflict(declared: Fact, mine: Fact) -> Vec<String> {
        let declared = table(WIN32, &[("OpenThing", "return", declared)]);
        let mut by_hand = table(WIN32, &[("OpenThing", "return", mine)]);
        // Files by hand have any library for what the metadata has.
        let function = by_hand.remove(&("OpenThing".into(), "thing.dll".into()));
        by_hand.insert(
            ("OpenThing".into(), "other.dll".into()),
            function.expect("it"),
        );
        said(&check(&declared, &by_hand))
    }

    #[test]
    fn contradictions_need_a_reason() {
        let declared = || fact("owned", "declared", &["CloseThing"]);
        for same in [
            fact("owned", "documented", &["CloseThing(*, 0)"]),
            fact("owned", "documented", &["FreeThing", "CloseThing"]),
            fact("unknown", "unsure", &[]),
        ] {
            assert_eq!(conflict(declared(), same), [""; 0]);
        }
        for other in [
            fact("owned", "documented", &["FreeThing"]),
            fact("borrowed", "documented", &[]),
        ] {
            let said = conflict(declared(), other.clone());
            assert!(said[0].contains("say why"), "{said:?}");
            let mut reasoned = other;
            reasoned.sources.push(format!("{REASON}the page says so"));
            assert_eq!(conflict(declared(), reasoned), [""; 0]);
        }
        // Nothing is contradicted where nothing is asserted.
        let hint = fact("unknown", "unsure", &["CloseThing"]);
        assert_eq!(conflict(hint, fact("borrowed", "documented", &[])), [""; 0]);
    }

    #[test]
    fn a_reason_without_a_contradiction_is_found() {
        let mut same = fact("owned", "documented", &["CloseThing"]);
        same.sources.push(format!("{REASON}once it did"));
        let said = conflict(fact("owned", "declared", &["CloseThing"]), same);
        assert!(said[0].contains("does not"), "{said:?}");
    }

    #[test]
    fn another_platform_s_function_contradicts_nothing() {
        let declared = table(
            C,
            &[("socket", "return", fact("owned", "declared", &["close"]))],
        );
        let other = fact("owned", "documented", &["closesocket"]);
        let by_hand = table(WIN32, &[("socket", "return", other)]);
        assert_eq!(check(&declared, &by_hand), []);
    }
}
