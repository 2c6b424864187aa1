//! Where the current thread's stack is, found without allocating.
//! (`pthread_getattr_np` allocates, and for the main thread reads with stdio.)

use core::arch::asm;

use crate::sys::{self, Maps};

/// More than this nobody gives a stack; the reach of guesses where the kernel
/// gives no limit.
const LONGEST: usize = 1 << 30;
/// What glibc and the kernel give by default.
const USUAL: usize = 8 << 20;

/// What may be read directly: the stack of one thread.
///
/// From any live frame inside the bounds up to `high`, all memory is mapped. The
/// part of the main thread's stack below its deepest frame so far need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackBounds {
    /// The lowest address that the stack can reach.
    pub low: usize,
    /// The address behind the outermost frame.
    pub high: usize,
}

type Range = (usize, usize);

fn within(range: Range, address: usize) -> bool {
    (range.0..range.1).contains(&address)
}

impl StackBounds {
    /// Bounds that hold nothing: every stack is read through the kernel.
    pub const NONE: StackBounds = StackBounds { low: 0, high: 0 };

    /// Whether a return address slot lies on this stack.
    #[inline(always)]
    pub fn contains(&self, slot: usize) -> bool {
        // Subtracting folds the two comparisons into one.
        slot.wrapping_sub(self.low) < self.high - self.low
    }

    /// The stack of the calling thread.
    ///
    /// Neither allocates nor changes `errno`; makes four to six system calls
    /// (more on kernels before 6.11, where `/proc/self/maps` has to be read), so
    /// call it once for each thread and keep the result.
    ///
    /// The C libraries put the thread control block (where `fs` points, in 32-bit
    /// programs `gs`) on top
    /// of the stack of every thread but the main one, also when the program
    /// supplied the memory. The main thread's stack holds the auxiliary vector's
    /// random bytes.
    #[inline(never)]
    pub fn for_current_thread() -> StackBounds {
        let marker = 0u8;
        let sp = &raw const marker as usize;
        let (block, main) = (thread_block(), main_stack_address());
        let Some([by_block, by_main]) = Maps::open().map(|maps| holders(&maps, [block, main]))
        else {
            return guess(sp, block, main);
        };
        let thread = by_block.map(|range| StackBounds {
            low: range.0,
            high: block,
        });
        let main = by_main.map(main_bounds);
        // Which of the two it is shows by where we are. If this thread runs on
        // yet another stack (a coroutine's), its number tells.
        match (by_block, by_main) {
            (Some(range), _) if within((range.0, block), sp) => thread,
            (_, Some(range)) if within(range, sp) => main,
            _ if sys::is_main_thread() => main,
            _ => thread,
        }
        .unwrap_or(StackBounds::NONE)
    }
}

/// The main thread's stack grows on demand, as far as its limit.
fn main_bounds(mapping: Range) -> StackBounds {
    let reach = sys::stack_limit().unwrap_or(LONGEST).min(LONGEST);
    StackBounds {
        low: mapping.0.min(mapping.1.saturating_sub(reach)),
        high: mapping.1,
    }
}

/// Without `/proc`: what is usual. Memory of coroutines between `low` and the
/// real stack would be taken for stack, and a corrupt chain could then fault.
fn guess(sp: usize, block: usize, main: usize) -> StackBounds {
    let reach = sys::stack_limit().unwrap_or(USUAL).min(LONGEST);
    let high = if sys::is_main_thread() { main } else { block };
    if sp < high && high - sp < reach {
        return StackBounds {
            low: high - reach,
            high,
        };
    }
    StackBounds::NONE
}

/// The thread control block, whose first word points to itself.
fn thread_block() -> usize {
    let address;
    // SAFETY: on Linux the C libraries keep the block's address there.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("mov {}, fs:[0]", out(reg) address, options(pure, readonly, nostack, preserves_flags));
        #[cfg(target_arch = "x86")]
        asm!("mov {}, gs:[0]", out(reg) address, options(pure, readonly, nostack, preserves_flags));
    }
    address
}

/// An address above all frames of the main thread.
fn main_stack_address() -> usize {
    // SAFETY: reads what the kernel passed at the start of the program.
    unsafe { libc::getauxval(libc::AT_RANDOM) as usize }
}

/// The readable mappings that hold each of the addresses.
fn holders(maps: &Maps, addresses: [usize; 2]) -> [Option<Range>; 2] {
    match addresses.map(|a| maps.query(a)) {
        [Ok(first), Ok(second)] => [first, second],
        _ => parse(|buffer| maps.read(buffer), addresses),
    }
}

/// Reads lines such as `7f3c4000-7f3c5000 rw-p …`.
fn parse(mut read: impl FnMut(&mut [u8]) -> usize, addresses: [usize; 2]) -> [Option<Range>; 2] {
    let mut found = [None; 2];
    let mut buffer = [0u8; 512];
    // The two numbers of a line, and which part of the line is being read: 0 and
    // 1 the numbers, 2 the first permission, 3 the rest.
    let (mut numbers, mut part) = ([0usize; 2], 0);
    loop {
        let n = read(&mut buffer).min(buffer.len());
        if n == 0 {
            return found;
        }
        for &byte in &buffer[..n] {
            match (part, byte) {
                (_, b'\n') => (numbers, part) = ([0; 2], 0),
                (0, b'-') | (1, b' ') => part += 1,
                (0 | 1, _) => {
                    let digit = (byte as char).to_digit(16).unwrap_or(0) as usize;
                    numbers[part] = numbers[part] << 4 | digit;
                }
                (2, _) => {
                    part = 3;
                    for (address, found) in addresses.iter().zip(&mut found) {
                        let range = (numbers[0], numbers[1]);
                        if byte == b'r' && within(range, *address) {
                            *found = Some(range);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_query_agree() {
        let addresses = [thread_block(), main_stack_address()];
        let maps = Maps::open().unwrap();
        let parsed = parse(|b| maps.read(b), addresses);
        assert!(parsed.iter().all(Option::is_some));
        if maps.query(addresses[0]).is_ok() {
            assert_eq!(parsed, addresses.map(|a| maps.query(a).unwrap()));
        }
    }

    #[test]
    fn lines_may_be_cut_anywhere() {
        let text = b"1000-2000 r--p 00000000 fe:01 123 /a-b r\n2000-3000 ---p 0 0:0 0\n3000-5000 rw-p 0 0:0 0 [x]\n";
        for step in 1..text.len() {
            let mut rest = &text[..];
            let read = |b: &mut [u8]| {
                let n = rest.len().min(step);
                b[..n].copy_from_slice(&rest[..n]);
                rest = &rest[n..];
                n
            };
            assert_eq!(
                parse(read, [0x4fff, 0x2000]),
                [Some((0x3000, 0x5000)), None]
            );
        }
    }

    #[test]
    fn guesses_hold_the_current_frame() {
        let here = 0u8;
        let sp = &raw const here as usize;
        // A test runs in a thread of its own.
        assert!(guess(sp, thread_block(), main_stack_address()).contains(sp));
        assert_eq!(guess(sp, sp - 64, main_stack_address()), StackBounds::NONE);
    }
}
