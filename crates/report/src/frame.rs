//! A frame of a stack, with the names that were found for it.

use std::sync::Arc;

/// In which kind of code a frame lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Machine code.
    #[default]
    Native,
    /// A Python function.
    Python,
    /// A JavaScript function.
    JavaScript,
    /// A Dart function.
    Dart,
}

impl Language {
    /// The language with this name.
    pub fn from_name(name: &str) -> Option<Language> {
        let all = [
            Language::Native,
            Language::Python,
            Language::JavaScript,
            Language::Dart,
        ];
        all.into_iter().find(|language| language.name() == name)
    }

    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Language::Native => "native",
            Language::Python => "python",
            Language::JavaScript => "js",
            Language::Dart => "dart",
        }
    }
}

/// What is known of one code address: one entry for the function that holds
/// it and one for each function that was inlined there, innermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Name of the function, demangled.
    pub function: Option<Arc<str>>,
    /// Source file, as the debug information has it.
    pub file: Option<Arc<str>>,
    /// Line, counted from 1.
    pub line: Option<u32>,
    /// Column, counted from 1; of managed languages only.
    pub column: Option<u32>,
    /// Whether the function was inlined into the next one.
    pub inlined: bool,
}

/// One frame of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Function, file and line.
    pub place: Place,
    /// File name of the object that holds the code; `[anonymous]` when no
    /// object did; the language's name for a frame of a managed language.
    pub module: Arc<str>,
    /// Return address, as recorded; 0 for a frame of a managed language.
    pub pc: u64,
    /// Address in the object file of the call; the address itself where there
    /// is no object.
    pub offset: u64,
    /// In which kind of code it lies.
    pub language: Language,
}

/// The module of code that lies in no object.
pub const ANONYMOUS: &str = "[anonymous]";

impl Frame {
    /// The function's name, when there is one.
    pub fn function(&self) -> Option<&str> {
        self.place.function.as_deref()
    }

    /// Whether it is machine code.
    pub fn is_native(&self) -> bool {
        self.language == Language::Native
    }

    /// Whether the frame is in the preload library itself.
    pub fn is_ours(&self) -> bool {
        self.module.starts_with("libfreehold_interpose")
    }

    /// Whether the frame is in the dynamic loader.
    pub fn is_loader(&self) -> bool {
        let loader = ["ld-linux", "ld-musl", "ld.so", "ld64.so", "ld-2."];
        let is_in = |names: &[&str]| names.iter().any(|name| self.module.starts_with(name));
        let is_named = self.function().is_some_and(|f| f.starts_with("_dl_"));
        is_in(&loader) || is_named && is_in(&["libc.so", "libc-2", "libdl"])
    }

    /// Whether two frames look the same to a reader: equal names, or where
    /// there are none equal places in the object file.
    pub fn looks_like(&self, other: &Frame) -> bool {
        self.module == other.module
            && self.place == other.place
            && self.language == other.language
            && (self.place.function.is_some()
                || &*self.module == ANONYMOUS
                || self.offset == other.offset)
    }
}
