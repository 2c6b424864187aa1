//! Misuses of one process: with names, and without those that are none when the
//! names are known.

use std::collections::HashMap;

use freehold_ledger::format::{Called, Family, MisuseKind};
use freehold_ledger::reader;

use crate::findings::family;
use crate::fingerprint;
use crate::frame::Frame;
use crate::model::Misuse;
use crate::trim;

/// The stacks that a misuse names, with their frames.
pub(crate) struct Named {
    pub(crate) allocated: Vec<Frame>,
    pub(crate) released: Vec<Frame>,
    pub(crate) here: Vec<Frame>,
}

/// A misuse for people; `None` when it is none.
///
/// A program that brings its own C++ library has an `operator new` which is seen
/// to call `malloc`, and an `operator delete` which is seen to call `free`: the
/// names tell.
pub(crate) fn misuse(found: &reader::Misuse, named: Named) -> Option<Misuse> {
    let family = match found.allocated {
        0 => found.family,
        _ => family(found.family, &named.allocated),
    };
    let called = called(found.called, &named.here);
    if found.kind == MisuseKind::Mismatched && called.family() == family {
        return None;
    }
    Some(Misuse {
        kind: found.kind,
        called,
        family: (found.kind != MisuseKind::Foreign).then_some(family),
        ground: found.ground,
        address: found.address,
        size: (found.size != 0).then_some(found.size),
        offset: found.offset,
        time_ms: found.time_ms,
        count: u64::from(found.count),
        fingerprint: fingerprint::of_misuse(found.kind, family, &named.here),
        released_site_only: found.released == 0 && !named.released.is_empty(),
        allocated: named.allocated,
        released: named.released,
        here: named.here,
    })
}

/// The function that was called, by the stack.
fn called(recorded: Called, here: &[Frame]) -> Called {
    if recorded != Called::Free {
        return recorded;
    }
    let innermost = here.iter().find_map(Frame::function).unwrap_or("");
    match trim::without_parameters(innermost) {
        "operator delete" => Called::Delete,
        "operator delete[]" => Called::DeleteArray,
        _ => recorded,
    }
}

/// Those that look the same put together.
pub(crate) fn merged(misuses: impl Iterator<Item = Misuse>) -> Vec<Misuse> {
    let mut merged: Vec<Misuse> = Vec::new();
    let mut known: HashMap<u64, Vec<usize>> = HashMap::new();
    for misuse in misuses {
        let alike = known.entry(misuse.fingerprint).or_default();
        let same = alike.iter().find(|i| merged[**i].looks_like(&misuse));
        match same {
            Some(same) => merged[*same].count += misuse.count,
            None => {
                alike.push(merged.len());
                merged.push(misuse);
            }
        }
    }
    merged
}

impl Misuse {
    fn looks_like(&self, other: &Misuse) -> bool {
        let alike = |a: &[Frame], b: &[Frame]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.looks_like(b))
        };
        (self.kind, self.called, self.family) == (other.kind, other.called, other.family)
            && alike(&self.here, &other.here)
            && alike(&self.allocated, &other.allocated)
            && alike(&self.released, &other.released)
    }

    /// The functions that should have been called.
    pub fn expected(&self) -> &'static [&'static str] {
        match (self.kind, self.family) {
            (MisuseKind::Mismatched, Some(family)) => family.releases(),
            _ => &[],
        }
    }
}

/// The family, for what has none.
pub(crate) fn family_name(family: Option<Family>) -> Option<&'static str> {
    family.map(Family::name)
}
