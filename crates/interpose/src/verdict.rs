//! The scan that judges live blocks, at the end and on request.
//!
//! A copy-on-write image of the process does the work while the process goes
//! on, except when nothing else runs any more. The image finds our private
//! pages wiped, like any forked child: what it needs is gathered before.

use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use freehold_ledger::Memory;
use freehold_ledger::format::{Family, Record, ScanState, Slot};
use freehold_reach::{Block, Input, PythonLayout, PythonLong, Range, ThreadStack, image, threads};

use crate::process::{self, Process};
use crate::{objects, real, thread};

/// Address of `PyLong_Type`, 0 when there is no Python.
static PYTHON_LONG: AtomicU64 = AtomicU64::new(0);
/// 1 when its integers are laid out as from 3.12 on.
static PYTHON_TAGGED: AtomicU32 = AtomicU32::new(0);
/// The last image that was asked for, until it has been waited for.
static IMAGE: AtomicI32 = AtomicI32::new(0);

/// Looks for a Python interpreter among the loaded objects.
pub(crate) fn find_python() {
    let long = real::find(libc::RTLD_DEFAULT, c"PyLong_Type");
    if long.is_null() {
        real::forget_message();
        return;
    }
    let version = real::find(libc::RTLD_DEFAULT, c"Py_Version").cast::<u64>();
    // SAFETY: since 3.11 a constant of this type; null before.
    let version = unsafe { version.as_ref() }.copied().unwrap_or(0);
    PYTHON_TAGGED.store(u32::from(version >= 0x030c_0000), Ordering::Relaxed);
    PYTHON_LONG.store(long as u64, Ordering::Relaxed);
}

fn python() -> Option<PythonLong> {
    let layout = match PYTHON_TAGGED.load(Ordering::Relaxed) {
        0 => PythonLayout::Size,
        _ => PythonLayout::Tag,
    };
    match PYTHON_LONG.load(Ordering::Relaxed) {
        0 => None,
        type_address => Some(PythonLong {
            type_address,
            layout,
        }),
    }
}

/// Judges the live blocks of a process that is about to end.
pub(crate) fn at_exit(process: &Process) {
    let memory = process.ledger().memory();
    if memory.session().scan_at_exit.load(Ordering::Relaxed) == 0 {
        return;
    }
    // A library that was loaded late may have brought Python.
    if PYTHON_LONG.load(Ordering::Relaxed) == 0 {
        crate::thread::unrecorded(find_python);
    }
    let mut running = 0;
    let listed = threads::list(&mut |_| running += 1);
    judge(process, listed.is_ok() && running == 1);
}

/// Judges the live blocks when a reader has asked this process for it.
#[cold]
#[inline(never)]
pub(crate) fn on_request() {
    let process = process::get();
    let state = &process.ledger().memory().header().scan_state;
    let order = (Ordering::AcqRel, Ordering::Relaxed);
    let (asked, taken) = (ScanState::Requested as u32, ScanState::Running as u32);
    if state
        .compare_exchange(asked, taken, order.0, order.1)
        .is_ok()
    {
        // SAFETY: the location is valid for this thread.
        let errno = unsafe { *libc::__errno_location() };
        judge(process, false);
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = errno };
    }
}

/// What the image needs and cannot look up any more.
struct Task {
    memory: Memory,
    threads: &'static [ThreadStack],
    exclude: &'static [Range],
    loader: (usize, usize),
    is_glibc: bool,
    holes_are_roots: bool,
    /// Blocks with this time or a later one are too young.
    young_ms: u32,
}

