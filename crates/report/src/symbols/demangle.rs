//! Names as the linker has them to names as the programmer wrote them.

use std::fmt::{self, Write};

/// Longest name that is made of one symbol. Names can be made to grow without
/// bound by a symbol of a few hundred bytes.
const LONGEST: usize = 16 * 1024;

/// Suffixes of clones of a function which the compiler made.
const CLONES: [&str; 8] = [
    ".cold",
    ".part.",
    ".isra.",
    ".constprop.",
    ".lto_priv.",
    ".localalias",
    ".llvm.",
    ".warm",
];

/// The readable name of `symbol`: C++ and Rust names without hashes, all
/// without symbol version and the compiler's clone suffixes.
pub(crate) fn demangle(symbol: &[u8]) -> String {
    let name = String::from_utf8_lossy(symbol);
    let name = without_suffixes(&name);
    rust(name)
        .or_else(|| cpp(name))
        .or_else(|| msvc(name))
        .unwrap_or_else(|| limited(name))
}

fn without_suffixes(name: &str) -> &str {
    // There `@` is a part of the name, and there are no clones.
    if name.starts_with('?') {
        return name;
    }
    let end = name.find('@').filter(|at| *at > 0).unwrap_or(name.len());
    let name = &name[..end];
    let clone = CLONES.iter().filter_map(|c| name.find(c)).min();
    &name[..clone.filter(|at| *at > 0).unwrap_or(name.len())]
}

fn rust(name: &str) -> Option<String> {
    let demangled = rustc_demangle::try_demangle(name).ok()?;
    let mut out = Limited::default();
    write!(out, "{demangled:#}").ok()?;
    Some(out.text)
}

fn cpp(name: &str) -> Option<String> {
    if !name.starts_with("_Z") && !name.starts_with("__Z") {
        return None;
    }
    cpp_in_full(name).or_else(|| cpp_outline(name))
}

fn cpp_in_full(name: &str) -> Option<String> {
    let symbol = cpp_demangle::BorrowedSymbol::new(name.as_bytes()).ok()?;
    let options = cpp_demangle::DemangleOptions::new().no_return_type();
    let mut out = Limited::default();
    symbol.structured_demangle(&mut out, &options).ok()?;
    Some(out.text)
}

/// Longest name of Microsoft's compiler that is understood, and most digits in it.
/// A digit stands for an earlier part, which may stand for several itself: with so
/// many a name becomes 3¹⁰ times as long at worst.
const LONGEST_MSVC: usize = 1024;
const MOST_MSVC_DIGITS: usize = 30;
/// The parser calls itself for each level, of which such a name has at most half as
/// many as characters: more than the stack of a thread may hold.
const STACK_FOR_MSVC: usize = 32 << 20;

fn msvc(name: &str) -> Option<String> {
    use msvc_demangler::DemangleFlags as Flags;
    let digits = || name.bytes().filter(u8::is_ascii_digit).count();
    if !name.starts_with('?') || name.len() > LONGEST_MSVC || digits() > MOST_MSVC_DIGITS {
        return None;
    }
    let flags = Flags::llvm()
        | Flags::NO_ACCESS_SPECIFIERS
        | Flags::NO_FUNCTION_RETURNS
        | Flags::NO_MEMBER_TYPE
        | Flags::NO_MS_KEYWORDS
        | Flags::NO_CLASS_TYPE;
    std::thread::scope(|scope| {
        let demangled = || msvc_demangler::demangle(name, flags).ok();
        let thread = std::thread::Builder::new().stack_size(STACK_FOR_MSVC);
        let full = thread.spawn_scoped(scope, demangled).ok()?.join().ok()??;
        Some(limited(full.trim()))
    })
}

