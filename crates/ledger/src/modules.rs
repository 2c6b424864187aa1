//! Which objects are loaded where, as stacks of any time need it.
//!
//! What lies at an address can change, so each stack has an epoch, and an entry
//! says from which epoch on it is what lies there. A plug-in that is loaded
//! again and again, in turns with others, finds the epoch in which everything
//! lay as it does now: neither the table nor the stacks grow with each load.
//!
//! Which objects there are is not found out here. One thread at a time may
//! change the table.

use crate::format::{MAX_MODULES, Module, Section};
use crate::primitive::{AtomicU32, Ordering};
use crate::writer::Ledger;

/// Epochs that are looked at before a new one begins.
const PATIENCE: usize = 64;

/// A loaded object.
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'a> {
    /// First address.
    pub start: u64,
    /// Address behind the last.
    pub end: u64,
    /// What to subtract from an address to get the one in the object file.
    pub bias: u64,
    /// Path of its file.
    pub path: &'a [u8],
    /// Its build id; at most 32 bytes of it are kept.
    pub build_id: &'a [u8],
}

impl Ledger {
    /// Notes a loaded object. True when another epoch begins with it, because
    /// something else lay there before: then stacks must be stored anew.
    pub fn add_module(&self, what: &Loaded<'_>) -> bool {
        let now = self.epoch();
        if self.latest(what.start, what.end, u32::MAX).is_none() {
            self.write_module(what, now);
            return false;
        }
        if let Some(module) = self.latest(what.start, what.end, now)
            && self.is_module(module, what)
        {
            // It has come back to its place, and nothing lay there meanwhile.
            module.unload_epoch.store(0, Ordering::Relaxed);
            return false;
        }
        let epoch = self.epoch_with(what).unwrap_or_else(|| {
            // Epochs can be left, so the present one need not be the last.
            let last = self.last_epoch();
            self.carry_on(what, now, last);
            self.write_module(what, last + 1);
            last + 1
        });
        // Relaxed: the caller flushes the caches that depend on it.
        self.memory().header().epoch.store(epoch, Ordering::Relaxed);
        true
    }

    /// An epoch in which `what` lay where it lies, and everything that is
    /// loaded now, too.
    fn epoch_with(&self, what: &Loaded<'_>) -> Option<u32> {
        let now = self.epoch();
        let mut epoch = self.last_epoch();
        for _ in 0..PATIENCE {
            let there = self.latest(what.start, what.end, epoch)?;
            let stranger_since = match self.is_module(there, what) {
                true => self.stranger_since(what, now, epoch),
                false => Some(there.load_epoch.load(Ordering::Relaxed)),
            };
            let Some(since) = stranger_since else {
                there.unload_epoch.store(0, Ordering::Relaxed);
                // Other entries than now may stand for what is loaded.
                for module in self.loaded_beside(what, now) {
                    let (start, end) = range(module);
                    if let Some(again) = self.latest(start, end, epoch) {
                        again.unload_epoch.store(0, Ordering::Relaxed);
                    }
                }
                return Some(epoch);
            };
            epoch = since.checked_sub(1)?;
        }
        None
    }

    /// Since which epoch up to `epoch` something else lies where another object
    /// is loaded `now`; 0 when nothing lies there, none when all is as it is.
    fn stranger_since(&self, what: &Loaded<'_>, now: u32, epoch: u32) -> Option<u32> {
        self.loaded_beside(what, now).find_map(|module| {
            let (start, end) = range(module);
            match self.latest(start, end, epoch) {
                Some(latest) if self.is_same(latest, module) => None,
                Some(stranger) => Some(stranger.load_epoch.load(Ordering::Relaxed)),
                None => Some(0),
            }
        })
    }

    /// Enters again, for the epoch after `last`, what is loaded `now` and was
    /// not `last`.
    fn carry_on(&self, what: &Loaded<'_>, now: u32, last: u32) {
        for module in self.loaded_beside(what, now) {
            let (start, end) = range(module);
            let is_there = self
                .latest(start, end, last)
                .is_some_and(|latest| core::ptr::eq(latest, module));
            if !is_there && let Some(again) = self.take_module() {
                // Relaxed: `ready` publishes them.
                let copy = |to: &AtomicU32, from: &AtomicU32| {
                    to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
                };
                again.start.store(start, Ordering::Relaxed);
                again.end.store(end, Ordering::Relaxed);
                let bias = module.bias.load(Ordering::Relaxed);
                again.bias.store(bias, Ordering::Relaxed);
                again.load_epoch.store(last + 1, Ordering::Relaxed);
                copy(&again.path_offset, &module.path_offset);
                copy(&again.path_len, &module.path_len);
                copy(&again.build_id_len, &module.build_id_len);
                for (to, word) in again.build_id.iter().zip(id(module)) {
                    to.store(word, Ordering::Relaxed);
                }
                again.ready.store(1, Ordering::Release);
            }
        }
    }

    /// What is loaded `now` beside `what`. Something that was found elsewhere
    /// in its place is gone, whoever unloaded it.
    fn loaded_beside(&self, what: &Loaded<'_>, now: u32) -> impl Iterator<Item = &Module> {
        let (from, to) = (what.start, what.end);
        self.all_modules().filter(move |module| {
            let (start, end) = range(module);
            (end <= from || to <= start)
                && module.unload_epoch.load(Ordering::Relaxed) == 0
                && self
                    .latest(start, end, now)
                    .is_some_and(|latest| core::ptr::eq(latest, *module))
        })
    }

