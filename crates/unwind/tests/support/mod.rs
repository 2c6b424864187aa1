//! What the tests share: compiled C, a hook as the interposer's, and oracles.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(unreachable_pub, reason = "a module of several tests")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "tests call the C programs beside them"
)]

use std::arch::naked_asm;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CString, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use freehold_unwind::{Entry, History, MAX_DEPTH, Stack, StackBounds, hash_frames, walk};

/// Options that give the same source frames of different shape.
pub const VARIANTS: [&[&str]; 4] = [
    &["-O2", "-fomit-frame-pointer"],
    &["-O2", "-fno-omit-frame-pointer"],
    &["-O0"],
    &["-O3", "-mavx2", "-fstack-protector-all"],
];

/// Compiles a program of `tests/programs` to a shared object.
pub fn compile(source: &str, options: &[&str]) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "{source}-{}-{}.so",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    );
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/programs")
        .join(source);
    let compiler = if source.extension().is_some_and(|e| e == "cc") {
        "c++"
    } else {
        "cc"
    };
    let width = if size_of::<usize>() == 8 {
        "-m64"
    } else {
        "-m32"
    };
    let status = Command::new(compiler)
        .arg(width)
        .args(["-shared", "-fPIC", "-w", "-o"])
        .arg(&out)
        .args(options)
        .arg(source)
        .status();
    assert!(status.expect("a C compiler is needed").success());
    out
}

/// A loaded shared object.
pub struct Library(*mut c_void);

impl Library {
    pub fn open(path: &Path) -> Library {
        let name = CString::new(path.to_str().unwrap()).unwrap();
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null(), "{path:?}");
        Library(handle)
    }

    pub fn compiled(source: &str, options: &[&str]) -> Library {
        let path = compile(source, options);
        let library = Library::open(&path);
        std::fs::remove_file(path).unwrap();
        let set: extern "C" fn(extern "C" fn()) = library.get("set_hook");
        set(hook);
        library
    }

    pub fn get<F: Copy>(&self, name: &str) -> F {
        let name = CString::new(name).unwrap();
        let address = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!address.is_null(), "{name:?}");
        unsafe { std::mem::transmute_copy(&address) }
    }

    pub fn close(self) {
        assert_eq!(unsafe { libc::dlclose(self.0) }, 0);
    }
}

/// What the interposer's entry points do: pass on rsp and rbp as the caller left
/// them, without a frame of its own.
#[unsafe(naked)]
pub extern "C" fn hook() {
    #[cfg(target_arch = "x86_64")]
    naked_asm!("mov rdi, rsp", "mov rsi, rbp", "jmp {f}", f = sym observe);
    #[cfg(target_arch = "x86")]
    naked_asm!("mov ecx, esp", "mov edx, ebp", "jmp {f}", f = sym observe);
}

type Observer = RefCell<Box<dyn FnMut(Entry)>>;

thread_local! {
    static OBSERVER: Observer = RefCell::new(Box::new(|_| panic!("no observer")));
    static HISTORY: RefCell<Box<History>> = RefCell::new(new_history());
    static BOUNDS: Cell<StackBounds> = Cell::new(StackBounds::for_current_thread());
}

#[cfg(target_arch = "x86_64")]
extern "C" fn observe(slot: usize, bp: usize) {
    OBSERVER.with(|o| (o.borrow_mut())(Entry { slot, bp }));
}

// A convention that passes both in registers, so that nothing need be pushed.
#[cfg(target_arch = "x86")]
extern "fastcall" fn observe(slot: usize, bp: usize) {
    OBSERVER.with(|o| (o.borrow_mut())(Entry { slot, bp }));
}

/// Runs `body` with `observer` called for every hook of this thread.
pub fn with_observer<R>(observer: impl FnMut(Entry) + 'static, body: impl FnOnce() -> R) -> R {
    BOUNDS.get();
    OBSERVER.with(|o| *o.borrow_mut() = Box::new(observer));
    let result = body();
    OBSERVER.with(|o| *o.borrow_mut() = Box::new(|_| panic!("no observer")));
    result
}

pub fn bounds() -> StackBounds {
    BOUNDS.get()
}

