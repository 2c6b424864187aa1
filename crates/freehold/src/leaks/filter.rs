//! Which allocations are not shown.

use core::fmt;
use core::ops::{BitAnd, BitOr, Not};
use std::collections::BTreeSet;

use super::Allocation;

/// A rule that says which allocations to leave out of a report.
///
/// Rules are put together by [`Filter::and`] (`&`), [`Filter::or`] (`|`) and
/// [`Filter::negated`] (`!`), which bring them into one form: flat, without
/// doubles, with negations inside. So rules that mean the same by these laws are
/// equal, in whatever order they were put together.
///
/// ```
/// use freehold::Filter;
/// let rule = Filter::types(["u8"]) | Filter::stack_contains("init");
/// assert_eq!(rule.to_string(), r#"stack contains "init" OR type is in: "u8""#);
/// assert_eq!(!!rule.clone(), rule);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Filter(Rule);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Rule {
    None,
    All,
    Addresses(BTreeSet<usize>),
    Stack(String),
    Types(BTreeSet<String>),
    Not(Box<Rule>),
    And(BTreeSet<Rule>),
    Or(BTreeSet<Rule>),
}

impl Default for Filter {
    fn default() -> Filter {
        Filter::ignore_none()
    }
}

impl Filter {
    /// Leaves out nothing.
    ///
    /// ```
    /// assert_eq!(freehold::Filter::ignore_none().to_string(), "ignore none");
    /// ```
    pub fn ignore_none() -> Filter {
        Filter(Rule::None)
    }

    /// Leaves out everything.
    ///
    /// ```
    /// assert_eq!(freehold::Filter::ignore_all().to_string(), "ignore all");
    /// ```
    pub fn ignore_all() -> Filter {
        Filter(Rule::All)
    }

    /// Leaves out blocks at these addresses.
    ///
    /// ```
    /// let rule = freehold::Filter::addresses([255, 1]);
    /// assert_eq!(rule.to_string(), r#"address is in: "1, ff""#);
    /// ```
    pub fn addresses(addresses: impl IntoIterator<Item = usize>) -> Filter {
        Filter(Rule::Addresses(addresses.into_iter().collect()))
    }

    /// Leaves out blocks whose stack, as text, contains this.
    ///
    /// ```
    /// let rule = freehold::Filter::stack_contains("main");
    /// assert_eq!(rule.to_string(), r#"stack contains "main""#);
    /// ```
    pub fn stack_contains(text: impl Into<String>) -> Filter {
        Filter(Rule::Stack(text.into()))
    }

    /// Leaves out blocks with these names of what is in them.
    ///
    /// ```
    /// let rule = freehold::Filter::types(["B", "A"]);
    /// assert_eq!(rule.to_string(), r#"type is in: "A, B""#);
    /// ```
    pub fn types<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Filter {
        Filter(Rule::Types(names.into_iter().map(Into::into).collect()))
    }

    /// Leaves out what both leave out.
    ///
    /// ```
    /// use freehold::Filter;
    /// let rule = Filter::types(["A"]).and(Filter::ignore_all());
    /// assert_eq!(rule, Filter::types(["A"]));
    /// ```
    #[must_use]
    pub fn and(self, other: Filter) -> Filter {
        Filter(Rule::join(self.0, other.0, true))
    }

    /// Leaves out what either leaves out.
    ///
    /// ```
    /// use freehold::Filter;
    /// let rule = Filter::types(["A"]).or(Filter::ignore_all());
    /// assert_eq!(rule, Filter::ignore_all());
    /// ```
    #[must_use]
    pub fn or(self, other: Filter) -> Filter {
        Filter(Rule::join(self.0, other.0, false))
    }

    /// Leaves out what this one shows.
    ///
    /// ```
    /// use freehold::Filter;
    /// assert_eq!(Filter::ignore_all().negated(), Filter::ignore_none());
    /// ```
    #[must_use]
    pub fn negated(self) -> Filter {
        Filter(self.0.negated())
    }

