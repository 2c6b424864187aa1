//! Which loaded object holds an address, and where its unwind tables are.

use core::arch::{asm, global_asm};
use core::ffi::{c_int, c_void};

use crate::WORD;
use crate::cfi::Sections;

#[cfg(target_pointer_width = "32")]
use libc::{Elf32_Ehdr as Ehdr, Elf32_Phdr as Phdr};
#[cfg(target_pointer_width = "64")]
use libc::{Elf64_Ehdr as Ehdr, Elf64_Phdr as Phdr};

/// What an ELF file says of its width.
const CLASS: u8 = if WORD == 8 { 2 } else { 1 };

/// glibc's `struct dl_find_object`. Of 32-bit programs it has one word more, and one
/// that fills.
#[repr(C)]
struct Found {
    flags: u64,
    map_start: usize,
    map_end: usize,
    link_map: usize,
    eh_frame: usize,
    #[cfg(target_pointer_width = "32")]
    data_base: [usize; 2],
    reserved: [u64; 7],
}

type Find = unsafe extern "C" fn(*const c_void, *mut Found) -> c_int;

// glibc has the function since 2.35, musl not at all: a weak reference is null
// where it is missing, and needs no dlsym, which locks and allocates.
global_asm!(".weak _dl_find_object");

fn find_function() -> Option<Find> {
    let address: usize;
    // SAFETY: loads our own entry of the global offset table.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov {}, qword ptr [rip + _dl_find_object@GOTPCREL]", out(reg) address,
             options(pure, readonly, nostack, preserves_flags));
    }
    // SAFETY: the same, by way of the table's address, which 32-bit code has to work
    // out of its own.
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!("call 2f", "2: popl {a}", "addl $_GLOBAL_OFFSET_TABLE_ + (. - 2b), {a}",
             "movl _dl_find_object@GOT({a}), {a}", a = out(reg) address, options(att_syntax));
    }
    // SAFETY: either null or the function of that name, whose type this is.
    unsafe { core::mem::transmute::<usize, Option<Find>>(address) }
}

/// A loaded object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    /// Address of `.eh_frame_hdr`.
    header: usize,
    start: usize,
    end: usize,
}

/// The object that holds `pc`; an object without tables gives a null header.
pub(crate) fn find(pc: usize) -> Option<Object> {
    let Some(find) = find_function() else {
        return iterate(pc);
    };
    let mut found = Found {
        flags: 0,
        map_start: 0,
        map_end: 0,
        link_map: 0,
        eh_frame: 0,
        #[cfg(target_pointer_width = "32")]
        data_base: [0; 2],
        reserved: [0; 7],
    };
    // SAFETY: the structure has glibc's layout. The function takes no lock and
    // allocates nothing: unwinding from signal handlers relies on that.
    let result = unsafe { find(core::ptr::without_provenance(pc), &raw mut found) };
    let object = Object {
        header: found.eh_frame,
        start: found.map_start,
        end: found.map_end,
    };
    if result != 0 {
        return None;
    }
    // In a static program glibc gives only the segment that holds the code.
    if object.header != 0 && !(object.start..object.end).contains(&object.header) {
        return iterate(pc);
    }
    Some(object)
}

/// As [`find`], for C libraries without `_dl_find_object`. Takes the loader's
/// lock (which is recursive), so it is second choice.
fn iterate(pc: usize) -> Option<Object> {
    struct Search {
        pc: usize,
        object: Option<Object>,
    }
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _: usize,
        data: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader passes a valid description, and our pointer back.
        let (info, search) = unsafe { (&*info, &mut *data.cast::<Search>()) };
        // SAFETY: the loader's description names this many headers.
        let headers =
            unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let (mut holds, mut header, mut start, mut end) = (false, 0, usize::MAX, 0);
        for p in headers {
            let low = (info.dlpi_addr as usize).wrapping_add(p.p_vaddr as usize);
            let high = low.wrapping_add(p.p_memsz as usize);
            if p.p_type == libc::PT_LOAD {
                holds |= (low..high).contains(&search.pc);
                (start, end) = (start.min(low), end.max(high));
            } else if p.p_type == libc::PT_GNU_EH_FRAME {
                header = low;
            }
        }
        if holds {
            search.object = Some(Object { header, start, end });
        }
        holds.into()
    }
    let mut search = Search { pc, object: None };
    // SAFETY: the callback matches, and the data outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.object
}

