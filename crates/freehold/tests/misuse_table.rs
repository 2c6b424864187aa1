//! The two tables of `docs/misuse.md` on the library's `free`: each cell is done,
//! and the error must be the one that stands there.

// What is unsafe on Windows is not always so where it is emulated.
#![allow(unused_unsafe)]

#[path = "support/child.rs"]
mod child;
#[cfg(windows)]
#[path = "support/functions.rs"]
#[macro_use]
mod functions;
#[cfg(windows)]
#[path = "support/real.rs"]
mod real;
#[cfg(all(windows, target_pointer_width = "64"))]
#[path = "support/real_handles.rs"]
mod real_handles;
#[path = "support/cpp.rs"]
mod runtime;

use std::alloc::Layout;
use std::ffi::c_void;

use freehold::alloc::FAMILY;
use freehold::families::{self, FIXED, MOVEABLE, PROCESS_HEAP};
use freehold::track::{self, Options};
use freehold::{
    Arena, Family, Release, ReleaseWith, adopt, attach_finalizer, calloc, free, free_as,
    free_sized, transfer,
};
use freehold_families::win32::{bstr, co_task_mem, hstring, movable, virtual_memory};
use freehold_families::{cpp, rust};

type Row = Vec<String>;

/// The first table below a heading of the page: its head, and its rows.
fn table(heading: &str) -> (Row, Vec<Row>) {
    let page = include_str!("../../../docs/misuse.md");
    let below = page.split(heading).nth(1).expect("the heading");
    let lines = below.lines().skip_while(|line| !line.starts_with('|'));
    let mut rows = lines.take_while(|line| line.starts_with('|')).map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect::<Row>()
    });
    let head = rows.next().expect("a head");
    (head, rows.skip(1).collect())
}

unsafe extern "C" fn close(block: *mut c_void, _: *mut c_void) -> i32 {
    // SAFETY: called for blocks of malloc, once.
    unsafe { libc::free(block) };
    0
}

fn custom() -> ReleaseWith {
    // SAFETY: `close` may be called on any thread with this context.
    ReleaseWith::Custom(unsafe { Release::new(close, std::ptr::null_mut()) })
}

const LAYOUT: Layout = Layout::new::<[u64; 8]>();
const TEXT: [u16; 32] = [65; 32];

/// A live block of 64 bytes or more that `free` knows, and its family.
fn block(of: &str) -> (*mut c_void, Family) {
    let text = "memory";
    let (address, family) = match of {
        "malloc" => (calloc::<u8>(64).expect(text).into_raw() as usize, FAMILY),
        "new" => (cpp(Family::New), Family::New),
        "new[]" => (cpp(Family::NewArray), Family::NewArray),
        "Rust" => (at(families::rust_alloc(LAYOUT).expect(text)), Family::Rust),
        "CoTaskMem" => (
            at(families::co_task_mem_alloc(64).expect(text)),
            Family::CoTaskMem,
        ),
        "Local, fixed" => (families::local_alloc(FIXED, 64).expect(text), Family::Local),
        "Local, movable" => (
            families::local_alloc(MOVEABLE, 64).expect(text),
            Family::Local,
        ),
        "Global, fixed" => (
            families::global_alloc(FIXED, 64).expect(text),
            Family::Global,
        ),
        "Global, movable" => (
            families::global_alloc(MOVEABLE, 64).expect(text),
            Family::Global,
        ),
        "Heap" => (
            at(families::heap_alloc(PROCESS_HEAP, 64, false).expect(text)),
            Family::Heap,
        ),
        "Virtual" => (
            at(families::virtual_alloc(64).expect(text)),
            Family::Virtual,
        ),
        "BSTR" => (
            at(families::sys_alloc_string(&TEXT).expect(text).cast()),
            Family::Bstr,
        ),
        "HSTRING" => (
            families::windows_create_string(&TEXT).expect(text),
            Family::Hstring,
        ),
        "custom" => {
            // SAFETY: a live block of malloc.
            let block = unsafe { libc::malloc(64) };
            // SAFETY: `close` releases it.
            unsafe { adopt(block, 64, custom()) }.expect("not adopted before");
            (block as usize, Family::Custom)
        }
        #[cfg(windows)]
        other => {
            let (address, size, family) = real::block(other);
            let block = address as *mut c_void;
            // SAFETY: a live one of this family that nobody else releases.
            unsafe { adopt(block, size, ReleaseWith::Family(family)) }.expect("not adopted");
            (address, family)
        }
        #[cfg(not(windows))]
        other => panic!("the table has a row of {other}"),
    };
    (address as *mut c_void, family)
}

