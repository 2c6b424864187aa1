//! The rows, judged by the gold list: what the functions' own documentation says, as
//! people wrote it down who had not seen the rows. `tests/gold/README.md` says how the
//! list was made, and what is right, unknown and wrong.
//!
//! `cargo test -p freehold-owners --test gold -- --nocapture` shows all that is not
//! right.

use freehold_owners::{Kind, Platform, Slot, find};

#[derive(Clone, Debug, serde::Deserialize)]
struct Entry {
    name: String,
    slot: String,
    kind: String,
    release: Vec<String>,
    when: Option<String>,
    page: String,
}

#[derive(serde::Deserialize)]
struct List {
    function: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Judged {
    Right,
    Unknown,
    Wrong,
}

/// Whether a release is owed, whether something is given away, or nothing of the two.
fn duty(kind: &str) -> &str {
    match kind {
        "owned" | "refcount" | "lock" => "release",
        "borrowed" | "none" => "nothing",
        other => other,
    }
}

fn judge(entry: &Entry, slot: Slot) -> Judged {
    if slot.kind() == Kind::Unknown {
        return Judged::Unknown;
    }
    if duty(slot.kind().name()) != duty(&entry.kind) {
        return Judged::Wrong;
    }
    let bare = |text: &str| text.split('(').next().unwrap_or(text).to_owned();
    let named: Vec<String> = slot.release().map(bare).collect();
    let all_right = named.iter().all(|name| entry.release.contains(name));
    let says_why = entry.release.is_empty();
    match says_why || (all_right && !named.is_empty()) {
        true => Judged::Right,
        false => Judged::Wrong,
    }
}

/// Right, unknown and wrong entries of a list.
fn score(platform: Platform, text: &str) -> [usize; 3] {
    let list: List = toml::from_str(text).expect("a list");
    let mut score = [0; 3];
    for entry in &list.function {
        let functions = find(&entry.name)
            .filter(|function| function.name() == entry.name && function.platform() == platform);
        let slots = functions.flat_map(|function| function.slots());
        let judged: Vec<(Judged, Slot)> = slots
            .filter(|slot| slot.name() == entry.slot)
            .map(|slot| (judge(entry, slot), slot))
            .collect();
        let worst = judged.iter().max_by_key(|(judged, _)| *judged as u8);
        let (found, slot) = worst.map_or((Judged::Unknown, None), |(j, slot)| (*j, Some(*slot)));
        score[found as usize] += 1;
        if found == Judged::Right {
            continue;
        }
        println!(
            "{found:?}: {} {}: {} {:?} {} ({})",
            entry.name,
            entry.slot,
            entry.kind,
            entry.release,
            entry.when.as_deref().unwrap_or(""),
            entry.page
        );
        if let Some(slot) = slot {
            let releases: Vec<_> = slot.release().collect();
            println!(
                "    row: {} {releases:?} {:?} ({:?})",
                slot.kind().name(),
                slot.when().unwrap_or(""),
                slot.tier()
            );
        } else {
            let known = find(&entry.name).filter(|f| f.platform() == platform);
            let slots: Vec<_> = known.flat_map(|f| f.slots()).map(|s| s.name()).collect();
            println!("    slots: {slots:?}");
        }
    }
    score
}

fn held_to(platform: Platform, text: &str) {
    let [right, unknown, wrong] = score(platform, text);
    let all = right + unknown + wrong;
    println!(
        "{}: {right} right, {unknown} unknown, {wrong} wrong of {all}",
        platform.name()
    );
    assert_eq!(wrong, 0, "see above");
    assert!(unknown * 20 <= all, "{unknown} of {all} are not answered");
}

#[test]
fn no_row_of_win32_contradicts_its_documentation() {
    held_to(Platform::Win32, include_str!("gold/win32.toml"));
}

#[test]
fn no_row_of_c_contradicts_its_documentation() {
    held_to(Platform::C, include_str!("gold/c.toml"));
}
