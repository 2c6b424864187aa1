//! What is mapped, from `/proc/self/maps`.
//!
//! Only what the scan needs is kept of a line. A line that makes no sense is
//! counted and passed over: a mapping that is not known is not read.

use crate::Error;
use crate::memory::{List, Plain, Region};
use crate::sys::File;

/// One mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) flags: u64,
}

// SAFETY: three integers.
unsafe impl Plain for Mapping {}

/// Bits of [`Mapping::flags`].
pub(crate) const READ: u64 = 1;
pub(crate) const WRITE: u64 = 1 << 1;
pub(crate) const SHARED: u64 = 1 << 2;
/// Backed by a file, shared memory and huge-page files among them.
pub(crate) const FILE: u64 = 1 << 3;
/// The kernel calls it `[heap]`.
pub(crate) const HEAP: u64 = 1 << 4;
/// A device, or a mapping that the kernel made for itself: reading could have
/// effects, and no pointer to a block is there.
pub(crate) const DEVICE: u64 = 1 << 5;

impl Mapping {
    pub(crate) fn has(&self, flags: u64) -> bool {
        self.flags & flags == flags
    }
}

/// The mappings of this process, sorted.
pub(crate) struct Maps {
    pub(crate) list: List<Mapping>,
    /// Lines that were not understood.
    pub(crate) bad_lines: u32,
    /// Where the text was read to. It is part of the mappings, and dead.
    pub(crate) buffer: (u64, u64),
}

/// The most text that is accepted: over a million mappings.
const MOST: usize = 1 << 30;

/// Reads the mappings of this process.
///
/// Whatever this crate maps later lies where nothing was mapped at the time
/// of reading, so that it can not be taken for memory of the process. Only
/// the buffer of the text itself is listed.
pub(crate) fn read() -> Result<Maps, Error> {
    let mut size = 256 << 10;
    loop {
        let mut buffer = Region::new(size)?;
        // Growing would move the buffer while it is being described: start
        // again with a larger one instead.
        if let Some(len) = fill(buffer.bytes_mut())? {
            let mut maps = parse(&buffer.bytes()[..len])?;
            maps.buffer = (buffer.address(), buffer.address() + buffer.len() as u64);
            return Ok(maps);
        }
        size *= 4;
        if size > MOST {
            return Err(Error::Maps(libc::EFBIG));
        }
    }
}

/// Reads the text; `None` when it does not fit.
fn fill(buffer: &mut [u8]) -> Result<Option<usize>, Error> {
    let file = File::open(b"/proc/self/maps\0").map_err(Error::Maps)?;
    let mut len = 0;
    loop {
        if len == buffer.len() {
            return Ok(None);
        }
        match file.read(&mut buffer[len..]).map_err(Error::Maps)? {
            0 => return Ok(Some(len)),
            more => len += more,
        }
    }
}

/// Takes the text apart.
pub(crate) fn parse(text: &[u8]) -> Result<Maps, Error> {
    let mut maps = Maps {
        list: List::new(1024)?,
        bad_lines: 0,
        buffer: (0, 0),
    };
    let mut last = 0;
    for line in text.split(|&byte| byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        match parse_line(line) {
            // The kernel sorts; what is out of order is not the kernel's.
            Some(mapping) if mapping.start >= last => {
                last = mapping.end;
                maps.list.push(mapping)?;
            }
            _ => maps.bad_lines = maps.bad_lines.saturating_add(1),
        }
    }
    Ok(maps)
}

/// `start-end rwxp offset major:minor inode   path`
fn parse_line(line: &[u8]) -> Option<Mapping> {
    let (start, rest) = hexadecimal(line)?;
    let (end, rest) = hexadecimal(rest.strip_prefix(b"-")?)?;
    let &[read, write, _execute, share, ref rest @ ..] = rest.strip_prefix(b" ")? else {
        return None;
    };
    if start >= end || (start | end) & 0xfff != 0 {
        return None;
    }
    let mut flags = 0;
    for (letter, expected, flag) in [(read, b'r', READ), (write, b'w', WRITE)] {
        match letter {
            b'-' => {}
            letter if letter == expected => flags |= flag,
            _ => return None,
        }
    }
    match share {
        b's' => flags |= SHARED,
        b'p' => {}
        _ => return None,
    }
    let (_offset, rest) = hexadecimal(rest.strip_prefix(b" ")?)?;
    let (_major, rest) = hexadecimal(rest.strip_prefix(b" ")?)?;
    let (_minor, rest) = hexadecimal(rest.strip_prefix(b":")?)?;
    let rest = rest.strip_prefix(b" ")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let path = rest[digits..].trim_ascii_start();
    Some(Mapping {
        start,
        end,
        flags: flags | kind(path),
    })
}

/// What the path says about a mapping.
fn kind(path: &[u8]) -> u64 {
    // The names below are kept from being read as their prefixes say.
    let shared_memory = path.starts_with(b"/dev/shm/") || path.starts_with(b"/dev/zero");
    match path {
        b"" | b"[stack]" => 0,
        b"[heap]" => HEAP,
        _ if path.starts_with(b"[anon:") || path.starts_with(b"[stack:") => 0,
        _ if path.starts_with(b"[anon_shmem:") || shared_memory => FILE,
        _ if path.starts_with(b"/dev/") || path.starts_with(b"/dmabuf:") => FILE | DEVICE,
        _ if path.starts_with(b"/") => FILE,
        // [vvar], [vsyscall], anon_inode:[io_uring], socket:[1]
        _ => FILE | DEVICE,
    }
}

/// A hexadecimal number and what follows it.
fn hexadecimal(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    if digits == 0 || digits > 16 {
        return None;
    }
    let value = text[..digits].iter().fold(0, |value, &byte| {
        value << 4 | u64::from((byte as char).to_digit(16).unwrap_or(0))
    });
    Some((value, &text[digits..]))
}

/// Where the kernel's heap begins: field 47 of `/proc/self/stat`.
///
/// Without address randomisation the `[heap]` mapping also holds the
/// program's own zero-initialised variables, which are roots.
pub(crate) fn heap_start() -> Option<u64> {
    let file = File::open(b"/proc/self/stat\0").ok()?;
    let mut text = [0; 2048];
    let len = file.read(&mut text).ok()?;
    parse_heap_start(&text[..len])
}

fn parse_heap_start(text: &[u8]) -> Option<u64> {
    // The name of the program may hold blanks and parentheses.
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let field = text.get(close + 2..)?.split(|&byte| byte == b' ').nth(44)?;
    let mut value = 0u64;
    for &byte in field {
        let digit = (byte as char).to_digit(10)?;
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (value != 0).then_some(value)
}

#[cfg(test)]
#[path = "maps_tests.rs"]
mod tests;
