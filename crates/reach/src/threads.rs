//! What the scan wants to know about threads.

use crate::sys::{self, File};
use core::arch::asm;

/// What a thread keeps in registers over calls.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// rbx, rbp, r12 to r15. The others are saved on the stack by callers.
    pub saved: [u64; 6],
    /// rsp: what lies below is no root.
    pub stack_pointer: u64,
}

/// The registers of this thread. To be called before [`crate::image::fork`],
/// by the function that also calls [`crate::scan`]: what lies on the stack
/// below that function's frame is not looked at.
#[inline(always)]
pub fn registers() -> Registers {
    let mut saved = [0u64; 6];
    let stack_pointer: u64;
    // SAFETY: writes six words to `saved`, and reads registers.
    unsafe {
        asm!(
            "mov [{to}], rbx",
            "mov [{to} + 8], rbp",
            "mov [{to} + 16], r12",
            "mov [{to} + 24], r13",
            "mov [{to} + 32], r14",
            "mov [{to} + 40], r15",
            "mov {sp}, rsp",
            to = in(reg) saved.as_mut_ptr(),
            sp = lateout(reg) stack_pointer,
            options(nostack, preserves_flags),
        );
    }
    Registers {
        saved,
        stack_pointer,
    }
}

/// The ids of the threads of this process, without allocating.
pub fn list(each: &mut dyn FnMut(i32)) -> Result<(), i32> {
    let directory = File::open_directory(b"/proc/self/task\0")?;
    let mut buffer = [0u8; 2048];
    loop {
        // SAFETY: the kernel writes within the buffer.
        let len = unsafe {
            sys::call(
                libc::SYS_getdents64,
                [
                    directory.0,
                    buffer.as_mut_ptr() as usize,
                    buffer.len(),
                    0,
                    0,
                    0,
                ],
            )
        }?;
        if len == 0 {
            return Ok(());
        }
        entries(&buffer[..len.min(buffer.len())], each);
    }
}

/// Takes directory entries apart: inode 8, offset 8, length 2, type 1, name.
fn entries(mut rest: &[u8], each: &mut dyn FnMut(i32)) {
    while let Some(&[low, high]) = rest.get(16..18) {
        let len = usize::from(u16::from_le_bytes([low, high]));
        let Some(name) = rest.get(19..len) else {
            return;
        };
        let digits = name.split(|&byte| byte == 0).next().unwrap_or(&[]);
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
            each(digits.iter().fold(0i32, |id, &digit| {
                id.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'))
            }));
        }
        rest = &rest[len..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_every_thread() {
        let (ready, wait) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            // SAFETY: no arguments.
            ready.send(unsafe { libc::gettid() }).unwrap();
            let _ = stopped.recv();
        });
        let other = wait.recv().unwrap();
        // SAFETY: no arguments.
        let own = unsafe { libc::gettid() };
        let mut found = Vec::new();
        list(&mut |id| found.push(id)).unwrap();
        assert!(found.contains(&own) && found.contains(&other), "{found:?}");
        drop(stop);
        thread.join().unwrap();
    }

    #[test]
    fn captures_registers_of_callees() {
        let registers = registers();
        let local = 0u8;
        let here = &raw const local as u64;
        assert!(here.abs_diff(registers.stack_pointer) < 64 << 10);
    }
}
