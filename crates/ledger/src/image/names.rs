//! Names of functions in 32-bit images of Windows.

/// A name as it stands in the source: 32-bit ones have `_` before it, or `@`, and
/// behind it the bytes of the arguments where the function takes these off the stack.
///
/// Page: "Decorated names" in Microsoft's documentation of C++.
///
/// ```
/// use freehold_ledger::image::undecorated;
/// assert_eq!(undecorated(b"_Sleep@4"), b"Sleep");
/// ```
pub fn undecorated(name: &[u8]) -> &[u8] {
    let Some((b'_' | b'@', bare)) = name.split_first() else {
        return name;
    };
    let digits = bare.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let end = bare.len() - digits.count();
    match bare[..end].last() {
        Some(b'@') if end < bare.len() => &bare[..end - 1],
        _ => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decorations_of_32_bit_names_are_taken_off() {
        for (decorated, name) in [
            ("_main", "main"),
            ("_Sleep@4", "Sleep"),
            ("@BaseThreadInitThunk@12", "BaseThreadInitThunk"),
            ("__ZN4core3fmt5WriteE", "_ZN4core3fmt5WriteE"),
            ("?grow@Widget@app@@QAEXH@Z", "?grow@Widget@app@@QAEXH@Z"),
            ("_at@", "at@"),
            ("_", ""),
            ("", ""),
        ] {
            assert_eq!(undecorated(decorated.as_bytes()), name.as_bytes());
        }
    }
}
