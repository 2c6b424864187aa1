//! The request to a process to judge its live blocks.

use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::{Duration, Instant};

use freehold_ledger::format::{Clock, LedgerHeader, PAGE, ScanState, SessionHeader};

use crate::args::SnapshotArgs;
use crate::errors::Failure;
use crate::interrupt::Held;
use crate::output::Progress;
use crate::session_store::{self, Found};
use crate::wait;

/// Has the process judge its blocks; says why it did not.
pub(super) fn judge(found: &Found, slot: u32, args: &SnapshotArgs) -> Option<String> {
    match ask(found, slot, args) {
        Ok(ScanState::Done) => None,
        Ok(state) => Some(unjudged(args, state)),
        Err(failure) => Some(format!("{failure}; the blocks are kept without verdicts")),
    }
}

fn unjudged(args: &SnapshotArgs, state: ScanState) -> String {
    let pid = args.pid;
    let seconds = args.wait.as_secs_f64();
    let why = match state {
        ScanState::Failed => format!("the scan of process {pid} failed"),
        ScanState::Running => format!("the scan of process {pid} took longer than {seconds} s"),
        _ if wait::state_of(pid).is_none_or(|s| matches!(s, 'Z' | 'X')) => {
            format!("process {pid} ended meanwhile")
        }
        _ => format!(
            "process {pid} allocated nothing in {seconds} s, and it judges its blocks only when \
             it allocates (--wait waits longer)"
        ),
    };
    format!("{why}: nothing tells which of its live blocks were lost")
}

/// Asks the process to judge its blocks and waits for it; how far it came.
fn ask(found: &Found, slot: u32, args: &SnapshotArgs) -> Result<ScanState, Failure> {
    let cannot = |e: std::io::Error| {
        Failure::freehold(format!("cannot ask process {} for a scan: {e}", args.pid))
    };
    let file = session_store::open_writable(&found.path).map_err(cannot)?;
    let session = Page::<SessionHeader>::map(&file, 0).map_err(cannot)?;
    let header = session.get();
    let at = header
        .stride
        .load(Relaxed)
        .checked_mul(slot.into())
        .and_then(|at| at.checked_add(header.slots_offset.load(Relaxed)));
    let at = at.ok_or_else(|| Failure::freehold("the session's header is damaged"))?;
    let ledger = Page::<LedgerHeader>::map(&file, at).map_err(cannot)?;
    let state = &ledger.get().scan_state;
    // Without it, the processes of the session would go on looking for a
    // request at every event.
    let held = Held::new();
    let reached = wait_for(state, &header.clock, args.wait, &held);
    header.clock.clear(Clock::CALLING);
    if reached == ScanState::Requested {
        // Too late now: nobody would read the verdicts.
        let (from, to) = (ScanState::Requested as u32, ScanState::None as u32);
        let _ = state.compare_exchange(from, to, AcqRel, Acquire);
    }
    // Ends the command when somebody asked for that.
    drop(held);
    Ok(reached)
}

/// Asks for a scan, if the state is one of these.
fn request(state: &AtomicU32, clock: &Clock, from: &[ScanState]) {
    for from in from {
        let to = ScanState::Requested as u32;
        let _ = state.compare_exchange(*from as u32, to, AcqRel, Acquire);
    }
    if clock.word() & Clock::CALLING == 0 {
        clock.set(Clock::CALLING);
    }
}

/// Asks for a scan, unless one is asked for or on its way, and waits for it;
/// how far it came.
fn wait_for(state: &AtomicU32, clock: &Clock, patience: Duration, held: &Held) -> ScanState {
    let begun = Instant::now();
    request(
        state,
        clock,
        &[ScanState::None, ScanState::Done, ScanState::Failed],
    );
    let mut progress = Progress::new();
    loop {
        // Acquire: the verdicts were written before.
        let now = state.load(Acquire);
        let now = [
            ScanState::Requested,
            ScanState::Running,
            ScanState::Done,
            ScanState::Failed,
        ]
        .into_iter()
        .find(|s| *s as u32 == now)
        .unwrap_or(ScanState::None);
        let is_over = matches!(now, ScanState::Done | ScanState::Failed);
        if is_over || held.is_interrupted() || begun.elapsed() >= patience {
            return now;
        }
        // Another reader that waited less long took the request back.
        request(state, clock, &[ScanState::None]);
        progress.say(|| String::from("waiting for the process to judge its blocks"));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The first page of a structure of atomics in a shared file.
struct Page<T> {
    at: NonNull<T>,
}

impl<T> Page<T> {
    /// Maps the page at `offset` of the file.
    fn map(file: &std::fs::File, offset: u64) -> std::io::Result<Page<T>> {
        const { assert!(size_of::<T>() <= PAGE as usize) };
        let end = offset.checked_add(PAGE);
        let fits = end.is_some_and(|end| file.metadata().is_ok_and(|m| end <= m.len()));
        let Some(offset) = i64::try_from(offset).ok().filter(|_| fits) else {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        };
        // SAFETY: a new mapping at an address of the kernel's choice.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                PAGE as usize,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                offset,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        let at = NonNull::new(at.cast()).ok_or(std::io::ErrorKind::OutOfMemory)?;
        Ok(Page { at })
    }

    fn get(&self) -> &T
    where
        T: Atomics,
    {
        // SAFETY: mapped until this value is dropped, and made of atomics, for
        // which any bytes are valid and writers elsewhere no conflict.
        unsafe { self.at.as_ref() }
    }
}

impl<T> Drop for Page<T> {
    fn drop(&mut self) {
        // SAFETY: mapped by us; no reference outlives the value.
        unsafe { libc::munmap(self.at.as_ptr().cast(), PAGE as usize) };
    }
}

/// A structure that is made of atomic integers only.
trait Atomics {}
impl Atomics for SessionHeader {}
impl Atomics for LedgerHeader {}
