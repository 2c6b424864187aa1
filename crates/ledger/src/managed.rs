//! Frames of managed languages: their places, stacks made of them, and the names that
//! stacks of machine code are given later.
//!
//! A binding that knows its frames at once puts them into the stack itself. One whose
//! frames the walk sees but cannot name (a JIT's) gives the names of a whole stack
//! when it has them.
//!
//! What is not here: who knows the frames, and how places are found again (whoever
//! makes them remembers their numbers). All of it is off the path of the usual event.

use crate::format::{Language, MAX_PLACES, Name, Naming, Place, Root, Section};
use crate::primitive::Ordering;
use crate::trie;
use crate::writer::Ledger;

/// Longest name of a function or a file that is kept, in bytes.
pub const MAX_TEXT: usize = 4096;

/// How files begin whose functions run a managed language's code, or pass its calls on.
const INTERPRETERS: [&str; 8] = [
    "libflutter",
    "libnode.so",
    "libpython",
    "python",
    "pypy",
    "_ctypes.",
    "_cffi_backend.",
    "libffi.so",
];

/// Whether an object with this file name runs code of a managed language or passes its
/// calls on: where frames of the language are known, those of the object tell nothing.
pub fn is_interpreter(object: &str) -> bool {
    let names = ["dart", "dart.exe", "dartaotruntime", "node", "node.exe"];
    names.contains(&object) || INTERPRETERS.iter().any(|begin| object.starts_with(begin))
}

/// A place, as it is told and asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceText<'t> {
    /// In which language.
    pub language: Language,
    /// The function, in UTF-8.
    pub function: &'t [u8],
    /// The file, in UTF-8.
    pub file: &'t [u8],
    /// The line, counted from 1; 0 when it is not known.
    pub line: u32,
    /// The column, counted from 1; 0 when it is not known.
    pub column: u32,
}

impl Ledger {
    /// Adds a place, and gives its number; 0 when there is no room. Two calls with the
    /// same place give two numbers: remember them.
    pub fn add_place(&self, text: &PlaceText<'_>) -> u32 {
        self.try_place(text).unwrap_or(0)
    }

    fn try_place(&self, text: &PlaceText<'_>) -> Option<u32> {
        let header = self.memory.header();
        // The unused place 0.
        let bytes = size_of::<Place>() as u64;
        let (from, to) = (0, 1);
        let order = Ordering::Relaxed;
        if header.places.load(order) == 0 && self.memory.commit(Section::Places, bytes) {
            let _ = header.places.compare_exchange(from, to, order, order);
        }
        let number = self
            .memory
            .take(Section::Places, &header.places, 1, bytes)
            .filter(|number| (1..MAX_PLACES as u32).contains(number))?;
        // Frames of one stack are often of one file.
        let before = self.place_entry(number - 1);
        let function = self.text(text.function, None)?;
        let file = self.text(text.file, before.map(|place| &place.file))?;
        let entry = self.place_at(number);
        for (name, (offset, len)) in [(&entry.function, function), (&entry.file, file)] {
            name.offset.store(offset, Ordering::Relaxed);
            name.len.store(len, Ordering::Relaxed);
        }
        entry.line.store(text.line, Ordering::Relaxed);
        entry.column.store(text.column, Ordering::Relaxed);
        // Release: who sees the language sees the rest.
        entry
            .language
            .store(text.language as u32, Ordering::Release);
        Some(number)
    }

