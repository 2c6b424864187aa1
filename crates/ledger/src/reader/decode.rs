//! Copied bytes into a [`Snapshot`]. Nothing here can fail: what makes no
//! sense is left out and named in [`Snapshot::damage`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::copy::Copied;
use super::{
    Block, Counters, End, Misuse, ModuleInfo, PlaceInfo, Process, Scan, Session, Snapshot, Stacks,
    ThreadInfo,
};
use crate::format::{
    Called, Family, Ground, LEAF_ENTRIES, Language, MAX_CLASS, MisuseEntry, MisuseKind, Module,
    NO_WINDOW, NODE_BYTES, Name, Naming, Place, RECORD_BYTES, REGION_BITS, Record, ScanState,
    Section, SegmentRef, SessionHeader, Slot, State, ThreadEntry, UNIT_BITS, Verdict, WINDOW_BITS,
};

/// Each live thread may hold this much that is not yet in the sum.
const PEAK_ERROR_PER_THREAD: u64 = 64 << 10;

pub(super) fn session(header: &SessionHeader) -> Session {
    Session {
        start_unix_ns: header.start_unix_ns.load(Relaxed),
        now_ms: header.clock.ms(),
        depth: header.depth.load(Relaxed),
        sample_bytes: header.sample_bytes.load(Relaxed),
        max_memory: header.max_memory.load(Relaxed),
        used_memory: header.used.load(Relaxed),
        untracked: header.untracked.load(Relaxed),
        ledgers: Vec::new(),
    }
}

