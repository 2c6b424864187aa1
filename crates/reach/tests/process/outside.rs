//! What a process finds in another one that stands still. The other one is this
//! program again ([`VICTIM`]): it hides blocks in all kinds of places, says where they
//! are, and waits for a line.

use std::ffi::c_void;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::windows::io::AsRawHandle;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::{env, hint, ptr, thread, time::Duration};

use freehold_ledger::format::Verdict;
use freehold_reach::Block;
use freehold_reach::outside::{Error, Outcome, Stopped};

pub(crate) const TESTS: &[crate::Test] = &[
    (
        "blocks_are_judged_by_what_holds_them",
        blocks_are_judged_by_what_holds_them,
    ),
    (
        "a_view_of_the_ledger_holds_nothing",
        a_view_of_the_ledger_holds_nothing,
    ),
    (
        "nothing_moves_while_it_is_stopped",
        nothing_moves_while_it_is_stopped,
    ),
    (
        "who_cannot_be_judged_says_why",
        who_cannot_be_judged_says_why,
    ),
];

/// What a victim does; set in it.
const VICTIM: &str = "FREEHOLD_REACH_VICTIM";
const HIDES: &str = "hides blocks";
const MAKES_THREADS: &str = "makes threads";
/// The file that both map; set in the victim.
const FILE: &str = "FREEHOLD_REACH_FILE";
const FILE_LEN: usize = 1 << 16;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetProcessHeap() -> *mut c_void;
    fn HeapAlloc(heap: *mut c_void, flags: u32, len: usize) -> *mut u64;
    fn VirtualAlloc(at: *mut c_void, len: usize, kind: u32, protection: u32) -> *mut u64;
    fn CreateFileMappingW(
        file: *mut c_void,
        security: *const c_void,
        protection: u32,
        size_high: u32,
        size_low: u32,
        name: *const u16,
    ) -> *mut c_void;
    fn MapViewOfFile(
        mapping: *mut c_void,
        access: u32,
        offset_high: u32,
        offset_low: u32,
        len: usize,
    ) -> *mut AtomicU64;
}

const MEM_RESERVE: u32 = 0x2000;
const PAGE_READWRITE: u32 = 4;
const FILE_MAP_READ_WRITE: u32 = 6;
const HEAP_ZERO_MEMORY: u32 = 8;

/// A view of the file that both processes map.
struct View(*mut AtomicU64);

impl View {
    fn of(path: &str) -> View {
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .expect("the file");
        // SAFETY: the file's whole length is mapped, for as long as the process lives.
        let at = unsafe {
            let handle = file.as_raw_handle();
            let mapping = CreateFileMappingW(
                handle,
                ptr::null(),
                PAGE_READWRITE,
                0,
                FILE_LEN as u32,
                ptr::null(),
            );
            MapViewOfFile(mapping, FILE_MAP_READ_WRITE, 0, 0, FILE_LEN)
        };
        assert!(!at.is_null(), "{}", std::io::Error::last_os_error());
        View(at)
    }

    fn word(&self, i: usize) -> &AtomicU64 {
        assert!(i < FILE_LEN / 8);
        // SAFETY: within the view, which stays; any bytes are valid.
        unsafe { &*self.0.add(i) }
    }
}

/// The other process.
struct Victim {
    child: Child,
    output: BufReader<ChildStdout>,
    path: String,
    view: View,
}

