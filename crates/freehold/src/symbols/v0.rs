//! Names of Rust's newer scheme ("v0", which begins with `_R`) as people write them:
//! paths with their types, without hashes and without the values of constants.
//!
//! Page: "v0 Symbol Format" in the rustc book.

/// What a name may cost: one with references back may stand for a very long one.
const MOST_STEPS: usize = 2000;
const DEEPEST: usize = 100;

/// The name in a symbol; `None` when it is none of this scheme.
pub(super) fn demangled(symbol: &str) -> Option<String> {
    let inner = symbol.strip_prefix("_R")?;
    let mut reader = Reader {
        text: inner.as_bytes(),
        at: 0,
        steps: 0,
        depth: 0,
        name: String::new(),
    };
    // A digit would be another version of the scheme.
    reader.path(Place::Value)?;
    Some(reader.name)
}

/// Where a path stands: generic arguments of a value have `::` before them.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Value,
    Type,
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    steps: usize,
    depth: usize,
    name: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// A number of base 62 that ends with `_`; alone that is 0.
    fn number(&mut self) -> Option<u64> {
        if self.eat(b'_') {
            return Some(0);
        }
        let mut number = 0u64;
        loop {
            let digit = match self.next()? {
                b'_' => return number.checked_add(1),
                byte @ b'0'..=b'9' => byte - b'0',
                byte @ b'a'..=b'z' => byte - b'a' + 10,
                byte @ b'A'..=b'Z' => byte - b'A' + 36,
                _ => return None,
            };
            number = number.checked_mul(62)?.checked_add(digit.into())?;
        }
    }

    /// What tells things of the same name apart.
    fn disambiguator(&mut self) -> Option<u64> {
        match self.eat(b's') {
            true => self.number()?.checked_add(1),
            false => Some(0),
        }
    }

    /// A name with its length before it; those with other letters than ASCII's stay
    /// as they are encoded.
    fn identifier(&mut self) -> Option<String> {
        self.eat(b'u');
        let mut len = 0usize;
        while let Some(digit) = self.text.get(self.at).filter(|b| b.is_ascii_digit()) {
            len = len.checked_mul(10)?.checked_add((digit - b'0').into())?;
            self.at += 1;
            if len == 0 {
                break;
            }
        }
        // Between the length and a name that begins with a digit or itself.
        self.eat(b'_');
        let bytes = self.text.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(core::str::from_utf8(bytes).ok()?.to_owned())
    }

    /// One part of the grammar, within the limits.
    fn part(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        self.steps += 1;
        self.depth += 1;
        if self.steps > MOST_STEPS || self.depth > DEEPEST {
            return None;
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// What was read at an earlier place, once more.
    fn back(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let start = self.at - 1;
        let to = usize::try_from(self.number()?)
            .ok()
            .filter(|to| *to < start)?;
        let behind = core::mem::replace(&mut self.at, to);
        self.part(read)?;
        self.at = behind;
        Some(())
    }

    /// Reads without writing.
    fn silently(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let len = self.name.len();
        read(self)?;
        self.name.truncate(len);
        Some(())
    }

    fn path(&mut self, place: Place) -> Option<()> {
        self.part(|r| match r.next()? {
            b'C' => {
                r.disambiguator()?;
                let name = r.identifier()?;
                r.name += &name;
                Some(())
            }
            b'N' => r.nested(place),
            // Where an implementation stands is not told.
            b'M' => {
                r.disambiguator()?;
                r.silently(|r| r.path(Place::Type))?;
                r.implementation(false)
            }
            b'X' => {
                r.disambiguator()?;
                r.silently(|r| r.path(Place::Type))?;
                r.implementation(true)
            }
            b'Y' => r.implementation(true),
            b'I' => {
                r.path(place)?;
                if place == Place::Value {
                    r.name += "::";
                }
                r.name += "<";
                r.list(Self::argument)?;
                r.name += ">";
                Some(())
            }
            b'B' => r.back(|r| r.path(place)),
            _ => None,
        })
    }

    fn nested(&mut self, place: Place) -> Option<()> {
        let space = self.next()?;
        self.path(place)?;
        let number = self.disambiguator()?;
        let name = self.identifier()?;
        self.name += &match space {
            b'C' => format!("::{{closure#{number}}}"),
            b'S' => format!("::{{shim:{name}#{number}}}"),
            b'a'..=b'z' if name.is_empty() => String::new(),
            b'a'..=b'z' => format!("::{name}"),
            _ => return None,
        };
        Some(())
    }

    /// `<type>`, or `<type as trait>`.
    fn implementation(&mut self, of_trait: bool) -> Option<()> {
        self.name += "<";
        self.kind()?;
        if of_trait {
            self.name += " as ";
            self.path(Place::Type)?;
        }
        self.name += ">";
        Some(())
    }

    /// Several up to an `E`, with commas.
    fn list(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<usize> {
        let mut count = 0;
        while !self.eat(b'E') {
            let start = self.name.len();
            each(self)?;
            // Nothing is written for lifetimes.
            if self.name.len() != start {
                if count > 0 {
                    self.name.insert_str(start, ", ");
                }
                count += 1;
            }
        }
        Some(count)
    }

    fn argument(&mut self) -> Option<()> {
        if self.eat(b'L') {
            return self.number().map(drop);
        }
        match self.eat(b'K') {
            true => self.constant(),
            false => self.kind(),
        }
    }

    fn constant(&mut self) -> Option<()> {
        if self.eat(b'B') {
            return self.back(Self::constant);
        }
        if !self.eat(b'p') {
            // Its type, of one letter, and its value in hexadecimal digits.
            self.next()?;
            while self.next()? != b'_' {}
        }
        self.name += "_";
        Some(())
    }

    /// A type.
    fn kind(&mut self) -> Option<()> {
        self.part(|r| {
            let byte = r.next()?;
            if let Some(name) = basic(byte) {
                r.name += name;
                return Some(());
            }
            match byte {
                b'A' => {
                    r.name += "[";
                    r.kind()?;
                    r.name += "; ";
                    r.constant()?;
                    r.name += "]";
                }
                b'S' => {
                    r.name += "[";
                    r.kind()?;
                    r.name += "]";
                }
                b'T' => {
                    r.name += "(";
                    let count = r.list(Self::kind)?;
                    r.name += if count == 1 { ",)" } else { ")" };
                }
                b'R' | b'Q' => {
                    if r.eat(b'L') {
                        r.number()?;
                    }
                    r.name += if byte == b'R' { "&" } else { "&mut " };
                    r.kind()?;
                }
                b'P' | b'O' => {
                    r.name += if byte == b'P' { "*const " } else { "*mut " };
                    r.kind()?;
                }
                b'F' => r.function()?,
                b'D' => r.object()?,
                b'B' => r.back(Self::kind)?,
                _ => {
                    r.at -= 1;
                    r.path(Place::Type)?;
                }
            }
            Some(())
        })
    }

    /// `fn(…) -> …`.
    fn function(&mut self) -> Option<()> {
        if self.eat(b'G') {
            self.number()?;
        }
        if self.eat(b'U') {
            self.name += "unsafe ";
        }
        if self.eat(b'K') {
            let abi = match self.eat(b'C') {
                true => "C".to_owned(),
                false => self.identifier()?.replace('_', "-"),
            };
            self.name += &format!("extern \"{abi}\" ");
        }
        self.name += "fn(";
        self.list(Self::kind)?;
        self.name += ")";
        if !self.eat(b'u') {
            self.name += " -> ";
            self.kind()?;
        }
        Some(())
    }

    /// `dyn …`.
    fn object(&mut self) -> Option<()> {
        if self.eat(b'G') {
            self.number()?;
        }
        self.name += "dyn ";
        let mut is_first = true;
        while !self.eat(b'E') {
            if !core::mem::take(&mut is_first) {
                self.name += " + ";
            }
            self.path(Place::Type)?;
            while self.eat(b'p') {
                let name = self.identifier()?;
                // With the arguments of the trait, where it has any.
                let has_arguments = self.name.ends_with('>') && self.name.pop().is_some();
                self.name += if has_arguments { ", " } else { "<" };
                self.name += &format!("{name} = ");
                self.kind()?;
                self.name += ">";
            }
        }
        self.eat(b'L').then(|| self.number()).flatten().map(drop)
    }
}

/// The types that have one letter.
fn basic(letter: u8) -> Option<&'static str> {
    Some(match letter {
        b'a' => "i8",
        b'b' => "bool",
        b'c' => "char",
        b'd' => "f64",
        b'e' => "str",
        b'f' => "f32",
        b'h' => "u8",
        b'i' => "isize",
        b'j' => "usize",
        b'l' => "i32",
        b'm' => "u32",
        b'n' => "i128",
        b'o' => "u128",
        b'p' => "_",
        b's' => "i16",
        b't' => "u16",
        b'u' => "()",
        b'v' => "...",
        b'x' => "i64",
        b'y' => "u64",
        b'z' => "!",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_made_readable() {
        for (symbol, name) in [
            (
                "_RNvNtNtCsboJsCAsnxEh_8freehold7symbols5tests12not_exported",
                "freehold::symbols::tests::not_exported",
            ),
            ("_RNvC6_123foo3bar", "123foo::bar"),
            ("_RNCNvC4user4main0", "user::main::{closure#0}"),
            ("_RNCNvC4user4mains_0", "user::main::{closure#1}"),
            ("_RINvC4user4takehE", "user::take::<u8>"),
            ("_RINvC4user4takeRShE", "user::take::<&[u8]>"),
            ("_RNvMC4userNtB2_4Wood3cut", "<user::Wood>::cut"),
            (
                "_RNvXC4userNtB2_4WoodNtB2_3Cut3cut",
                "<user::Wood as user::Cut>::cut",
            ),
            (
                "_RNvYFEuNtNtNtC4core3ops8function6FnOnce9call_once",
                "<fn() as core::ops::function::FnOnce>::call_once",
            ),
            ("_RINvC4user1fTlcEAhj4_E", "user::f::<(i32, char), [u8; _]>"),
            (
                "_RINvC4user1fDNtC4core4Iterp4ItemmEL_E",
                "user::f::<dyn core::Iter<Item = u32>>",
            ),
        ] {
            assert_eq!(demangled(symbol).as_deref(), Some(name), "{symbol}");
        }
        for other in ["main", "_R", "_RNv", "_R1C4user", "_RNvC99user1f", "_RB_"] {
            assert_eq!(demangled(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_some_name(text in "_R[A-Za-z0-9_]{0,60}") {
            let _ = demangled(&text);
        }

        #[test]
        fn references_back_do_not_explode(count in 1..200usize) {
            let text = format!("_RINvC4user1f{}E", "TB_B_E".repeat(count));
            prop_assert!(demangled(&text).is_none_or(|name| name.len() < 1 << 20));
        }
    }
}
