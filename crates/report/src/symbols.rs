//! Names for addresses: function, file, line, and the functions inlined there.
//!
//! Objects are opened only when an address in them is asked for, each once for
//! a batch of addresses, several at a time. Answers are remembered by object
//! and address in its file, so a program that forked a thousand times is
//! looked up once.
//!
//! Sources, best first: debug information of the object, of its separate debug
//! file (by build id, then by `.gnu_debuglink`) with its supplementary file
//! (`.gnu_debugaltlink`) and split units (`.dwo`); `.symtab`, `.dynsym`,
//! `.gnu_debugdata`. Of a Windows image: DWARF in it or in its debug file, its PDB,
//! its COFF symbols, what it exports. A file with another build id (or of another
//! build, as an image's time stamp and size and its PDB's GUID and age tell) than the
//! ledger's is not used. Where files of another system are looked for is said in
//! `paths`.
//!
//! Code that a JIT made is named by the map that it wrote (`jit`).
//!
//! What is not here: interpreters' own frames, which lie in the ledger.

mod demangle;
mod dwarf;
mod jit;
mod locate;
mod mini;
mod paths;
mod pdb;
mod pe;
mod resolve;
mod table;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;

use freehold_ledger::reader::ModuleInfo;

use crate::files::Files;
use crate::frame::{Language, Place};
use jit::JitMap;
use paths::Roots;

pub(crate) use paths::{file_name as file_name_of, is_windows};

/// Name of the threads that read object files. Whatever panics in one is caught, and
/// told as damage of the file: a panic hook may be silent there.
pub const THREAD: &str = "freehold-symbols";
/// Parsers call themselves for each level of nested types.
const STACK: usize = 16 << 20;

/// An object, as long as its [`Symbols`] lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(u32);

/// In what condition the file of an object was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nobody has asked for an address in it yet.
    #[default]
    Unopened,
    /// It is the file that was loaded.
    Found,
    /// It has another build id than when it was recorded.
    Changed,
    /// It cannot be used; the text says why, to be read after its name.
    Missing(String),
    /// It never was a file: the kernel's code, or memory.
    NoFile,
}

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) path: String,
    pub(crate) build_id: Vec<u8>,
}

impl Subject {
    /// The path of the file, and whether it had been deleted.
    fn file(&self) -> (&str, bool) {
        match self.path.strip_suffix(" (deleted)") {
            Some(path) => (path, true),
            None => (&self.path, false),
        }
    }
}

/// What is known of an object.
#[derive(Debug)]
pub struct KnownObject {
    pub(crate) subject: Subject,
    /// Its file name, for people.
    pub name: Arc<str>,
    /// In what condition its file was found.
    pub condition: Condition,
    /// Whether debug information was found for it.
    pub has_lines: bool,
    /// What is wrong with debug files that were found; to be read after its name.
    pub fault: Option<String>,
}

impl KnownObject {
    /// Its path, as the ledger has it.
    pub fn path(&self) -> &str {
        &self.subject.path
    }

    /// Its build id in hexadecimal; empty when it has none.
    pub fn build_id(&self) -> String {
        let bytes = self.subject.build_id.iter();
        bytes.map(|b| format!("{b:02x}")).collect()
    }
}

/// Names for addresses in any number of objects.
pub struct Symbols<'f> {
    files: &'f dyn Files,
    roots: Roots,
    objects: Vec<KnownObject>,
    by_subject: HashMap<Subject, ObjectId>,
    places: HashMap<(ObjectId, u64), Arc<[Place]>>,
    /// What JITs of processes made.
    jits: HashMap<u32, JitMap>,
}

impl<'f> Symbols<'f> {
    /// Looks in `files`, and for separate debug files in `/usr/lib/debug`.
    pub fn new(files: &'f dyn Files) -> Symbols<'f> {
        Symbols {
            files,
            roots: Roots {
                debug: vec![PathBuf::from("/usr/lib/debug")],
                ..Roots::default()
            },
            objects: Vec::new(),
            by_subject: HashMap::new(),
            places: HashMap::new(),
            jits: HashMap::new(),
        }
    }

    /// Looks for separate debug files below these folders, each laid out like
    /// `/usr/lib/debug`.
    pub fn debug_roots(mut self, roots: Vec<PathBuf>) -> Symbols<'f> {
        self.roots.debug = roots;
        self
    }

