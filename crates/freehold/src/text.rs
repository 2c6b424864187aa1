//! Numbers and texts as reports write them.

use core::fmt::Write;

/// An address as reports write it: at least eight digits.
///
/// ```
/// assert_eq!(freehold::format_address(0xff), "0x000000ff");
/// ```
pub fn format_address(address: usize) -> String {
    format!("0x{address:08x}")
}

/// A size as reports write it: base 1024, two decimals from KB on.
///
/// ```
/// use freehold::format_bytes;
/// assert_eq!(format_bytes(512), "512 B");
/// assert_eq!(format_bytes(1536), "1.50 KB");
/// ```
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("KB", 10), ("MB", 20), ("GB", 30)];
    let fitting = UNITS.iter().rev().find(|(_, bits)| bytes >> bits != 0);
    match fitting {
        Some((unit, bits)) => format!("{:.2} {unit}", bytes as f64 / (1u64 << bits) as f64),
        None => format!("{bytes} B"),
    }
}

/// `text` with `count` blanks before each line.
///
/// ```
/// assert_eq!(freehold::indent("a\nb", 2), "  a\n  b");
/// ```
pub fn indent(text: &str, count: usize) -> String {
    let blanks = " ".repeat(count);
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| format!("{blanks}{line}"))
        .collect();
    lines.join("\n")
}

/// The frames of a stack trace with new numbers from 0, aligned; other lines as
/// they are.
///
/// ```
/// let text = freehold::format_stack_trace("#4 main (a.rs)\nnote\n#5 start");
/// assert_eq!(text, "#0      main (a.rs)\nnote\n#1      start");
/// ```
pub fn format_stack_trace(trace: &str) -> String {
    let mut out = String::new();
    let mut number = 0;
    for line in trace.lines() {
        let frame = line.strip_prefix('#').and_then(|rest| {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            (digits > 0).then(|| rest[digits..].trim_start())
        });
        // Writing to a String cannot fail.
        let _ = match frame {
            Some(rest) => {
                number += 1;
                writeln!(out, "#{:<7}{rest}", number - 1)
            }
            None => writeln!(out, "{line}"),
        };
    }
    out.trim_end().to_owned()
}

/// Writes `byte` to each byte of `memory`.
///
/// ```
/// let mut memory = [0; 4];
/// freehold::fill_memory(&mut memory[..2], 0xaa);
/// assert_eq!(memory, [0xaa, 0xaa, 0, 0]);
/// ```
pub fn fill_memory(memory: &mut [u8], byte: u8) {
    memory.fill(byte);
}