impl Victim {
    /// Starts it and waits until it is ready; what it says of its blocks.
    fn start(name: &str) -> (Victim, Vec<Block>) {
        let path = env::temp_dir().join(format!("freehold-reach-{}", std::process::id()));
        let path = path.to_str().expect("a path of Unicode").to_owned();
        File::create(&path)
            .expect("a file")
            .set_len(FILE_LEN as u64)
            .expect("long enough");
        let mut child = Command::new(env::current_exe().expect("a path"))
            .env(VICTIM, name)
            .env(FILE, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut blocks = Vec::new();
        loop {
            let mut line = String::new();
            output.read_line(&mut line).expect("text");
            if line.trim() == "ready" {
                break;
            }
            let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
            let [tag, hidden, size] = numbers[..] else {
                panic!("no block: {line:?}");
            };
            blocks.push(Block {
                address: !hidden,
                size,
                tag,
                flags: 0,
            });
        }
        let view = View::of(&path);
        let victim = Victim {
            child,
            output,
            path,
            view,
        };
        (victim, blocks)
    }

    /// Tells it to end; whether it did as if nothing had been.
    fn end(mut self) {
        self.child
            .stdin
            .take()
            .expect("piped")
            .write_all(b"go on\n")
            .expect("heard");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        assert_eq!(rest.trim(), "went on");
        assert!(self.child.wait().expect("ended").success());
        // Our view is still there; Windows removes the file with it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Says where blocks are, in the victim, and waits.
fn wait(blocks: &[(Where, u64, u64)]) {
    let mut text = String::new();
    for (place, hidden, size) in blocks {
        text += &format!("{} {hidden} {size}\n", *place as u64);
    }
    text += "ready\n";
    std::io::stdout().write_all(text.as_bytes()).expect("told");
    std::io::stdout().flush().expect("told");
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("a line");
    println!("went on");
}

/// Where the victim keeps the pointer to a block; as a number its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Static,
    HeldBlock,
    Nowhere,
    LostBlock,
    MiddleInStatic,
    OtherStack,
    Register,
    Vector,
    ThreadLocal,
    DeadStack,
    View,
    Reserved,
    UnknownBlock,
}

static HELD: AtomicU64 = AtomicU64::new(0);
static MIDDLE: AtomicU64 = AtomicU64::new(0);
static UNKNOWN: AtomicU64 = AtomicU64::new(0);
/// Threads end when it is not zero.
static OVER: AtomicU8 = AtomicU8::new(0);
static READY: AtomicU64 = AtomicU64::new(0);

#[allow(
    clippy::missing_const_for_thread_local,
    reason = "it is; the lint does not see it on this target"
)]
mod local {
    use super::AtomicU64;
    thread_local! {
        pub(super) static LOCAL: AtomicU64 = const { AtomicU64::new(0) };
    }
}

/// A new block of 64 bytes from the process heap: its address with all bits inverted.
#[inline(never)]
fn hidden_block() -> u64 {
    // SAFETY: the process heap lives as long as the process.
    let at = unsafe { HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, 64) };
    assert!(!at.is_null());
    !(at as u64)
}

/// Writes the address of `hidden` into the block `into`.
#[inline(never)]
fn write_into(into: u64, hidden: u64) {
    // SAFETY: a block of ours, which nobody releases.
    unsafe { (!into as *mut u64).add(1).write_volatile(!hidden) };
}

#[inline(never)]
fn store(place: &AtomicU64, hidden: u64, offset: u64) {
    place.store(!hidden + offset, Ordering::Relaxed);
}

/// Leaves pointers on the stack, far enough below the caller for what it calls next to
/// have none of them in its own frame.
#[inline(never)]
fn leave_on_stack(hidden: u64) {
    let between = hint::black_box([0u64; 1024]);
    leave_all_over(hidden);
    hint::black_box(&between);
}

#[inline(never)]
fn leave_all_over(hidden: u64) {
    let mut frame = [0u64; 1024];
    for word in &mut frame {
        // SAFETY: a variable of ours; volatile, so that it is written at all.
        unsafe { ptr::write_volatile(word, !hidden) };
    }
    hint::black_box(&frame);
}

/// Holds one block by a register alone, one by a vector register, until it is over.
#[inline(never)]
fn spin(general: u64, vector: u64) {
    READY.fetch_add(1, Ordering::SeqCst);
    // SAFETY: reads one byte again and again; all registers changed are named.
    unsafe {
        std::arch::asm!(
            "not r13",
            "not r12",
            "movq xmm7, r12",
            "xor r12d, r12d",
            "pxor xmm0, xmm0",
            "pxor xmm1, xmm1",
            "pxor xmm2, xmm2",
            "pxor xmm3, xmm3",
            "pxor xmm4, xmm4",
            "pxor xmm5, xmm5",
            "xor eax, eax",
            "xor ecx, ecx",
            "xor edx, edx",
            "xor r8d, r8d",
            "xor r9d, r9d",
            "xor r10d, r10d",
            "2:",
            "pause",
            "cmp byte ptr [r11], 0",
            "je 2b",
            "xor r13d, r13d",
            "pxor xmm7, xmm7",
            inout("r13") general => _,
            inout("r12") vector => _,
            in("r11") OVER.as_ptr(),
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
            out("xmm5") _, out("xmm7") _,
            out("rax") _, out("rcx") _, out("rdx") _, out("r8") _, out("r9") _, out("r10") _,
            options(nostack, readonly),
        );
    }
}

