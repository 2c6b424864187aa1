//! How many functions have an owner, by platform, tier and kind: the figures of
//! `docs/ownership.md`.

use std::collections::{BTreeMap, BTreeSet};

use freehold_owners::{Kind, Tier, all};

fn main() {
    let mut functions: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut slots: BTreeMap<(&str, Tier, Kind), usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for function in all() {
        let group = match function.name().contains("::") {
            true => "COM methods",
            false => match function.platform().name() {
                "win32" => "Win32 functions",
                _ => "C functions",
            },
        };
        let asserted = function.slots().any(|slot| slot.kind() != Kind::Unknown);
        let counted = functions.entry(group).or_default();
        // A name that several libraries have is one.
        if seen.insert((group, function.name())) {
            counted.0 += 1;
            counted.1 += usize::from(asserted);
        }
        for slot in function.slots() {
            *slots.entry((group, slot.tier(), slot.kind())).or_default() += 1;
        }
    }
    for (group, (all, asserted)) in functions {
        println!("{group}: {asserted} with an owner, of {all}");
        for ((of, tier, kind), count) in &slots {
            if *of == group {
                println!("  {:<11} {:<12} {count:>6} slots", tier.name(), kind.name());
            }
        }
    }
}
