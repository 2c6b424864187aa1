//! Names from programs of Windows, made here by the compilers for it where they are
//! installed, and looked up as on any system: nothing is run.
#![cfg(unix)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::windows::{Image, address_of_call, codeview_program, mingw};
use common::{frames, run};
use freehold_report::{Report, Symbols, build, files};

const SOURCE: &str = r#"
#include <windows.h>
namespace app {
static inline __attribute__((always_inline)) void *innermost(size_t n) {
    return HeapAlloc(GetProcessHeap(), 0, n); /* line 5 */
}
__attribute__((noinline)) void *outer(size_t n) {
    void *p = innermost(n + 1); /* line 8 */
    *(volatile char *)p = 1;
    return p;
}
}
int main(int argc, char **argv) { return app::outer(argc) == argv; }
"#;

const OUTER: &str = "_ZN3app5outerEy";

fn report_with(image: &Image, rva: u64, with: impl FnOnce(Symbols<'_>) -> Symbols<'_>) -> Report {
    let mut symbols = with(Symbols::new(&files::Disk).debug_roots(Vec::new()));
    build(
        &image.session(&[rva]),
        &Default::default(),
        &mut symbols,
        &mut |_| {},
    )
}

fn report(image: &Image, rva: u64) -> Report {
    report_with(image, rva, |symbols| symbols)
}

fn kinds(report: &Report) -> Vec<&str> {
    report.main.notes.iter().map(|n| n.kind).collect()
}

/// The program, and a place in its function `app::outer`.
fn program(name: &str, flags: &[&str]) -> Option<(Image, u64)> {
    let image = mingw(name, "cpp", SOURCE, flags)?;
    let call = address_of_call(&image, OUTER);
    Some((image, call))
}

#[test]
fn dwarf_in_an_image() {
    for (name, flags) in [
        ("pe_dwarf5", &["-g", "-O2"][..]),
        ("pe_dwarf4", &["-gdwarf-4", "-O2"]),
        ("pe_based", &["-g", "-O2", "-Wl,--image-base=0x7700000000"]),
    ] {
        let Some((image, call)) = program(name, flags) else {
            return;
        };
        let report = report(&image, call);
        assert_eq!(
            frames(&report),
            [
                format!("innermost {name}.cpp:5 inlined"),
                format!("app::outer(unsigned long long) {name}.cpp:8"),
            ]
        );
        assert_eq!(kinds(&report), [""; 0]);
    }
}

#[test]
fn a_linked_debug_file_of_an_image() {
    let Some((image, call)) = program("pe_link", &["-g", "-O2"]) else {
        return;
    };
    let tool = |tool: &str, arguments: &[&str]| {
        run(Command::new(format!("x86_64-w64-mingw32-{tool}"))
            .current_dir(image.folder())
            .args(arguments));
    };
    tool(
        "objcopy",
        &["--only-keep-debug", "pe_link.exe", "pe_link.debug"],
    );
    tool("strip", &["pe_link.exe"]);
    tool(
        "objcopy",
        &["--add-gnu-debuglink=pe_link.debug", "pe_link.exe"],
    );
    let image = image.again();
    assert_eq!(
        frames(&report(&image, call))[1],
        "app::outer(unsigned long long) pe_link.cpp:8"
    );
}

#[test]
fn coff_symbols_without_debug_information() {
    let Some((image, call)) = program("pe_plain", &["-O2"]) else {
        return;
    };
    // The C library that was linked to it has some.
    run(Command::new("x86_64-w64-mingw32-strip")
        .arg("--strip-debug")
        .arg(image.path()));
    let image = image.again();
    let report = report(&image, call);
    assert_eq!(frames(&report), ["app::outer(unsigned long long)"]);
    assert_eq!(kinds(&report), ["no-lines"]);
}

#[test]
fn exports_of_a_stripped_library() {
    let source = r#"
        #include <windows.h>
        static __attribute__((noinline)) void *hidden(size_t n) {
            void *p = HeapAlloc(GetProcessHeap(), 0, n);
            *(volatile char *)p = 1;
            return p;
        }
        __declspec(dllexport) void *Shown(size_t n) {
            void *p = HeapAlloc(GetProcessHeap(), 0, n);
            *(volatile char *)p = 2;
            return p;
        }
        __declspec(dllexport) void *Other(size_t n) { return (char *)hidden(n) + 1; }
    "#;
    let definitions = "EXPORTS\nShown\nOther\nElsewhere=KERNEL32.HeapAlloc\n";
    let Some(before) = mingw("pe_exports", "c", source, &["-O1"]) else {
        return;
    };
    std::fs::write(before.folder().join("pe_exports.def"), definitions).expect("written");
    let flags = ["-O1", "-shared", "-fno-toplevel-reorder"];
    let image = before.compile(&[&flags[..], &["pe_exports.def"]].concat());
    let (shown, hidden) = (
        address_of_call(&image, "Shown"),
        address_of_call(&image, "hidden"),
    );
    run(Command::new("x86_64-w64-mingw32-strip").arg(image.path()));
    let image = image.again();
    assert_eq!(frames(&report(&image, shown)), ["Shown"]);
    // What comes before it, and that it need not be it.
    let name = frames(&report(&image, hidden)).remove(0);
    assert!(!name.starts_with("Elsewhere"), "{name}");
    assert!(name == "?" || name.contains("+0x"), "{name}");
}

#[test]
fn an_image_of_another_build_is_not_used() {
    let Some((image, call)) = program("pe_other", &["-g", "-O2"]) else {
        return;
    };
    let mut other = image.again();
    other.identity.time ^= 1;
    let report = report(&other, call);
    assert_eq!(frames(&report), ["?"]);
    assert_eq!(kinds(&report), ["changed-module"]);
}

#[test]
fn images_are_found_on_drives_and_in_folders_with_symbols() {
    let Some((image, call)) = program("pe_moved", &["-g", "-O2"]) else {
        return;
    };
    let wanted = "app::outer(unsigned long long) pe_moved.cpp:8";
    let on_drive_z = image.at(&format!("Z:{}", image.path().display()).replace('/', "\\"));
    assert_eq!(frames(&report(&on_drive_z, call))[1], wanted);
    let drives = image.folder().join("drives");
    std::fs::create_dir_all(drives.join("c:/Program Files")).expect("a folder");
    let there = drives.join("c:/Program Files/a.exe");
    std::fs::copy(image.path(), &there).expect("copied");
    let on_drive_c = image.at(r"C:\Program Files\a.exe");
    let found = report_with(&on_drive_c, call, |s| s.windows_drives(drives));
    assert_eq!(frames(&found)[1], wanted);
    let key = format!("{:08X}{:x}", image.identity.time, image.identity.size);
    for place in [
        PathBuf::from("b.exe"),
        Path::new("b.exe").join(key).join("b.exe"),
    ] {
        let symbols = image.folder().join("symbols");
        let _ = std::fs::remove_dir_all(&symbols);
        let there = symbols.join(place);
        std::fs::create_dir_all(there.parent().expect("a folder")).expect("a folder");
        std::fs::copy(image.path(), there).expect("copied");
        let gone = image.at(r"C:\gone\b.exe");
        let found = report_with(&gone, call, |s| s.symbol_folders(vec![symbols]));
        assert_eq!(frames(&found)[1], wanted);
    }
    let nowhere = report(&image.at(r"C:\gone\b.exe"), call);
    assert_eq!(kinds(&nowhere), ["missing-module"]);
    let text = &nowhere.main.notes[0].text;
    assert!(
        text.contains(r"C:\gone\b.exe") && text.contains("--symbols"),
        "{text}"
    );
}

#[test]
fn a_pdb_gives_inlined_functions_and_lines() {
    let Some(image) = codeview_program("pe_pdb") else {
        return;
    };
    // What `start` exports is the only name in the image itself.
    let call = image.rva_of_call_behind_start();
    let wanted = [
        "pe_pdb::innermost pe_pdb.rs:11 inlined",
        "pe_pdb::outer pe_pdb.rs:15",
    ];
    assert_eq!(names_without_parameters(&report(&image, call)), wanted);
    // Beside the image it is gone; a symbol server has it.
    let pdb = image.identity.pdb.expect("a PDB is named");
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let guid = order.map(|i| format!("{:02X}", pdb.guid[i])).concat();
    let served = image.folder().join("served");
    let folder = served
        .join("pe_pdb.pdb")
        .join(format!("{guid}{:x}", pdb.age));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::rename(image.folder().join("pe_pdb.pdb"), folder.join("pe_pdb.pdb")).expect("moved");
    let without = report(&image, call);
    assert_eq!(kinds(&without), ["no-lines"]);
    let found = report_with(&image, call, |s| s.symbol_folders(vec![served]));
    assert_eq!(names_without_parameters(&found), wanted);
    // One of another build is told of and not used.
    let mut other = image.again();
    std::fs::copy(folder.join("pe_pdb.pdb"), image.folder().join("pe_pdb.pdb")).expect("copied");
    other.patch_guid();
    let found = report(&other, call);
    assert_eq!(kinds(&found), ["changed-symbols"]);
    assert!(
        found.main.notes[0].text.contains("pe_pdb.pdb"),
        "{:?}",
        found.main.notes
    );
}

/// As [`frames`], without the parameters that a PDB has for each function.
fn names_without_parameters(report: &Report) -> Vec<String> {
    let without = |frame: String| match (frame.find('('), frame.find(')')) {
        (Some(open), Some(close)) => frame[..open].to_owned() + &frame[close + 1..],
        _ => frame,
    };
    frames(report).into_iter().map(without).collect()
}