/// Whether this is a victim, which has then done what it is for.
pub(crate) fn is_victim() -> bool {
    let Ok(name) = env::var(VICTIM) else {
        return false;
    };
    let path = env::var(FILE).expect("set with the other");
    match name.as_str() {
        HIDES => hides(&path),
        MAKES_THREADS => makes_threads(&path),
        _ => panic!("no victim: {name}"),
    }
    true
}

/// Makes the blocks, and pointers to them wherever threads are not needed for that.
fn plant(view: &View) -> Vec<(Where, u64, u64)> {
    let mut blocks = Vec::new();
    let mut new = |place: Where| {
        let hidden = hidden_block();
        blocks.push((place, hidden, 64));
        hidden
    };
    let held = new(Where::Static);
    store(&HELD, held, 0);
    write_into(held, new(Where::HeldBlock));
    let lost = new(Where::Nowhere);
    write_into(lost, new(Where::LostBlock));
    store(&MIDDLE, new(Where::MiddleInStatic), 24);
    store(view.word(100), new(Where::View), 0);
    // Held by a block that nobody tells of.
    let unknown = hidden_block();
    store(&UNKNOWN, unknown, 0);
    write_into(unknown, new(Where::UnknownBlock));
    let others = [
        Where::OtherStack,
        Where::Register,
        Where::Vector,
        Where::ThreadLocal,
        Where::DeadStack,
    ];
    for place in others {
        new(place);
    }
    // SAFETY: a new reservation, which is never touched.
    let reserved = unsafe { VirtualAlloc(ptr::null_mut(), 1 << 20, MEM_RESERVE, PAGE_READWRITE) };
    blocks.push((Where::Reserved, !(reserved as u64), 1 << 20));
    blocks
}

/// The victim of most tests.
fn hides(path: &str) {
    let path = path.to_owned();
    // On a stack that is gone when we wait: what calls have left in the frames of
    // others would be pointers.
    let blocks = thread::spawn(move || plant(&View::of(&path)));
    let blocks = blocks.join().expect("no panic");
    // A system may keep the stack of the thread that ended last.
    thread::spawn(|| {}).join().expect("no panic");
    let hidden = |place: Where| {
        let mut found = blocks.iter().filter(|(other, ..)| *other == place);
        found.next().expect("planted").1
    };
    let (stack, register) = (hidden(Where::OtherStack), hidden(Where::Register));
    let (vector, dead) = (hidden(Where::Vector), hidden(Where::DeadStack));
    let in_local = hidden(Where::ThreadLocal);
    let threads = [
        thread::spawn(move || {
            local::LOCAL.with(|word| store(word, in_local, 0));
            let on_stack = hint::black_box([!stack]);
            READY.fetch_add(1, Ordering::SeqCst);
            while OVER.load(Ordering::SeqCst) == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            hint::black_box(&on_stack);
        }),
        thread::spawn(move || {
            leave_on_stack(dead);
            spin(register, vector);
        }),
    ];
    while READY.load(Ordering::SeqCst) < 2 {
        thread::yield_now();
    }
    // Between the last of `READY` and the loop in `spin` are a few instructions.
    thread::sleep(Duration::from_millis(50));
    wait(&blocks);
    OVER.store(1, Ordering::SeqCst);
    for thread in threads {
        thread.join().expect("no panic");
    }
}

fn judged(
    stopped: &Stopped,
    blocks: &[Block],
    without: &[*const c_void],
) -> (Vec<Verdict>, Outcome) {
    let mut by_tag = vec![Verdict::Unknown; blocks.len()];
    let outcome = stopped.judge(blocks, without, &mut |tag, verdict| {
        by_tag[tag as usize] = verdict;
    });
    (by_tag, outcome.expect("judged"))
}

