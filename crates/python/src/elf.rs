//! Symbols of a loaded object, read from its mapped tables.
//!
//! Not by `dlsym`: that waits for the loader's lock, and what asks here may be in the
//! middle of an allocation by whoever waits for a lock of its own.
//!
//! What is not here: objects that are not loaded, other formats.

use core::ffi::CStr;

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

/// An entry of a dynamic section: `Elf64_Dyn`.
#[repr(C)]
#[derive(Debug)]
pub struct Dynamic {
    tag: u64,
    value: u64,
}

/// `Elf64_Sym`.
#[repr(C)]
struct Symbol {
    name: u32,
    info: u8,
    other: u8,
    section: u16,
    value: u64,
    size: u64,
}

const DT_NULL: u64 = 0;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;

/// The tables by which an object's symbols are found.
pub(crate) struct Symbols {
    bias: usize,
    symbols: *const Symbol,
    names: *const u8,
    hash: *const u32,
}

impl Symbols {
    /// Those of an object that has a GNU hash table, as all that are linked today.
    ///
    /// # Safety
    /// The object is loaded, and stays so while the result is used.
    pub(crate) unsafe fn of(object: &Object) -> Option<Symbols> {
        let (mut symbols, mut names, mut hash) = (0, 0, 0);
        let mut at = object.dynamic;
        if at.is_null() {
            return None;
        }
        // SAFETY: a loaded object's section, which ends with DT_NULL.
        unsafe {
            while (*at).tag != DT_NULL {
                let value = (*at).value as usize;
                match (*at).tag {
                    DT_SYMTAB => symbols = value,
                    DT_STRTAB => names = value,
                    DT_GNU_HASH => hash = value,
                    _ => {}
                }
                at = at.add(1);
            }
        }
        // glibc has relocated them; where that is not so they are offsets.
        let place = |value: usize| match value {
            0 => None,
            value if value < object.start => Some(object.bias.wrapping_add(value)),
            value => Some(value),
        };
        Some(Symbols {
            bias: object.bias,
            symbols: place(symbols)? as *const Symbol,
            names: place(names)? as *const u8,
            hash: place(hash)? as *const u32,
        })
    }

    /// Where a symbol that the object defines lies, and how long it is.
    pub(crate) fn find(&self, wanted: &CStr) -> Option<(usize, usize)> {
        let bytes = wanted.to_bytes();
        let hash = bytes.iter().fold(5381_u32, |hash, byte| {
            hash.wrapping_mul(33).wrapping_add(u32::from(*byte))
        });
        // SAFETY: the table of a loaded object: its head is four words, then come as
        // many words of the filter and buckets as it says, then a word for each symbol
        // from `first` on, of which the last of a bucket has bit 0 set.
        unsafe {
            let (count, first, bloom) = (*self.hash, *self.hash.add(1), *self.hash.add(2));
            let buckets = self.hash.add(4 + bloom as usize * 2);
            if count == 0 {
                return None;
            }
            let mut index = *buckets.add((hash % count) as usize);
            if index < first {
                return None;
            }
            let chain = buckets.add(count as usize);
            loop {
                let entry = *chain.add((index - first) as usize);
                let symbol = &*self.symbols.add(index as usize);
                let name = CStr::from_ptr(self.names.add(symbol.name as usize).cast());
                if entry | 1 == hash | 1 && name == wanted && symbol.section != 0 {
                    let address = self.bias.wrapping_add(symbol.value as usize);
                    return Some((address, symbol.size as usize));
                }
                if entry & 1 != 0 {
                    return None;
                }
                index += 1;
            }
        }
    }
}
