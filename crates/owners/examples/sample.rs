//! Draws the rows that `tests/sample` checks against documentation: 150 of the
//! generated rows that assert something, by platform, tier and kind.
//!
//! A stratum's share is its share of all these rows, but five where it would be
//! fewer, or all there are. Within a stratum the rows with the lowest hashes are
//! drawn. The hash is of the seed and the row's names, so the same table gives the
//! same rows, and a row that is corrected and so no longer generated changes no
//! more than its own place.
//!
//! What is not here: the verdicts.

use std::collections::BTreeMap;

use freehold_owners::{Function, Kind, Slot, Tier, all};

#[path = "../tests/sample/says.rs"]
mod says;

const SEED: u64 = 2026;
const SIZE: usize = 150;
const LEAST: usize = 5;

type Strata = BTreeMap<(&'static str, Tier, Kind), Vec<(u64, Function, Slot)>>;

fn main() {
    let mut strata = strata();
    let sizes: Vec<usize> = strata.values().map(Vec::len).collect();
    for (((group, tier, kind), rows), take) in strata.iter_mut().zip(shares(&sizes)) {
        rows.sort_by_key(|(hash, ..)| *hash);
        let (tier, kind) = (tier.name(), kind.name());
        println!("# {take} of {} rows", rows.len());
        for (_, function, slot) in &rows[..take] {
            println!("[[row]]");
            println!("stratum = \"{group}, {tier}, {kind}\"");
            println!("function = {:?}", function.name());
            println!("library = {:?}", function.library());
            println!("slot = {:?}", slot.name());
            println!("says = {:?}\n", says::says(*slot));
        }
    }
}

/// The rows that were generated and assert something.
fn strata() -> Strata {
    let mut strata = Strata::new();
    for function in all() {
        let group = match (function.name().contains("::"), function.platform().name()) {
            (true, _) => "COM methods",
            (false, "win32") => "Win32 functions",
            (false, _) => "C functions",
        };
        for slot in function.slots() {
            // Rows by hand are documented or checked.
            if matches!(slot.tier(), Tier::Declared | Tier::Rule | Tier::Type) {
                let hash = hash(&[function.library(), function.name(), slot.name()]);
                let stratum = strata.entry((group, slot.tier(), slot.kind()));
                stratum.or_default().push((hash, function, slot));
            }
        }
    }
    strata
}

/// How many to draw of strata of these sizes.
fn shares(sizes: &[usize]) -> Vec<usize> {
    let mut shares = vec![None; sizes.len()];
    loop {
        // Those that get the least leave the others less, so one after another.
        let fixed: usize = shares.iter().flatten().sum();
        let open = || (0..sizes.len()).filter(|at| shares[*at].is_none());
        let rest: usize = open().map(|at| sizes[at]).sum();
        let share = |at: usize| sizes[at] as f64 * (SIZE - fixed) as f64 / rest as f64;
        let Some(small) = open().find(|at| share(*at) < LEAST as f64) else {
            // The largest remainders round up.
            let mut open: Vec<usize> = open().collect();
            open.sort_by(|a, b| share(*b).fract().total_cmp(&share(*a).fract()));
            let given: usize = open.iter().map(|at| share(*at) as usize).sum();
            let more = SIZE - fixed - given;
            let last: Vec<(usize, usize)> = open
                .iter()
                .enumerate()
                .map(|(place, at)| (*at, share(*at) as usize + usize::from(place < more)))
                .collect();
            for (at, count) in last {
                shares[at] = Some(count);
            }
            return shares.into_iter().flatten().collect();
        };
        shares[small] = Some(sizes[small].min(LEAST));
    }
}

/// FNV-1a of the seed and the names, then mixed so that all bits count.
fn hash(names: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ SEED;
    for name in names {
        for byte in name.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
