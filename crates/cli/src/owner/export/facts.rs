//! What slots say, each only once: thousands of them say the same, and a module
//! that repeated it would be ten times as large.

use std::collections::HashMap;

use freehold_owners::Slot;

use crate::owner::{Row, as_row};

/// What a slot says, without its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fact {
    pub(super) kind: &'static str,
    pub(super) tier: &'static str,
    pub(super) release: Vec<&'static str>,
    pub(super) perhaps: Vec<&'static str>,
    pub(super) condition: Option<&'static str>,
    pub(super) on_failure: Option<&'static str>,
    pub(super) size: Option<&'static str>,
    pub(super) until: Option<&'static str>,
    pub(super) family: Option<&'static str>,
    pub(super) sources: Vec<&'static str>,
    pub(super) note: Option<&'static str>,
}

impl From<Row> for Fact {
    fn from(row: Row) -> Fact {
        Fact {
            kind: row.kind,
            tier: row.tier,
            release: row.release,
            perhaps: row.perhaps,
            condition: row.condition,
            on_failure: row.on_failure,
            size: row.size,
            until: row.until,
            family: row.family,
            sources: row.sources,
            note: row.note,
        }
    }
}

/// Facts with their numbers, in the order in which they were first met.
#[derive(Debug, Default)]
pub(super) struct Facts {
    numbers: HashMap<Fact, usize>,
    facts: Vec<Fact>,
}

impl Facts {
    /// The number of what this slot says.
    pub(super) fn number(&mut self, slot: Slot) -> usize {
        let fact = Fact::from(as_row(slot));
        let next = self.facts.len();
        *self.numbers.entry(fact).or_insert_with_key(|fact| {
            self.facts.push(fact.clone());
            next
        })
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Fact] {
        &self.facts
    }
}
