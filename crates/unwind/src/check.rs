//! Comparisons for test builds (feature `check`): every hit of a
//! [`History`](crate::History) with a full walk, and any walk with an
//! independent unwinder. These allocate and lock: never in production.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::vec::Vec;

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, FrameAddress, Module, Unwinder};

use crate::memory::{Kernel, Memory};
use crate::{Entry, MAX_DEPTH, StackBounds, walk};

static HITS: AtomicU64 = AtomicU64::new(0);
static MISMATCHES: AtomicU64 = AtomicU64::new(0);

/// How many hits were compared, and how many were wrong, in the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Hits compared with a full walk.
    pub hits: u64,
    /// Hits whose frames were not those of the walk. Must be zero.
    pub mismatches: u64,
}

/// The counts so far.
pub fn counts() -> Counts {
    // Relaxed: counters, of which nothing else depends.
    Counts {
        hits: HITS.load(Ordering::Relaxed),
        mismatches: MISMATCHES.load(Ordering::Relaxed),
    }
}

/// Compares a hit with a full walk.
///
/// # Safety
///
/// As for [`walk`].
#[inline(never)]
pub(crate) unsafe fn compare_hit(entry: Entry, depth: usize, bounds: StackBounds, hash: u64) {
    let mut frames = [0; MAX_DEPTH];
    // SAFETY: the caller's promise.
    let stack = unsafe { walk(entry, depth, bounds, &mut frames) };
    HITS.fetch_add(1, Ordering::Relaxed);
    if stack.hash != hash {
        MISMATCHES.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the independent unwinder says of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same frames.
    Same,
    /// It gave up early; what it found was the same.
    Shorter {
        /// How many frames it found.
        theirs: usize,
    },
    /// Different frames.
    Different {
        /// Ours.
        ours: Vec<usize>,
        /// The other unwinder's.
        theirs: Vec<usize>,
    },
}

type Bytes = &'static [u8];

struct Independent {
    unwinder: UnwinderX86_64<Bytes>,
    cache: CacheX86_64,
}

static INDEPENDENT: Mutex<Option<Independent>> = Mutex::new(None);

/// Makes [`check_against_independent`] look for loaded objects again, after
/// `dlopen` or `dlclose`.
pub fn forget_modules() {
    *INDEPENDENT.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Compares a walk with framehop's. Frames that need registers other than rsp
/// and rbp, code without unwind data and signal frames are beyond framehop, or
/// not treated alike: such stacks are `Shorter` or `Different` rightly.
///
/// # Safety
///
/// As for [`walk`]; no object may be unloaded since the last
/// [`forget_modules`].
pub unsafe fn check_against_independent(
    entry: Entry,
    depth: usize,
    bounds: StackBounds,
) -> Verdict {
    let mut frames = [0; MAX_DEPTH];
    // SAFETY: the caller's promise.
    let ours = unsafe { walk(entry, depth, bounds, &mut frames) }.frames;
    let mut guard = INDEPENDENT.lock().unwrap_or_else(PoisonError::into_inner);
    let theirs = guard
        .get_or_insert_with(independent)
        .walk(entry, ours.len());
    if theirs == ours {
        Verdict::Same
    } else if ours.starts_with(&theirs) {
        Verdict::Shorter {
            theirs: theirs.len(),
        }
    } else {
        Verdict::Different {
            ours: ours.to_vec(),
            theirs,
        }
    }
}

impl Independent {
    fn walk(&mut self, entry: Entry, depth: usize) -> Vec<usize> {
        let mut memory = Kernel::new();
        let mut read = |address: u64| memory.read(address as usize).map(|w| w as u64).ok_or(());
        let mut frames = Vec::new();
        let Ok(mut address) = read(entry.slot as u64) else {
            return frames;
        };
        let mut registers = UnwindRegsX86_64::new(address, entry.slot as u64 + 8, entry.bp as u64);
        while frames.len() < depth {
            frames.push(address as usize);
            let Some(frame) = FrameAddress::from_return_address(address) else {
                break;
            };
            match self
                .unwinder
                .unwind_frame(frame, &mut registers, &mut self.cache, &mut read)
            {
                Ok(Some(next)) => address = next,
                _ => break,
            }
        }
        frames
    }
}

fn independent() -> Independent {
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _: usize,
        data: *mut core::ffi::c_void,
    ) -> core::ffi::c_int {
        // SAFETY: the loader passes a valid description, and our pointer back.
        let (info, unwinder) = unsafe { (&*info, &mut *data.cast::<UnwinderX86_64<Bytes>>()) };
        // SAFETY: the loader's description names this many headers.
        let headers =
            unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let range = |p: &libc::Elf64_Phdr| {
            let start = info.dlpi_addr.wrapping_add(p.p_vaddr);
            start..start + p.p_memsz
        };
        let loads = || {
            headers
                .iter()
                .filter(|p| p.p_type == libc::PT_LOAD)
                .map(range)
        };
        let header = headers
            .iter()
            .find(|p| p.p_type == libc::PT_GNU_EH_FRAME)
            .map(range);
        let Some(header) = header else { return 0 };
        let Some(segment) = loads().find(|s| s.contains(&header.start)) else {
            return 0;
        };
        let bytes = |start: u64| {
            let length = (segment.end - start) as usize;
            // SAFETY: from inside a segment to its end.
            unsafe {
                core::slice::from_raw_parts(
                    core::ptr::with_exposed_provenance(start as usize),
                    length,
                )
            }
        };
        let to_end: Bytes = bytes(header.start);
        let Some(frame) = crate::Sections::frame_address(to_end, header.start as usize) else {
            return 0;
        };
        if !segment.contains(&(frame as u64)) {
            return 0;
        }
        let text = headers
            .iter()
            .find(|p| p.p_type == libc::PT_LOAD && p.p_flags & libc::PF_X != 0)
            .map(range);
        let start = loads().map(|s| s.start).min().unwrap_or(0);
        let end = loads().map(|s| s.end).max().unwrap_or(0);
        unwinder.add_module(Module::new(
            std::string::String::new(),
            start..end,
            start,
            ExplicitModuleSectionInfo {
                base_svma: start,
                text_svma: text,
                eh_frame_svma: Some(frame as u64..segment.end),
                eh_frame: Some(bytes(frame as u64)),
                eh_frame_hdr_svma: Some(header.start..segment.end),
                eh_frame_hdr: Some(to_end),
                ..Default::default()
            },
        ));
        0
    }
    let mut unwinder = UnwinderX86_64::new();
    // SAFETY: the callback matches, and the data outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut unwinder).cast()) };
    Independent {
        unwinder,
        cache: CacheX86_64::new(),
    }
}
