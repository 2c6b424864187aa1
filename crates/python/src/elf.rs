//! Symbols of a loaded object, read from its mapped tables.
//!
//! Not by `dlsym`: that waits for the loader's lock, and what asks here may be in the
//! middle of an allocation by whoever waits for a lock of its own.
//!
//! Nothing is asked of the kernel, either: a program may have forbidden itself that.
//!
//! What is not here: objects that are not loaded, other formats.

use core::ffi::CStr;

use crate::memory::{Mapped, Memory};

/// A loaded object as the loader describes it.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// First address.
    pub start: usize,
    /// Address behind the last.
    pub end: usize,
    /// What is added to addresses in the file.
    pub bias: usize,
    /// Its dynamic section.
    pub dynamic: *const Dynamic,
}

/// An entry of a dynamic section: `Elf64_Dyn`, a tag and a value.
#[repr(C)]
#[derive(Debug)]
pub struct Dynamic([u64; 2]);

const DT_NULL: usize = 0;
const DT_STRTAB: usize = 5;
const DT_SYMTAB: usize = 6;
const DT_GNU_HASH: usize = 0x6fff_fef5;
/// No dynamic section has more entries.
const MOST_ENTRIES: usize = 1000;
/// Bytes of an `Elf64_Sym`: name (4), info, other, section (2), value (8), size (8).
const SYMBOL: usize = 24;

/// The tables by which an object's symbols are found.
pub(crate) struct Symbols {
    pub(crate) memory: Mapped,
    bias: usize,
    symbols: usize,
    names: usize,
    hash: usize,
}

impl Symbols {
    /// Those of an object that has a GNU hash table, as all that are linked today.
    ///
    /// # Safety
    /// The object is loaded, and stays so while the result is used.
    pub(crate) unsafe fn of(object: &Object) -> Option<Symbols> {
        let (mut symbols, mut names, mut hash) = (0, 0, 0);
        // SAFETY: promised by the caller.
        let memory = unsafe { Mapped::new(object.end) };
        let dynamic = object.dynamic as usize;
        for at in (0..MOST_ENTRIES).map(|i| dynamic + i * size_of::<Dynamic>()) {
            let (tag, value) = (memory.word(at)?, memory.word(at + 8)?);
            match tag {
                DT_NULL => break,
                DT_SYMTAB => symbols = value,
                DT_STRTAB => names = value,
                DT_GNU_HASH => hash = value,
                _ => {}
            }
        }
        // glibc has relocated them, but not those of the kernel's object.
        let place = |value: usize| match value {
            0 => None,
            value if value < object.bias => Some(object.bias + value),
            value => Some(value),
        };
        Some(Symbols {
            memory,
            bias: object.bias,
            symbols: place(symbols)?,
            names: place(names)?,
            hash: place(hash)?,
        })
    }

    /// Where a symbol that the object defines lies, and how long it is.
    pub(crate) fn find(&self, wanted: &CStr) -> Option<(usize, usize)> {
        let bytes = wanted.to_bytes_with_nul();
        let hash = wanted.to_bytes().iter().fold(5381_u32, |hash, byte| {
            hash.wrapping_mul(33).wrapping_add(u32::from(*byte))
        });
        // A head of four words, as many words of a filter and buckets as it says, then a
        // word for each symbol from `first` on; the last of a bucket has bit 0 set.
        let memory = self.memory;
        let half = |at: usize| memory.half(at);
        let (count, first) = (half(self.hash)?, half(self.hash + 4)?);
        let buckets = self.hash + 16 + half(self.hash + 8)? as usize * 8;
        let bucket = hash.checked_rem(count)? as usize;
        let chain = buckets + count as usize * 4;
        let mut index = half(buckets + bucket * 4)?;
        loop {
            let entry = half(chain + index.checked_sub(first)? as usize * 4)?;
            if entry | 1 == hash | 1 {
                let symbol = self.symbols + index as usize * SYMBOL;
                let name = self.names + half(symbol)? as usize;
                let section = half(symbol + 4)? >> 16;
                let is_it = |(i, byte): (usize, &u8)| memory.byte(name + i) == Some(*byte);
                if section != 0 && bytes.iter().enumerate().all(is_it) {
                    let address = self.bias.wrapping_add(memory.word(symbol + 8)?);
                    return Some((address, memory.word(symbol + 16)?));
                }
            }
            if entry & 1 != 0 {
                return None;
            }
            index = index.checked_add(1)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The C library of this process, as the loader describes it.
    fn libc_object() -> Object {
        unsafe extern "C" fn visit(
            info: *mut libc::dl_phdr_info,
            _: usize,
            to: *mut core::ffi::c_void,
        ) -> i32 {
            // SAFETY: the loader's record, and the place that is passed below.
            unsafe {
                let name = CStr::from_ptr((*info).dlpi_name).to_string_lossy();
                if !name.contains("libc.so") {
                    return 0;
                }
                let count = usize::from((*info).dlpi_phnum);
                let headers = core::slice::from_raw_parts((*info).dlpi_phdr, count);
                let dynamic = headers.iter().find(|h| h.p_type == libc::PT_DYNAMIC);
                let bias = (*info).dlpi_addr as usize;
                let loads = headers.iter().filter(|h| h.p_type == libc::PT_LOAD);
                let end = loads.map(|h| (h.p_vaddr + h.p_memsz) as usize).max();
                *to.cast::<Option<Object>>() = dynamic.map(|dynamic| Object {
                    start: bias,
                    end: bias + end.unwrap_or(0),
                    bias,
                    dynamic: (bias + dynamic.p_vaddr as usize) as *const Dynamic,
                });
                1
            }
        }
        let mut found: Option<Object> = None;
        // SAFETY: the callback gets what it is made for.
        unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut found).cast()) };
        found.expect("loaded")
    }

    #[test]
    fn what_the_loader_finds_is_found() {
        // SAFETY: the C library is never unloaded.
        let symbols = unsafe { Symbols::of(&libc_object()) }.expect("tables");
        for name in [c"malloc", c"strdup", c"qsort", c"environ"] {
            // SAFETY: a name that ends with a NUL.
            let known = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            let (address, _) = symbols.find(name).expect("exported");
            assert_eq!(address, known as usize, "{name:?}");
        }
        assert_eq!(symbols.find(c"_PyEval_EvalFrameDefault"), None);
        assert_eq!(symbols.find(c""), None);
    }

    #[test]
    fn tables_that_lead_elsewhere_have_no_symbols() {
        // A hash table behind the end, and no dynamic section at all.
        let words = [0x6fff_fef5_u64, 1 << 62, 5, 1 << 62, 6, 1 << 62, 0, 0];
        let object = Object {
            start: 0,
            end: words.as_ptr() as usize + size_of_val(&words),
            bias: 0,
            dynamic: words.as_ptr().cast(),
        };
        let nowhere = Object {
            dynamic: core::ptr::null(),
            ..object
        };
        // SAFETY: only the array is within the object.
        unsafe {
            let symbols = Symbols::of(&object).expect("three tables");
            assert_eq!(symbols.find(c"malloc"), None);
            assert!(Symbols::of(&nowhere).is_none());
        }
    }
}
