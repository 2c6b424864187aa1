//! Blocks to be judged, listed where the scan does not look.

use freehold_ledger::format::Verdict;
use freehold_reach::image::{self, End, Side};
use freehold_reach::{Block, Input, Outcome, PythonLong, Range, ThreadStack, scan, threads};

/// A test and its name.
pub(crate) type Test = (&'static str, fn());

/// What lies in memory that the image shares.
struct Table {
    count: usize,
    blocks: [Block; 256],
    verdicts: [u32; 256],
    outcome: Option<Result<Outcome, freehold_reach::Error>>,
}

/// Blocks and what is known.
pub(crate) struct World {
    table: *mut Table,
    pub(crate) threads: Vec<ThreadStack>,
    pub(crate) holes_are_roots: bool,
    pub(crate) python: Option<PythonLong>,
    /// Runs in the process while the image has not begun to scan.
    pub(crate) meanwhile: fn(),
}

const SIZE: usize = size_of::<Table>().next_multiple_of(4096);

/// Maps memory.
pub(crate) fn map(len: usize, protection: i32, flags: i32, file: i32) -> *mut u8 {
    // SAFETY: a new mapping.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, file, 0) };
    assert_ne!(
        address,
        libc::MAP_FAILED,
        "{}",
        std::io::Error::last_os_error()
    );
    address.cast()
}

/// Maps private memory.
pub(crate) fn map_private(len: usize) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    map(len, libc::PROT_READ | libc::PROT_WRITE, flags, -1)
}

/// An address that the scan can not see.
#[derive(Clone, Copy)]
pub(crate) struct Hidden(usize);

impl Hidden {
    #[inline(never)]
    pub(crate) fn new(address: usize) -> Hidden {
        Hidden(!address)
    }

    #[inline(never)]
    pub(crate) fn show(self) -> usize {
        !self.0
    }
}

/// Runs far down the stack, so that what it leaves there is below the scan.
#[inline(never)]
pub(crate) fn deep<T>(work: impl FnOnce() -> T) -> T {
    let pad = std::hint::black_box([0u8; 128 << 10]);
    let answer = work();
    std::hint::black_box(&pad);
    answer
}

/// Overwrites what `deep` left on the stack.
#[inline(never)]
pub(crate) fn scrub() {
    std::hint::black_box([0u8; 512 << 10]);
}

/// Writes `value` + `offset` to `place`.
#[inline(never)]
pub(crate) fn store(place: *mut u8, value: Hidden, offset: usize) {
    deep(|| {
        // SAFETY: tests give places of their own.
        unsafe { place.cast::<usize>().write_volatile(value.show() + offset) }
    });
}

impl World {
    pub(crate) fn new() -> World {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        World {
            table: map(SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1).cast(),
            threads: Vec::new(),
            holes_are_roots: false,
            python: None,
            meanwhile: || {},
        }
    }

    #[expect(clippy::mut_from_ref, reason = "one thread at a time")]
    fn table(&self) -> &mut Table {
        // SAFETY: a mapping of ours that begins as zeroes, which are a table.
        unsafe { &mut *self.table }
    }

    /// Lists a block; its number.
    pub(crate) fn add(&self, address: Hidden, size: usize, flags: u8) -> usize {
        deep(|| {
            let table = self.table();
            let tag = table.count;
            table.blocks[tag] = Block {
                address: address.show() as u64,
                size: size as u64,
                tag: tag as u64,
                flags,
            };
            table.count += 1;
            tag
        })
    }

    /// Allocates and lists a block, zeroed.
    pub(crate) fn malloc(&self, size: usize) -> (usize, Hidden) {
        let address = deep(|| {
            // SAFETY: no conditions.
            Hidden::new(unsafe { libc::calloc(1, size) } as usize)
        });
        (self.add(address, size, Block::GLIBC), address)
    }

    /// Frees a block that was never listed.
    pub(crate) fn free(address: Hidden) {
        // SAFETY: tests free what they allocated.
        deep(|| unsafe { libc::free(address.show() as *mut libc::c_void) });
    }

    /// Judges in an image, and tells the verdicts by number.
    #[inline(never)]
    pub(crate) fn judge(&self) -> (Vec<Verdict>, Outcome) {
        self.judge_with(&[])
    }

    #[inline(never)]
    pub(crate) fn judge_with(&self, registers: &[u64]) -> (Vec<Verdict>, Outcome) {
        let outcome = self.try_judge(registers).expect("a scan");
        let table = self.table();
        let verdicts = table.verdicts[..table.count].iter();
        (
            verdicts
                .map(|&number| Verdict::from_number(number))
                .collect(),
            outcome,
        )
    }

    #[inline(never)]
    pub(crate) fn try_judge(&self, registers: &[u64]) -> Result<Outcome, freehold_reach::Error> {
        self.table().verdicts = [0; 256];
        self.table().outcome = None;
        // SAFETY: no conditions; a pipe to hold the image back.
        let gate = unsafe {
            let mut ends = [0; 2];
            assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
            ends
        };
        let stack_pointer = threads::registers().stack_pointer;
        // SAFETY: the image only scans.
        match unsafe { image::fork() }.expect("an image") {
            Side::Image => self.scan(gate, registers, stack_pointer),
            Side::Process(handle) => {
                (self.meanwhile)();
                // SAFETY: our own files.
                unsafe {
                    libc::close(gate[0]);
                    libc::close(gate[1]);
                }
                assert_eq!(handle.wait(20_000_000), End::Exited(0));
                self.table().outcome.expect("an outcome")
            }
        }
    }

    #[inline(never)]
    fn scan(&self, gate: [i32; 2], registers: &[u64], stack_pointer: u64) -> ! {
        let mut byte = 0u8;
        // SAFETY: our own files; ends when the process closes its end.
        unsafe {
            libc::close(gate[1]);
            libc::read(gate[0], (&raw mut byte).cast(), 1);
        }
        let start = self.table as u64;
        let exclude = [Range {
            start,
            end: start + SIZE as u64,
        }];
        let Table {
            count,
            blocks,
            verdicts,
            outcome: place,
        } = self.table();
        let count = *count;
        let mut give = |each: &mut dyn FnMut(Block)| {
            blocks[..count].iter().for_each(|&block| each(block));
        };
        let input = Input {
            blocks: &mut give,
            registers,
            stack_pointer,
            threads: &self.threads,
            exclude: &exclude,
            heap_holes_are_roots: self.holes_are_roots,
            python: self.python,
        };
        // SAFETY: the image has one thread.
        let outcome = unsafe {
            scan(input, &mut |tag, verdict| {
                verdicts[tag as usize] = verdict as u32;
            })
        };
        *place = Some(outcome);
        image::exit(0)
    }
}