/// Not inlined: the stack pointer is taken here, and what lies below is ours.
#[inline(never)]
fn judge(process: &Process, alone: bool) {
    let registers = threads::registers();
    let memory = *process.ledger().memory();
    let header = memory.header();
    let fail = |error: i32| {
        header.scan_error.store(error as u32, Ordering::Relaxed);
        header
            .scan_state
            .store(ScanState::Failed as u32, Ordering::Release);
    };
    header
        .scan_state
        .store(ScanState::Running as u32, Ordering::Relaxed);
    let Some(lists) = Lists::new() else {
        return fail(libc::ENOMEM);
    };
    let task = Task {
        memory,
        threads: lists.threads(process),
        exclude: lists.excluded(process),
        loader: objects::loader_range().unwrap_or_default(),
        is_glibc: real::is_glibc(),
        holes_are_roots: are_holes_roots(process),
        young_ms: if alone {
            u32::MAX
        } else {
            begin_a_tick(&memory)
        },
    };
    header.scan_ms.store(task.young_ms, Ordering::Relaxed);
    if alone {
        if let Err(error) = run(&task, &registers, None) {
            fail(error);
        }
        lists.unmap();
        return;
    }
    wait_for_image();
    // SAFETY: the image does nothing but scan, which needs no lock.
    match unsafe { image::fork() } {
        Ok(image::Side::Image) => {
            // SAFETY: nothing in the image uses a file.
            unsafe { image::close_files() };
            if let Err(error) = run(&task, &registers, Some(0)) {
                fail(error);
            }
            image::exit(0)
        }
        Ok(image::Side::Process(handle)) => {
            header
                .scan_pause_us
                .store(handle.pause_us, Ordering::Relaxed);
            IMAGE.store(handle.process(), Ordering::Relaxed);
        }
        Err(error) => fail(error),
    }
    lists.unmap();
}

/// Takes away what is left of the last image.
fn wait_for_image() {
    let last = IMAGE.swap(0, Ordering::Relaxed);
    if last != 0 {
        // SAFETY: no pointers; it is our child, or nobody's.
        unsafe { libc::syscall(libc::SYS_wait4, last, 0, libc::__WALL | libc::WNOHANG, 0) };
    }
}

/// Blocks that are recorded from now on get this time or a later one.
fn begin_a_tick(memory: &Memory) -> u32 {
    let clock = &memory.session().clock;
    clock.advance(clock.ms().saturating_add(1))
}

/// Whether there may be blocks that the ledger does not know.
fn are_holes_roots(process: &Process) -> bool {
    let header = process.ledger().memory().header();
    // A forked child has its parent's blocks, which its ledger does not know.
    header.parent_slot.load(Ordering::Relaxed) != 0
        || process.sample_bytes() != 0
        || header.dropped_records.load(Ordering::Relaxed) != 0
        || header.unindexed.load(Ordering::Relaxed) != 0
        || ![Family::Malloc, Family::New, Family::NewArray]
            .iter()
            .all(|f| process.records(*f))
}

/// Scans and writes the verdicts. `pause` is given when the process goes on.
fn run(task: &Task, registers: &threads::Registers, pause: Option<u64>) -> Result<(), i32> {
    let memory = &task.memory;
    let header = memory.header();
    let records = memory.make_room_for_verdicts().ok_or(libc::ENOMEM)?;
    let mut blocks = |give: &mut dyn FnMut(Block)| {
        memory.for_each_slot(|address, slot| {
            if slot.record() < records {
                give(block(task, address, slot));
            }
        });
    };
    let input = Input {
        blocks: &mut blocks,
        registers: &registers.saved,
        stack_pointer: registers.stack_pointer,
        threads: task.threads,
        exclude: task.exclude,
        heap_holes_are_roots: task.holes_are_roots,
        python: python(),
    };
    let mut judged = |tag: u64, verdict| memory.judge(tag as u32, (tag >> 32) as u16, verdict);
    // SAFETY: in an image, or in a process with one thread.
    let outcome = unsafe { freehold_reach::scan(input, &mut judged) }.map_err(|e| match e {
        freehold_reach::Error::Memory(error) | freehold_reach::Error::Maps(error) => error,
        freehold_reach::Error::TooManyBlocks => libc::EOVERFLOW,
    })?;
    // Relaxed: the state publishes them.
    header.scan_us.store(outcome.total_us, Ordering::Relaxed);
    if pause.is_none() {
        header
            .scan_pause_us
            .store(outcome.total_us, Ordering::Relaxed);
    }
    header
        .scan_root_bytes
        .store(outcome.root_bytes, Ordering::Relaxed);
    header
        .scan_block_bytes
        .store(outcome.block_bytes, Ordering::Relaxed);
    header.scan_records.store(records, Ordering::Relaxed);
    header.scan_error.store(0, Ordering::Relaxed);
    header
        .scan_state
        .store(ScanState::Done as u32, Ordering::Release);
    Ok(())
}

