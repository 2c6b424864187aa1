//! The list of mappings, and hostile text in its place.

use super::*;
use proptest::prelude::*;

fn one(line: &str) -> Option<Mapping> {
    let maps = parse(line.as_bytes()).unwrap();
    assert_eq!(maps.list.len() + maps.bad_lines as usize, 1);
    maps.list.first().copied()
}

#[test]
fn reads_what_the_kernel_writes() {
    let flags = |tail: &str| {
        one(&format!("1000-3000 rw-p 00000000 00:00 0 {tail}\n"))
            .unwrap()
            .flags
    };
    let plain = READ | WRITE;
    assert_eq!(flags(""), plain);
    assert_eq!(flags("                         [heap]"), plain | HEAP);
    assert_eq!(flags("  [stack]"), plain);
    assert_eq!(flags("  [anon:V8 heap]"), plain);
    assert_eq!(flags("  /usr/lib/a b\\012c.so (deleted)"), plain | FILE);
    assert_eq!(flags("  /dev/zero (deleted)"), plain | FILE);
    assert_eq!(flags("  /dev/shm/segment"), plain | FILE);
    assert_eq!(flags("  /memfd:x (deleted)"), plain | FILE);
    for device in [
        "/dev/nvidia0",
        "/dmabuf:",
        "[vvar]",
        "[vsyscall]",
        "anon_inode:[io_uring]",
        "socket:[7]",
    ] {
        assert_eq!(
            flags(&format!("  {device}")),
            plain | FILE | DEVICE,
            "{device}"
        );
    }
    assert_eq!(
        one("ffffffffff600000-ffffffffff601000 --xs 00001000 fe:00 538 /x"),
        Some(Mapping {
            start: 0xffff_ffff_ff60_0000,
            end: 0xffff_ffff_ff60_1000,
            flags: SHARED | FILE
        })
    );
    let long = format!("1000-2000 r--p 0 0:0 1 /{}", "long ".repeat(10_000));
    assert_eq!(one(&long).unwrap().flags, READ | FILE);
}

#[test]
fn passes_over_what_makes_no_sense() {
    for line in [
        "x",
        "1000",
        "1000-",
        "-2000 rw-p 0 0:0 0",
        "2000-1000 rw-p 0 0:0 0",
        "1000-1000 rw-p 0 0:0 0",
        "1001-2000 rw-p 0 0:0 0",
        "1000-2000 rw-x 0 0:0 0",
        "1000-2000 qw-p 0 0:0 0",
        "1000-2000 rw",
        "1000-2000 rw-p 0 00 0",
        "1000-2000 rw-p 0 0:0 ",
        "10000000000000000-20000000000000000 rw-p 0 0:0 0",
    ] {
        assert_eq!(one(line), None, "{line}");
    }
    // Out of order.
    let maps = parse(b"5000-6000 rw-p 0 0:0 0\n1000-2000 rw-p 0 0:0 0\n").unwrap();
    assert_eq!((maps.list.len(), maps.bad_lines), (1, 1));
}

#[test]
fn finds_itself() {
    // There may be no heap at all under another allocator.
    // SAFETY: the new bytes are not used.
    unsafe { libc::sbrk(4096) };
    let maps = read().unwrap();
    assert_eq!(maps.bad_lines, 0);
    let local = 0u8;
    let here = &raw const local as u64;
    let mapping = maps
        .list
        .iter()
        .find(|m| m.start <= here && here < m.end)
        .unwrap();
    assert!(mapping.has(READ | WRITE) && !mapping.has(FILE));
    assert!(
        maps.list
            .iter()
            .any(|m| m.start <= maps.buffer.0 && maps.buffer.1 <= m.end)
    );
    assert!(
        maps.list
            .iter()
            .any(|m| m.has(HEAP) && m.start == heap_start().unwrap())
    );
}

#[test]
fn finds_the_heap_behind_any_name() {
    let rest = "S ".to_owned()
        + &(4..=60)
            .map(|i| i.to_string())
            .collect::<Vec<_>>()
            .join(" ");
    for name in ["cat", "a b) (c", ")", ""] {
        assert_eq!(
            parse_heap_start(format!("1 ({name}) {rest}\n").as_bytes()),
            Some(47)
        );
    }
    for text in ["", ")", "1 (x", "1 (x) S 4 5", "1 (x) S 0 0"] {
        assert_eq!(parse_heap_start(text.as_bytes()), None);
    }
}

proptest! {
    #[test]
    fn survives_any_text(text: Vec<u8>) {
        let lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty()).count();
        let maps = parse(&text).unwrap();
        prop_assert_eq!(maps.list.len() + maps.bad_lines as usize, lines);
        parse_heap_start(&text);
    }

    #[test]
    fn survives_changed_lines(at in 0usize..70, byte: u8) {
        let mut line = *b"7f0000001000-7f0000003000 rw-p 00002000 fe:00 538 /usr/lib/libc.so.6   ";
        line[at] = byte;
        for mapping in parse(&line).unwrap().list.iter() {
            prop_assert!(mapping.start < mapping.end);
            prop_assert_eq!((mapping.start | mapping.end) % 4096, 0);
        }
    }

    #[test]
    fn reads_back_any_mapping(start in 1u64..1 << 35, pages in 1u64..1 << 20, name in "[ -~]*") {
        let (start, end) = (start << 12, (start + pages) << 12);
        let mapping = one(&format!("{start:x}-{end:x} r--p 00000000 00:00 12 {name}")).unwrap();
        prop_assert_eq!((mapping.start, mapping.end), (start, end));
        prop_assert!(mapping.has(READ) && !mapping.has(WRITE));
    }
}
