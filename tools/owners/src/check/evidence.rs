//! A type says little of a function whose name says that it gives what it keeps:
//! such a row needs more than its type for a source.

use super::{C, Complaint, WIN32, slots, tier};
use crate::read::Functions;

const CHECK: &str = "evidence";

/// How names begin of functions that mostly give what they keep.
const KEEPERS: &[&str] = &["Get", "Select", "Load", "Find", "Query"];

pub(super) fn check(functions: &Functions) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for platform in [WIN32, C] {
        for (name, _, slot, fact) in slots(functions, platform) {
            let short = name.rsplit("::").next().unwrap_or(name);
            let keeps = KEEPERS.iter().any(|keeper| short.starts_with(keeper));
            // The twin's row is no source of its own.
            let sources = fact
                .sources
                .iter()
                .filter(|source| !source.starts_with("as "));
            if keeps && tier(fact) == "type" && sources.count() < 2 {
                complaints.push(Complaint {
                    check: CHECK,
                    function: name.into(),
                    slot: slot.into(),
                    release: None,
                    says: "only its type says whose it is, and its name speaks against that: it \
                           needs a second source"
                        .into(),
                });
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{fact, table};

    #[test]
    fn a_type_alone_is_no_evidence_where_the_name_speaks_against_it() {
        let count = |name, tier, sources: &[&str]| {
            let mut row = fact("owned", tier, &["CloseThing"]);
            row.sources = sources.iter().map(|source| source.to_string()).collect();
            check(&table(WIN32, &[(name, "return", row)])).len()
        };
        let metadata = "metadata: its type";
        assert_eq!(count("GetThing", "type", &[metadata]), 1);
        assert_eq!(count("IThing::SelectOne", "type", &[metadata]), 1);
        assert_eq!(count("LoadThingA", "type", &[metadata, "as LoadThingW"]), 1);
        assert_eq!(
            count("GetThing", "type", &[metadata, "documentation: GetThing"]),
            0
        );
        assert_eq!(count("GetThing", "declared", &[metadata]), 0);
        assert_eq!(count("OpenThing", "type", &[metadata]), 0);
    }
}