pub(super) fn snapshot(slot: u32, copied: &Copied, now_ms: u32) -> Snapshot {
    let mut damage = copied.damage.clone();
    let threads = threads(copied);
    let mut snapshot = Snapshot {
        slot,
        process: process(copied, now_ms),
        counters: counters(copied),
        blocks: blocks(copied, &mut damage),
        stacks: stacks(copied),
        places: places(copied),
        modules: modules(copied),
        threads,
        tags: names(copied, Section::Tags),
        scopes: names(copied, Section::Scopes),
        misuses: misuses(copied),
        scan: scan(copied),
        damage,
    };
    if !snapshot.scan.done {
        for block in &mut snapshot.blocks {
            block.verdict = Verdict::Unknown;
        }
    }
    snapshot
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The items of a section of atomics, copied out.
fn items<T>(bytes: &[u8]) -> impl Iterator<Item = T> + '_ {
    bytes.chunks_exact(size_of::<T>()).map(|chunk| {
        // SAFETY: the chunk is as long as the item, an unaligned read is made,
        // and the types read here are made of plain integers.
        unsafe { std::ptr::read_unaligned(chunk.as_ptr().cast::<T>()) }
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn process(copied: &Copied, now_ms: u32) -> Process {
    let header = &copied.header;
    let bytes = &copied.sections[Section::Text as usize];
    let argv_len = (header.argv_len.load(Relaxed) as usize).min(bytes.len());
    let (argv, exe) = bytes.split_at(argv_len);
    let argv = argv.strip_suffix(b"\0").unwrap_or(argv);
    let state = header.state.load(Relaxed);
    let end = if state == State::Exited as u32 {
        End::Exited(header.exit_status.load(Relaxed))
    } else if state == State::Replaced as u32 {
        End::Replaced
    } else {
        End::Open
    };
    Process {
        pid: header.pid.load(Relaxed),
        parent_pid: header.parent_pid.load(Relaxed),
        parent_slot: header.parent_slot.load(Relaxed).checked_sub(1),
        argv: argv.split(|b| *b == 0).map(text).collect(),
        exe: text(exe),
        end,
        start_ms: header.start_ms.load(Relaxed),
        end_ms: match end {
            End::Open => now_ms,
            _ => header.end_ms.load(Relaxed),
        },
    }
}

fn counters(copied: &Copied) -> Counters {
    let header = &copied.header;
    let mut sum = Counters {
        peak_bytes: header.peak_bytes.load(Relaxed),
        dropped_records: header.dropped_records.load(Relaxed),
        dropped_bytes: header.dropped_bytes.load(Relaxed),
        dropped_stacks: header.dropped_stacks.load(Relaxed),
        unknown_releases: header.unknown_releases.load(Relaxed),
        unseen_releases: header.unseen_releases.load(Relaxed),
        unindexed: header.unindexed.load(Relaxed),
        misuses: header.misuses.load(Relaxed),
        ..Counters::default()
    };
    let mut threads = 0u64;
    for entry in items::<ThreadEntry>(&copied.sections[Section::Threads as usize]) {
        let add = |to: &mut u64, what: &crate::primitive::AtomicU64| {
            *to = to.wrapping_add(what.load(Relaxed));
        };
        add(&mut sum.allocations, &entry.allocations);
        add(&mut sum.releases, &entry.releases);
        add(&mut sum.allocated_bytes, &entry.allocated_bytes);
        add(&mut sum.released_bytes, &entry.released_bytes);
        threads += 1;
    }
    // What is live now was live at some time, whatever the sampled peak says.
    let live = sum.allocated_bytes.saturating_sub(sum.released_bytes);
    sum.peak_bytes = sum.peak_bytes.max(live);
    sum.peak_error_bytes = threads.saturating_mul(PEAK_ERROR_PER_THREAD);
    sum
}

fn misuses(copied: &Copied) -> Vec<Misuse> {
    let entries = items::<MisuseEntry>(&copied.sections[Section::Misuses as usize]);
    let decoded = entries.filter(|entry| entry.ready.load(Relaxed) == 1);
    let decoded = decoded.filter_map(|entry| {
        let what = entry.what.load(Relaxed);
        Some(Misuse {
            kind: MisuseKind::from_number(what & 0xff)?,
            called: Called::from_number(what >> 8 & 0xff)?,
            family: Family::from_number(u64::from(what >> 16 & 0xff)),
            ground: Ground::from_number(what >> 24),
            address: entry.address.load(Relaxed),
            size: entry.size.load(Relaxed),
            offset: entry.offset.load(Relaxed),
            allocated: entry.allocated.load(Relaxed),
            released: entry.released.load(Relaxed),
            released_site: entry.released_site.load(Relaxed),
            here: entry.here.load(Relaxed),
            thread: entry.thread.load(Relaxed),
            time_ms: entry.time_ms.load(Relaxed),
            count: entry.count.load(Relaxed),
        })
    });
    decoded.collect()
}

pub(super) fn blocks(copied: &Copied, damage: &mut Vec<String>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let impossible = for_each_block(copied, &mut |_, block| blocks.push(block));
    if impossible > 0 {
        damage.push(format!(
            "{impossible} entries of the address index make no sense"
        ));
    }
    blocks.sort_unstable_by_key(|b| b.address);
    blocks.dedup_by_key(|b| b.address);
    blocks
}

/// Gives all live blocks, each with the number of its record; how many slots are
/// impossible.
pub(super) fn for_each_block(copied: &Copied, give: &mut dyn FnMut(u32, Block)) -> u64 {
    let section = |s: Section| copied.sections[s as usize].as_slice();
    let windows = section(Section::Windows);
    let leaves = section(Section::Leaves);
    let mut impossible = 0u64;
    for (leaf, window) in windows.chunks_exact(4).enumerate() {
        let window = half(window, 0).unwrap_or(NO_WINDOW);
        if window == NO_WINDOW {
            continue;
        }
        if window as usize >= crate::format::WINDOWS {
            impossible += 1;
            continue;
        }
        for region in 0..LEAF_ENTRIES {
            let Some(entry) = word(leaves, (leaf * LEAF_ENTRIES + region) * 8) else {
                break;
            };
            let segment = SegmentRef(entry);
            if segment == SegmentRef::NONE {
                continue;
            }
            let base = u64::from(window) << WINDOW_BITS | (region as u64) << REGION_BITS;
            impossible += region_blocks(copied, segment, base, give);
        }
    }
    impossible
}

/// Gives the live blocks of one region; how many slots are impossible.
fn region_blocks(
    copied: &Copied,
    segment: SegmentRef,
    base: u64,
    give: &mut dyn FnMut(u32, Block),
) -> u64 {
    let before = copied.sections[Section::Segments as usize].as_slice();
    let after = copied.segments_after.as_slice();
    let records = copied.sections[Section::Records as usize].as_slice();
    let verdicts = copied.sections[Section::Verdicts as usize].as_slice();
    if segment.class() > MAX_CLASS {
        return 1;
    }
    let mut impossible = 0;
    for i in 0..segment.slots() {
        let at = segment.offset() as usize + i * 8;
        let (Some(first), Some(second)) = (word(before, at), word(after, at)) else {
            return impossible + 1;
        };
        let slot = Slot(first & !Slot::FROZEN);
        if !slot.is_live() || slot.0 != second & !Slot::FROZEN {
            continue;
        }
        let at = slot.record() as usize * RECORD_BYTES as usize;
        let words = (
            word(records, at),
            word(records, at + 8),
            word(records, at + 16),
        );
        let (Some(a), Some(b), Some(c)) = words else {
            impossible += 1;
            continue;
        };
        let record = Record::unpack([a, b, c]);
        if record.generation != slot.generation() || slot.offset() >> (REGION_BITS - UNIT_BITS) != 0
        {
            impossible += 1;
            continue;
        }
        let verdict = half(verdicts, slot.record() as usize * 4)
            .filter(|v| v >> 8 & 0xffff == u32::from(record.generation))
            .map_or(Verdict::Unknown, |v| Verdict::from_number(v & 0xff));
        let block = Block {
            address: base + (u64::from(slot.offset()) << UNIT_BITS),
            record,
            verdict,
        };
        give(slot.record(), block);
    }
    impossible
}

fn stacks(copied: &Copied) -> Stacks {
    let mut stacks = Stacks::new();
    let nodes = copied.sections[Section::Nodes as usize].as_slice();
    for node in nodes.chunks_exact(NODE_BYTES as usize).skip(1) {
        let frame = word(node, 0).unwrap_or(0);
        let parent = half(node, 8).unwrap_or(0);
        stacks.push(frame, parent);
    }
    for naming in items::<Naming>(&copied.sections[Section::Namings as usize]) {
        stacks.name(naming.stack.load(Relaxed), naming.by.load(Relaxed));
    }
    stacks
}

/// The places; what is not complete is as if it had no names.
fn places(copied: &Copied) -> Vec<PlaceInfo> {
    let names = copied.sections[Section::Names as usize].as_slice();
    // Each text once: those of a writer do not overlap, so together they are no longer
    // than the section, whatever a hostile file says.
    let mut known: HashMap<(u32, u32), Arc<str>> = HashMap::new();
    let mut left = names.len();
    let mut text_of = |name: &Name| {
        let at = (name.offset.load(Relaxed), name.len.load(Relaxed));
        if let Some(text) = known.get(&at) {
            return text.clone();
        }
        let Some(rest) = left.checked_sub(at.1 as usize) else {
            return Arc::from("");
        };
        left = rest;
        let text: Arc<str> = name_at(names, at.0, at.1).into();
        known.insert(at, text.clone());
        text
    };
    items::<Place>(&copied.sections[Section::Places as usize])
        .map(|place| PlaceInfo {
            language: Language::from_number(place.language.load(Relaxed)),
            function: text_of(&place.function),
            file: text_of(&place.file),
            line: place.line.load(Relaxed),
            column: place.column.load(Relaxed),
        })
        .collect()
}

fn modules(copied: &Copied) -> Vec<ModuleInfo> {
    let names = copied.sections[Section::Names as usize].as_slice();
    let entries = items::<Module>(&copied.sections[Section::Modules as usize]);
    let ready = entries.filter(|m| m.ready.load(Relaxed) == 1);
    ready
        .map(|m| {
            let id: Vec<u8> = m
                .build_id
                .iter()
                .flat_map(|w| w.load(Relaxed).to_le_bytes())
                .take((m.build_id_len.load(Relaxed) as usize).min(32))
                .collect();
            ModuleInfo {
                start: m.start.load(Relaxed),
                end: m.end.load(Relaxed),
                bias: m.bias.load(Relaxed),
                load_epoch: m.load_epoch.load(Relaxed),
                unload_epoch: m.unload_epoch.load(Relaxed).checked_sub(1),
                path: name_at(names, m.path_offset.load(Relaxed), m.path_len.load(Relaxed)),
                build_id: id,
            }
        })
        .collect()
}

fn threads(copied: &Copied) -> Vec<ThreadInfo> {
    let entries = items::<ThreadEntry>(&copied.sections[Section::Threads as usize]);
    let used = entries.filter(|t| t.number.load(Relaxed) != 0);
    used.map(|t| {
        let name: Vec<u8> = t
            .name
            .iter()
            .flat_map(|w| w.load(Relaxed).to_le_bytes())
            .take_while(|b| *b != 0)
            .collect();
        ThreadInfo {
            number: t.number.load(Relaxed),
            tid: t.tid.load(Relaxed),
            name: text(&name),
        }
    })
    .collect()
}

fn name_at(names: &[u8], offset: u32, len: u32) -> String {
    let start = offset as usize;
    let end = start.saturating_add(len as usize);
    names.get(start..end).map(text).unwrap_or_default()
}

fn names(copied: &Copied, section: Section) -> Vec<String> {
    let names = copied.sections[Section::Names as usize].as_slice();
    items::<Name>(&copied.sections[section as usize])
        .map(|n| name_at(names, n.offset.load(Relaxed), n.len.load(Relaxed)))
        .collect()
}

fn scan(copied: &Copied) -> Scan {
    let header = &copied.header;
    let state = header.scan_state.load(Relaxed);
    Scan {
        done: state == ScanState::Done as u32,
        failed: state == ScanState::Failed as u32 || state == ScanState::Running as u32,
        error: header.scan_error.load(Relaxed),
        pause_us: header.scan_pause_us.load(Relaxed),
        duration_us: header.scan_us.load(Relaxed),
        root_bytes: header.scan_root_bytes.load(Relaxed),
        block_bytes: header.scan_block_bytes.load(Relaxed),
    }
}
