//! Names of code that a JIT made: `perf-PID.map`, which Node (`--perf-basic-prof`), the
//! JVM's agents, CPython (`-X perf`) and others write into the temporary folder.
//!
//! Each line is `START SIZE NAME`, in hexadecimal but for the name. V8's names begin with
//! what was compiled (`JS:`, `LazyCompile:`, `Eval:` …), how (`~`, `^`, `+`, `*`), then the
//! function and its place.
//!
//! What is not here: code that was moved or freed before the block was allocated: a range
//! that was given twice has the later name.

use std::path::Path;
use std::sync::Arc;

use crate::files::Files;
use crate::frame::{Language, Place};

/// Bytes of a map that is read; Node's has some hundred kilobytes.
const MOST: usize = 256 << 20;

/// The code of one process, by address.
#[derive(Debug, Default)]
pub(crate) struct JitMap {
    /// Start, end, and where the name stands in the text: sorted by start.
    ranges: Vec<(u64, u64, Arc<str>)>,
}

impl JitMap {
    /// That of a process; empty where there is none.
    pub(crate) fn of_process(files: &dyn Files, pid: u32) -> JitMap {
        let path = format!("/tmp/perf-{pid}.map");
        match files.open(Path::new(&path)) {
            Ok(bytes) if (*bytes).as_ref().len() <= MOST => JitMap::parse((*bytes).as_ref()),
            _ => JitMap::default(),
        }
    }

    /// Lines that are none are passed over: the last one may be cut.
    fn parse(bytes: &[u8]) -> JitMap {
        let mut ranges = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let mut words = line.splitn(3, ' ');
            let mut number =
                || u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok();
            let (Some(start), Some(size)) = (number(), number()) else {
                continue;
            };
            let Some(name) = words.next().filter(|name| !name.is_empty()) else {
                continue;
            };
            if let Some(end) = start.checked_add(size) {
                ranges.push((start, end, Arc::from(name)));
            }
        }
        // Stable: of equal starts the later line comes last.
        ranges.sort_by_key(|(start, ..)| *start);
        JitMap { ranges }
    }

    /// The language and the place of the code at an address.
    pub(crate) fn find(&self, address: u64) -> Option<(Language, Place)> {
        let behind = self.ranges.partition_point(|(start, ..)| *start <= address);
        // Ranges do not overlap, but for those of code that was given up.
        let near = self.ranges[behind.saturating_sub(16)..behind].iter().rev();
        let (.., name) = near.into_iter().find(|(_, end, _)| address < *end)?;
        Some(named(name))
    }
}

/// What a name says.
fn named(name: &str) -> (Language, Place) {
    let plain = || Place {
        function: Some(name.into()),
        ..Place::default()
    };
    // CPython's trampolines: `py::FUNCTION:FILE`.
    if let Some((function, file)) = name
        .strip_prefix("py::")
        .and_then(|rest| rest.rsplit_once(':'))
    {
        let place = Place {
            function: Some(function.into()),
            file: Some(file.into()),
            ..Place::default()
        };
        return (Language::Python, place);
    }
    let Some((kind, rest)) = name.split_once(':') else {
        return (Language::Native, plain());
    };
    let is_code = ["JS", "LazyCompile", "Function", "Eval", "Script"].contains(&kind);
    if !is_code {
        return (Language::Native, plain());
    }
    let rest = rest.trim_start_matches(['~', '^', '+', '*', '\'']);
    // The function's name is empty where it has none.
    let (function, at) = rest.split_once(' ').unwrap_or(("", rest));
    let mut place = Place {
        function: Some(match function {
            "" => "<anonymous>".into(),
            function => function.into(),
        }),
        ..Place::default()
    };
    let mut parts = at.rsplitn(3, ':');
    let (last, middle, first) = (parts.next(), parts.next(), parts.next());
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
    match (first, number(middle), number(last)) {
        (Some(file), Some(line), Some(column)) => {
            place.file = Some(file.strip_prefix("file://").unwrap_or(file).into());
            (place.line, place.column) = (Some(line), Some(column));
        }
        _ if !at.is_empty() => place.file = Some(at.into()),
        _ => {}
    }
    (Language::JavaScript, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(map: &JitMap, address: u64) -> String {
        let Some((language, place)) = map.find(address) else {
            return String::from("-");
        };
        let text = |text: Option<Arc<str>>| text.map_or(String::new(), |text| text.to_string());
        let number =
            |number: Option<u32>| number.map_or(String::new(), |number| format!(":{number}"));
        format!(
            "{} {} {}{}{}",
            language.name(),
            text(place.function),
            text(place.file),
            number(place.line),
            number(place.column)
        )
    }

    #[test]
    fn names_of_v8_and_others_are_understood() {
        let map = JitMap::parse(
            b"1000 100 JS:~foo /home/u/app.js:10:13\n\
              1100 80 JS:* file:///home/u/b.mjs:3:1\n\
              1200 10 LazyCompile:*Client.send node:net:77:5\n\
              1300 10 Builtin:InterpreterEntryTrampoline\n\
              0x1400 0x10 py::load:/home/u/x.py\n\
              1500 10 Lsome/java/Method;::run\n\
              1600 10 Eval:~ node:internal/main:1:1\n\
              nonsense\n1700\n1800 zz name\nffffffffffffffff 10 end\n19",
        );
        for (address, wanted) in [
            (0xfff, "-"),
            (0x1000, "js foo /home/u/app.js:10:13"),
            (0x10ff, "js foo /home/u/app.js:10:13"),
            (0x1110, "js <anonymous> /home/u/b.mjs:3:1"),
            (0x1190, "-"),
            (0x1208, "js Client.send node:net:77:5"),
            (0x1300, "native Builtin:InterpreterEntryTrampoline "),
            (0x1404, "python load /home/u/x.py"),
            (0x1500, "native Lsome/java/Method;::run "),
            (0x1600, "js <anonymous> node:internal/main:1:1"),
            (0x1700, "-"),
        ] {
            assert_eq!(shown(&map, address), wanted, "{address:#x}");
        }
    }

    #[test]
    fn of_two_names_the_later_one_counts() {
        let map = JitMap::parse(b"1000 100 JS:~old a.js:1:1\n1000 80 JS:*new a.js:2:1\n");
        assert_eq!(shown(&map, 0x1010), "js new a.js:2:1");
        assert_eq!(shown(&map, 0x1090), "js old a.js:1:1");
        assert_eq!(shown(&JitMap::default(), 0x1010), "-");
    }
}
