//! Unwind tables made of garbage: any answer but a panic or a read outside.
#![cfg(not(windows))]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "sections are found through the loader"
)]

mod support;

use freehold_unwind::{Kind, Sections, rule_from_sections};
use support::Random;

/// Copies that end right before a page that cannot be read.
struct Fenced {
    page: *mut u8,
    length: usize,
}

const ROOM: usize = 1 << 20;

impl Fenced {
    fn new() -> Fenced {
        unsafe {
            let page = libc::mmap(
                std::ptr::null_mut(),
                ROOM + 4096,
                3,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            libc::mprotect(page.add(ROOM), 4096, libc::PROT_NONE);
            Fenced {
                page: page.cast(),
                length: 0,
            }
        }
    }

    fn fill(&mut self, bytes: &[u8]) -> &mut [u8] {
        self.length = bytes.len().min(ROOM);
        let slice = unsafe {
            std::slice::from_raw_parts_mut(self.page.add(ROOM - self.length), self.length)
        };
        slice.copy_from_slice(&bytes[..self.length]);
        slice
    }
}

/// `.eh_frame_hdr` and `.eh_frame` of the C library, with their addresses.
fn real_sections() -> (Vec<u8>, usize, Vec<u8>, usize) {
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _: usize,
        out: *mut core::ffi::c_void,
    ) -> core::ffi::c_int {
        let (info, out) = unsafe { (&*info, &mut *out.cast::<Vec<(usize, usize, usize)>>()) };
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        #[cfg(target_pointer_width = "32")]
        use libc::Elf32_Phdr as Phdr;
        #[cfg(target_pointer_width = "64")]
        use libc::Elf64_Phdr as Phdr;
        let at = |p: &Phdr| (info.dlpi_addr + p.p_vaddr) as usize;
        let malloc = libc::malloc as *const () as usize;
        if headers
            .iter()
            .any(|p| p.p_type == libc::PT_LOAD && malloc.wrapping_sub(at(p)) < p.p_memsz as usize)
        {
            let header = headers
                .iter()
                .find(|p| p.p_type == libc::PT_GNU_EH_FRAME)
                .unwrap();
            let segment = headers
                .iter()
                .find(|p| {
                    p.p_type == libc::PT_LOAD && at(header).wrapping_sub(at(p)) < p.p_memsz as usize
                })
                .unwrap();
            out.push((
                at(header),
                header.p_memsz as usize,
                at(segment) + segment.p_filesz as usize,
            ));
        }
        0
    }
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut found).cast()) };
    let (header, length, end) = found[0];
    let bytes = |start: usize, end: usize| unsafe {
        std::slice::from_raw_parts(start as *const u8, end - start)
    };
    let relative = i32::from_le_bytes(bytes(header + 4, header + 8).try_into().unwrap());
    let frame = header
        .wrapping_add(4)
        .wrapping_add_signed(relative as isize);
    (
        bytes(header, header + length).to_vec(),
        header,
        bytes(frame, end).to_vec(),
        frame,
    )
}

#[test]
fn mutated_tables() {
    let (header, header_address, frame, frame_address) = real_sections();
    let count = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
    let start = |i: usize| {
        let offset = i32::from_le_bytes(header[12 + i * 8..16 + i * 8].try_into().unwrap());
        header_address.wrapping_add_signed(offset as isize)
    };
    let (mut fenced_header, mut fenced_frame) = (Fenced::new(), Fenced::new());
    let h = fenced_header.fill(&header);
    let f = fenced_frame.fill(&frame);
    let mut random = Random(0xabcdef);
    let mut kinds = [0u32; 9];
    for round in 0..120_000 {
        let index = random.below(count);
        let entry = i32::from_le_bytes(header[16 + index * 8..20 + index * 8].try_into().unwrap());
        let entry = header_address.wrapping_add_signed(entry as isize) - frame_address;
        let last = f.len() - 1;
        let near = |random: &mut Random| (entry + random.below(64)).min(last);
        // Some bytes of the entry that will be used, or of the search table.
        let mut undo = Vec::new();
        for _ in 0..random.below(5) {
            let at = if random.below(8) == 0 {
                random.below(48)
            } else {
                near(&mut random)
            };
            undo.push((at, f[at]));
            f[at] = random.next() as u8;
        }
        let mut undo_header = Vec::new();
        if round % 8 == 0 {
            let at = [random.below(12), 12 + index * 8 + random.below(8)][random.below(2)];
            undo_header.push((at, h[at]));
            h[at] = random.next() as u8;
        }
        // Sometimes cut short.
        let cut = if round % 16 == 0 {
            random.below(f.len())
        } else {
            0
        };
        let sections = Sections {
            header: h,
            header_address,
            frame: &f[..f.len() - cut],
            frame_address,
        };
        let rule = rule_from_sections(&sections, start(index) + random.below(200));
        kinds[rule.map_or(8, |r| r.kind() as usize)] += 1;
        undo.iter().rev().for_each(|&(at, byte)| f[at] = byte);
        undo_header
            .iter()
            .rev()
            .for_each(|&(at, byte)| h[at] = byte);
    }
    println!("rules by kind {kinds:?}");
    assert!(
        kinds[Kind::Sp as usize] > 10_000 && kinds[8] > 1000 && kinds[Kind::Complex as usize] > 10
    );
}