    /// Whether an allocation is to be left out.
    ///
    /// ```
    /// use freehold::{Allocation, Filter};
    /// assert!(!Filter::types(["A"]).ignores(&Allocation::default()));
    /// ```
    pub fn ignores(&self, allocation: &Allocation) -> bool {
        self.0.ignores(allocation)
    }
}

impl BitAnd for Filter {
    type Output = Filter;
    fn bitand(self, other: Filter) -> Filter {
        self.and(other)
    }
}

impl BitOr for Filter {
    type Output = Filter;
    fn bitor(self, other: Filter) -> Filter {
        self.or(other)
    }
}

impl Not for Filter {
    type Output = Filter;
    fn not(self) -> Filter {
        self.negated()
    }
}

impl Rule {
    /// `And` when `all`, else `Or`.
    fn join(one: Rule, other: Rule, all: bool) -> Rule {
        let (neutral, absorbing) = match all {
            true => (Rule::All, Rule::None),
            false => (Rule::None, Rule::All),
        };
        let mut parts = BTreeSet::new();
        for rule in [one, other] {
            match rule {
                rule if rule == absorbing => return absorbing,
                rule if rule == neutral => {}
                Rule::And(inner) if all => parts.extend(inner),
                Rule::Or(inner) if !all => parts.extend(inner),
                rule => {
                    parts.insert(rule);
                }
            }
        }
        match parts.len() {
            0 => neutral,
            1 => parts.pop_first().unwrap_or(neutral),
            _ if all => Rule::And(parts),
            _ => Rule::Or(parts),
        }
    }

    fn negated(self) -> Rule {
        match self {
            Rule::None => Rule::All,
            Rule::All => Rule::None,
            Rule::Not(inner) => *inner,
            Rule::And(parts) => Rule::join_all(parts, false),
            Rule::Or(parts) => Rule::join_all(parts, true),
            rule => Rule::Not(Box::new(rule)),
        }
    }

    fn join_all(parts: BTreeSet<Rule>, all: bool) -> Rule {
        let neutral = if all { Rule::All } else { Rule::None };
        let negated = parts.into_iter().map(Rule::negated);
        negated.fold(neutral, |joined, part| Rule::join(joined, part, all))
    }

    fn ignores(&self, allocation: &Allocation) -> bool {
        match self {
            Rule::None => false,
            Rule::All => true,
            Rule::Addresses(set) => set.contains(&allocation.address),
            Rule::Stack(text) => allocation.stack.contains(text),
            Rule::Types(set) => set.contains(&allocation.type_name),
            Rule::Not(inner) => !inner.ignores(allocation),
            Rule::And(parts) => parts.iter().all(|p| p.ignores(allocation)),
            Rule::Or(parts) => parts.iter().any(|p| p.ignores(allocation)),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }
}

impl Rule {
    fn text(&self) -> String {
        let list = |items: Vec<String>| format!("\"{}\"", items.join(", "));
        match self {
            Rule::None => "ignore none".into(),
            Rule::All => "ignore all".into(),
            Rule::Addresses(set) => {
                let addresses = set.iter().map(|a| format!("{a:x}")).collect();
                format!("address is in: {}", list(addresses))
            }
            Rule::Stack(text) => format!("stack contains \"{text}\""),
            Rule::Types(set) => format!("type is in: {}", list(set.iter().cloned().collect())),
            Rule::Not(inner) => format!("NOT ({})", inner.text()),
            Rule::And(parts) => joined(parts, " AND "),
            Rule::Or(parts) => joined(parts, " OR "),
        }
    }
}

/// The parts by their text; those that are joined themselves in parentheses, so
/// that only one reading is possible.
fn joined(parts: &BTreeSet<Rule>, with: &str) -> String {
    let mut texts: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Rule::And(_) | Rule::Or(_) => format!("({})", part.text()),
            part => part.text(),
        })
        .collect();
    texts.sort();
    texts.join(with)
}
