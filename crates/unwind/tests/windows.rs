//! Stacks of running programs against the system's own unwinder: no difference is
//! allowed.
#![cfg(all(windows, target_arch = "x86_64"))]

use std::arch::naked_asm;
use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_void};
use std::hint::black_box;

use freehold_unwind::{Entry, History, MAX_DEPTH, Stack, StackBounds, walk};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn LoadLibraryA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
    fn RtlCaptureContext(context: *mut Context);
    fn RtlLookupFunctionEntry(pc: u64, base: *mut u64, history: *mut c_void) -> *mut c_void;
    fn RtlVirtualUnwind(
        kind: u32,
        base: u64,
        pc: u64,
        entry: *mut c_void,
        context: *mut Context,
        data: *mut *mut c_void,
        frame: *mut u64,
        pointers: *mut c_void,
    ) -> *mut c_void;
}

/// `CONTEXT`: the general registers lie behind 0x78 bytes, by their numbers, and
/// `Rip` behind them.
#[repr(C, align(16))]
struct Context {
    before: [usize; 15],
    registers: [usize; 16],
    rip: usize,
    after: [usize; 122],
}

/// What an allocation would be: takes the registers as a hook does.
#[unsafe(naked)]
unsafe extern "system" fn hook() {
    naked_asm!(
        "mov rcx, rsp",
        "mov rdx, rbp",
        "jmp {seen}",
        seen = sym seen,
    )
}

struct Tally {
    history: Box<History>,
    bounds: StackBounds,
    /// The stacks by number.
    stacks: Vec<Vec<usize>>,
    seen: usize,
    deepest: usize,
}

#[allow(
    clippy::missing_const_for_thread_local,
    reason = "they are; the lint does not see it on this target"
)]
mod state {
    use super::*;
    thread_local! {
        pub(super) static TALLY: RefCell<Option<Tally>> = const { RefCell::new(None) };
        pub(super) static BUSY: Cell<bool> = const { Cell::new(false) };
    }
}
use state::{BUSY, TALLY};

/// The stack of the hook's caller as the system finds it.
#[inline(never)]
fn oracle(entry: Entry) -> Vec<usize> {
    // SAFETY: zeroed numbers; places for all results. The context is that of this
    // function, whose callers are all running.
    unsafe {
        let mut context: Context = core::mem::zeroed();
        RtlCaptureContext(&mut context);
        let mut frames = Vec::new();
        loop {
            // The first frame above the hook's return address.
            if context.registers[4] > entry.slot && context.rip != 0 {
                frames.push(context.rip);
            }
            let mut base = 0;
            let pc = context.rip as u64;
            let found = RtlLookupFunctionEntry(pc, &mut base, core::ptr::null_mut());
            if found.is_null() || frames.len() >= MAX_DEPTH {
                return frames;
            }
            let (mut data, mut frame) = (core::ptr::null_mut(), 0);
            let none = core::ptr::null_mut();
            RtlVirtualUnwind(
                0,
                base,
                pc,
                found,
                &mut context,
                &mut data,
                &mut frame,
                none,
            );
        }
    }
}

unsafe extern "system" fn seen(slot: usize, bp: usize) {
    // What this function allocates itself is not looked at.
    if BUSY.replace(true) {
        return;
    }
    let entry = Entry { slot, bp };
    let expected = oracle(entry);
    TALLY.with_borrow_mut(|tally| {
        let tally = tally.as_mut().expect("prepared");
        let mut out = [0; MAX_DEPTH];
        // SAFETY: an entry from the hook, which has not returned; this thread's bounds.
        let stack = unsafe { walk(entry, MAX_DEPTH, tally.bounds, &mut out) };
        assert_eq!(stack.frames, expected, "a walk");
        assert!(!stack.approximate);
        let stacks = &mut tally.stacks;
        let keep = |stack: &Stack<'_>| {
            stacks.push(stack.frames.to_vec());
            stacks.len() as u32
        };
        // SAFETY: as above; one capture at a time.
        let id = unsafe { tally.history.capture(entry, MAX_DEPTH, tally.bounds, keep) };
        assert_eq!(tally.stacks[id as usize - 1], expected, "a capture");
        tally.seen += 1;
        tally.deepest = tally.deepest.max(expected.len());
    });
    BUSY.set(false);
}

/// Runs something that calls the hook, and gives how many stacks were seen, how many
/// of them were remembered, and how deep the deepest was.
fn observed(run: impl FnOnce()) -> (usize, usize, usize) {
    // SAFETY: zeroed bytes are a history.
    let history = unsafe { Box::<History>::new_zeroed().assume_init() };
    let tally = Tally {
        history,
        bounds: StackBounds::for_current_thread(),
        stacks: Vec::new(),
        seen: 0,
        deepest: 0,
    };
    TALLY.set(Some(tally));
    run();
    let tally = TALLY.take().expect("still there");
    (tally.seen, tally.seen - tally.stacks.len(), tally.deepest)
}

