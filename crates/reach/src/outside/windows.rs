//! A process of Windows whose threads stand still, and its memory. Not what is
//! looked for in it.
//!
//! Threads are suspended one by one (`SuspendThread`), again until no new one
//! appears: a thread that was not yet suspended may have made another. Who ends the
//! asking process in between leaves the other one suspended: it should not take long.

mod areas;
mod sys;
mod threads;

use core::ffi::c_void;
use std::fmt;
use std::io;

use super::{Outcome, judge, sweep};
use crate::Block;
use freehold_ledger::format::Verdict;
use sys::{Handle, PAGE};
use threads::{Registers, Thread};

/// Why a process cannot be judged.
#[derive(Debug)]
pub enum Error {
    /// The process may not be opened or read, or has ended.
    Process(io::Error),
    /// A thread of it cannot be stopped.
    Thread(io::Error),
    /// It is the process that asks.
    Own,
    /// It is a 32-bit process, or one for another processor.
    Width,
    /// There are 2³¹ blocks or more.
    TooManyBlocks,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Process(e) => write!(f, "its memory cannot be read: {e}"),
            Error::Thread(e) => write!(f, "a thread of it cannot be stopped: {e}"),
            Error::Own => f.write_str("a process cannot stand still and look at itself"),
            Error::Width => f.write_str("it is no 64-bit process for x86-64"),
            Error::TooManyBlocks => f.write_str("it has too many blocks"),
        }
    }
}

impl std::error::Error for Error {}

/// A process that stands still. It goes on when this value is dropped.
///
/// A debugger or another tool that has suspended threads keeps them suspended:
/// Windows counts.
///
/// # Examples
/// ```no_run
/// use freehold_reach::{Block, outside::Stopped};
///
/// # fn main() -> Result<(), freehold_reach::outside::Error> {
/// let stopped = Stopped::process(4711)?;
/// // Read now: the ledger stands still, too.
/// let blocks = [Block { address: 0x2a_0000, size: 64, tag: 0, flags: 0 }];
/// let outcome = stopped.judge(&blocks, &[], &mut |tag, verdict| {
///     println!("block {tag} is {}", verdict.name());
/// })?;
/// drop(stopped);
/// println!("{} bytes were read", outcome.root_bytes + outcome.block_bytes);
/// # Ok(())
/// # }
/// ```
pub struct Stopped {
    process: Handle,
    registers: Vec<Registers>,
    /// Go on when this is dropped.
    _threads: Vec<Thread>,
}

impl Stopped {
    /// Stops the threads of process `pid`.
    ///
    /// # Errors
    /// When the process does not run, is this one or no process for x86-64, or when
    /// its threads may not be stopped, as those of another user's process. Those
    /// stopped until then go on.
    pub fn process(pid: u32) -> Result<Stopped, Error> {
        if pid == std::process::id() {
            return Err(Error::Own);
        }
        let process = Handle::of_process(pid).map_err(Error::Process)?;
        if !process.is_x86_64().map_err(Error::Process)? {
            return Err(Error::Width);
        }
        let (threads, registers) = threads::stop(pid, &process).map_err(Error::Thread)?;
        Ok(Stopped {
            process,
            registers,
            _threads: threads,
        })
    }

    /// Judges blocks of the process; gives `verdict` the tag of each and its verdict.
    /// [`Verdict::Unknown`] for one that does not lie in readable memory.
    ///
    /// A block with [`Block::ROOT`] is held whatever points to it, one with
    /// [`Block::DEAD`] gets no verdict. `without` are addresses in this process: where
    /// a file is mapped there, no view of that file is read in the other one. The
    /// ledger is such a file.
    ///
    /// # Errors
    /// When the memory cannot be read, as after the end of the process, or there are
    /// too many blocks.
    pub fn judge(
        &self,
        blocks: &[Block],
        without: &[*const c_void],
        verdict: &mut dyn FnMut(u64, Verdict),
    ) -> Result<Outcome, Error> {
        let words: Vec<u64> = self.registers.iter().flat_map(|r| r.words()).collect();
        let stack_pointers = self.registers.iter().map(|r| r.stack_pointer());
        let stack_pointers: Vec<u64> = stack_pointers.collect();
        let areas = areas::of(&self.process, &stack_pointers, without).map_err(Error::Process)?;
        judge(&self.process, &areas, &words, blocks, verdict).ok_or(Error::TooManyBlocks)
    }
}

impl sweep::Memory for Handle {
    fn read(&self, at: u64, into: &mut [u8]) -> usize {
        if self.read_all(at, into) {
            return into.len();
        }
        // How much of it was copied is not documented: as many pages as can be read.
        let mut done = 0;
        while done < into.len() {
            let to_end = (PAGE - (at + done as u64) % PAGE) as usize;
            let len = to_end.min(into.len() - done);
            if !self.read_all(at + done as u64, &mut into[done..done + len]) {
                break;
            }
            done += len;
        }
        done
    }
}
