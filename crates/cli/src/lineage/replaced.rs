//! Whether a process became another program without saying so.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::State;
use freehold_ledger::reader::SessionFile;

use crate::session_store::{headers, is_open};

/// Whether the program of the last ledger of process `pid` became, without a
/// trace in the session, another one, called `name` by the kernel.
///
/// A tracked program that ends by itself or calls `exec` says so in its ledger,
/// unless it calls the kernel directly. Such a one that ended still has the
/// name that it was started with.
pub(crate) fn became_untracked(session: &SessionFile, pid: u32, name: &str) -> Option<u32> {
    /// What the kernel keeps of a name.
    const NAME: usize = 15;
    let of_process = headers(session).filter(|(_, h)| h.pid.load(Relaxed) == pid);
    let (slot, header) = of_process.last()?;
    if header.state.load(Relaxed) == State::Replaced as u32 {
        return Some(slot);
    }
    if !is_open(&header) || name.is_empty() {
        return None;
    }
    let snapshot = session.read_ledger(slot).ok()??;
    let process = snapshot.process;
    // A script bears its own name, and is the first argument of its shell.
    let script = process.argv.get(1).filter(|path| is_script(path));
    let mut names = process
        .argv
        .iter()
        .take(1)
        .chain(script)
        .chain([&process.exe]);
    let is_known = names.any(|known| {
        let known = known.rsplit('/').next().unwrap_or_default();
        known.bytes().take(NAME).eq(name.bytes())
    });
    (!is_known).then_some(slot)
}

fn is_script(path: &str) -> bool {
    let mut mark = [0; 2];
    let path = Path::new(path);
    let opened = if path.is_file() {
        File::open(path).ok()
    } else {
        None
    };
    opened.is_some_and(|mut file| file.read_exact(&mut mark).is_ok() && mark == *b"#!")
}
