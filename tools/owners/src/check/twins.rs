//! Functions of Win32 for bytes and for UTF-16 (`A` and `W`) say the same, with the
//! twins of their release functions.

use super::{Complaint, WIN32, called, kind};
use crate::read::Functions;

const CHECK: &str = "twins";

pub(super) fn check(functions: &Functions) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let is_there = |name: &str| {
        let from = (name.to_owned(), String::new());
        let found = functions.range(from..).next();
        found.is_some_and(|((known, _), function)| known == name && function.platform == WIN32)
    };
    // What the twin releases by: `FreeThingW(*, 0)` is `FreeThingA(*, 0)`.
    let twin_of = |call: &str| {
        let (name, rest) = call.split_at(called(call).len());
        match name.strip_suffix('W').map(|stem| format!("{stem}A")) {
            Some(twin) if is_there(&twin) => twin + rest,
            _ => call.to_owned(),
        }
    };
    for ((name, library), wide) in functions {
        let Some(stem) = name.strip_suffix('W').filter(|_| wide.platform == WIN32) else {
            continue;
        };
        let key = (format!("{stem}A"), library.clone());
        let Some(narrow) = functions.get(&key) else {
            continue;
        };
        for (slot, fact) in &wide.slots {
            // A slot that only one of them has is one that is called otherwise.
            let Some((_, other)) = narrow.slots.iter().find(|(known, _)| known == slot) else {
                continue;
            };
            let release: Vec<String> = fact.release.iter().map(|call| twin_of(call)).collect();
            let says = if kind(fact) != kind(other) {
                format!(
                    "it is {}, and in {}{} {}",
                    kind(fact),
                    stem,
                    'A',
                    kind(other)
                )
            } else if release != other.release && kind(fact) != "unknown" {
                let other = other.release.join(" or ");
                format!(
                    "{} would have {}, and has {other}",
                    key.0,
                    release.join(" or ")
                )
            } else {
                continue;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{fact, said, table};

    #[test]
    fn twins_that_differ_are_found() {
        let owned = |release: &str| fact("owned", "documented", &[release]);
        let frees = [
            ("FreeThingA", "x", fact("transferred", "documented", &[])),
            ("FreeThingW", "x", fact("transferred", "documented", &[])),
        ];
        let with = |narrow, wide| {
            let mut rows = frees.to_vec();
            rows.push(("MakeThingA", "return", narrow));
            rows.push(("MakeThingW", "return", wide));
            said(&check(&table(WIN32, &rows)))
        };
        assert_eq!(with(owned("FreeThingA"), owned("FreeThingW")), [""; 0]);
        assert_eq!(with(owned("LocalFree"), owned("LocalFree")), [""; 0]);
        let wrong = with(owned("FreeThingW"), owned("FreeThingW"));
        assert!(
            wrong[0].contains("MakeThingA would have FreeThingA"),
            "{wrong:?}"
        );
        let wrong = with(owned("LocalFree"), owned("GlobalFree"));
        assert!(
            wrong[0].contains("would have GlobalFree, and has LocalFree"),
            "{wrong:?}"
        );
        let borrowed = fact("borrowed", "documented", &[]);
        let wrong = with(borrowed, owned("LocalFree"));
        assert!(
            wrong[0].contains("it is owned, and in MakeThingA borrowed"),
            "{wrong:?}"
        );
    }
}
