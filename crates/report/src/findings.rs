//! Live blocks of one process, grouped into sites.
//!
//! Blocks are grouped by stack number first, so that a stack is named once
//! however many blocks it has; then sites whose named stacks look the same are
//! put together.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use freehold_ledger::format::{self as ledger, Family, Verdict};
use freehold_ledger::reader::{Block, End, Frames, PlaceInfo, Snapshot};

use crate::apis;
use crate::fingerprint;
use crate::frame::{ANONYMOUS, Frame, Language, Place};
use crate::misuses;
use crate::model::{Misuse, Site, Summary, Tally};
use crate::options::Options;
use crate::symbols::{ObjectId, Symbols};
use crate::trim;

/// An address of a stack and where it lies: the object, the address in it. Or a place
/// in code of a managed language.
#[derive(Clone, Copy)]
struct Located {
    pc: u64,
    place: Option<u32>,
    object: Option<ObjectId>,
    offset: u64,
}

/// Blocks with one stack number, verdict and family.
struct Group {
    stack: u32,
    verdict: Verdict,
    family: Family,
    total: Tally,
    smallest: u64,
    largest: u64,
    oldest_ms: u32,
    youngest_ms: u32,
    tags: Vec<u16>,
    scope: u16,
    one_scope: bool,
}

/// The blocks of one process on the way to its sites.
pub(crate) struct Findings {
    pub(crate) summary: Summary,
    listed: Vec<Group>,
    stacks: HashMap<u32, (Frames, Vec<Located>)>,
    /// Where first releases of misused blocks returned to.
    released: HashMap<u64, Located>,
}

impl Group {
    fn new(block: &Block) -> Group {
        let record = &block.record;
        Group {
            stack: record.stack,
            verdict: block.verdict,
            family: record.family,
            total: Tally::default(),
            smallest: u64::MAX,
            largest: 0,
            oldest_ms: record.time_ms,
            youngest_ms: record.time_ms,
            tags: Vec::new(),
            scope: record.scope,
            one_scope: true,
        }
    }

    fn add(&mut self, block: &Block) {
        let record = &block.record;
        self.total.add(Tally {
            blocks: 1,
            bytes: record.size,
        });
        self.smallest = self.smallest.min(record.size);
        self.largest = self.largest.max(record.size);
        self.oldest_ms = self.oldest_ms.min(record.time_ms);
        self.youngest_ms = self.youngest_ms.max(record.time_ms);
        self.one_scope &= self.scope == record.scope;
        if record.tag != 0 && !self.tags.contains(&record.tag) {
            self.tags.push(record.tag);
        }
    }
}

impl Findings {
    /// Groups the blocks of `snapshot` and says through `symbols` in which
    /// objects the listed ones were allocated.
    pub(crate) fn group(
        snapshot: &Snapshot,
        options: &Options,
        symbols: &mut Symbols<'_>,
    ) -> Findings {
        let groups = group_blocks(&snapshot.blocks);
        let mut summary = summary(snapshot);
        for group in groups.values() {
            summary.live.add(group.total);
            summary.of(group.verdict).add(group.total);
        }
        count_stacks(snapshot, groups.values(), &mut summary);
        // What a process held when it became another program is of no interest.
        let is_replaced = snapshot.process.end == End::Replaced;
        // No scan judges handles; they are open, and listed as such.
        let is_judged =
            |family: Family| is_replaced || snapshot.scan.done && family.is_held_by_pointers();
        let mut listed: Vec<Group> = groups
            .into_values()
            .filter(|group| options.lists(group.verdict, is_judged(group.family)))
            .collect();
        listed.sort_by_key(|g| (g.stack, g.verdict, g.family));
        let mut locator = Locator::new(snapshot);
        let mut stacks = HashMap::new();
        let misused = snapshot.misuses.iter();
        let misused = misused.flat_map(|m| [m.allocated, m.released, m.here]);
        for stack in listed.iter().map(|group| group.stack).chain(misused) {
            stacks.entry(stack).or_insert_with(|| {
                let frames = snapshot.stack(stack);
                let addresses = frames.addresses.iter();
                let located = addresses.map(|pc| locator.locate(*pc, frames.epoch, symbols));
                let located = located.collect();
                (frames, located)
            });
        }
        let in_no_object = |located: &Located| located.object.is_none() && located.place.is_none();
        let located = stacks
            .values()
            .flat_map(|(_, located): &(_, Vec<Located>)| located);
        if located.into_iter().any(in_no_object) {
            symbols.load_jit(snapshot.process.pid);
        }
        let sites = snapshot.misuses.iter().filter(|m| m.released_site != 0);
        let released = sites
            .map(|m| {
                // It is younger than the stack that allocated the block.
                let epoch = snapshot.stacks.frames(m.here).epoch;
                let located = locator.locate(m.released_site, epoch, symbols);
                (m.released_site, located)
            })
            .collect();
        Findings {
            summary,
            listed,
            stacks,
            released,
        }
    }

