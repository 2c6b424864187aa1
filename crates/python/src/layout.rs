//! Where the interpreter of each version keeps what its frames are made of.
//!
//! From 3.13 on the interpreter says so itself: `_PyRuntime` begins with a table for
//! debuggers. For 3.9 to 3.12 the offsets are those of the versions' own headers, which
//! no bugfix release has changed.
//!
//! What is not here: reading frames (`chain`), interpreters without a global lock,
//! whose objects have another head.

/// How frames are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frames {
    /// Objects, one for each call of the evaluation function: 3.9 and 3.10.
    Objects,
    /// Records of which one call of the evaluation function may run several; the
    /// outermost of a call says so itself: 3.11.
    Marked,
    /// The same; a record of the evaluation function's own stands behind the outermost:
    /// from 3.12 on.
    Separated,
}

/// How lines are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Pairs of increments: 3.9.
    Increments,
    /// Pairs of a length and an increment: 3.10.
    Ranges,
    /// Locations of variable length, with columns: from 3.11 on.
    Locations,
}

/// Offsets in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) frames: Frames,
    pub(crate) lines: Lines,
    /// In a thread state: the first frame, or what holds it.
    pub(crate) thread_frame: usize,
    /// In what holds it: the first frame.
    pub(crate) holder_frame: Option<usize>,
    pub(crate) frame_code: usize,
    pub(crate) frame_previous: usize,
    /// The instruction: a pointer, or for `Objects` a number of 32 bits.
    pub(crate) frame_instruction: usize,
    /// Whose the frame is, or for `Marked` whether it is the outermost.
    pub(crate) frame_owner: usize,
    pub(crate) code_file: usize,
    pub(crate) code_name: usize,
    pub(crate) code_first_line: usize,
    pub(crate) code_lines: usize,
    /// The first instruction, where the frame has a pointer to one.
    pub(crate) code_instructions: usize,
    /// Length of the head of a text of ASCII; others are 16 or 24 bytes longer.
    pub(crate) ascii_head: usize,
    pub(crate) other_head: usize,
    /// Which bit of a text's state is the lowest of its kind.
    pub(crate) kind_shift: u32,
}

/// What tells a version where there is no table for debuggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V39,
    V310,
    V311,
    V312,
}

const OBJECTS: Layout = Layout {
    frames: Frames::Objects,
    lines: Lines::Increments,
    thread_frame: 24,
    holder_frame: None,
    frame_code: 32,
    frame_previous: 24,
    frame_instruction: 104,
    frame_owner: 0,
    code_file: 104,
    code_name: 112,
    code_first_line: 40,
    code_lines: 120,
    code_instructions: 0,
    ascii_head: 48,
    other_head: 72,
    kind_shift: 2,
};

impl Version {
    pub(crate) fn layout(self) -> Layout {
        match self {
            Version::V39 => OBJECTS,
            Version::V310 => Layout {
                lines: Lines::Ranges,
                frame_instruction: 96,
                ..OBJECTS
            },
            Version::V311 => Layout {
                frames: Frames::Marked,
                lines: Lines::Locations,
                thread_frame: 56,
                holder_frame: Some(8),
                frame_code: 32,
                frame_previous: 48,
                frame_instruction: 56,
                frame_owner: 68,
                code_file: 112,
                // The qualified name.
                code_name: 128,
                code_first_line: 72,
                code_lines: 136,
                code_instructions: 184,
                ..OBJECTS
            },
            Version::V312 => Layout {
                frames: Frames::Separated,
                holder_frame: Some(0),
                frame_code: 0,
                frame_previous: 8,
                frame_owner: 70,
                code_first_line: 68,
                code_instructions: 192,
                ascii_head: 40,
                other_head: 56,
                ..Version::V311.layout()
            },
        }
    }
}

/// What the table for debuggers begins with.
const COOKIE: u64 = u64::from_le_bytes(*b"xdebugpy");
/// As many words of it as are looked at.
pub(crate) const TABLE_WORDS: usize = 96;