/// The scopes and the name of a C++ symbol that the demangler does not
/// understand, without template arguments and parameters. (It stumbles over
/// some expressions in them, such as the `enable_if` of `std::make_shared`.)
fn cpp_outline(name: &str) -> Option<String> {
    let mut rest = name.split_once("_Z")?.1;
    let is_nested = rest.starts_with('N');
    rest = rest.trim_start_matches(['N', 'K', 'V']);
    let mut parts = Vec::new();
    if let Some(behind) = rest.strip_prefix("St") {
        parts.push("std");
        rest = behind;
    }
    while rest.starts_with(|c: char| c.is_ascii_digit()) {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let length: usize = rest[..digits].parse().ok()?;
        parts.push(rest.get(digits..digits.checked_add(length)?)?);
        rest = rest.get(digits + length..)?;
        if !is_nested {
            break;
        }
    }
    let is_named = parts.iter().any(|part| *part != "std");
    let arguments = if rest.starts_with('I') { "<…>" } else { "" };
    is_named.then(|| parts.join("::") + arguments)
}

pub(super) fn limited(name: &str) -> String {
    name.chars().take(LONGEST).collect()
}

/// Text that refuses to grow past [`LONGEST`].
#[derive(Default)]
struct Limited {
    text: String,
}

impl Write for Limited {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.text.len() + piece.len() > LONGEST {
            return Err(fmt::Error);
        }
        self.text.push_str(piece);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::demangle;

    #[test]
    fn names_become_readable() {
        for (symbol, name) in [
            ("main", "main"),
            ("_Znwm", "operator new(unsigned long)"),
            ("_ZN3app5parseEi", "app::parse(int)"),
            ("_Z3addIiET_S0_S0_", "add<int>(int, int)"),
            (
                "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE",
                "core::fmt::Formatter::pad",
            ),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            ("malloc@@GLIBC_2.2.5", "malloc"),
            ("grow.part.0", "grow"),
            ("grow.constprop.0.cold", "grow"),
            ("_ZN3app5parseEi.cold", "app::parse(int)"),
            ("_ZSt11make_sharedIN1XEXntsr?E", "std::make_shared<…>"),
            ("_ZN3app5storeIXntsr?EvE", "app::store<…>"),
            ("?parse@app@@YAXH@Z", "app::parse(int)"),
            ("?grow@Widget@@QEAAHPEBD@Z", "Widget::grow(char const *)"),
            ("??2@YAPEAX_K@Z", "operator new(unsigned __int64)"),
            ("??0Widget@app@@QEAA@XZ", "app::Widget::Widget(void)"),
            ("?broken@@@", "?broken@@@"),
            ("_Z9999f", "_Z9999f"),
            ("_Z", "_Z"),
            ("", ""),
            ("@", "@"),
        ] {
            assert_eq!(demangle(symbol.as_bytes()), name);
        }
    }

    #[test]
    fn names_of_microsoft_neither_explode_nor_nest_without_bound() {
        // Each parameter is a function that takes the one before many times.
        let mut bomb = String::from("?f@@YAX");
        for level in 0..10 {
            let earlier = level.to_string().repeat(90);
            bomb += &format!("P6AX{}@Z", if level == 0 { "PAH" } else { &earlier });
        }
        bomb += "@Z";
        assert!(demangle(bomb.as_bytes()).len() <= super::LONGEST);
        for nested in ["PA", "P6A", "?$a@V", "P6AXP6AX"] {
            for times in [200, 500, 100_000] {
                let deep = format!("?f@@YAX{}H@Z", nested.repeat(times));
                assert!(demangle(deep.as_bytes()).len() <= super::LONGEST);
            }
        }
    }

    #[test]
    fn a_name_that_would_explode_is_kept_as_it_is() {
        // Each level doubles the length of the one before.
        let mut bomb = String::from("_Z1fI1a");
        let doubled = |n: usize| match n {
            0 => String::from("S_"),
            n => format!("S{}_", char::from(b'0' + n as u8 - 1)),
        };
        for level in 0..9 {
            bomb += &format!("1tI{0}{0}E", doubled(level));
        }
        bomb += "Evv";
        assert!(demangle(bomb.as_bytes()).len() <= super::LONGEST);
    }
}