pub fn new_history() -> Box<History> {
    // SAFETY: all zero is a valid history.
    unsafe { Box::new_zeroed().assume_init() }
}

/// A copy of a captured stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    pub frames: Vec<usize>,
    pub complete: bool,
    pub truncated: bool,
    pub approximate: bool,
}

pub fn copy(stack: &Stack<'_>) -> Copied {
    assert_eq!(stack.hash, hash_frames(stack.frames));
    let Stack {
        complete,
        truncated,
        approximate,
        ..
    } = *stack;
    Copied {
        frames: stack.frames.to_vec(),
        complete,
        truncated,
        approximate,
    }
}

pub fn walked(entry: Entry, depth: usize) -> Copied {
    let mut out = [0; MAX_DEPTH];
    copy(&unsafe { walk(entry, depth, bounds(), &mut out) })
}

/// Gives numbers to stacks, as the ledger does.
#[derive(Default)]
pub struct Interner {
    ids: HashMap<Vec<usize>, u32>,
    stacks: Vec<Copied>,
    pub captures: u64,
    pub interned: u64,
}

impl Interner {
    /// Captures by this thread's history, and checks the answer by a full walk.
    pub fn capture(&mut self, entry: Entry, depth: usize) -> Copied {
        let expected = walked(entry, depth);
        self.captures += 1;
        let id = HISTORY.with(|h| unsafe {
            h.borrow_mut().capture(entry, depth, bounds(), |stack| {
                self.interned += 1;
                let copied = copy(stack);
                let next = self.stacks.len() as u32 + 1;
                let id = *self.ids.entry(copied.frames.clone()).or_insert(next);
                if id == next {
                    self.stacks.push(copied);
                }
                id
            })
        });
        assert_eq!(
            self.stacks[id as usize - 1].frames,
            expected.frames,
            "capture and walk differ"
        );
        expected
    }
}

/// How often this thread's history had to walk.
pub fn misses() -> u64 {
    HISTORY.with(|h| h.borrow().statistics().misses)
}

pub fn unremembered() -> u64 {
    HISTORY.with(|h| h.borrow().statistics().unremembered)
}

pub fn flush_history() {
    HISTORY.with(|h| h.borrow_mut().flush());
}

#[repr(C)]
struct UnwindContext(c_void);

unsafe extern "C" {
    fn _Unwind_Backtrace(
        callback: extern "C" fn(*mut UnwindContext, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIPInfo(context: *mut UnwindContext, exact: *mut c_int) -> usize;
}

/// This thread's frames by libgcc, from the frame that `entry` returns to.
#[inline(never)]
pub fn by_libgcc(entry: Entry) -> Vec<usize> {
    extern "C" fn each(context: *mut UnwindContext, data: *mut c_void) -> c_int {
        let frames = unsafe { &mut *data.cast::<Vec<usize>>() };
        let mut exact = 0;
        let ip = unsafe { _Unwind_GetIPInfo(context, &mut exact) };
        if ip != 0 {
            frames.push(ip + usize::from(exact != 0));
        }
        if frames.len() > 1000 { 5 } else { 0 }
    }
    let mut frames: Vec<usize> = Vec::new();
    unsafe { _Unwind_Backtrace(each, (&raw mut frames).cast()) };
    // Below are our own frames, none of which returns to the same place.
    let first = unsafe { *(entry.slot as *const usize) };
    let start = frames
        .iter()
        .position(|&f| f == first)
        .expect("libgcc lost the caller");
    frames.split_off(start)
}

/// Checks a walk against libgcc.
pub fn check_by_libgcc(entry: Entry, depth: usize) -> Copied {
    let ours = walked(entry, depth);
    let theirs = by_libgcc(entry);
    let n = theirs.len().min(depth);
    assert_eq!(ours.frames, theirs[..n], "at {entry:x?}");
    assert_eq!(ours.truncated, theirs.len() > depth);
    assert_eq!(ours.complete, theirs.len() <= depth);
    assert!(!ours.approximate);
    ours
}

/// A generator for tests that must be repeatable.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 16) as usize % n
    }
}