impl Object {
    /// The unwind tables, each up to the end of the segment that holds it.
    ///
    /// # Safety
    ///
    /// The object must stay loaded while the slices are used.
    pub(crate) unsafe fn sections<'a>(&self) -> Option<Sections<'a>> {
        // SAFETY: the object is loaded.
        let header = unsafe { self.bytes_from(self.header) }?;
        let frame_address = Sections::frame_address(header, self.header)?;
        // SAFETY: as above; addresses outside the object give none.
        let frame = unsafe { self.bytes_from(frame_address) }?;
        Some(Sections {
            header,
            header_address: self.header,
            frame,
            frame_address,
        })
    }

    /// The bytes from `address` to the end of its segment.
    ///
    /// # Safety
    ///
    /// As for [`sections`](Object::sections).
    unsafe fn bytes_from<'a>(&self, address: usize) -> Option<&'a [u8]> {
        if !(self.start..self.end).contains(&address) {
            return None;
        }
        // SAFETY: the first page of an object is mapped.
        let end = unsafe { self.segment_end(address) }.unwrap_or(self.end);
        // SAFETY: from inside a segment to its end. Where the ELF header is not
        // mapped, the end of the object stands in; between the segments may lie
        // unreadable pages, which only corrupt tables could lead to.
        Some(unsafe {
            core::slice::from_raw_parts(
                core::ptr::with_exposed_provenance(address),
                end.checked_sub(address)?,
            )
        })
    }

    /// The end of the segment that holds `address`, by the ELF header, which
    /// nearly always is the start of the first segment.
    ///
    /// # Safety
    ///
    /// As for [`sections`](Object::sections).
    unsafe fn segment_end(&self, address: usize) -> Option<usize> {
        let header = core::ptr::with_exposed_provenance::<Ehdr>(self.start);
        if !self.start.is_multiple_of(WORD) || self.end - self.start < 4096 {
            return None;
        }
        // SAFETY: the first page is mapped.
        let elf = unsafe { &*header };
        let table = elf.e_phoff as usize;
        let count = elf.e_phnum as usize;
        if elf.e_ident[..5] != [0x7f, b'E', b'L', b'F', CLASS]
            || !table.is_multiple_of(WORD)
            || table > 4096
            || table + count * size_of::<Phdr>() > 4096
        {
            return None;
        }
        // SAFETY: inside the first page.
        let segments = unsafe {
            core::slice::from_raw_parts(header.cast::<u8>().add(table).cast::<Phdr>(), count)
        };
        let first = segments.iter().find(|p| p.p_type == libc::PT_LOAD)?;
        let bias = self.start.wrapping_sub(first.p_vaddr as usize & !4095);
        segments
            .iter()
            .filter(|p| p.p_type == libc::PT_LOAD)
            .map(|p| (bias.wrapping_add(p.p_vaddr as usize), p.p_filesz as usize))
            .find(|&(low, size)| address.wrapping_sub(low) < size)
            .map(|(low, size)| low + size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same_tables() {
        for pc in [
            find as *const () as usize,
            libc::malloc as *const () as usize,
            std::string::String::push_str as *const () as usize,
        ] {
            // SAFETY: none of these objects is ever closed.
            let sections =
                [find(pc), iterate(pc)].map(|o| unsafe { o.unwrap().sections() }.unwrap());
            assert_eq!(sections[0].header_address, sections[1].header_address);
            assert_eq!(sections[0].frame_address, sections[1].frame_address);
            assert_eq!(sections[0].frame.len(), sections[1].frame.len());
        }
        assert!(find(8).is_none() && iterate(8).is_none());
    }
}