    /// The addresses that need names.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (ObjectId, u64)> {
        let located = self.stacks.values().flat_map(|(_, located)| located);
        let located = located.chain(self.released.values());
        located.filter_map(|l| Some((l.object?, l.offset)))
    }

    /// The objects that listed stacks lie in.
    pub(crate) fn objects(&self) -> Vec<ObjectId> {
        let objects: HashSet<ObjectId> = self.wanted().map(|(object, _)| object).collect();
        let mut objects: Vec<ObjectId> = objects.into_iter().collect();
        objects.sort_unstable();
        objects
    }

    /// The sites, worst first, after the names were loaded. Blocks of the
    /// dynamic loader are taken out of what was lost.
    pub(crate) fn sites(&mut self, snapshot: &Snapshot, symbols: &Symbols<'_>) -> Vec<Site> {
        let mut merged = Merged::default();
        for group in &self.listed {
            let Some((frames, located)) = self.stacks.get(&group.stack) else {
                continue;
            };
            let site = site(group, frames, named(located, snapshot, symbols), snapshot);
            let lost = matches!(site.verdict, Verdict::Lost | Verdict::Indirect);
            if site.runtime && lost {
                let figure = self.summary.of(site.verdict);
                figure.blocks = figure.blocks.saturating_sub(site.total.blocks);
                figure.bytes = figure.bytes.saturating_sub(site.total.bytes);
                self.summary.runtime.add(site.total);
            }
            merged.add(site);
        }
        let mut sites = merged.sites;
        sites.sort_by(|a, b| {
            let place = |s: &Site| Verdict::ALL.iter().position(|v| *v == s.verdict);
            let by_size = || (b.total.bytes, b.total.blocks).cmp(&(a.total.bytes, a.total.blocks));
            let by_age = || (a.oldest_ms, a.fingerprint).cmp(&(b.oldest_ms, b.fingerprint));
            place(a).cmp(&place(b)).then_with(by_size).then_with(by_age)
        });
        sites
    }
}

impl Findings {
    /// The misuses, after the names were loaded. Those that are none are taken out
    /// of the summary.
    pub(crate) fn misuses(&mut self, snapshot: &Snapshot, symbols: &Symbols<'_>) -> Vec<Misuse> {
        let frames = |stack: u32| match self.stacks.get(&stack) {
            Some((_, located)) if stack != 0 => named(located, snapshot, symbols),
            _ => Vec::new(),
        };
        let mut none = 0;
        let found = snapshot.misuses.iter().filter_map(|found| {
            let released = match self.released.get(&found.released_site) {
                Some(located) if found.released == 0 => named(&[*located], snapshot, symbols),
                _ => frames(found.released),
            };
            let stacks = misuses::Named {
                allocated: frames(found.allocated),
                released,
                here: frames(found.here),
            };
            let misuse = misuses::misuse(found, stacks);
            none += u64::from(found.count) * u64::from(misuse.is_none());
            misuse
        });
        let found = misuses::merged(found);
        self.summary.misuses = snapshot.counters.misuses.saturating_sub(none);
        found
    }
}

fn group_blocks(blocks: &[Block]) -> HashMap<(u32, Verdict, Family), Group> {
    let mut groups: HashMap<(u32, Verdict, Family), Group> = HashMap::new();
    for block in blocks {
        let key = (block.record.stack, block.verdict, block.record.family);
        groups
            .entry(key)
            .or_insert_with(|| Group::new(block))
            .add(block);
    }
    groups
}

