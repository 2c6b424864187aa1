//! A release function gives nothing that is itself released by it, or by those
//! that release the same: whoever follows its row would go round in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::{C, Complaint, WIN32, called, kind, slots};
use crate::read::Functions;

const CHECK: &str = "produces";

pub(super) fn check(functions: &Functions) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for platform in [WIN32, C] {
        // Release functions with those that stand beside them.
        let mut beside = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (_, _, _, fact) in slots(functions, platform) {
            // What the rows hint at is not asserted.
            if kind(fact) == "unknown" {
                continue;
            }
            for release in &fact.release {
                let all = fact.release.iter().map(|other| called(other));
                beside.entry(called(release)).or_default().extend(all);
            }
        }
        for (name, _, slot, fact) in slots(functions, platform) {
            let Some(same) = beside.get(name) else {
                continue;
            };
            let round = fact.release.iter().map(|call| called(call));
            let round = round.filter(|release| same.contains(release));
            if let Some(release) = round.into_iter().next().filter(|_| kind(fact) != "unknown") {
                complaints.push(Complaint {
                    check: CHECK,
                    function: name.into(),
                    slot: slot.into(),
                    release: Some(release.into()),
                    says: format!("it releases, and gives what {release} releases in its place"),
                });
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{fact, said, table};

    #[test]
    fn a_release_that_gives_what_it_releases_is_found() {
        let owned = |release: &[&str]| fact("owned", "documented", release);
        let make = (
            "MakeThing",
            "return",
            owned(&["CloseThing", "FreeThing(*, 0)"]),
        );
        let good = [make.clone(), ("Other", "return", owned(&["CloseOther"]))];
        assert_eq!(check(&table(WIN32, &good)), []);
        // What it gives instead is something else.
        let other = [
            make.clone(),
            ("CloseThing", "report", owned(&["LocalFree"])),
        ];
        assert_eq!(check(&table(WIN32, &other)), []);
        for name in ["CloseThing", "FreeThing"] {
            let bad = [make.clone(), (name, "return", owned(&["CloseThing"]))];
            let said = said(&check(&table(WIN32, &bad)));
            assert!(
                said.len() == 1 && said[0].contains("gives what CloseThing releases"),
                "{said:?}"
            );
        }
    }

    #[test]
    fn the_same_name_on_another_platform_is_another_function() {
        let owned = |release: &[&str]| fact("owned", "documented", release);
        let mut both = table(WIN32, &[("MakeThing", "return", owned(&["close"]))]);
        both.extend(table(C, &[("close", "return", owned(&["close"]))]));
        assert_eq!(check(&both).len(), 1, "on C it goes round");
        let mut both = table(WIN32, &[("MakeThing", "return", owned(&["close"]))]);
        both.extend(table(C, &[("close", "return", owned(&["free"]))]));
        assert_eq!(check(&both), []);
    }
}
