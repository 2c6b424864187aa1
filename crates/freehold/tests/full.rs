//! A ledger that has no room: blocks that it does not know are released all the
//! same, and what is left of its knowledge is used.

use freehold::{Misuse, calloc, free, track};

#[test]
fn blocks_that_could_not_be_recorded_are_released() {
    let options = track::Options {
        max_memory: 1 << 20,
        ..track::Options::default()
    };
    track::start(&options).expect("memory for a ledger");
    let first = calloc::<u8>(100).expect("memory").into_raw();
    let blocks: Vec<*mut u8> = (0..100_000)
        .map(|_| calloc::<u8>(24).expect("memory").into_raw())
        .collect();
    let known = |block: &&*mut u8| freehold::ownership_of(**block as usize).is_some();
    assert!(blocks.iter().filter(known).count() < blocks.len());
    for block in blocks {
        // SAFETY: live, used by nobody.
        unsafe { free(block.cast()) }.expect("live, known or not");
    }
    // SAFETY: refused; then live.
    unsafe {
        let error = free(first.add(8).cast()).unwrap_err();
        assert!(matches!(error.misuse(), Misuse::Interior { offset: 8, .. }));
        free(first.cast()).expect("was live");
    }
}