fn summary(snapshot: &Snapshot) -> Summary {
    let counters = &snapshot.counters;
    Summary {
        allocations: counters.allocations,
        releases: counters.releases,
        allocated_bytes: counters.allocated_bytes,
        peak_bytes: counters.peak_bytes,
        peak_error_bytes: counters.peak_error_bytes,
        dropped: Tally {
            blocks: counters.dropped_records,
            bytes: counters.dropped_bytes,
        },
        dropped_stacks: counters.dropped_stacks,
        unknown_releases: counters.unknown_releases,
        unseen_releases: counters.unseen_releases,
        unindexed: counters.unindexed,
        ..Summary::default()
    }
}

fn count_stacks<'g>(
    snapshot: &Snapshot,
    groups: impl Iterator<Item = &'g Group>,
    summary: &mut Summary,
) {
    let numbers: HashSet<u32> = groups.map(|g| g.stack).filter(|s| *s != 0).collect();
    for number in numbers {
        let frames = snapshot.stack(number);
        summary.stacks += 1;
        summary.truncated_stacks += u64::from(frames.truncated);
        summary.incomplete_stacks += u64::from(frames.incomplete);
        summary.approximate_stacks += u64::from(frames.approximate);
    }
}

/// Finds objects for addresses, each address and epoch once.
struct Locator<'s> {
    snapshot: &'s Snapshot,
    known: HashMap<(u64, u32), Located>,
}