    /// Looks also in these folders, for programs and libraries that are not at the
    /// place where they were loaded and for their debug files: by file name, as a
    /// symbol server lays them out (`NAME/KEY/NAME`), by build id, and by the path of
    /// a Unix file below the folder. Only files of the recorded build are used.
    pub fn symbol_folders(mut self, folders: Vec<PathBuf>) -> Symbols<'f> {
        self.roots.symbols = folders;
        self
    }

    /// Looks for files of Windows programs below `folder`, which holds the drives by
    /// letter (`c:`), as `dosdevices` of a Wine prefix does.
    pub fn windows_drives(mut self, folder: PathBuf) -> Symbols<'f> {
        self.roots.drives = Some(folder);
        self
    }

    /// The object that `module` was loaded from.
    pub fn object(&mut self, module: &ModuleInfo) -> ObjectId {
        let subject = Subject {
            path: module.path.clone(),
            build_id: module.build_id.clone(),
        };
        if let Some(id) = self.by_subject.get(&subject) {
            return *id;
        }
        let id = ObjectId(u32::try_from(self.objects.len()).unwrap_or(u32::MAX));
        self.objects.push(KnownObject {
            name: file_name(&subject).into(),
            subject: subject.clone(),
            condition: Condition::Unopened,
            has_lines: false,
            fault: None,
        });
        self.by_subject.insert(subject, id);
        id
    }

    /// What is known of an object.
    pub fn known(&self, id: ObjectId) -> &KnownObject {
        &self.objects[id.0 as usize]
    }

    /// The functions at an address of the object's file, innermost first; none
    /// before [`Symbols::load`] was asked for it and when nothing is known.
    pub fn places(&self, id: ObjectId, address: u64) -> &[Place] {
        self.places.get(&(id, address)).map_or(&[], |p| p)
    }

    /// Looks for the map of code that a process's JIT made, once.
    pub(crate) fn load_jit(&mut self, pid: u32) {
        let files = self.files;
        self.jits
            .entry(pid)
            .or_insert_with(|| JitMap::of_process(files, pid));
    }

    /// The language and place of a JIT's code at an address of a process.
    pub(crate) fn jit(&self, pid: u32, address: u64) -> Option<(Language, Place)> {
        self.jits.get(&pid)?.find(address)
    }

    /// Looks these addresses up, each an address in its object's file.
    /// `progress` is told how many of how many objects are done.
    pub fn load(
        &mut self,
        wanted: impl IntoIterator<Item = (ObjectId, u64)>,
        progress: &mut dyn FnMut(usize, usize),
    ) {
        let mut by_object: HashMap<ObjectId, HashSet<u64>> = HashMap::new();
        for (id, address) in wanted {
            if !self.places.contains_key(&(id, address)) {
                by_object.entry(id).or_default().insert(address);
            }
        }
        let mut jobs: Vec<(ObjectId, Vec<u64>)> = by_object
            .into_iter()
            .map(|(id, addresses)| (id, addresses.into_iter().collect()))
            .collect();
        // Most work first, so that the last job is a short one.
        jobs.sort_by_key(|(id, addresses)| (std::cmp::Reverse(addresses.len()), *id));
        for (_, addresses) in &mut jobs {
            addresses.sort_unstable();
        }
        for (id, addresses, answer) in self.run(&jobs, progress) {
            let object = &mut self.objects[id.0 as usize];
            object.condition = answer.condition;
            object.has_lines |= answer.has_lines;
            object.fault = answer.fault;
            for (address, places) in addresses.iter().zip(answer.places) {
                self.places.insert((id, *address), places.into());
            }
        }
    }

    fn run<'j>(
        &self,
        jobs: &'j [(ObjectId, Vec<u64>)],
        progress: &mut dyn FnMut(usize, usize),
    ) -> Vec<(ObjectId, &'j [u64], resolve::Answer)> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let next = AtomicUsize::new(0);
        let mut answers = Vec::with_capacity(jobs.len());
        progress(0, jobs.len());
        let work = |sender: mpsc::Sender<_>| {
            while let Some((id, addresses)) = jobs.get(next.fetch_add(1, Relaxed)) {
                let subject = &self.known(*id).subject;
                let answer = resolve::resolve(self.files, &self.roots, subject, addresses);
                if sender.send((*id, addresses.as_slice(), answer)).is_err() {
                    return;
                }
            }
        };
        let work = &work;
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let start = |_: &usize| {
                let sender = sender.clone();
                let thread = std::thread::Builder::new()
                    .name(THREAD.into())
                    .stack_size(STACK);
                thread.spawn_scoped(scope, move || work(sender)).is_ok()
            };
            // Where the system refuses all of them, this one does the work.
            match (0..threads.min(jobs.len())).filter(start).count() {
                0 => work(sender),
                _ => drop(sender),
            }
            for answer in receiver {
                answers.push(answer);
                progress(answers.len(), jobs.len());
            }
        });
        answers
    }
}

impl std::fmt::Debug for Symbols<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Symbols")
            .field("objects", &self.objects)
            .field("places", &self.places.len())
            .finish_non_exhaustive()
    }
}

fn file_name(subject: &Subject) -> String {
    let (path, _) = subject.file();
    match paths::file_name(path) {
        "" if subject.path.is_empty() => String::from("[unnamed]"),
        "" => subject.path.clone(),
        name => name.to_owned(),
    }
}
