//! Reading the interpreter's memory.
//!
//! Before an interpreter is trusted to be laid out as its version says, what is read
//! may lead anywhere: then the kernel reads. Afterwards reads are plain, and so are those
//! of a loaded object's tables: a program may forbid itself the call of the kernel.

/// A way to read words of this process.
pub(crate) trait Memory: Copy {
    /// The word at an address, if it may be read.
    fn word(self, address: usize) -> Option<usize>;

    /// The half word there.
    fn half(self, address: usize) -> Option<u32> {
        let word = self.word(address & !7)?;
        Some((word >> (8 * (address & 4))) as u32)
    }

    /// The byte there.
    fn byte(self, address: usize) -> Option<u8> {
        let word = self.word(address & !7)?;
        Some((word >> (8 * (address & 7))) as u8)
    }
}

/// Plain reads.
#[derive(Clone, Copy)]
pub(crate) struct Trusted(());

impl Trusted {
    /// # Safety
    /// What is read is memory of an interpreter whose layout was checked, reached by
    /// that layout from the calling thread's own state; null is checked before.
    pub(crate) unsafe fn new() -> Trusted {
        Trusted(())
    }
}

impl Memory for Trusted {
    #[inline(always)]
    fn word(self, address: usize) -> Option<usize> {
        if address < 4096 {
            return None;
        }
        // SAFETY: promised in `new`. Volatile: the compiler knows nothing of it.
        Some(unsafe { core::ptr::with_exposed_provenance::<usize>(address).read_volatile() })
    }
}

/// Plain reads within a loaded object.
#[derive(Clone, Copy)]
pub(crate) struct Mapped {
    end: usize,
}

impl Mapped {
    /// # Safety
    /// What lies below `end` and is read is memory of an object that is loaded, reached
    /// by tables that the loader itself goes by.
    pub(crate) unsafe fn new(end: usize) -> Mapped {
        Mapped { end }
    }
}

impl Memory for Mapped {
    fn word(self, address: usize) -> Option<usize> {
        if !(4096..self.end.saturating_sub(7)).contains(&address) {
            return None;
        }
        // SAFETY: promised in `new`. The tables of an object are not always aligned.
        Some(unsafe { core::ptr::with_exposed_provenance::<usize>(address).read_unaligned() })
    }
}

/// Reads by the kernel, which tells when there is nothing.
#[derive(Clone, Copy)]
pub(crate) struct Checked;

impl Memory for Checked {
    fn word(self, address: usize) -> Option<usize> {
        let mut word = 0_usize;
        let to = libc::iovec {
            iov_base: (&raw mut word).cast(),
            iov_len: size_of::<usize>(),
        };
        let from = libc::iovec {
            iov_base: address as *mut libc::c_void,
            iov_len: size_of::<usize>(),
        };
        // SAFETY: getpid has no requirement; the buffer is as long as it is said to
        // be, and the kernel checks the other side.
        let read = unsafe {
            let errno = *libc::__errno_location();
            let read = libc::process_vm_readv(libc::getpid(), &to, 1, &from, 1, 0);
            *libc::__errno_location() = errno;
            read
        };
        (read == size_of::<usize>() as isize).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_mapped_is_none() {
        let words = [0x0102_0304_0506_0708_usize, 9];
        let at = words.as_ptr() as usize;
        // SAFETY: only the array is read.
        let trusted = unsafe { Trusted::new() };
        assert_eq!(Checked.word(at), trusted.word(at));
        assert_eq!(
            (Checked.half(at), Checked.half(at + 4)),
            (Some(0x0506_0708), Some(0x0102_0304))
        );
        assert_eq!(
            (Checked.byte(at + 1), Checked.byte(at + 7)),
            (Some(7), Some(1))
        );
        assert_eq!(Checked.word(0x1000), None);
        assert_eq!((trusted.word(0), Checked.byte(0)), (None, None));
    }
}