/// The layout that `_PyRuntime` tells of. `None` when it tells none, is of an
/// interpreter without a global lock, or of a form that is not known.
///
/// The table's parts follow each other, each beginning with a size; which fields the
/// parts before the one that is looked for have is another matter in each version. So
/// a part is found by what must be in it.
pub(crate) fn from_table(table: &[u64]) -> Option<Layout> {
    let word = |i: usize| table.get(i).copied();
    let (version, no_lock) = (word(1)?, word(2)?);
    if word(0)? != COOKIE || no_lock != 0 || version >> 16 < 0x030d {
        return None;
    }
    let size = |value: u64, range: core::ops::Range<u64>| range.contains(&value);
    // Thread state: size, prev, next, interp, current_frame.
    let thread = (3..table.len().saturating_sub(5)).find(|i| {
        let part = &table[*i..];
        size(part[0], 200..4096) && part[1..4] == [0, 8, 16] && size(part[4], 24..part[0])
    })?;
    // Frame: size, previous, executable, instr_ptr, localsplus, owner.
    let frame = (thread + 5..table.len().saturating_sub(6)).find(|i| {
        let part = &table[*i..];
        size(part[0], 64..200)
            && part[1..3] == [8, 0]
            && size(part[3], 16..part[0])
            && size(part[5], part[3]..part[0])
    })?;
    // Code: size, filename, name, qualname, linetable, firstlineno, argcount,
    // localsplusnames, localspluskinds, co_code_adaptive.
    let code = (frame + 6..table.len().saturating_sub(10)).find(|i| {
        let part = &table[*i..];
        let follow = part[1..5].windows(2).all(|pair| pair[1] == pair[0] + 8);
        size(part[0], 100..1024) && follow && part[5] < part[1] && size(part[9], part[4]..1024)
    })?;
    let at = |i: usize| table[i] as usize;
    Some(Layout {
        thread_frame: at(thread + 4),
        holder_frame: None,
        frame_previous: at(frame + 1),
        frame_code: at(frame + 2),
        frame_instruction: at(frame + 3),
        frame_owner: at(frame + 5),
        code_file: at(code + 1),
        code_name: at(code + 3),
        code_lines: at(code + 4),
        code_first_line: at(code + 5),
        code_instructions: at(code + 9),
        // From 3.14 on there are 16 bits before it.
        kind_shift: if version >> 16 < 0x030e { 2 } else { 16 },
        ..Version::V312.layout()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of 3.13.0, as far as the texts' part; the runtime's and the
    /// interpreter's parts are of no interest.
    fn table() -> Vec<u64> {
        let mut table = vec![COOKIE, 0x030d_00f0, 0, 281_000, 600, 632];
        table.extend([
            278_000, 7264, 7280, 7288, 7832, 8184, 8192, 8200, 8, 500, 0, 520, 512,
        ]);
        table.extend([256, 0, 8, 16, 72, 152, 160, 208, 32]);
        table.extend([80, 8, 0, 56, 72, 70]);
        table.extend([208, 112, 120, 128, 136, 68, 52, 96, 104, 200]);
        table.extend([16, 8, 416, 24, 88, 168, 32, 24, 16, 40, 24, 16]);
        table
    }

    #[test]
    fn the_table_of_3_13_is_understood() {
        let layout = from_table(&table()).expect("understood");
        assert_eq!(layout.frames, Frames::Separated);
        assert_eq!((layout.thread_frame, layout.holder_frame), (72, None));
        assert_eq!((layout.frame_previous, layout.frame_code), (8, 0));
        assert_eq!((layout.frame_instruction, layout.frame_owner), (56, 70));
        assert_eq!((layout.code_file, layout.code_name), (112, 128));
        assert_eq!((layout.code_lines, layout.code_first_line), (136, 68));
        assert_eq!((layout.code_instructions, layout.kind_shift), (200, 2));
    }

    #[test]
    fn fields_that_are_new_do_not_matter() {
        let mut later = table();
        later[1] = 0x030e_00f0;
        later.insert(11, 7296); // of the interpreter
        let frame = later.iter().position(|word| *word == 80).expect("there");
        later.insert(frame + 6, 64); // of the frame, at its end
        let layout = from_table(&later).expect("understood");
        assert_eq!((layout.thread_frame, layout.frame_owner), (72, 70));
        assert_eq!((layout.code_instructions, layout.kind_shift), (200, 16));
    }

    #[test]
    fn what_is_no_such_table_is_none() {
        let mut no_lock = table();
        no_lock[2] = 1;
        let mut older = table();
        older[1] = 0x030c_00f0;
        let mut shuffled = table();
        shuffled.reverse();
        let short = table()[..30].to_vec();
        for wrong in [no_lock, older, shuffled, short, vec![], vec![0; 96]] {
            assert_eq!(from_table(&wrong), None, "{wrong:?}");
        }
    }
}
