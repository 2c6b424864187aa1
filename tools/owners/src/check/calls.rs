//! Release functions take what the slot gives, and as many arguments as the row
//! passes.

use super::{Complaint, called, slots};
use crate::read::Functions;
use crate::shapes::{Shape, Signature};

const CHECK: &str = "type";

/// The types of a platform's functions.
pub(crate) trait Types {
    /// What a function takes and gives; none when that is not known. Where a library
    /// is named, it is that one's, if it has one of that name.
    fn signature(&self, function: &str, library: Option<&str>) -> Option<&Signature>;
    /// The type of what a slot gives.
    fn slot(&self, of: &Signature, slot: &str) -> Option<Shape>;
    /// Whether `have` can be passed for `want`.
    fn accepts(&self, want: &Shape, have: &Shape) -> bool;
    /// Whether a method without parameters is one of what the slot gives.
    fn has_method(&self, method: &str, have: &Shape) -> bool;
    /// Whether there is no such slot.
    fn lacks(&self, of: &Signature, slot: &str) -> bool;
}

pub(crate) fn check(functions: &Functions, platform: u8, types: &dyn Types) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (name, function, slot, fact) in slots(functions, platform) {
        let Some(signature) = types.signature(name, Some(&function.library)) else {
            continue;
        };
        let mut complain = |release: Option<&str>, says: String| {
            complaints.push(Complaint {
                check: CHECK,
                function: name.into(),
                slot: slot.into(),
                release: release.map(str::to_owned),
                says,
            });
        };
        if types.lacks(signature, slot) {
            let there = shown(signature);
            complain(None, format!("there is no such slot in {there}"));
        }
        let Some(shape) = types.slot(signature, slot) else {
            continue;
        };
        // Of a row that asserts nothing the release is a hint.
        let hints = fact.kind == 0;
        for call in fact.release.iter().filter(|_| !hints) {
            if let Err(says) = fits(call, signature, &shape, types) {
                complain(Some(called(call)), says);
            }
        }
    }
    complaints
}

fn shown(signature: &Signature) -> String {
    let parameter = |(name, shape): &(String, Shape)| format!("{shape} {name}");
    let parameters: Vec<String> = signature.parameters.iter().map(parameter).collect();
    format!("{} ({})", signature.result, parameters.join(", "))
}

/// Whether a release function takes a slot's value, by a call as rows have it.
fn fits(call: &str, of: &Signature, slot: &Shape, types: &dyn Types) -> Result<(), String> {
    let release = called(call);
    // What is not there is the affair of another check.
    let Some(signature) = types.signature(release, None) else {
        return Ok(());
    };
    let arguments: Vec<&str> = match call.split_once('(') {
        None => vec!["*"],
        Some((_, behind)) => {
            let inner = behind.trim_end_matches(')');
            inner
                .split(',')
                .map(str::trim)
                .filter(|a| !a.is_empty())
                .collect()
        }
    };
    let parameters = &signature.parameters;
    if parameters.is_empty() && arguments == ["*"] {
        return match types.has_method(release, slot) {
            true => Ok(()),
            false => Err(format!("{release} is no method of {slot}")),
        };
    }
    if arguments.len() != parameters.len() {
        return Err(format!(
            "{call} passes {}, and {release} takes {}: {}",
            arguments.len(),
            parameters.len(),
            shown(signature)
        ));
    }
    for (argument, (name, want)) in arguments.iter().zip(parameters) {
        let fits = match *argument {
            // A structure that is the caller's is released by its address.
            "*" => {
                types.accepts(want, slot)
                    || !call.contains('(') && slot.depth == 0 && *want == slot.pointer()
            }
            "&*" => want.behind().is_some_and(|want| types.accepts(&want, slot)),
            other => match argument_type(other, of) {
                Some(have) => types.accepts(want, &have),
                // Neither a parameter: a constant, or what only words can say.
                None => true,
            },
        };
        if !fits {
            let have = match *argument {
                "*" | "&*" => slot.to_string(),
                other => argument_type(other, of).map_or(String::new(), |have| have.to_string()),
            };
            return Err(format!(
                "{release} takes {want} for {name}, and gets {have}"
            ));
        }
    }
    Ok(())
}

/// The type of an argument that is a parameter of the row's function, or what that
/// leads to (`*pCount`).
fn argument_type(argument: &str, of: &Signature) -> Option<Shape> {
    match argument.strip_prefix('*') {
        Some(name) => of.parameter(name)?.behind(),
        None => of.parameter(argument).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::WIN32;
    use crate::check::tests::{fact, said, table};
    use crate::shapes::tests::things;

    fn says(function: &str, slot: &str, release: &str) -> Vec<String> {
        let rows = table(
            WIN32,
            &[(function, slot, fact("owned", "documented", &[release]))],
        );
        said(&check(&rows, WIN32, &things()))
    }

    #[test]
    fn releases_that_take_what_the_slot_gives_are_right() {
        for (function, slot, release) in [
            ("CreateThing", "return", "CloseThing"),
            ("OpenThing", "phThing", "CloseThing"),
            ("OpenThing", "phThing", "CloseAny"),
            ("OpenThing", "phThing", "CloseAt(&*)"),
            ("OpenThing", "phThing", "CloseAt(phThing)"),
            ("OpenThing", "phThing", "CloseThing(*phThing)"),
            ("FillThing", "info.hInner", "CloseThing"),
            ("GetText", "return", "FreeAll"),
            ("GetText", "return", "FreeAt(*, 0)"),
            ("GetObject", "ppv", "IUnknown::Release"),
        ] {
            assert_eq!(says(function, slot, release), [""; 0], "{release}");
        }
    }

    #[test]
    fn a_release_that_takes_something_else_is_found() {
        for (function, slot, release, reason) in [
            (
                "CreateThing",
                "return",
                "CloseOther",
                "CloseOther takes HOTHER for h, and gets HTHING",
            ),
            (
                "CreateThing",
                "return",
                "FreeAll",
                "takes *void for p, and gets HTHING",
            ),
            (
                "OpenThing",
                "phThing",
                "CloseThing(phThing)",
                "and gets *HTHING",
            ),
            (
                "GetText",
                "return",
                "FreeAt",
                "passes 1, and FreeAt takes 2",
            ),
            (
                "GetText",
                "return",
                "IUnknown::Release",
                "no method of PWSTR",
            ),
            (
                "FillThing",
                "info.hOuter",
                "CloseThing",
                "there is no such slot",
            ),
        ] {
            let said = says(function, slot, release);
            assert!(
                said.len() == 1 && said[0].contains(reason),
                "{release}: {said:?}"
            );
        }
    }

    #[test]
    fn hints_are_not_checked() {
        let rows = [(
            "CreateThing",
            "return",
            fact("unknown", "unsure", &["CloseOther"]),
        )];
        assert_eq!(check(&table(WIN32, &rows), WIN32, &things()), []);
    }
}
