//! Windows: the process stands still while its ledger is copied and its memory read.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle, RawHandle};
use std::path::Path;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use freehold_ledger::format::Verdict;
use freehold_ledger::reader::{Copied, ReadError, Scan};
use freehold_reach::Block;
use freehold_reach::outside::{Error, Outcome, Stopped};

use crate::session_store::Found;

const PAGE_READONLY: u32 = 2;
const FILE_MAP_READ: u32 = 4;
/// The session's header: any part would do.
const VIEW: usize = freehold_ledger::format::PAGE as usize;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn CreateFileMappingW(
        file: RawHandle,
        security: *const c_void,
        protection: u32,
        size_high: u32,
        size_low: u32,
        name: *const u16,
    ) -> RawHandle;
    fn MapViewOfFile(
        mapping: RawHandle,
        access: u32,
        offset_high: u32,
        offset_low: u32,
        len: usize,
    ) -> *const c_void;
    fn UnmapViewOfFile(at: *const c_void) -> i32;
    fn CloseHandle(handle: RawHandle) -> i32;
    fn SetConsoleCtrlHandler(handler: extern "system" fn(u32) -> i32, add: i32) -> i32;
}

/// Copies the ledger in `slot`, with verdicts on its blocks; `why` says why there are
/// none.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) fn copy_judged(
    found: &Found,
    slot: u32,
    pid: u32,
    why: &mut Option<String>,
) -> Result<Option<Copied>, ReadError> {
    let without = |error: &dyn std::fmt::Display| {
        Some(format!(
            "the blocks of process {pid} are kept without verdicts: {error}; nothing tells which \
             of them were lost"
        ))
    };
    let view = match View::of(&found.path) {
        Ok(view) => view,
        Err(e) => {
            *why = without(&e);
            return found.file.copy_ledger(slot);
        }
    };
    let still = StandsStill::begin();
    let begun = Instant::now();
    let stopped = match Stopped::process(pid) {
        Ok(stopped) => stopped,
        Err(e) => {
            *why = without(&e);
            return found.file.copy_ledger(slot);
        }
    };
    let Some(mut copied) = found.file.copy_ledger(slot)? else {
        return Ok(None);
    };
    let judged = judge(&stopped, &copied, &view);
    drop(stopped);
    drop(still);
    let pause_us = begun.elapsed().as_micros() as u64;
    *why = match judged {
        Ok((outcome, verdicts)) => {
            let scan = Scan {
                pause_us,
                duration_us: pause_us,
                root_bytes: outcome.root_bytes,
                block_bytes: outcome.block_bytes,
                ..Scan::default()
            };
            copied.set_verdicts(&scan, |address| {
                let found = verdicts.binary_search_by_key(&address, |(address, _)| *address);
                found.map_or(Verdict::Unknown, |i| verdicts[i].1)
            });
            None
        }
        Err(e) => without(&e),
    };
    Ok(Some(copied))
}

/// The verdicts on all blocks that pointers hold, in the order of addresses.
fn judge(
    stopped: &Stopped,
    copied: &Copied,
    view: &View,
) -> Result<(Outcome, Vec<(u64, Verdict)>), Error> {
    let blocks = copied.live_blocks();
    let blocks = blocks
        .iter()
        .filter(|block| block.family().is_held_by_pointers());
    let blocks: Vec<Block> = blocks
        .map(|block| Block {
            address: block.address,
            size: if is_movable(block) { 0 } else { block.size() },
            tag: block.address,
            flags: 0,
        })
        .collect();
    let mut verdicts = Vec::with_capacity(blocks.len());
    let outcome = stopped.judge(&blocks, &[view.0], &mut |address, verdict| {
        verdicts.push((address, verdict));
    })?;
    verdicts.sort_unstable_by_key(|(address, _)| *address);
    Ok((outcome, verdicts))
}

/// Whether a block's address is only a handle of it, as that of movable memory is: no
/// block of a heap begins there, whose addresses are multiples of 16 (HeapAlloc,
/// `MEMORY_ALLOCATION_ALIGNMENT`). Its memory is taken for the program's.
fn is_movable(block: &freehold_ledger::reader::Block) -> bool {
    use freehold_ledger::format::Family;
    matches!(block.family(), Family::Local | Family::Global) && !block.address.is_multiple_of(16)
}

/// A view of the session in this process: by its name those in the other are known.
struct View(*const c_void);

impl View {
    fn of(path: &Path) -> io::Result<View> {
        let file = File::open(path)?;
        // SAFETY: an open file; null stands for no attributes and no name. The view
        // stays when the handle of the mapping is closed.
        let at = unsafe {
            let file = file.as_raw_handle();
            let mapping = CreateFileMappingW(file, ptr::null(), PAGE_READONLY, 0, 0, ptr::null());
            if mapping.is_null() {
                return Err(io::Error::last_os_error());
            }
            let at = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, VIEW);
            CloseHandle(mapping);
            at
        };
        match at.is_null() {
            true => Err(io::Error::last_os_error()),
            false => Ok(View(at)),
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: mapped by us, and nothing of it is referred to.
        unsafe { UnmapViewOfFile(self.0) };
    }
}

/// Whether another process stands still because of us.
static STILL: AtomicBool = AtomicBool::new(false);

/// While this lives, Ctrl-C and its like wait: who ended us meanwhile would leave the
/// other process standing.
struct StandsStill;

impl StandsStill {
    fn begin() -> StandsStill {
        static SET: Once = Once::new();
        STILL.store(true, Ordering::SeqCst);
        SET.call_once(|| {
            // SAFETY: a function that stays. Without a console there is nothing to wait for.
            unsafe { SetConsoleCtrlHandler(wait_until_it_goes_on, 1) };
        });
        StandsStill
    }
}

impl Drop for StandsStill {
    fn drop(&mut self) {
        STILL.store(false, Ordering::SeqCst);
    }
}

/// Called on a thread of its own. 0: the next handler, which ends us.
extern "system" fn wait_until_it_goes_on(_event: u32) -> i32 {
    while STILL.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
    0
}
