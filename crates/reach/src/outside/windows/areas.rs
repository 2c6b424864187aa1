//! Which memory of a process is read, and what of it is a root.

use core::ffi::c_void;
use std::collections::HashMap;
use std::io;

use super::sys::{Handle, Region, own_mapped_file};
use crate::outside::sweep::Area;

const MEM_COMMIT: u32 = 0x1000;
const MEM_PRIVATE: u32 = 0x2_0000;
const MEM_MAPPED: u32 = 0x4_0000;
const PAGE_GUARD: u32 = 0x100;
/// Memory of devices (`PAGE_NOCACHE`, `PAGE_WRITECOMBINE`), in which no pointers are kept.
const DEVICE: u32 = 0x600;
/// The accesses that can be combined with those: read-only, and the same with execution.
const READ_ONLY: [u32; 2] = [0x2, 0x20];
/// Read and write, and copy on write, each also with execution.
const WRITABLE: [u32; 4] = [0x4, 0x8, 0x40, 0x80];
/// More regions than an address space of 128 TiB can sensibly have.
const MOST_REGIONS: usize = 1 << 24;

/// The areas of a process, in order. `stack_pointers` are those of its threads; of
/// files that are mapped at `without` in this process nothing is read there.
pub(super) fn of(
    process: &Handle,
    stack_pointers: &[u64],
    without: &[*const c_void],
) -> io::Result<Vec<Area>> {
    let without: Vec<_> = without
        .iter()
        .filter_map(|&at| own_mapped_file(at))
        .collect();
    let mut is_left_out = HashMap::new();
    let mut areas: Vec<Area> = Vec::new();
    let mut last = Region::default();
    let mut at = 0;
    for _ in 0..MOST_REGIONS {
        let Some(region) = process.region(at) else {
            break;
        };
        let end = region.base.saturating_add(region.size);
        if end <= at {
            break;
        }
        at = end;
        let is_left_out = region.kind == MEM_MAPPED
            && !without.is_empty()
            && *is_left_out.entry(region.allocation).or_insert_with(|| {
                let name = process.mapped_file(region.base);
                name.is_some_and(|name| without.contains(&name))
            });
        if is_readable(&region) && !is_left_out {
            let mut start = region.base;
            if is_guard(&last, &region) {
                let pointers = stack_pointers.iter().copied();
                let within = pointers.filter(|pointer| (region.base..end).contains(pointer));
                // Below lies what functions left behind that have returned.
                start = within.min().map_or(start, |pointer| pointer & !7);
            }
            areas.push(Area {
                start,
                end,
                is_root: region.kind == MEM_PRIVATE || is_writable(&region),
            });
        }
        last = region;
    }
    match areas.is_empty() {
        true => Err(ended()),
        false => Ok(areas),
    }
}

/// What is said of a process without any memory.
fn ended() -> io::Error {
    io::Error::other("it has none, and has probably ended")
}

/// Whether `region` begins with the part of a stack that is in use: behind a guard
/// page, as no other memory is.
fn is_guard(last: &Region, region: &Region) -> bool {
    last.allocation == region.allocation
        && last.state == MEM_COMMIT
        && last.protection & PAGE_GUARD != 0
        && last.base + last.size == region.base
}

fn is_readable(region: &Region) -> bool {
    region.state == MEM_COMMIT
        && region.protection & (PAGE_GUARD | DEVICE) == 0
        && (is_writable(region) || READ_ONLY.contains(&(region.protection & 0xff)))
}

fn is_writable(region: &Region) -> bool {
    WRITABLE.contains(&(region.protection & 0xff))
}
