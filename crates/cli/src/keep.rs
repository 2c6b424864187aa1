//! A session's ledgers in a file of their own.
//!
//! The copy is a session file like any other, but small: sections lie one
//! behind the other instead of at the distances that a growing ledger needs,
//! so that it fits on every file system. Slots of the index that changed while
//! they were copied are left out, as a reader would do; so the copy stays what
//! it was at that moment.
//!
//! What the launcher knows of the end of a process, and its ledger does not,
//! goes into `exit_status`, which means nothing else while `state` says that
//! the process did not end by itself:
//!
//! ```text
//! 31..16  15..8              7..0
//!    0    0 nothing known
//!         1 exited           the status
//!         2 killed           the signal
//!         3 it was running   0
//!         4 it was gone      0
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use freehold_ledger::format::{Clock, LedgerHeader, PAGE, Section, SessionHeader, Slot, round_up};
use freehold_ledger::reader::{Copied, ReadError, SessionFile};
use freehold_report::Outcome;

use crate::errors::Failure;
use crate::output::{Pending, cannot_write};
use crate::session_store::{headers, is_open};
use crate::system::{read_exact_at, write_all_at};

/// How often a copy is begun anew because ledgers outgrew the room that was
/// laid out for them.
const TRIES: u32 = 8;

/// How one ledger of a session is copied.
pub(crate) type CopyLedger<'a> =
    &'a mut dyn FnMut(&SessionFile, u32) -> Result<Option<Copied>, ReadError>;

/// Writes the ledgers of `file` to `path` and gives the new file, read back.
///
/// `copy_ledger` copies the ledger of one slot: [`SessionFile::copy_ledger`], or what does
/// more. It may be called again for the same one.
///
/// # Errors
/// When the session cannot be read or the file not be written.
pub(crate) fn keep(
    file: &SessionFile,
    outcomes: &HashMap<u32, Outcome>,
    path: &Path,
    copy_ledger: CopyLedger,
) -> Result<SessionFile, Failure> {
    let pending = Pending::begin(path)?;
    if !pending.file.metadata().is_ok_and(|m| m.is_file()) {
        let message = format!(
            "cannot keep a ledger in {}: it is not a regular file",
            path.display()
        );
        return Err(Failure::freehold(message));
    }
    let mut stride = least_stride(file);
    for _ in 0..TRIES {
        match copy(file, outcomes, &pending.file, stride, copy_ledger) {
            Ok(()) => {
                let copy = pending
                    .file
                    .try_clone()
                    .map_err(|e| cannot_write(path, &e))?;
                pending.finish().map_err(|e| cannot_write(path, &e))?;
                return SessionFile::new(copy, path).map_err(Failure::freehold);
            }
            Err(Stopped::Outgrown(needed)) => stride = needed.saturating_mul(2),
            Err(Stopped::Read(e)) => return Err(Failure::freehold(e)),
            Err(Stopped::Write(e)) => return Err(cannot_write(path, &e)),
        }
    }
    Err(Failure::freehold(
        "the ledgers grow faster than they can be copied",
    ))
}

/// Why a copy was not finished.
enum Stopped {
    /// A ledger needs this distance to the next.
    Outgrown(u64),
    Read(ReadError),
    Write(io::Error),
}

/// Room for the largest ledger, as its header has it now.
fn least_stride(file: &SessionFile) -> u64 {
    let sizes = headers(file).map(|(_, header)| {
        let committed = header.section_committed.iter().map(|c| c.load(Relaxed));
        let whole = committed.fold(PAGE, |sum, c| sum.saturating_add(round_to_page(c)));
        // A hostile header may say anything: what is needed is found out.
        whole.min(1 << 32)
    });
    sizes.max().unwrap_or(PAGE)
}

fn round_to_page(bytes: u64) -> u64 {
    round_up(bytes.min(1 << 48), PAGE)
}

fn copy(
    from: &SessionFile,
    outcomes: &HashMap<u32, Outcome>,
    to: &File,
    stride: u64,
    copy_ledger: CopyLedger,
) -> Result<(), Stopped> {
    let header = from.header().map_err(Stopped::Read)?;
    let slots: Vec<u32> = headers(from).map(|(slot, _)| slot).collect();
    let count = slots.last().map_or(0, |last| last + 1);
    header.stride.store(stride, Relaxed);
    header.slots_offset.store(PAGE, Relaxed);
    header.slots.store(count, Relaxed);
    header.max_slots.store(count.max(1), Relaxed);
    header.clock.clear(Clock::TICKING | Clock::CALLING);
    to.set_len(0).map_err(Stopped::Write)?;
    write_all_at(to, bytes_of::<SessionHeader>(&header), 0).map_err(Stopped::Write)?;
    to.set_len(PAGE + u64::from(count) * stride)
        .map_err(Stopped::Write)?;
    for slot in slots {
        if let Some(mut copied) = copy_ledger(from, slot).map_err(Stopped::Read)? {
            settle(&mut copied, outcomes);
            write(&copied, to, PAGE + u64::from(slot) * stride, stride)?;
        }
    }
    Ok(())
}

