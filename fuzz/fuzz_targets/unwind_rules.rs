//! Anything at all as the unwind tables of an object.
#![no_main]

use freehold_unwind::{Sections, rule_from_sections};
use libfuzzer_sys::fuzz_target;

/// Where the pretended tables lie; the functions that they describe are near.
const HEADER: usize = 0x1_0000;
/// As every linker begins `.eh_frame_hdr`; without these bytes it is not read.
const USUAL: [u8; 4] = [1, 0x1b, 0x03, 0x3b];

fuzz_target!(|input: (u16, u8, Vec<u8>, Vec<u8>)| {
    let (pc, gap, mut header, frame) = input;
    for (to, from) in header.iter_mut().zip(USUAL) {
        *to = from;
    }
    let sections = Sections {
        header: &header,
        header_address: HEADER,
        frame: &frame,
        frame_address: HEADER + header.len() + usize::from(gap),
    };
    for pc in [usize::from(pc), HEADER + usize::from(pc), usize::MAX] {
        rule_from_sections(&sections, pc);
    }
});
