//! What a code object says of a place in it: function, file, line, column.

use crate::chain::Frame;
use crate::layout::{Frames, Layout, Lines};
use crate::memory::Memory;

/// Bytes of a text that are kept.
const MOST: usize = 1024;

/// A text in UTF-8, cut where it is too long.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Text {
    len: usize,
    bytes: [u8; MOST],
}

impl Text {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// False when there is no more room.
    fn push(&mut self, c: char) -> bool {
        let mut buffer = [0; 4];
        let encoded = c.encode_utf8(&mut buffer).as_bytes();
        let Some(room) = self.bytes.get_mut(self.len..self.len + encoded.len()) else {
            return false;
        };
        room.copy_from_slice(encoded);
        self.len += encoded.len();
        true
    }

    /// Reads a `str`; what is none is empty.
    pub(crate) fn read<M: Memory>(&mut self, memory: M, layout: &Layout, object: usize) {
        self.len = 0;
        let _ = self.try_read(memory, layout, object);
    }

    fn try_read<M: Memory>(&mut self, memory: M, layout: &Layout, object: usize) -> Option<()> {
        let length = memory.word(object + 16)?.min(MOST);
        let state = memory.half(object + 32)? >> layout.kind_shift;
        let (kind, is_compact, is_ascii) = (state & 7, state & 8 != 0, state & 16 != 0);
        if !is_compact {
            return None;
        }
        let head = if is_ascii {
            layout.ascii_head
        } else {
            layout.other_head
        };
        for i in 0..length {
            let number = match kind {
                1 => memory.byte(object + head + i)?.into(),
                2 => memory.half((object + head + i * 2) & !3)? >> (16 * (i & 1)) & 0xffff,
                4 => memory.half(object + head + i * 4)?,
                _ => return None,
            };
            let c = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
            if !self.push(c) {
                break;
            }
        }
        Some(())
    }
}

/// Line and column of a frame, counted from 1; 0 where the code does not say.
pub(crate) fn position<M: Memory>(memory: M, layout: &Layout, frame: Frame) -> (u32, u32) {
    try_position(memory, layout, frame).unwrap_or((0, 0))
}

fn try_position<M: Memory>(memory: M, layout: &Layout, frame: Frame) -> Option<(u32, u32)> {
    let code = frame.code();
    let first = memory.half(code + layout.code_first_line)?;
    let table = memory.word(code + layout.code_lines)?;
    let bytes = Bytes {
        memory,
        // `bytes`: the length stands behind the head of an object, then its hash.
        len: memory.word(table + 16)?,
        at: table + 32,
    };
    // In bytes from the first instruction on. Instructions have two.
    let offset = match layout.frames {
        Frames::Objects => match layout.lines {
            Lines::Increments => frame.instruction,
            _ => frame.instruction * 2,
        },
        _ => frame
            .instruction
            .wrapping_sub(code + layout.code_instructions),
    };
    match layout.lines {
        _ if offset as u32 == u32::MAX => Some((first, 0)), // not begun
        Lines::Increments => Some((increments(&bytes, first, offset)?, 0)),
        Lines::Ranges => Some((ranges(&bytes, first, offset)?, 0)),
        Lines::Locations => locations(&bytes, first, offset / 2),
    }
}

/// The contents of a `bytes`.
struct Bytes<M> {
    memory: M,
    len: usize,
    at: usize,
}

impl<M: Memory> Bytes<M> {
    fn get(&self, i: usize) -> Option<u8> {
        (i < self.len).then(|| self.memory.byte(self.at + i))?
    }
}

/// 3.9: how far the next line is in bytes, and by how much it is another one.
fn increments<M: Memory>(bytes: &Bytes<M>, first: u32, offset: usize) -> Option<u32> {
    let (mut address, mut line, mut i) = (0, first, 0);
    while let (Some(more), Some(by)) = (bytes.get(i), bytes.get(i + 1)) {
        address += usize::from(more);
        if address > offset {
            break;
        }
        line = line.wrapping_add_signed((by as i8).into());
        i += 2;
    }
    Some(line)
}

/// 3.10: how long the next range is, and by how much its line is another one. -128: it
/// has none.
fn ranges<M: Memory>(bytes: &Bytes<M>, first: u32, offset: usize) -> Option<u32> {
    let (mut end, mut line, mut i) = (0, first, 0);
    while let (Some(more), Some(by)) = (bytes.get(i), bytes.get(i + 1)) {
        let by = by as i8;
        end += usize::from(more);
        if by != -128 {
            line = line.wrapping_add_signed(by.into());
        }
        if end > offset {
            return Some(if by == -128 { 0 } else { line });
        }
        i += 2;
    }
    None
}

