//! Names for what is loaded into a process of Windows: this one.
#![cfg(windows)]

mod common;

use std::ffi::{c_char, c_void};

use common::{block, frames, report};
use freehold_ledger::format::Verdict;
use freehold_ledger::image::loaded_image;
use freehold_ledger::reader::{Frames, ModuleInfo, Session, Snapshot, Stacks};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn LoadLibraryA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// A lost block with this return address, in a session with the image there.
fn session(address: u64) -> Session {
    let image = loaded_image(address).expect("code lies in an image");
    let loaded = image.module();
    let mut stacks = Stacks::new();
    let stack = stacks.add(&Frames {
        addresses: vec![address],
        ..Frames::default()
    });
    let mut snapshot = Snapshot {
        blocks: vec![block(0x1000, 16, stack, Verdict::Lost)],
        stacks,
        modules: vec![ModuleInfo {
            start: loaded.start,
            end: loaded.end,
            bias: loaded.bias,
            path: String::from_utf8(loaded.path.to_vec()).expect("UTF-8"),
            build_id: loaded.build_id.to_vec(),
            ..ModuleInfo::default()
        }],
        ..Snapshot::default()
    };
    snapshot.scan.done = true;
    Session {
        ledgers: vec![snapshot],
        ..Session::default()
    }
}

#[test]
fn libraries_of_the_system_by_what_they_export() {
    // The first is forwarded to another library, where it has its code and its name.
    for (library, function, named) in [
        (c"kernel32.dll", c"HeapAlloc", "RtlAllocateHeap"),
        (c"kernelbase.dll", c"CreateFileW", "CreateFileW"),
        (c"ole32.dll", c"CoTaskMemAlloc", "CoTaskMemAlloc"),
        (c"oleaut32.dll", c"SysAllocStringLen", "SysAllocStringLen"),
        (c"msvcrt.dll", c"malloc", "malloc"),
    ] {
        // SAFETY: C strings.
        let address = unsafe { GetProcAddress(LoadLibraryA(library.as_ptr()), function.as_ptr()) };
        assert!(!address.is_null(), "{function:?}");
        let report = report(&session(address as u64 + 1), None);
        let name = frames(&report).remove(0);
        // Where unwind information does not say that this is it, with a distance.
        let bare = name.split(['+', ' ']).next();
        assert_eq!(bare, Some(named), "{name}");
        let kinds: Vec<&str> = report.main.notes.iter().map(|n| n.kind).collect();
        assert!(
            !kinds.contains(&"missing-module") && !kinds.contains(&"changed-module"),
            "{kinds:?}"
        );
    }
}

#[inline(never)]
fn here() -> u64 {
    here as fn() -> u64 as usize as u64 + 1
}

#[test]
fn our_own_functions_by_their_symbols() {
    let name = frames(&report(&session(here()), None)).remove(0);
    assert!(name.contains("here"), "{name}");
}
