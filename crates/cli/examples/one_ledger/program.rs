//! A program that uses the library and the C library beside it: the test
//! `one_ledger` runs it under `freehold run`, where both are in one ledger.
//!
//! Modes: `leaks`, `misuses`, `fork`, `mixed SEED`.

use std::ffi::c_void;
use std::hint::black_box;

use freehold::families::{MOVEABLE, co_task_mem_alloc, cpp_new, global_alloc, heap_alloc};
use freehold::{Family, Release, ReleaseWith, Scope, adopt, calloc, free, malloc, track};

#[inline(never)]
fn lost_calloc() {
    black_box(calloc::<u32>(10).expect("memory").into_raw());
}

#[inline(never)]
fn lost_in_scope() {
    let scope = Scope::begin("request 7");
    scope.enter(|| {
        black_box(
            freehold::diagnostic_calloc::<u64>(3)
                .expect("memory")
                .leak()
                .as_ptr(),
        )
    });
    // Its end would take its blocks out of it.
    std::mem::forget(scope);
}

#[inline(never)]
fn lost_co_task_mem() {
    black_box(co_task_mem_alloc(300).expect("memory"));
}

#[inline(never)]
fn lost_movable() {
    black_box(global_alloc(MOVEABLE, 5000).expect("memory"));
}

#[inline(never)]
fn lost_of_the_c_library() {
    // SAFETY: malloc has no requirement.
    black_box(unsafe { libc::malloc(77) });
}

#[inline(never)]
fn lost_adopted() {
    // SAFETY: `strdup` gives a block of malloc that is the caller's.
    unsafe {
        let text = libc::strdup(c"adopted".as_ptr());
        adopt(text.cast(), 8, ReleaseWith::Family(Family::Malloc)).expect("not null");
    }
}

/// Every way from one side to the other, none of which is wrong.
#[inline(never)]
fn released() {
    // SAFETY: each block is live, and released once.
    unsafe {
        free(libc::malloc(10)).expect("a block of the C library");
        libc::free(malloc::<u8>(10).expect("memory").into_raw().cast());
        libc::free(libc::realloc(
            calloc::<u8>(10).expect("memory").into_raw().cast(),
            5000,
        ));
        let block = libc::malloc(10);
        let larger = freehold::resize(block, 10_000).expect("a block of malloc");
        free(larger.as_ptr().cast()).expect("live");
        free(co_task_mem_alloc(10).expect("memory").as_ptr().cast()).expect("live");
        free(global_alloc(MOVEABLE, 10).expect("memory") as *mut c_void).expect("live");
        free(
            heap_alloc(freehold::families::Heap::create(), 10, true)
                .expect("memory")
                .as_ptr()
                .cast(),
        )
        .expect("live");
        if let Ok(block) = cpp_new(Family::NewArray, 10) {
            free(block.as_ptr().cast()).expect("live");
        }
        for with in [
            ReleaseWith::Family(Family::Malloc),
            ReleaseWith::Custom(Release::new(by_free, std::ptr::null_mut())),
        ] {
            let text = libc::strdup(c"adopted".as_ptr());
            adopt(text.cast(), 8, with).expect("not null");
            free(text.cast()).expect("live");
        }
        let arena = freehold::Arena::new();
        arena.alloc::<u64>(10).expect("memory");
        arena.release().expect("all released");
    }
}

unsafe extern "C" fn by_free(block: *mut c_void, _: *mut c_void) -> i32 {
    // SAFETY: called for blocks of malloc.
    unsafe { libc::free(block) };
    0
}

#[inline(never)]
fn twice() {
    // SAFETY: live; what follows is refused.
    unsafe {
        let block = libc::malloc(24);
        free(block).expect("live");
        println!("{:?}", free(block).unwrap_err().misuse());
        let block: *mut c_void = malloc::<u8>(24).expect("memory").into_raw().cast();
        libc::free(block);
        println!("{:?}", free(block).unwrap_err().misuse());
        let block: *mut c_void = malloc::<u8>(24).expect("memory").into_raw().cast();
        free(block).expect("live");
        libc::free(black_box(block));
    }
}

#[inline(never)]
fn wrong_family() {
    let block: *mut c_void = co_task_mem_alloc(40).expect("memory").as_ptr().cast();
    // SAFETY: refused; then released as is due.
    unsafe {
        libc::free(black_box(block));
        free(block).expect("still live");
    }
}

#[inline(never)]
fn inside() {
    // SAFETY: refused.
    unsafe {
        let block = libc::malloc(100);
        println!("{:?}", free(block.byte_add(40)).unwrap_err().misuse());
        libc::free(block);
    }
}

/// Both processes have a ledger of their own, with names of their own.
fn fork() {
    lost_in_scope();
    // SAFETY: the child only allocates, and ends.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let raw: *mut c_void = calloc::<u8>(100).expect("memory").into_raw().cast();
            lost_in_scope();
            free(raw).expect("live");
            lost_calloc();
            libc::exit(0);
        }
        let mut status = 0;
        libc::waitpid(child, &mut status, 0);
    }
}

/// Blocks that come and go on both sides in an order drawn from `seed`; says how
/// many bytes of each kind are left.
fn mixed(seed: u64) {
    let mut random = seed * 2 + 1;
    let mut draw = move |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    // Kind, size and address, the address inverted: what stays is to be lost.
    let mut live: Vec<(usize, u64, usize)> = Vec::new();
    for _ in 0..20_000 {
        if draw(100) < 52 {
            let (kind, size) = (draw(4) as usize, 1 + draw(2000));
            // SAFETY: malloc has no requirement.
            let address = unsafe {
                match kind {
                    0 => libc::malloc(size as usize) as usize,
                    1 => malloc::<u8>(size as usize).expect("memory").into_raw() as usize,
                    2 => co_task_mem_alloc(size as usize).expect("memory").as_ptr() as usize,
                    _ => {
                        let block = libc::malloc(size as usize);
                        let with = ReleaseWith::Family(Family::Malloc);
                        adopt(block, size as usize, with).expect("not registered");
                        block as usize
                    }
                }
            };
            // What the memory held before could look like a pointer.
            // SAFETY: that many bytes of a new block.
            unsafe { std::ptr::write_bytes(address as *mut u8, 1, size as usize) };
            live.push((kind, size, !address));
        } else if !live.is_empty() {
            let at = draw(live.len() as u64) as usize;
            let (kind, _, hidden) = live.swap_remove(at);
            let block = !hidden as *mut c_void;
            // SAFETY: live, released once by a function that is right for it.
            unsafe {
                match (kind, draw(2)) {
                    (0 | 1, 0) => libc::free(block),
                    _ => free(block).expect("live"),
                }
            }
        }
    }
    let mut left = [(0, 0); 4];
    for (kind, size, _) in &live {
        left[*kind].0 += 1;
        left[*kind].1 += size;
    }
    for (blocks, bytes) in left {
        println!("{blocks} {bytes}");
    }
}

/// Writes over what calls have left on the stack.
#[inline(never)]
fn wipe() {
    black_box([0u8; 16384]);
}

pub(crate) fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    println!("shared: {}", track::is_shared());
    match mode.as_str() {
        "leaks" => {
            lost_calloc();
            lost_in_scope();
            lost_co_task_mem();
            lost_movable();
            lost_of_the_c_library();
            lost_adopted();
            released();
        }
        "misuses" => {
            twice();
            wrong_family();
            inside();
        }
        "fork" => fork(),
        _ => mixed(
            arguments
                .next()
                .and_then(|seed| seed.parse().ok())
                .unwrap_or(1),
        ),
    }
    wipe();
}
