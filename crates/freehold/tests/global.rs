//! A whole Rust program in the ledger.

use std::collections::HashMap;

use freehold::{Misuse, Ownership, free, ownership_of, track};

#[global_allocator]
static ALLOCATOR: freehold::Global = freehold::Global::new();

/// Live blocks of this process by family, as a reader outside sees them.
fn rust_blocks() -> usize {
    let (path, slot) = track::session().expect("on");
    let file = freehold_ledger::reader::SessionFile::open(&path).expect("readable");
    let ledger = file.read_ledger(slot).expect("readable").expect("begun");
    let is_rust = |b: &&freehold_ledger::reader::Block| b.family() == freehold::Family::Rust;
    ledger.blocks.iter().filter(is_rust).count()
}

#[test]
fn every_block_of_the_program_is_recorded() {
    track::start(&track::Options::default()).expect("memory for a ledger");
    let mut map = HashMap::new();
    for i in 0..1000u32 {
        map.insert(i, vec![i; 10]);
    }
    assert!(rust_blocks() > 1000);
    for value in map.values() {
        assert_eq!(
            ownership_of(value.as_ptr() as usize),
            Some(Ownership::Owned)
        );
    }
    let first = map[&0].as_ptr().cast_mut().cast();
    // SAFETY: refused: only its own allocator knows the layout.
    let error = unsafe { free(first) }.unwrap_err();
    let family = freehold::Family::Rust;
    assert_eq!(error.misuse(), Misuse::WrongFamily { family });
    let threads: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(|| (0..1000).map(|i| vec![0u8; i]).collect::<Vec<_>>()))
        .collect();
    let vectors: Vec<_> = threads
        .into_iter()
        .map(|t| t.join().expect("no panic"))
        .collect();
    let before = rust_blocks();
    assert!(before > 4000);
    drop(vectors);
    assert!(rust_blocks() < before - 3900);
}
