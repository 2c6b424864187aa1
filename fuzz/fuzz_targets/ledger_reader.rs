//! Anything at all as a session file: it is read, judged and rendered.
#![no_main]

use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;
use std::path::Path;

use freehold_ledger::format::{LEDGER_MAGIC, SESSION_MAGIC, VERSION};
use freehold_ledger::reader::SessionFile;
use freehold_report::files::NoFiles;
use freehold_report::text::TextOptions;
use freehold_report::{Options, Show, Symbols, build, json, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(file) = in_memory(&with_magics(bytes)) else {
        return;
    };
    let Ok(file) = SessionFile::new(file, Path::new("fuzzed")) else {
        return;
    };
    let Ok(session) = file.read_session(|_, _| {}) else {
        return;
    };
    for show in [Show::Lost, Show::All] {
        let options = Options {
            show,
            ..Options::default()
        };
        let report = build(&session, &options, &mut Symbols::new(&NoFiles), &mut |_| {});
        text::render(&report, &TextOptions::default());
        json::render(&report);
    }
});

/// `bytes` with the words without which a reader looks at nothing else: those
/// of a session, and those of a ledger at the start of every later page. What
/// has the first of them already came from a real file and stays as it is.
fn with_magics(bytes: &[u8]) -> Vec<u8> {
    let mut file = bytes.to_vec();
    if file.starts_with(&SESSION_MAGIC.to_le_bytes()) {
        return file;
    }
    for (page, start) in file.chunks_mut(4096).enumerate() {
        let magic = if page == 0 {
            SESSION_MAGIC
        } else {
            LEDGER_MAGIC
        };
        for (to, from) in start.iter_mut().zip(magic.to_le_bytes()) {
            *to = from;
        }
        for (to, from) in start.iter_mut().skip(8).zip(VERSION.to_le_bytes()) {
            *to = from;
        }
    }
    file
}

fn in_memory(bytes: &[u8]) -> Option<File> {
    // SAFETY: the name is a string that ends; the descriptor is ours alone.
    let mut file = unsafe {
        let descriptor = libc::memfd_create(c"fuzzed".as_ptr(), libc::MFD_CLOEXEC);
        (descriptor >= 0).then(|| File::from_raw_fd(descriptor))?
    };
    file.write_all(bytes).ok()?;
    Some(file)
}