fn call_hook() {
    // SAFETY: takes nothing, gives nothing.
    unsafe { hook() };
}

/// Frames of several sizes: a few words, some pages (which the stack probe touches
/// in the prolog), and more than a rule can hold.
#[inline(never)]
fn recurse(depth: usize, mut seed: u64) -> u64 {
    seed = seed
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    if depth == 0 {
        call_hook();
        return seed;
    }
    let result = match seed >> 61 {
        0 => large::<{ 3 << 10 }>(depth - 1, seed),
        1 => large::<{ 40 << 10 }>(depth - 1, seed),
        2 if depth.is_multiple_of(16) => large::<{ 1200 << 10 }>(depth - 1, seed),
        3 => many(depth - 1, seed, 1.5, 2.5),
        4 => [seed, seed + 1]
            .iter()
            .map(|s| recurse((depth - 1) / 2, *s))
            .fold(0, u64::wrapping_add),
        5 => {
            let boxed: Box<dyn Fn(u64) -> u64> = Box::new(move |s| recurse(depth - 1, s));
            black_box(boxed)(seed)
        }
        6 => std::panic::catch_unwind(|| recurse(depth - 1, seed)).expect("no panic"),
        _ => recurse(depth - 1, seed),
    };
    black_box(result).rotate_left(3)
}

#[inline(never)]
fn large<const BYTES: usize>(depth: usize, seed: u64) -> u64 {
    let mut room = [0u8; BYTES];
    black_box(&mut room)[BYTES / 2] = seed as u8;
    recurse(depth, seed) + u64::from(black_box(&room)[BYTES - 1])
}

/// Uses all registers that a function must preserve, those of XMM too.
#[inline(never)]
fn many(depth: usize, seed: u64, x: f64, y: f64) -> u64 {
    let values: [u64; 9] = core::array::from_fn(|i| seed.rotate_left(i as u32 * 7));
    let [a, b, c, d, e, f, g, h, i] = black_box(values);
    let (p, q) = black_box((x * y, x / y));
    let inner = recurse(depth, seed);
    let sum = (p + q) as u64;
    [a, b, c, d, e, f, g, h, i]
        .iter()
        .fold(inner ^ sum, |s, v| s.wrapping_mul(31) ^ v)
}

