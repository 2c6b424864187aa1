// Sin: the leaks that safe Rust allows: `mem::forget` of owners, and a cycle of `Rc`.
// A tracker must report those as lost, and the `Box::leak` that a static keeps as reachable.
use std::cell::RefCell;
use std::hint::black_box;
use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};

static CONFIG: AtomicPtr<[u64; 40]> = AtomicPtr::new(std::ptr::null_mut());

#[inline(never)]
fn keep_config() {
    let config = Box::new([7_u64; 40]); // LEAK: config
    CONFIG.store(Box::leak(config), Ordering::Relaxed);
}

#[inline(never)]
fn forget_vec() {
    let numbers: Vec<u32> = Vec::with_capacity(black_box(500)); // LEAK: vec
    mem::forget(black_box(numbers));
}

#[inline(never)]
fn forget_string() {
    let text = "forgotten ".repeat(black_box(33)); // LEAK: string
    mem::forget(black_box(text));
}

// The array of boxes is lost; the boxes hang on it.
#[inline(never)]
fn forget_boxes() {
    let mut boxes: Vec<Box<[u8; 200]>> = Vec::with_capacity(black_box(6)); // LEAK: boxes
    for byte in 0..6 {
        boxes.push(Box::new([byte; 200])); // LEAK: boxed
    }
    mem::forget(black_box(boxes));
}

struct Node {
    peer: RefCell<Option<Rc<Node>>>,
    _body: [u64; 11],
}

#[inline(never)]
fn node() -> Rc<Node> {
    Rc::new(Node { peer: RefCell::new(None), _body: black_box([0; 11]) }) // LEAK: rc_cycle
}

#[inline(never)]
fn lose_cycle() {
    let (one, two) = (node(), node());
    *one.peer.borrow_mut() = Some(Rc::clone(&two));
    *two.peer.borrow_mut() = Some(one);
}

#[inline(never)]
fn balanced() -> usize {
    (0..100).map(|size| black_box(vec![0_u8; size]).len()).sum()
}

// Overwrites the stack where returned functions left their addresses.
#[inline(never)]
fn forget_stack() {
    black_box([0_u64; 4096]);
}

fn main() {
    keep_config();
    forget_vec();
    forget_string();
    forget_boxes();
    lose_cycle();
    println!("balanced {}", balanced());
    forget_stack();
    black_box(CONFIG.load(Ordering::Relaxed));
}