    /// Where a text lies in the name section, after it was put there; where `like`
    /// does if that is the same.
    fn text(&self, text: &[u8], like: Option<&Name>) -> Option<(u32, u32)> {
        let text = &text[..text.len().min(MAX_TEXT)];
        if let Some(like) = like
            && self.bytes_of(like) == text
        {
            // Relaxed: read in full before.
            let order = Ordering::Relaxed;
            return Some((like.offset.load(order), like.len.load(order)));
        }
        let len = text.len() as u32;
        let used = &self.memory.header().name_bytes;
        let at = self.memory.take(Section::Names, used, len, 1)?;
        let to = self.memory.at(Section::Names, u64::from(at));
        // SAFETY: the range was just committed and is ours alone.
        unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len()) };
        Some((at, len))
    }

    /// The text of a name that is complete.
    fn bytes_of(&self, name: &Name) -> &[u8] {
        let len = name.len.load(Ordering::Relaxed) as usize;
        let at = u64::from(name.offset.load(Ordering::Relaxed));
        // SAFETY: committed and written before whoever made the name complete.
        unsafe { core::slice::from_raw_parts(self.memory.at(Section::Names, at), len) }
    }

    fn place_at(&self, number: u32) -> &Place {
        let at = u64::from(number) * size_of::<Place>() as u64;
        // SAFETY: the number was given, so it is committed; made of atomics.
        unsafe { &*self.memory.at(Section::Places, at).cast::<Place>() }
    }

    /// The entry of a place that is complete.
    fn place_entry(&self, number: u32) -> Option<&Place> {
        let places = self.memory.header().places.load(Ordering::Relaxed);
        if number == 0 || number >= places.min(MAX_PLACES as u32) {
            return None;
        }
        let entry = self.place_at(number);
        // Acquire: pairs with the release in `try_place`.
        (entry.language.load(Ordering::Acquire) != 0).then_some(entry)
    }

    /// The place with this number.
    pub fn place(&self, number: u32) -> Option<PlaceText<'_>> {
        let entry = self.place_entry(number)?;
        Some(PlaceText {
            language: Language::from_number(entry.language.load(Ordering::Relaxed))?,
            function: self.bytes_of(&entry.function),
            file: self.bytes_of(&entry.file),
            line: entry.line.load(Ordering::Relaxed),
            column: entry.column.load(Ordering::Relaxed),
        })
    }

    /// Stores a stack of words, innermost first: addresses, and [`Place::word`]s. 0
    /// when there is no room for it.
    pub fn intern_words(&self, root: Root, words: &[u64]) -> u32 {
        let stored = self.trie.intern_words(&self.memory, root, words);
        stored.unwrap_or_else(|| self.drop_stack())
    }

    /// Gives a stack the names of its frames: those of the stack `by`. False when it
    /// has names already, one of them is none that this ledger has given, or there is
    /// no room.
    pub fn name_stack(&self, stack: u32, by: u32) -> bool {
        let header = self.memory.header();
        // Acquire: the nodes were written before their numbers were given.
        let nodes = header.nodes.load(Ordering::Acquire);
        let is_given = |number: u32| number != 0 && number < nodes;
        if !is_given(stack) || !is_given(by) || self.is_named(stack) {
            return false;
        }
        let bytes = size_of::<Naming>() as u64;
        let number = self
            .memory
            .take(Section::Namings, &header.namings, 1, bytes)
            .filter(|number| (*number as usize) < MAX_PLACES);
        let Some(number) = number else { return false };
        if !trie::set_named(&self.memory, stack) {
            // Another thread was faster; the entry stays without use.
            return false;
        }
        let entry = self.naming(number);
        entry.stack.store(stack, Ordering::Relaxed);
        // Release: who sees this sees the other half.
        entry.by.store(by, Ordering::Release);
        true
    }

    /// Whether a stack of this ledger has been given names.
    #[inline]
    pub fn is_named(&self, stack: u32) -> bool {
        // Relaxed: numbers that were given are below it, whenever it is read.
        let nodes = self.memory.header().nodes.load(Ordering::Relaxed);
        stack != 0 && stack < nodes && trie::is_named(&self.memory, stack)
    }

    /// Whether a stack needs names that only a managed language has, and nobody was asked
    /// for them. From now on somebody was.
    #[inline]
    pub fn ask_names(&self, stack: u32) -> bool {
        // Relaxed: as in `is_named`.
        let nodes = self.memory.header().nodes.load(Ordering::Relaxed);
        if stack == 0 || stack >= nodes || trie::is_asked(&self.memory, stack) {
            return false;
        }
        let of_jit = self.root_of(stack).is_some_and(|root| root.approximate);
        // What has none of it need not be looked at again, either.
        trie::set_asked(&self.memory, stack) && of_jit
    }

    /// The stack whose places are the names of this one. Looks at all that were given.
    pub fn naming_of(&self, stack: u32) -> Option<u32> {
        let count = self.memory.header().namings.load(Ordering::Relaxed);
        (0..count.min(MAX_PLACES as u32)).find_map(|number| {
            let entry = self.naming(number);
            // Acquire: pairs with the release in `name_stack`.
            let by = entry.by.load(Ordering::Acquire);
            (by != 0 && entry.stack.load(Ordering::Relaxed) == stack).then_some(by)
        })
    }

    fn naming(&self, number: u32) -> &Naming {
        let at = u64::from(number) * size_of::<Naming>() as u64;
        // SAFETY: the number was given, so it is committed; made of atomics.
        unsafe { &*self.memory.at(Section::Namings, at).cast::<Naming>() }
    }

    /// How the walk of a stack went; `None` for a number that this ledger has not
    /// given.
    pub fn root_of(&self, stack: u32) -> Option<Root> {
        let mut none: [u64; 0] = [];
        self.frames(stack, &mut none).map(|(_, root)| root)
    }
}