#[test]
fn stacks_of_many_shapes_are_those_of_the_system() {
    let run = || {
        let (seen, remembered, deepest) = observed(|| {
            for seed in 0..150 {
                // Twice, so that the second can be remembered.
                for _ in 0..2 {
                    black_box(recurse(seed as usize % 60, seed * 0x9e37_79b9));
                }
            }
        });
        println!("{seen} stacks, {remembered} remembered, {deepest} deep");
        assert!(
            seen > 400 && remembered > 50 && deepest > 60,
            "{seen} {remembered} {deepest}"
        );
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(run);
    thread.expect("a thread").join().expect("no difference");
}

/// A frame whose register is rbx, which needs all of them, with a chain to follow.
#[unsafe(naked)]
unsafe extern "system" fn odd_frame(call: extern "system" fn()) {
    naked_asm!(
        ".seh_proc {own}",
        "push rbx",
        ".seh_pushreg rbx",
        "push rdi",
        ".seh_pushreg rdi",
        "sub rsp, 0x148",
        ".seh_stackalloc 0x148",
        "lea rbx, [rsp + 0x40]",
        ".seh_setframe rbx, 0x40",
        ".seh_endprologue",
        "sub rsp, 0x2000",
        "call rcx",
        "nop",
        "lea rsp, [rbx + 0x108]",
        "pop rdi",
        "pop rbx",
        "ret",
        ".seh_endproc",
        own = sym odd_frame,
    )
}

/// One whose register is rbp, moved after it was set.
#[unsafe(naked)]
unsafe extern "system" fn moved_frame(call: extern "system" fn()) {
    naked_asm!(
        ".seh_proc {own}",
        "push rbp",
        ".seh_pushreg rbp",
        "push rsi",
        ".seh_pushreg rsi",
        "sub rsp, 0x88",
        ".seh_stackalloc 0x88",
        "lea rbp, [rsp + 0x80]",
        ".seh_setframe rbp, 0x80",
        ".seh_endprologue",
        "sub rsp, 0x700",
        "call rcx",
        "nop",
        "lea rsp, [rbp + 0x8]",
        "pop rsi",
        "pop rbp",
        "ret",
        ".seh_endproc",
        own = sym moved_frame,
    )
}

extern "system" fn through_rbp() {
    recurse(3, 7);
    // SAFETY: gives back all registers.
    unsafe { moved_frame(plainly) };
}

extern "system" fn plainly() {
    recurse(5, 9);
    call_hook();
}

#[test]
fn other_frame_registers_are_followed() {
    let (seen, _, deepest) = observed(|| {
        for _ in 0..20 {
            // SAFETY: give back all registers.
            unsafe {
                odd_frame(through_rbp);
                moved_frame(through_rbp);
                odd_frame(plainly);
            }
        }
    });
    assert!(seen >= 160 && deepest > 8, "{seen} {deepest}");
}

#[test]
fn callbacks_of_the_system_are_walked_through() {
    type Compare = extern "C" fn(*const c_void, *const c_void) -> i32;
    type Sort = unsafe extern "C" fn(*mut c_void, usize, usize, Compare);
    extern "C" fn compare(a: *const c_void, b: *const c_void) -> i32 {
        call_hook();
        // SAFETY: the array is one of numbers.
        unsafe { (*a.cast::<u32>()).cmp(&*b.cast::<u32>()) as i32 }
    }
    for library in [c"msvcrt.dll", c"ucrtbase.dll", c"ntdll.dll"] {
        // SAFETY: C strings, and the documented signature.
        let sort: Sort = unsafe {
            let module = LoadLibraryA(library.as_ptr());
            let found = GetProcAddress(module, c"qsort".as_ptr());
            assert!(!found.is_null(), "{library:?}");
            core::mem::transmute(found)
        };
        let mut numbers: Vec<u32> = (0..100u32).map(|i| i * 7919 % 101).collect();
        let (seen, remembered, deepest) = observed(|| {
            // SAFETY: an array of that many numbers of four bytes.
            unsafe { sort(numbers.as_mut_ptr().cast(), 100, 4, compare) };
        });
        assert!(numbers.is_sorted());
        assert!(
            seen > 200 && remembered > 20 && deepest > 5,
            "{seen} {remembered}"
        );
    }
}

#[test]
fn a_stack_that_is_nonsense_ends_the_walk_and_nothing_else() {
    let mut state = 88172645463325252usize;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let code = recurse as *const () as usize;
    let mut words = vec![0usize; 4096];
    let first = words.as_ptr() as usize;
    let bounds = StackBounds {
        low: first,
        high: first + words.len() * 8,
    };
    let mut deepest = 0;
    for _ in 0..20_000 {
        for word in &mut words[..256] {
            *word = match next() % 4 {
                0 => code + next() % 20_000,
                1 => first + next() % (4096 * 8),
                2 => next(),
                _ => hook as *const () as usize + next() % 4096,
            };
        }
        let entry = Entry {
            slot: first + (next() % 64) * 8,
            bp: first + next() % 4096,
        };
        let mut out = [0; MAX_DEPTH];
        // SAFETY: not a real entry, but all of its stack is there; that is what is
        // tried.
        let stack = unsafe { walk(entry, MAX_DEPTH, bounds, &mut out) };
        deepest = deepest.max(stack.frames.len());
        assert!(stack.frames.iter().all(|ra| (1..1 << 47).contains(ra)));
    }
    assert!(deepest > 2, "{deepest}");
}

/// Code that is made at run time, with a function entry that is registered and
/// taken back: nothing of it may be remembered.
#[test]
fn code_of_a_jit_is_walked_as_it_is_now() {
    unsafe extern "system" {
        fn VirtualAlloc(at: *mut c_void, bytes: usize, kind: u32, protect: u32) -> *mut u8;
        fn RtlAddFunctionTable(table: *const u32, count: u32, base: u64) -> u8;
        fn RtlDeleteFunctionTable(table: *const u32) -> u8;
    }
    // SAFETY: new pages that may be written and run.
    let page = unsafe { VirtualAlloc(core::ptr::null_mut(), 4096, 0x3000, 0x40) };
    assert!(!page.is_null());
    let (seen, _, _) = observed(|| {
        for round in 0..6u8 {
            // sub rsp, SIZE; call rcx; nop; add rsp, SIZE; ret
            let size = 0x28 + 16 * (round % 3);
            let code = [
                0x48, 0x83, 0xec, size, 0xff, 0xd1, 0x90, 0x48, 0x83, 0xc4, size, 0xc3,
            ];
            // Version 1, a prolog of 4 bytes, one code: so much was allocated there.
            let info = [1, 4, 1, 0, 4, (size / 8 - 1) << 4 | 2, 0, 0];
            // The entry: begin, end, info, all from the page's first byte.
            let entry = [0u32, code.len() as u32, 64];
            // SAFETY: the page is long enough and nobody runs it now; it is run as the
            // function that it is, and its entry is registered as long.
            unsafe {
                core::ptr::copy_nonoverlapping(code.as_ptr(), page, code.len());
                core::ptr::copy_nonoverlapping(info.as_ptr(), page.add(64), info.len());
                let table = page.add(128).cast::<u32>();
                core::ptr::copy_nonoverlapping(entry.as_ptr(), table, 3);
                assert_ne!(RtlAddFunctionTable(table, 1, page as u64), 0);
                type Code = unsafe extern "system" fn(extern "system" fn());
                let run = core::mem::transmute::<*mut u8, Code>(page);
                run(plainly);
                run(plainly);
                assert_ne!(RtlDeleteFunctionTable(table), 0);
            }
        }
    });
    assert!(seen >= 24, "{seen}");
}
