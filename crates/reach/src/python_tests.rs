//! Integers of CPython that hold blocks.

use super::*;
use crate::python::PythonLayout;

fn python_world(layout: PythonLayout, words: &[u64], target: u64) -> Verdict {
    let mut world = world(1, Shape::Apart, 0, 0);
    // The list lengths also pick the reading path, see `engine`.
    let address = world.arena.address() + 8192;
    world.blocks.push(Block {
        address,
        size: 64,
        tag: 0,
        flags: 0,
    });
    for (i, &word) in words.iter().enumerate() {
        put(&mut world.roots, 24 + i as u64 * 8, word);
    }
    let digits = address.wrapping_add(target);
    put(
        &mut world.roots,
        24 + words.len() as u64 * 8,
        digits & 0x3fff_ffff | digits >> 30 << 32,
    );
    engine(
        &world,
        Some(PythonLong {
            type_address: 0x1234_5678,
            layout,
        }),
    )[0]
}

#[test]
fn python_integers_hold_blocks() {
    use PythonLayout::{Size, Tag};
    let reference_count = 1;
    let kind = 0x1234_5678;
    assert_eq!(
        python_world(Size, &[reference_count, kind, 2], 0),
        Verdict::Reachable
    );
    assert_eq!(
        python_world(Tag, &[reference_count, kind, 2 << 3], 0),
        Verdict::Reachable
    );
    assert_eq!(
        python_world(Size, &[reference_count, kind, 2], 8),
        Verdict::Possible
    );
    // Negative, another layout, another type, too long.
    assert_eq!(
        python_world(Size, &[1, kind, 2u64.wrapping_neg()], 0),
        Verdict::Lost
    );
    assert_eq!(python_world(Tag, &[1, kind, 2 << 3 | 2], 0), Verdict::Lost);
    assert_eq!(python_world(Tag, &[1, kind, 2], 0), Verdict::Lost);
    assert_eq!(python_world(Size, &[1, kind + 8, 2], 0), Verdict::Lost);
    assert_eq!(python_world(Size, &[1, kind, 3], 0), Verdict::Lost);
}

#[test]
fn a_python_integer_of_one_digit_ends_in_half_a_word() {
    let mut index = Index::new().unwrap();
    // Below 2^30, as the heap of a program at a fixed address; never read.
    index
        .push(&Block {
            address: 0x2000_0000,
            size: 0,
            tag: 1,
            flags: 0,
        })
        .unwrap();
    index.build().unwrap();
    let python = PythonLong {
        type_address: 77,
        layout: PythonLayout::Size,
    };
    let mut marker = Marker::new(&index, &[], Some(python)).unwrap();
    let words = [1u64, 77, 1, 0x2000_0000];
    let start = words.as_ptr() as u64;
    for (bytes, found) in [(24, false), (28, true)] {
        let words = [1u64, 77, 1, 0x5555_5555_2000_0000];
        let start = words.as_ptr() as u64;
        // SAFETY: within the array.
        unsafe { marker.memory(start, start + bytes, false) };
        marker.drain();
        assert_eq!(marker.marked.get(0), found);
    }
    // SAFETY: within the array.
    unsafe { marker.memory(start, start + 32, true) };
}

#[test]
fn integers_are_found_across_the_pieces_of_a_long_scan() {
    let python = PythonLong {
        type_address: 77,
        layout: PythonLayout::Size,
    };
    let value = 0x7000_0000_1000u64;
    for at in (0..3000).step_by(7) {
        let mut words = vec![0u64; 3010];
        words[at..at + 3].copy_from_slice(&[77, 2, value & 0x3fff_ffff | value >> 30 << 32]);
        let mut index = Index::new().unwrap();
        index
            .push(&Block {
                address: 0x7000_0000_1000,
                size: 0,
                tag: 1,
                flags: 0,
            })
            .unwrap();
        index.build().unwrap();
        let mut marker = Marker::new(&index, &[], Some(python)).unwrap();
        let start = words.as_ptr() as u64;
        // SAFETY: within the vector.
        unsafe { marker.memory(start, start + 8 * words.len() as u64, false) };
        marker.drain();
        assert!(marker.marked.get(0), "{at}");
    }
}