fn blocks_are_judged_by_what_holds_them() {
    use Verdict::{Indirect, Lost, Possible, Reachable, Unknown};
    let (victim, blocks) = Victim::start(HIDES);
    let stopped = Stopped::process(victim.child.id()).expect("stopped");
    let (verdicts, outcome) = judged(&stopped, &blocks, &[]);
    drop(stopped);
    let expected = [
        (Where::Static, Reachable),
        (Where::HeldBlock, Reachable),
        (Where::Nowhere, Lost),
        (Where::LostBlock, Indirect),
        (Where::MiddleInStatic, Possible),
        (Where::OtherStack, Reachable),
        (Where::Register, Reachable),
        (Where::Vector, Reachable),
        (Where::ThreadLocal, Reachable),
        (Where::DeadStack, Lost),
        (Where::View, Reachable),
        (Where::Reserved, Unknown),
        (Where::UnknownBlock, Reachable),
    ];
    let got: Vec<_> = expected
        .iter()
        .map(|(place, _)| (*place, verdicts[*place as usize]))
        .collect();
    assert_eq!(got, expected);
    assert_eq!(outcome.verdicts[Lost as usize].blocks, 2);
    assert_eq!(outcome.verdicts[Lost as usize].bytes, 128);
    assert_eq!(outcome.block_bytes, 12 * 64);
    assert!(outcome.root_bytes > 1 << 20, "{outcome:?}");
    victim.end();
}

fn a_view_of_the_ledger_holds_nothing() {
    let (victim, blocks) = Victim::start(HIDES);
    let stopped = Stopped::process(victim.child.id()).expect("stopped");
    let own = victim.view.0.cast_const().cast();
    let (verdicts, _) = judged(&stopped, &blocks, &[own]);
    assert_eq!(verdicts[Where::View as usize], Verdict::Lost);
    assert_eq!(verdicts[Where::Static as usize], Verdict::Reachable);
    // Memory that is no view of a file leaves nothing out.
    let (verdicts, _) = judged(
        &stopped,
        &blocks,
        &[(&raw const HELD).cast(), (&raw const own).cast()],
    );
    assert_eq!(verdicts[Where::View as usize], Verdict::Reachable);
    drop(stopped);
    victim.end();
}

/// Threads that make threads, each of which counts.
fn makes_threads(path: &str) {
    let counter = View::of(path).word(0).as_ptr() as usize;
    // SAFETY: in a view that stays.
    let count = move || unsafe { &*(counter as *const AtomicU64) }.fetch_add(1, Ordering::SeqCst);
    let makers: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(move || {
                while OVER.load(Ordering::SeqCst) == 0 {
                    let one = thread::spawn(move || {
                        for _ in 0..1000 {
                            count();
                        }
                    });
                    one.join().expect("no panic");
                }
            })
        })
        .collect();
    wait(&[]);
    OVER.store(1, Ordering::SeqCst);
    for maker in makers {
        maker.join().expect("no panic");
    }
}

fn nothing_moves_while_it_is_stopped() {
    let (victim, _) = Victim::start(MAKES_THREADS);
    for _ in 0..20 {
        let count = || victim.view.word(0).load(Ordering::SeqCst);
        let stopped = Stopped::process(victim.child.id()).expect("stopped");
        let before = count();
        thread::sleep(Duration::from_millis(20));
        assert_eq!(count(), before, "counts though it is stopped");
        drop(stopped);
        let mut patience = 500;
        while count() == before {
            patience -= 1;
            assert!(patience > 0, "does not go on");
            thread::sleep(Duration::from_millis(10));
        }
    }
    victim.end();
}

fn who_cannot_be_judged_says_why() {
    let own = Stopped::process(std::process::id());
    assert!(matches!(own, Err(Error::Own)));
    let (mut victim, blocks) = Victim::start(HIDES);
    let stopped = Stopped::process(victim.child.id()).expect("stopped");
    // Ends though its threads are stopped.
    victim.child.kill().expect("ended");
    victim.child.wait().expect("ended");
    let result = stopped.judge(&blocks, &[], &mut |_, verdict| {
        assert_eq!(verdict, Verdict::Unknown);
    });
    let error = result.expect_err("nothing to be read").to_string();
    assert!(!error.is_empty());
    drop(stopped);
    // Its number stays its own as long as `child` has a handle.
    let error = Stopped::process(victim.child.id()).err().expect("ended");
    assert!(
        matches!(error, Error::Process(_) | Error::Thread(_)),
        "{error}"
    );
    let _ = std::fs::remove_file(&victim.path);
}