/// Leaves out what changed meanwhile, and adds how the process ended.
fn settle(copied: &mut Copied, outcomes: &HashMap<u32, Outcome>) {
    let before = copied.sections[Section::Segments as usize].chunks_exact_mut(8);
    let mut after = copied.segments_after.chunks_exact(8);
    for before in before {
        let word = |bytes: &[u8]| {
            let bytes: [u8; 8] = bytes.try_into().unwrap_or_default();
            u64::from_le_bytes(bytes) & !Slot::FROZEN
        };
        let (first, second) = (word(before), after.next().map_or(0, word));
        let same = if first == second { first } else { 0 };
        before.copy_from_slice(&same.to_le_bytes());
    }
    let header = &copied.header;
    let outcome = outcomes.get(&header.pid.load(Relaxed));
    if let Some(outcome) = outcome.filter(|_| is_open(header)) {
        header.exit_status.store(pack(*outcome), Relaxed);
    }
}

fn pack(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Exited(code) => 1 << 8 | code as u32 & 0xff,
        Outcome::Killed(signal) => 2 << 8 | signal as u32 & 0xff,
        Outcome::Running => 3 << 8,
        Outcome::Gone => 4 << 8,
    }
}

fn unpack(word: u32) -> Option<Outcome> {
    let low = (word & 0xff) as i32;
    match word >> 8 {
        1 => Some(Outcome::Exited(low)),
        2 => Some(Outcome::Killed(low)),
        3 => Some(Outcome::Running),
        4 => Some(Outcome::Gone),
        _ => None,
    }
}

/// What a kept file has on the ends of processes, by process id.
pub(crate) fn outcomes(file: &SessionFile) -> HashMap<u32, Outcome> {
    let known = headers(file).filter(|(_, header)| is_open(header));
    known
        .filter_map(|(_, header)| {
            let outcome = unpack(header.exit_status.load(Relaxed))?;
            Some((header.pid.load(Relaxed), outcome))
        })
        .collect()
}

fn write(copied: &Copied, to: &File, at: u64, stride: u64) -> Result<(), Stopped> {
    let mut offset = PAGE;
    for (i, section) in copied.sections.iter().enumerate() {
        let len = section.len() as u64;
        copied.header.section_offset[i].store(offset, Relaxed);
        copied.header.section_committed[i].store(len, Relaxed);
        offset += round_to_page(len);
    }
    if offset > stride {
        return Err(Stopped::Outgrown(offset));
    }
    for (section, offset) in copied.sections.iter().zip(&copied.header.section_offset) {
        let at = at + offset.load(Relaxed);
        write_all_at(to, section, at).map_err(Stopped::Write)?;
        verify(section, to, at).map_err(Stopped::Write)?;
    }
    // Last, as its magic word says that the rest is there.
    write_all_at(to, bytes_of::<LedgerHeader>(&copied.header), at).map_err(Stopped::Write)
}

/// Makes sure that what was written can be read.
fn verify(section: &[u8], file: &File, at: u64) -> io::Result<()> {
    let mut buffer = vec![0; section.len().min(1 << 16)];
    let mut at = at;
    for chunk in section.chunks(1 << 16) {
        let buffer = &mut buffer[..chunk.len()];
        read_exact_at(file, buffer, at)?;
        if buffer != chunk {
            return Err(io::Error::other("what was written reads back differently"));
        }
        at += chunk.len() as u64;
    }
    Ok(())
}

/// A header that is a structure of atomics.
trait Header {}
impl Header for SessionHeader {}
impl Header for LedgerHeader {}

fn bytes_of<T: Header>(header: &T) -> &[u8] {
    // SAFETY: both headers are `repr(C)` structures of integers without
    // padding between them, and this copy belongs to this thread alone.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(header).cast(), size_of::<T>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_survive_packing() {
        for outcome in [
            Outcome::Exited(0),
            Outcome::Exited(255),
            Outcome::Killed(9),
            Outcome::Running,
            Outcome::Gone,
        ] {
            assert_eq!(unpack(pack(outcome)), Some(outcome));
        }
        assert_eq!(unpack(0), None);
    }
}
