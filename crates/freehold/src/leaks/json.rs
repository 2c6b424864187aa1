//! As much JSON as an allocation needs: values that are read, text that is
//! written.

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64, Option<u64>),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_, Some(_)) => "int",
            Value::Number(..) => "double",
            Value::Text(_) => "String",
            Value::List(_) => "List",
            Value::Map(_) => "Map",
        }
    }
}

/// Text between quotes, escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Reads one value; the error says where it went wrong.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader {
        text: text.as_bytes(),
        at: 0,
        depth: 0,
    };
    let value = reader.value()?;
    reader.blanks();
    match reader.at == text.len() {
        true => Ok(value),
        false => Err(reader.wrong("more text behind the value")),
    }
}

/// Deeper than this nothing sensible is.
const DEEPEST: usize = 64;

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn wrong(&self, what: &str) -> String {
        format!("Invalid JSON at byte {}: {what}.", self.at)
    }

    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, what: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(what);
        self.at += if found { what.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Result<Value, String> {
        self.blanks();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("too deep"));
        }
        let value = match self.text.get(self.at) {
            Some(b'"') => Value::Text(self.string()?),
            Some(b'{') => self.map()?,
            Some(b'[') => self.list()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ if self.take(b"null") => Value::Null,
            _ if self.take(b"true") => Value::Bool(true),
            _ if self.take(b"false") => Value::Bool(false),
            _ => return Err(self.wrong("no value")),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        while matches!(
            self.text.get(self.at),
            Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
        ) {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        match text.parse::<f64>() {
            Ok(number) => Ok(Value::Number(number, text.parse().ok())),
            Err(_) => Err(self.wrong("no number")),
        }
    }

    fn list(&mut self) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.take(b"]") {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            if self.take(b"]") {
                return Ok(Value::List(items));
            }
            if !self.take(b",") {
                return Err(self.wrong("a list goes on without a comma"));
            }
        }
    }

    fn map(&mut self) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.take(b"}") {
            return Ok(Value::Map(items));
        }
        loop {
            self.blanks();
            if self.text.get(self.at) != Some(&b'"') {
                return Err(self.wrong("a key is no string"));
            }
            let key = self.string()?;
            self.blanks();
            if !self.take(b":") {
                return Err(self.wrong("a key has no value"));
            }
            items.push((key, self.value()?));
            self.blanks();
            if self.take(b"}") {
                return Ok(Value::Map(items));
            }
            if !self.take(b",") {
                return Err(self.wrong("an object goes on without a comma"));
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let byte = *self
                .text
                .get(self.at)
                .ok_or_else(|| self.wrong("a string has no end"))?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(out).map_err(|_| self.wrong("no UTF-8")),
                b'\\' => {
                    let c = self.escape()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                byte if byte < b' ' => return Err(self.wrong("a control character in a string")),
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let byte = *self
            .text
            .get(self.at)
            .ok_or_else(|| self.wrong("a string has no end"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => byte as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                let pair = (0xd800..0xdc00).contains(&first) && self.take(b"\\u");
                let units = match pair {
                    true => vec![first, self.unit()?],
                    false => vec![first],
                };
                let mut decoded = char::decode_utf16(units);
                let c = decoded.next().and_then(Result::ok);
                c.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.wrong("an unknown escape")),
        })
    }

    fn unit(&mut self) -> Result<u16, String> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.and_then(|d| core::str::from_utf8(d).ok());
        let unit = digits.and_then(|d| u16::from_str_radix(d, 16).ok());
        self.at += 4;
        unit.ok_or_else(|| self.wrong("an escape without four digits"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_comes_back(text in any::<String>()) {
            prop_assert_eq!(parse(&quoted(&text)), Ok(Value::Text(text)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn any_text_like_json_is_read_or_refused(text in r#"[\[\]{}",:\\u0-9a-f.e-]{0,40}"#) {
            let _ = parse(&text);
        }
    }

    #[test]
    fn values_are_what_they_are() {
        let value = parse(r#" {"a": [1, -2.5, null, true], "b": "\u00e9\ud83d\ude00"} "#).unwrap();
        let Value::Map(items) = value else {
            panic!("no object")
        };
        assert_eq!(items[1].1, Value::Text("é😀".into()));
        let Value::List(list) = &items[0].1 else {
            panic!("no list")
        };
        assert_eq!(list[0], Value::Number(1.0, Some(1)));
        assert_eq!(list[1].kind(), "double");
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
