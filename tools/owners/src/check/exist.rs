//! Functions of rows and their release functions exist.

use super::{C, Complaint, Known, WIN32, called, slots};
use crate::read::Functions;

const CHECK: &str = "exists";

pub(super) fn check(functions: &Functions, known: &Known) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for ((name, library), function) in functions {
        let is_there = match function.platform {
            WIN32 => known.win32.contains(name.as_str()),
            _ => known.c.get(library).is_some_and(|all| all.contains(name)),
        };
        if !is_there {
            complaints.push(Complaint {
                check: CHECK,
                function: name.clone(),
                slot: String::new(),
                release: None,
                says: format!("{library} has no such function"),
            });
        }
    }
    for platform in [WIN32, C] {
        for (name, function, slot, fact) in slots(functions, platform) {
            for call in &fact.release {
                let release = called(call);
                let is_there = match platform {
                    WIN32 => known.win32.contains(release),
                    // One library may release by another's function.
                    _ => known.c.values().any(|all| all.contains(release)),
                };
                if !is_there {
                    complaints.push(Complaint {
                        check: CHECK,
                        function: name.into(),
                        slot: slot.into(),
                        release: Some(release.into()),
                        says: format!(
                            "there is no {release}, neither in {} nor elsewhere",
                            function.library
                        ),
                    });
                }
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{fact, said, table};

    fn known() -> Known<'static> {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        Known {
            win32: ["OpenThing", "CloseThing"].into(),
            c: [
                ("libthing.so.1".into(), names(&["thing_new", "thing_free"])),
                ("libc.so.6".into(), names(&["free", "puts"])),
            ]
            .into(),
            types: vec![],
        }
    }

    #[test]
    fn a_function_that_no_library_has_is_found() {
        let owned = |release| fact("owned", "documented", &[release]);
        let good = table(WIN32, &[("OpenThing", "return", owned("CloseThing"))]);
        assert_eq!(check(&good, &known()), []);
        let bad = table(
            WIN32,
            &[("OpenThings", "return", owned("CloseThing(*, 0)"))],
        );
        assert_eq!(
            said(&check(&bad, &known())),
            ["exists: OpenThings: thing.dll has no such function"]
        );
        let bad = table(WIN32, &[("OpenThing", "return", owned("FreeThing(*, 0)"))]);
        assert!(
            said(&check(&bad, &known()))[0]
                .starts_with("exists: OpenThing.return: there is no FreeThing")
        );
    }

    #[test]
    fn a_c_function_is_looked_for_in_its_library_and_its_release_in_all() {
        let owned = |release| fact("owned", "documented", &[release]);
        for release in ["thing_free", "free"] {
            let good = table(C, &[("thing_new", "return", owned(release))]);
            assert_eq!(check(&good, &known()), []);
        }
        let bad = table(C, &[("thing_new", "return", owned("thing_delete"))]);
        assert_eq!(check(&bad, &known()).len(), 1);
        // It is there, but in another library.
        let bad = table(C, &[("puts", "return", owned("free"))]);
        assert_eq!(
            said(&check(&bad, &known())),
            ["exists: puts: libthing.so.1 has no such function"]
        );
    }
}