impl<'s> Locator<'s> {
    fn new(snapshot: &'s Snapshot) -> Locator<'s> {
        Locator {
            snapshot,
            known: HashMap::new(),
        }
    }

    fn locate(&mut self, pc: u64, epoch: u32, symbols: &mut Symbols<'_>) -> Located {
        let place = ledger::Place::number(pc);
        if place.is_some() {
            return Located {
                pc: 0,
                place,
                object: None,
                offset: 0,
            };
        }
        let snapshot = self.snapshot;
        *self.known.entry((pc, epoch)).or_insert_with(|| {
            // The call lies before its return address.
            let call = pc.saturating_sub(1);
            let module = snapshot.module_at(call, epoch);
            Located {
                pc,
                place: None,
                object: module.map(|m| symbols.object(m)),
                offset: module.map_or(call, |m| call.wrapping_sub(m.bias)),
            }
        })
    }
}

/// The frames of a stack, without those of the preload library at its inner end.
fn named(located: &[Located], snapshot: &Snapshot, symbols: &Symbols<'_>) -> Vec<Frame> {
    let mut stack = Vec::with_capacity(located.len());
    for Located {
        pc,
        place,
        object,
        offset,
    } in located
    {
        if let Some(place) = place.and_then(|number| snapshot.place(number)) {
            stack.push(managed(place));
            continue;
        }
        let jit = match object {
            Some(_) => None,
            None => symbols.jit(snapshot.process.pid, *offset),
        };
        if let Some((language, place)) = jit {
            stack.push(Frame {
                place,
                module: match language {
                    Language::Native => ANONYMOUS.into(),
                    language => language.name().into(),
                },
                pc: *pc,
                offset: *offset,
                language,
            });
            continue;
        }
        let frame = |place| Frame {
            place,
            module: match object {
                Some(object) => symbols.known(*object).name.clone(),
                None => ANONYMOUS.into(),
            },
            pc: *pc,
            offset: *offset,
            language: Language::Native,
        };
        let places = object.map_or(&[][..], |object| symbols.places(object, *offset));
        if places.is_empty() {
            stack.push(frame(Default::default()));
        }
        stack.extend(places.iter().cloned().map(frame));
    }
    let ours = stack.iter().take_while(|f| f.is_ours()).count();
    stack.drain(..ours);
    stack
}

/// A frame in code of a managed language.
fn managed(of: &PlaceInfo) -> Frame {
    let language = match of.language {
        Some(ledger::Language::Python) => Language::Python,
        Some(ledger::Language::JavaScript) => Language::JavaScript,
        Some(ledger::Language::Dart) => Language::Dart,
        None => Language::Native,
    };
    let text = |text: &Arc<str>| (!text.is_empty()).then(|| text.clone());
    // A file is a file, whether as a path or as a URI.
    let file = match of.file.strip_prefix("file://") {
        Some(path) if path.starts_with('/') => Some(path.into()),
        _ => text(&of.file),
    };
    Frame {
        place: Place {
            function: text(&of.function),
            file,
            line: (of.line != 0).then_some(of.line),
            column: (of.column != 0).then_some(of.column),
            inlined: false,
        },
        module: language.name().into(),
        pc: 0,
        offset: 0,
        language,
    }
}

fn site(group: &Group, frames: &Frames, stack: Vec<Frame>, snapshot: &Snapshot) -> Site {
    let family = family(group.family, &stack);
    let name = |names: &[String], number: u16| names.get(usize::from(number)).cloned();
    let scope = (group.one_scope && group.scope != 0).then(|| name(&snapshot.scopes, group.scope));
    let tags: Vec<String> = (group.tags.iter())
        .filter_map(|tag| name(&snapshot.tags, *tag))
        .collect();
    // What is adopted by a function's name has it as its tag.
    let adopted = match &tags[..] {
        [tag] => apis::named(tag),
        _ => None,
    };
    Site {
        total: group.total,
        smallest: group.smallest,
        largest: group.largest,
        verdict: group.verdict,
        family,
        api: adopted.or_else(|| apis::of(&stack)),
        tags,
        scope: scope.flatten(),
        oldest_ms: group.oldest_ms,
        youngest_ms: group.youngest_ms,
        fingerprint: fingerprint::of(family, &stack),
        runtime: stack
            .get(trim::plumbing(&stack))
            .is_some_and(Frame::is_loader),
        truncated: frames.truncated,
        incomplete: frames.incomplete,
        approximate: frames.approximate,
        stack,
    }
}

/// The family of a block by its stack: a program with its own `operator new`
/// (a statically linked C++ library) is seen to call `malloc`.
pub(crate) fn family(recorded: Family, stack: &[Frame]) -> Family {
    if recorded != Family::Malloc {
        return recorded;
    }
    let innermost = stack.iter().find_map(Frame::function).unwrap_or("");
    match trim::without_parameters(innermost) {
        "operator new" => Family::New,
        "operator new[]" => Family::NewArray,
        _ => recorded,
    }
}

/// Sites, those that look the same put together.
#[derive(Default)]
struct Merged {
    sites: Vec<Site>,
    by_look: HashMap<u64, Vec<usize>>,
}

impl Merged {
    fn add(&mut self, site: Site) {
        let alike = self.by_look.entry(look(&site)).or_default();
        let same = alike.iter().find(|i| looks_like(&self.sites[**i], &site));
        if let Some(same) = same {
            put_together(&mut self.sites[*same], site);
            return;
        }
        alike.push(self.sites.len());
        self.sites.push(site);
    }
}

fn look(site: &Site) -> u64 {
    let mut hasher = DefaultHasher::new();
    (site.verdict, site.family).hash(&mut hasher);
    for frame in trim::without_interpreter(&site.stack) {
        (&frame.module, &frame.place).hash(&mut hasher);
    }
    hasher.finish()
}

fn looks_like(a: &Site, b: &Site) -> bool {
    let (one, other) = (
        trim::without_interpreter(&a.stack),
        trim::without_interpreter(&b.stack),
    );
    (a.verdict, a.family, one.len()) == (b.verdict, b.family, other.len())
        && one.iter().zip(&other).all(|(a, b)| a.looks_like(b))
}

fn put_together(site: &mut Site, other: Site) {
    site.total.add(other.total);
    site.smallest = site.smallest.min(other.smallest);
    site.largest = site.largest.max(other.largest);
    site.oldest_ms = site.oldest_ms.min(other.oldest_ms);
    site.youngest_ms = site.youngest_ms.max(other.youngest_ms);
    site.truncated |= other.truncated;
    site.incomplete |= other.incomplete;
    site.approximate |= other.approximate;
    if site.scope != other.scope {
        site.scope = None;
    }
    for tag in other.tags {
        if !site.tags.contains(&tag) {
            site.tags.push(tag);
        }
    }
}