#[test]
fn random_tables() {
    let (mut fenced_header, mut fenced_frame) = (Fenced::new(), Fenced::new());
    let mut random = Random(99);
    for _ in 0..60_000 {
        let mut bytes: Vec<u8> = (0..8 + random.below(200))
            .map(|_| random.next() as u8)
            .collect();
        let frame_bytes: Vec<u8> = (0..random.below(300))
            .map(|i| {
                if i % 4 < 3 && random.below(2) == 0 {
                    0
                } else {
                    random.next() as u8
                }
            })
            .collect();
        if random.below(8) != 0 {
            bytes[..4].copy_from_slice(&[1, 0x1b, 0x03, 0x3b]);
        }
        let addresses = [0x1000, random.next() as usize, usize::MAX - 100];
        let sections = Sections {
            header: fenced_header.fill(&bytes),
            header_address: addresses[random.below(3)],
            frame: fenced_frame.fill(&frame_bytes),
            frame_address: addresses[random.below(3)],
        };
        let _ = rule_from_sections(
            &sections,
            addresses[random.below(3)].wrapping_add(random.below(64)),
        );
    }
}

/// A table of one function whose instructions are random.
#[test]
fn random_instructions() {
    let mut random = Random(5);
    let mut kinds = [0u32; 9];
    let mut fenced = Fenced::new();
    for _ in 0..100_000 {
        // A CIE as gcc writes it, then an FDE for 0x10000..0x10100.
        let (unit, ra, sp, bp, word) = match size_of::<usize>() {
            8 => (0x78, 16, 7, 6, 8),
            _ => (0x7c, 8, 4, 5, 4),
        };
        let mut cie = vec![
            0u8,
            0,
            0,
            0,
            1,
            b'z',
            b'R',
            0,
            1,
            unit,
            ra,
            1,
            0x00,
            0x0c,
            sp,
            word,
            0x80 | ra,
            1,
        ];
        if random.below(20) == 0 {
            cie[random.below(18)] = random.next() as u8;
        }
        cie.resize(cie.len().next_multiple_of(8) + 4, 0);
        let mut fde = vec![];
        fde.extend((cie.len() as u32 + 4 + 4).to_le_bytes());
        fde.extend(0x10000usize.to_le_bytes());
        fde.extend(0x100usize.to_le_bytes());
        fde.push(0);
        for _ in 0..random.below(40) {
            let common = [
                0x0e,
                0x0d,
                0x0c,
                0x0f,
                0x10,
                0x16,
                0x41,
                0x80 | bp,
                0x83,
                0x0a,
                0x0b,
                bp,
                0x76,
                0x77,
                0x7f,
            ];
            fde.push(if random.below(3) == 0 {
                random.next() as u8
            } else {
                common[random.below(common.len())]
            });
        }
        let mut frame = (cie.len() as u32).to_le_bytes().to_vec();
        frame.extend(&cie);
        let fde_at = frame.len();
        frame.extend((fde.len() as u32).to_le_bytes());
        frame.extend(&fde);
        let header_address = 0x5000usize;
        let frame_address = 0x6000usize;
        let mut header = vec![1, 0x1b, 0x03, 0x3b];
        header.extend((frame_address as i32 - header_address as i32 - 4).to_le_bytes());
        header.extend(1u32.to_le_bytes());
        header.extend((0x10000 - header_address as i32).to_le_bytes());
        header.extend((frame_address as i32 + fde_at as i32 - header_address as i32).to_le_bytes());
        let sections = Sections {
            header: &header,
            header_address,
            frame: fenced.fill(&frame),
            frame_address,
        };
        let rule = rule_from_sections(&sections, 0x10000 + random.below(0x100));
        kinds[rule.map_or(8, |r| r.kind() as usize)] += 1;
    }
    println!("rules by kind {kinds:?}");
    assert!(kinds[Kind::Sp as usize] > 1000 && kinds[Kind::Bp as usize] > 10 && kinds[8] > 1000);
}
