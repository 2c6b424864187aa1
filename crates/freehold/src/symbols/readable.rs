//! Names of Rust's older scheme as people write them.

use std::borrow::Cow;

use super::v0;

/// A name as people write it, when it is one of Rust's.
pub(crate) fn readable(name: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(name);
    // What the optimiser tells parts of a crate apart by.
    let plain = text.split(".llvm.").next().unwrap_or_default();
    match demangled(plain).or_else(|| v0::demangled(plain)) {
        Some(path) => path.into(),
        None => text,
    }
}

/// The path in `_ZN`, its parts with their lengths, a hash, `E`.
fn demangled(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix("_ZN")?;
    let mut parts = Vec::new();
    while !rest.starts_with('E') {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let len: usize = rest.get(..digits)?.parse().ok()?;
        parts.push(rest.get(digits..digits.checked_add(len)?)?);
        rest = rest.get(digits + len..)?;
    }
    let hash = parts.pop()?.strip_prefix('h')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hash && !parts.is_empty()).then(|| {
        let parts: Vec<String> = parts.iter().map(|part| unescaped(part)).collect();
        parts.join("::")
    })
}

/// A part of a path with its signs.
fn unescaped(part: &str) -> String {
    // A part that would begin with a sign has `_` in front of it.
    let part = match part.starts_with("_$") {
        true => &part[1..],
        false => part,
    };
    let mut text = String::new();
    let mut rest = part;
    while let Some(at) = rest.find(['$', '.']) {
        text += &rest[..at];
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix("..") {
            text += "::";
            rest = behind;
            continue;
        }
        let end = rest[1..].find('$').map(|end| end + 1);
        let sign = end.and_then(|end| sign(&rest[1..end]));
        match (rest.starts_with('$'), end, sign) {
            (true, Some(end), Some(sign)) => {
                text.push(sign);
                rest = &rest[end + 1..];
            }
            _ => {
                text += &rest[..1];
                rest = &rest[1..];
            }
        }
    }
    text + rest
}

fn sign(name: &str) -> Option<char> {
    Some(match name {
        "SP" => '@',
        "BP" => '*',
        "RF" => '&',
        "LT" => '<',
        "GT" => '>',
        "LP" => '(',
        "RP" => ')',
        "C" => ',',
        other => char::from_u32(u32::from_str_radix(other.strip_prefix('u')?, 16).ok()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_made_readable() {
        for (name, readable) in [
            ("_ZN4user4lose17hba68fa5d91a78cf7E", "user::lose"),
            (
                "_ZN4user28_$u7b$$u7b$closure$u7d$$u7d$17hba68fa5d91a78cf7E",
                "user::{{closure}}",
            ),
            (
                "_ZN38_$LT$a..B$u20$as$u20$c..D$LT$E$GT$$GT$1f17hba68fa5d91a78cf7E",
                "<a::B as c::D<E>>::f",
            ),
            ("_ZN3foo3barEv", "_ZN3foo3barEv"),
            ("main", "main"),
            ("_ZN99999999999999999999x", "_ZN99999999999999999999x"),
        ] {
            assert_eq!(super::readable(name.as_bytes()), readable);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_some_name(text in "_ZN[0-9a-f$.LGTuE]{0,40}") {
            let _ = readable(text.as_bytes());
        }
    }
}