    /// The last epoch that has begun.
    fn last_epoch(&self) -> u32 {
        let loads = self
            .all_modules()
            .map(|m| m.load_epoch.load(Ordering::Relaxed));
        loads.fold(self.epoch(), u32::max)
    }

    /// Of the entries that overlap these addresses, the latest that has begun
    /// in `epoch`.
    fn latest(&self, start: u64, end: u64, epoch: u32) -> Option<&Module> {
        self.all_modules()
            .filter(|module| {
                let (first, behind) = range(module);
                first < end && start < behind
            })
            .filter(|module| module.load_epoch.load(Ordering::Relaxed) <= epoch)
            .max_by_key(|module| module.load_epoch.load(Ordering::Relaxed))
    }

    fn all_modules(&self) -> impl Iterator<Item = &Module> {
        let known = self.memory().header().modules.load(Ordering::Acquire);
        (0..known.min(MAX_MODULES as u32))
            .map(|number| self.module(number))
            .filter(|module| module.ready.load(Ordering::Acquire) == 1)
    }

    fn module(&self, number: u32) -> &Module {
        let at = u64::from(number) * size_of::<Module>() as u64;
        // SAFETY: numbers below the count are committed; made of atomics.
        unsafe { &*self.memory().at(Section::Modules, at).cast::<Module>() }
    }

    fn path(&self, module: &Module) -> &[u8] {
        let offset = module.path_offset.load(Ordering::Relaxed);
        let path = self.memory().at(Section::Names, u64::from(offset));
        let len = module.path_len.load(Ordering::Relaxed) as usize;
        // SAFETY: the name was committed and written before the module was ready.
        unsafe { core::slice::from_raw_parts(path, len) }
    }

    fn is_module(&self, module: &Module, what: &Loaded<'_>) -> bool {
        range(module).0 == what.start
            && module.bias.load(Ordering::Relaxed) == what.bias
            && id(module).eq(id_words(what))
            && self.path(module) == what.path
    }

    /// Whether two entries are of one object in one place.
    fn is_same(&self, one: &Module, other: &Module) -> bool {
        core::ptr::eq(one, other)
            || range(one) == range(other)
                && one.bias.load(Ordering::Relaxed) == other.bias.load(Ordering::Relaxed)
                && id(one).eq(id(other))
                && self.path(one) == self.path(other)
    }

    /// A new entry, to be filled; none when the table is full.
    fn take_module(&self) -> Option<&Module> {
        let count = &self.memory().header().modules;
        if count.load(Ordering::Relaxed) >= MAX_MODULES as u32 {
            return None;
        }
        let bytes = size_of::<Module>() as u64;
        let number = self.memory().take(Section::Modules, count, 1, bytes)?;
        Some(self.module(number))
    }

    fn write_module(&self, what: &Loaded<'_>, epoch: u32) {
        let Some(path) = self.write_name(what.path) else {
            return;
        };
        let Some(module) = self.take_module() else {
            return;
        };
        // Relaxed: `ready` publishes them.
        module.start.store(what.start, Ordering::Relaxed);
        module.end.store(what.end, Ordering::Relaxed);
        module.bias.store(what.bias, Ordering::Relaxed);
        module.load_epoch.store(epoch, Ordering::Relaxed);
        module.path_offset.store(path, Ordering::Relaxed);
        module
            .path_len
            .store(what.path.len() as u32, Ordering::Relaxed);
        let id_len = what.build_id.len().min(32) as u32;
        module.build_id_len.store(id_len, Ordering::Relaxed);
        for (to, word) in module.build_id.iter().zip(id_words(what)) {
            to.store(word, Ordering::Relaxed);
        }
        module.ready.store(1, Ordering::Release);
    }

    /// Where in the name section these bytes were put.
    fn write_name(&self, bytes: &[u8]) -> Option<u32> {
        let used = &self.memory().header().name_bytes;
        let len = u32::try_from(bytes.len()).ok()?;
        let at = self.memory().take(Section::Names, used, len, 1)?;
        self.write(Section::Names, u64::from(at), bytes);
        Some(at)
    }

    /// Notes which of the known objects are no longer loaded. `loaded` is asked
    /// for the first address and the path of each.
    pub fn unload_modules(&self, mut loaded: impl FnMut(u64, u64) -> bool) {
        let epoch = self.epoch();
        for module in self.all_modules() {
            let start = module.start.load(Ordering::Relaxed);
            let bias = module.bias.load(Ordering::Relaxed);
            let alive = module.unload_epoch.load(Ordering::Relaxed) == 0;
            if alive && !loaded(start, bias) {
                module.unload_epoch.store(epoch + 1, Ordering::Relaxed);
            }
        }
    }
}

fn range(module: &Module) -> (u64, u64) {
    let start = module.start.load(Ordering::Relaxed);
    (start, module.end.load(Ordering::Relaxed))
}

fn id(module: &Module) -> impl Iterator<Item = u64> {
    module.build_id.iter().map(|w| w.load(Ordering::Relaxed))
}

/// The build id as words, zero behind its end.
fn id_words(what: &Loaded<'_>) -> impl Iterator<Item = u64> {
    let mut bytes = [0; 32];
    let len = what.build_id.len().min(32);
    bytes[..len].copy_from_slice(&what.build_id[..len]);
    (0..4).map(move |i| {
        let word = bytes[i * 8..i * 8 + 8].try_into();
        u64::from_le_bytes(word.unwrap_or_default())
    })
}