fn block(task: &Task, address: u64, slot: Slot) -> Block {
    let tag = u64::from(slot.record()) | u64::from(slot.generation()) << 32;
    if slot.is_dead() {
        return Block {
            address,
            size: 0,
            tag,
            flags: Block::DEAD | if task.is_glibc { Block::GLIBC } else { 0 },
        };
    }
    let record = task.memory.record(slot);
    let mut flags = 0;
    if is_held(task, &record) {
        flags |= Block::ROOT;
    }
    if task.is_glibc && record.family != Family::Mmap {
        flags |= Block::GLIBC;
    }
    Block {
        address,
        size: record.size,
        tag,
        flags,
    }
}

/// Whether something holds the block that a scan cannot see: the loader's
/// blocks are reached in ways of its own, and of young ones the only pointer
/// may still be in a register of another thread.
fn is_held(task: &Task, record: &Record) -> bool {
    let caller = task.memory.innermost(record.stack) as usize;
    record.time_ms >= task.young_ms || (task.loader.0 <= caller && caller < task.loader.1)
}

/// Memory for lists that an image keeps, unlike our other private memory.
struct Lists {
    at: *mut u8,
}

impl Lists {
    const THREADS: usize = 16384;
    const RANGES: usize = 32768;
    const BYTES: usize =
        Lists::THREADS * size_of::<ThreadStack>() + Lists::RANGES * size_of::<Range>();

    fn new() -> Option<Lists> {
        // SAFETY: a new mapping disturbs none.
        let at = unsafe {
            libc::syscall(
                libc::SYS_mmap,
                0,
                Lists::BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        (at > 0).then_some(Lists { at: at as *mut u8 })
    }

    fn unmap(self) {
        // SAFETY: the lists are not used any more.
        unsafe { libc::syscall(libc::SYS_munmap, self.at, Lists::BYTES) };
    }

    /// All threads that ever had an event, except this one.
    fn threads(&self, process: &Process) -> &'static [ThreadStack] {
        let first = self.at.cast::<ThreadStack>();
        let mut count = 0;
        // SAFETY: no requirement.
        let own = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
        process.threads().for_each(|owner, state| {
            if owner == own || state.last_slot == 0 || count == Lists::THREADS {
                return;
            }
            let stack = ThreadStack {
                stack_pointer: state.last_slot as u64,
                top: state.bounds.high as u64,
                alive: !thread::is_gone(owner),
            };
            // SAFETY: within the mapping.
            unsafe { first.add(count).write(stack) };
            count += 1;
        });
        // SAFETY: that many were written; the mapping outlives the scan.
        unsafe { core::slice::from_raw_parts(first, count) }
    }

    /// Our own memory.
    fn excluded(&self, process: &Process) -> &'static [Range] {
        let threads = Lists::THREADS * size_of::<ThreadStack>();
        // SAFETY: within the mapping.
        let first = unsafe { self.at.add(threads) }.cast::<Range>();
        let mut count = 0;
        let mut add = |start: usize, len: usize| {
            if count < Lists::RANGES {
                let range = Range {
                    start: start as u64,
                    end: (start + len) as u64,
                };
                // SAFETY: within the mapping.
                unsafe { first.add(count).write(range) };
                count += 1;
            }
        };
        let (start, len) = process.ledger().memory().range();
        add(start, len);
        add(self.at as usize, Lists::BYTES);
        if let Some((start, end)) = objects::own_range() {
            add(start, end - start);
        }
        freehold_ledger::private_ranges(&mut add);
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts(first, count) }
    }
}
