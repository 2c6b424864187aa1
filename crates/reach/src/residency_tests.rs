//! The sources of resident pages against each other.

use super::*;
use crate::maps::{HEAP, READ, WRITE};

/// Runs within a region, in pages from its start.
fn runs(region: &Region, source: Source, flags: u64) -> Vec<(u64, u64, u64)> {
    let start = region.address();
    let end = start + region.len() as u64;
    let found = Residency::with(&[Mapping { start, end, flags }], source).unwrap();
    assert_eq!(found.source, source, "this kernel has it");
    let runs = found.runs.iter();
    runs.map(|run| {
        (
            (run.start - start) / PAGE,
            (run.end - start) / PAGE,
            run.flags,
        )
    })
    .collect()
}

#[test]
fn all_sources_agree() {
    let mut region = Region::new(64 << 20).unwrap();
    let pages = region.len() / PAGE as usize;
    // More runs than fit in one buffer of any source.
    for page in (0..pages).filter(|page| page % 3 != 1) {
        region.bytes_mut()[page * PAGE as usize] = 1;
    }
    let expected: Vec<_> = (0..pages as u64)
        .step_by(3)
        .flat_map(|page| {
            let first = if page == 0 { page } else { page - 1 };
            (page < pages as u64).then_some((first, page + 1, ROOT))
        })
        .collect();
    for source in [Source::Scan, Source::Pagemap, Source::Mincore] {
        let found = runs(&region, source, READ | WRITE);
        assert_eq!(found[..expected.len()], expected, "{source:?}");
    }
}

#[test]
fn zero_pages_and_untouched_pages_hold_nothing() {
    let region = Region::new(16 * PAGE as usize).unwrap();
    // Reading maps the page of zeroes.
    assert_eq!(region.bytes()[5 * PAGE as usize], 0);
    assert_eq!(runs(&region, Source::Scan, READ | WRITE | HEAP), []);
    assert_eq!(
        runs(&region, Source::Mincore, READ | WRITE | SHARED).len(),
        1
    );
}

#[test]
fn nothing_is_looked_at_that_can_not_be_read() {
    let mut region = Region::new(4 * PAGE as usize).unwrap();
    region.bytes_mut()[0] = 1;
    assert_eq!(runs(&region, Source::Scan, WRITE), []);
    assert_eq!(runs(&region, Source::Scan, READ | DEVICE), []);
    assert_eq!(runs(&region, Source::Scan, READ), [(0, 1, ROOT)]);
}