/// From 3.11 on: entries of a first byte (bit 7 set, a form, how many units less one)
/// and what the form has. `unit` counts units of two bytes.
fn locations<M: Memory>(bytes: &Bytes<M>, first: u32, unit: usize) -> Option<(u32, u32)> {
    let (mut line, mut end, mut i) = (first, 0, 0);
    while let Some(head) = bytes.get(i) {
        i += 1;
        end += usize::from(head & 7) + 1;
        let mut column = 0;
        match head >> 3 & 15 {
            form @ 0..=9 => {
                column = (u32::from(form) << 3 | u32::from(bytes.get(i)? >> 4)) + 1;
                i += 1;
            }
            form @ 10..=12 => {
                line = line.wrapping_add((form - 10).into());
                column = u32::from(bytes.get(i)?) + 1;
                i += 2;
            }
            13 => line = line.wrapping_add_signed(signed(bytes, &mut i)?),
            14 => {
                line = line.wrapping_add_signed(signed(bytes, &mut i)?);
                variable(bytes, &mut i)?; // lines up to the end
                column = variable(bytes, &mut i)?;
                variable(bytes, &mut i)?; // column of the end
            }
            _ => {
                if end > unit {
                    return Some((0, 0));
                }
                continue;
            }
        }
        if end > unit {
            return Some((line, column));
        }
    }
    None
}

/// A number in pieces of six bits, the lowest first; bit 6 says that more follow.
fn variable<M: Memory>(bytes: &Bytes<M>, i: &mut usize) -> Option<u32> {
    let (mut value, mut shift) = (0_u32, 0);
    loop {
        let byte = bytes.get(*i)?;
        *i += 1;
        value |= u32::from(byte & 63).checked_shl(shift)?;
        if byte & 64 == 0 {
            return Some(value);
        }
        shift += 6;
    }
}

/// The same with the sign in bit 0.
fn signed<M: Memory>(bytes: &Bytes<M>, i: &mut usize) -> Option<i32> {
    let value = variable(bytes, i)?;
    let amount = (value >> 1) as i32;
    Some(if value & 1 == 0 { amount } else { -amount })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Checked;

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<char> = text.chars().collect();
        let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
        digits
            .chunks(2)
            .map(|pair| byte(pair).expect("hexadecimal"))
            .collect()
    }

    fn with<R>(table: &str, run: impl Fn(&Bytes<Checked>) -> R) -> R {
        let mut bytes = unhex(table);
        let len = bytes.len();
        bytes.extend([0; 8]);
        run(&Bytes {
            memory: Checked,
            len,
            at: bytes.as_ptr() as usize,
        })
    }

    /// Of one function, whose second half is 300 lines behind the first, as the compilers
    /// of the versions wrote it down: where each line begins.
    const LINES: [(usize, u32); 11] = [
        (0, 2),
        (4, 3),
        (8, 5),
        (10, 6),
        (12, 4),
        (16, 310),
        (18, 311),
        (20, 310),
        (24, 312),
        (32, 313),
        (42, 314),
    ];

    fn expected(offset: usize) -> u32 {
        let begun = LINES.iter().rev().find(|(start, _)| *start <= offset);
        begun.expect("the first begins at 0").1
    }

    #[test]
    fn increments_of_3_9_lead_to_the_line() {
        let table = "000104010402020102fe047f007f0034020102ff040208010a01";
        for offset in (0..46).step_by(2) {
            let found = with(table, |bytes| increments(bytes, 1, offset));
            assert_eq!(found, Some(expected(offset)), "{offset}");
        }
    }

    #[test]
    fn ranges_of_3_10_lead_to_the_line() {
        let table = "040104010202020104fe007f007f0234020104ff08020a010401";
        for offset in (0..46).step_by(2) {
            let found = with(table, |bytes| ranges(bytes, 1, offset));
            assert_eq!(found, Some(expected(offset)), "{offset}");
        }
        // A range without a line, and what lies behind all of them.
        assert_eq!(with("0480", |bytes| ranges(bytes, 7, 2)), Some(0));
        assert_eq!(with("0480", |bytes| ranges(bytes, 7, 4)), None);
    }

    #[test]
    fn locations_of_3_11_lead_to_line_and_column() {
        let table = "8000d808098041d80708f0007404050fe00c0dd80c0df005030d0a8801f56409001011d80c0d\
                     f10301100ff40001100ff00001090fe00d0ef00001050ff00001050f8801d80809885189068801\
                     8801d80b0c8048";
        // As `co_positions` of the same interpreter says, columns counted from 1.
        for (offset, line, column) in [
            (0, 1, 1),
            (6, 3, 8),
            (12, 6, 13),
            (18, 310, 16),
            (30, 311, 13),
            (42, 310, 16),
            (48, 312, 14),
            (54, 312, 9),
            (60, 313, 9),
            (66, 313, 9),
        ] {
            let found = with(table, |bytes| locations(bytes, 1, offset / 2));
            assert_eq!(found, Some((line, column)), "{offset}");
        }
        assert_eq!(with(table, |bytes| locations(bytes, 1, 10_000)), None);
    }

    #[test]
    fn damaged_tables_end() {
        for table in ["", "ff", "f0ffffffffffffffff", "e8", "f07f", "d8"] {
            let _ = with(table, |bytes| locations(bytes, 1, 100));
            let _ = with(table, |bytes| ranges(bytes, 1, 100));
            let _ = with(table, |bytes| increments(bytes, 1, 100));
        }
    }
}