/// The same, of which nobody knows.
fn unknown(of: &str) -> (*mut c_void, ReleaseWith) {
    let text = "memory";
    let (address, family) = match of {
        // SAFETY: no requirement.
        "malloc" => (unsafe { libc::malloc(64) } as usize, Family::Malloc),
        "new" => (at(cpp::allocate(Family::New, 64).expect(text)), Family::New),
        "new[]" => (
            at(cpp::allocate(Family::NewArray, 64).expect(text)),
            Family::NewArray,
        ),
        "Rust" => (at(rust::allocate(LAYOUT, false).expect(text)), Family::Rust),
        "CoTaskMem" => (at(co_task_mem::alloc(64).expect(text)), Family::CoTaskMem),
        "Local, fixed" => (movable::LOCAL.alloc(FIXED, 64).expect(text), Family::Local),
        "Local, movable" => (
            movable::LOCAL.alloc(MOVEABLE, 64).expect(text),
            Family::Local,
        ),
        "Global, fixed" => (
            movable::GLOBAL.alloc(FIXED, 64).expect(text),
            Family::Global,
        ),
        "Global, movable" => (
            movable::GLOBAL.alloc(MOVEABLE, 64).expect(text),
            Family::Global,
        ),
        "Heap" => (at(PROCESS_HEAP.alloc(64, false).expect(text)), Family::Heap),
        "Virtual" => (at(virtual_memory::alloc(64).expect(text)), Family::Virtual),
        "BSTR" => (at(bstr::alloc(&TEXT).expect(text).cast()), Family::Bstr),
        "HSTRING" => (hstring::create(&TEXT).expect(text), Family::Hstring),
        "custom" => {
            // SAFETY: no requirement.
            return (unsafe { libc::malloc(64) }, custom());
        }
        #[cfg(windows)]
        other => {
            let (address, _, family) = real::block(other);
            (address, family)
        }
        #[cfg(not(windows))]
        other => panic!("the table has a row of {other}"),
    };
    (address as *mut c_void, ReleaseWith::Family(family))
}

fn at(block: std::ptr::NonNull<u8>) -> usize {
    block.as_ptr() as usize
}

fn cpp(family: Family) -> usize {
    at(families::cpp_new(family, 64).expect("C++ was loaded"))
}

/// Commits what a column names on a block of a row; the misuse's name.
fn committed(of: &str, sin: &str) -> String {
    if sin == "an arena's" {
        let (block, with) = unknown(of);
        let arena = Arena::new();
        // SAFETY: live; nobody else releases it.
        if let Err(error) = unsafe { arena.adopt(block, 64, with) } {
            assert!(
                error
                    .to_string()
                    .contains("cannot be released by its address")
            );
            return "–".into();
        }
        // SAFETY: refused.
        let error = unsafe { free(block) }.expect_err(of);
        arena.release().expect("live until now");
        return name(&error);
    }
    let (block, family) = block(of);
    // SAFETY: live, and released at most once; everything else is refused.
    let error = unsafe {
        match sin {
            "released before" => {
                free(block).expect(of);
                free(block)
            }
            "its middle" => free(block.byte_add(8)),
            "by another family's function" => {
                let other = match family {
                    Family::Global => Family::Local,
                    _ => Family::Global,
                };
                free_as(other, block)
            }
            "another size" => free_sized(block, 3),
            "given away" => {
                assert!(transfer(block));
                free(block)
            }
            "a finalizer's" => {
                assert!(attach_finalizer(block, 64));
                free(block)
            }
            other => panic!("the table has a column of {other}"),
        }
    };
    name(&error.expect_err(of))
}

/// The name of a misuse without what is in it.
fn name(error: &freehold::FreeError) -> String {
    let text = format!("{:?}", error.misuse());
    let end = text.find([' ', '(']).unwrap_or(text.len());
    text[..end].to_owned()
}

fn check(heading: &str, rows: usize) {
    let (head, table) = table(heading);
    assert_eq!((table.len(), head.len()), (rows, 8));
    let mut differ = Vec::new();
    for row in &table {
        for (sin, cell) in head.iter().zip(row).skip(1) {
            // A dash: nothing is known there that could be refused.
            if cell == "–" && ["its middle", "another size"].contains(&sin.as_str()) {
                continue;
            }
            let found = committed(&row[0], sin);
            if found != *cell {
                differ.push(format!(
                    "{}, {sin}: {cell} in the table, {found} found",
                    row[0]
                ));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// The table of handles, whose functions are others.
#[cfg(all(windows, target_pointer_width = "64"))]
fn check_handles() {
    use freehold::handles;
    let (head, table) = table("### Handles");
    assert_eq!((table.len(), head.len()), (8, 4));
    for row in &table {
        for (sin, cell) in head.iter().zip(row).skip(1) {
            let (handle, family) = real_handles::handle(&row[0]);
            // SAFETY: open, and closed at most once; everything else is refused.
            let error = unsafe {
                match sin.as_str() {
                    "closed before" => {
                        handles::adopt(family, handle).expect("open");
                        handles::close(family, handle).expect(&row[0]);
                        handles::close(family, handle)
                    }
                    "by another's function" => {
                        handles::adopt(family, handle).expect("open");
                        let others = [
                            (Family::Handle, Family::RegKey),
                            (Family::GdiObject, Family::GdiDc),
                            (Family::Menu, Family::Icon),
                            (Family::Cursor, Family::Accelerators),
                        ];
                        let (one, other) = others
                            .into_iter()
                            .find(|(one, other)| *one == family || *other == family)
                            .expect("two of a sort");
                        handles::close(if one == family { other } else { one }, handle)
                    }
                    "not adopted" => handles::close(family, handle),
                    other => panic!("the table has a column of {other}"),
                }
            };
            let error = error.expect_err(&row[0]);
            assert_eq!(error.address(), handle, "{}, {sin}", row[0]);
            assert_eq!(name(&error), *cell, "{}, {sin}", row[0]);
        }
    }
}

#[test]
fn each_cell_is_what_is_done() {
    runtime::load();
    match child::case().as_deref() {
        None => {
            for case in ["off", "on"] {
                child::run("each_cell_is_what_is_done", case);
            }
        }
        Some("off") => check("### With tracking off", 4),
        Some(_) => {
            track::start(&Options::default()).expect("memory for a ledger");
            check("## The library's `free`", 14);
            #[cfg(windows)]
            {
                check("### Families that only Windows has", 11);
                #[cfg(target_pointer_width = "64")]
                check_handles();
            }
        }
    }
}
