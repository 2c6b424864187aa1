//! Working memory straight from the kernel: the allocator of the process is
//! what is being judged, and its locks may be held by threads that are gone.

use crate::Error;
use crate::sys;
use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use core::marker::PhantomData;
use core::slice;

/// Pages are this large on the only platform so far.
pub(crate) const PAGE: u64 = 4096;

/// Memory from this size on asks for huge pages: tables are read at random,
/// and most of the time would go to address translation.
const HUGE_FROM: usize = 1 << 20;
const HUGE_PAGE: usize = 2 << 20;

/// An anonymous mapping, zeroed, given back when dropped.
pub(crate) struct Region {
    address: usize,
    len: usize,
}

impl Region {
    /// Maps at least `len` bytes. Memory is only used where it is touched.
    pub(crate) fn new(len: usize) -> Result<Region, Error> {
        let len = len.max(1).next_multiple_of(PAGE as usize);
        let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as usize;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let address =
            unsafe { sys::call(libc::SYS_mmap, [0, len, protection, flags, usize::MAX, 0]) }
                .map_err(Error::Memory)?;
        Ok(Region { address, len })
    }

    /// As [`Region::new`], for a table that will be filled and read at random.
    pub(crate) fn dense(len: usize) -> Result<Region, Error> {
        if len < HUGE_FROM {
            return Region::new(len);
        }
        // Huge pages must be aligned: what is too much at the start is lost
        // address space, not memory.
        let len = len.next_multiple_of(HUGE_PAGE) + HUGE_PAGE;
        let mut region = Region::new(len)?;
        let spare = region.address.next_multiple_of(HUGE_PAGE) - region.address;
        if spare > 0 {
            // SAFETY: the start of our own mapping, which nobody uses yet.
            let _ = unsafe { sys::call(libc::SYS_munmap, [region.address, spare, 0, 0, 0, 0]) };
            region.address += spare;
            region.len -= spare;
        }
        region.prefer_huge();
        Ok(region)
    }

    /// Asks for huge pages.
    pub(crate) fn prefer_huge(&self) {
        // SAFETY: advice about our own mapping; refusal is harmless.
        let _ = unsafe {
            sys::call(
                libc::SYS_madvise,
                [
                    self.address,
                    self.len,
                    libc::MADV_HUGEPAGE as usize,
                    0,
                    0,
                    0,
                ],
            )
        };
    }

    /// Makes the mapping larger; it moves, and its pages with it.
    fn grow(&mut self, len: usize) -> Result<(), Error> {
        let larger = Region::dense(len)?;
        let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as usize;
        let arguments = [self.address, self.len, self.len, flags, larger.address, 0];
        // SAFETY: the old mapping, which nothing points into while it is
        // borrowed exclusively, takes the place of the new one's first part.
        unsafe { sys::call(libc::SYS_mremap, arguments) }.map_err(Error::Memory)?;
        // Nothing is left there to give back.
        core::mem::forget(core::mem::replace(self, larger));
        Ok(())
    }

    /// Where it lies.
    pub(crate) fn address(&self) -> u64 {
        self.address as u64
    }

    /// Its size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All of it as bytes.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: our own zeroed mapping of that size, borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.address as *mut u8, self.len) }
    }

    /// All of it as bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: our own zeroed mapping of that size.
        unsafe { slice::from_raw_parts(self.address as *const u8, self.len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing refers to it any more.
        let _ = unsafe { sys::call(libc::SYS_munmap, [self.address, self.len, 0, 0, 0, 0]) };
    }
}

/// Types for which any bytes, zeroes among them, are a value.
///
/// # Safety
/// That must be so, and the type must need no more than page alignment.
pub(crate) unsafe trait Plain: Copy {}
// SAFETY: integers.
unsafe impl Plain for u64 {}
// SAFETY: integers.
unsafe impl Plain for u32 {}

/// A vector in its own mapping.
pub(crate) struct List<T: Plain> {
    region: Region,
    len: usize,
    kind: PhantomData<T>,
}

impl<T: Plain> List<T> {
    /// An empty list with room for `capacity` items.
    pub(crate) fn new(capacity: usize) -> Result<List<T>, Error> {
        let bytes = capacity
            .checked_mul(size_of::<T>())
            .ok_or(Error::Memory(libc::ENOMEM))?;
        Ok(List {
            region: Region::dense(bytes)?,
            len: 0,
            kind: PhantomData,
        })
    }

    /// A list of `len` zeroes.
    pub(crate) fn zeroed(len: usize) -> Result<List<T>, Error> {
        let mut list = List::new(len)?;
        list.len = len;
        Ok(list)
    }

    fn capacity(&self) -> usize {
        self.region.len / size_of::<T>()
    }

    /// Appends.
    pub(crate) fn push(&mut self, item: T) -> Result<(), Error> {
        if self.len == self.capacity() {
            self.region.grow(self.region.len * 2)?;
        }
        // SAFETY: `len < capacity`, so the place is within our mapping.
        unsafe {
            (self.region.address as *mut T).add(self.len).write(item);
        }
        self.len += 1;
        Ok(())
    }

    /// Forgets all but the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

impl<T: Plain> core::ops::Deref for List<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` places are values of `T`, and the mapping is
        // page-aligned.
        unsafe { slice::from_raw_parts(self.region.address as *const T, self.len) }
    }
}

impl<T: Plain> core::ops::DerefMut for List<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`, borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.region.address as *mut T, self.len) }
    }
}

/// Asks for the line of the cache at an address, without waiting for it.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    // SAFETY: a prefetch of any address is without effect on the program.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

/// The bits that are set in a word, the lowest first.
pub(crate) fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros());
        word &= word.wrapping_sub(1);
        bit
    })
}

/// One bit for each block.
pub(crate) struct Bits(List<u64>);

impl Bits {
    /// `len` bits, all clear.
    pub(crate) fn new(len: usize) -> Result<Bits, Error> {
        List::zeroed(len.div_ceil(64)).map(Bits)
    }

    /// Whether bit `i` is set.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 != 0
    }

    /// Sets bit `i`; whether it was clear.
    #[inline]
    pub(crate) fn set(&mut self, i: usize) -> bool {
        let word = &mut self.0[i / 64];
        let bit = 1 << (i % 64);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    /// Asks for the word of bit `i`.
    #[inline]
    pub(crate) fn ask(&self, i: usize) {
        prefetch(self.0.as_ptr().wrapping_add(i / 64).cast());
    }

    /// Clears bit `i`.
    pub(crate) fn clear(&mut self, i: usize) {
        self.0[i / 64] &= !(1 << (i % 64));
    }

    /// Becomes what `other`, of the same length, is.
    pub(crate) fn copy_from(&mut self, other: &Bits) {
        self.0.copy_from_slice(&other.0);
    }

    /// Word `i` of 64 bits.
    pub(crate) fn word(&self, i: usize) -> u64 {
        self.0[i]
    }

    /// Sets word `i` of 64 bits.
    pub(crate) fn put(&mut self, i: usize, word: u64) {
        self.0[i] = word;
    }

    /// The number of words.
    pub(crate) fn words(&self) -> usize {
        self.0.len()
    }
}
