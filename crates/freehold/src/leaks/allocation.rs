//! One block that stays, as it is shown and written.

use core::fmt::{self, Write};

use freehold_ledger::format::Family;

use super::json::{self, Value};
use super::time;
use crate::contract::{Block, SCOPE, TAG, Tracker};
use crate::release::shown;
use crate::{Frame, Stack, format_address, format_bytes, indent, tags};

/// A block that was allocated and not released.
///
/// ```
/// use freehold::Allocation;
/// let allocation = Allocation {
///     address: 0xabcd,
///     size: 64,
///     type_name: "MyType".into(),
///     timestamp_unix_ns: 1_714_564_800_000_000_000,
///     stack: "trace-line".into(),
///     ..Allocation::default()
/// };
/// assert_eq!(Allocation::from_json(&allocation.to_json())?, allocation);
/// # Ok::<(), freehold::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Allocation {
    /// Its address; of a handle that is no memory, its number.
    pub address: usize,
    /// Bytes that were asked for.
    pub size: u64,
    /// The name of what is in it.
    pub type_name: String,
    /// When it was allocated, in nanoseconds since 1970.
    pub timestamp_unix_ns: u64,
    /// Where it was allocated: a line for each frame.
    pub stack: String,
    /// The scope that it was allocated in; empty for none. Not in JSON.
    pub scope: String,
    /// The name of its family. Not in JSON.
    pub family: &'static str,
    /// The frames of `stack`. In JSON only by [`Allocation::to_json_with_frames`].
    pub frames: Vec<Frame>,
}

/// Why a text is no allocation.
///
/// ```
/// use freehold::Allocation;
/// let error = Allocation::from_json("{\"address\": 7").unwrap_err();
/// assert!(!error.to_string().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

impl Allocation {
    /// What the ledger has on a block.
    pub(super) fn of(tracker: &Tracker, block: &Block) -> Allocation {
        // SAFETY: by the contract it may be called at any time.
        let started = unsafe { (tracker.started)() };
        let family = Family::from_number(block.family.into());
        let stack = Stack::of(tracker, block.stack);
        Allocation {
            address: shown(Some(family), block.address as usize),
            size: block.size,
            type_name: tags::name_of(tracker, TAG, block.tag),
            timestamp_unix_ns: started + u64::from(block.time_ms) * 1_000_000,
            stack: stack.to_string(),
            scope: tags::name_of(tracker, SCOPE, block.scope),
            family: family.name(),
            frames: stack.frames().to_vec(),
        }
    }

    /// When it was allocated, by ISO 8601 in UTC.
    ///
    /// ```
    /// let allocation = freehold::Allocation::default();
    /// assert_eq!(allocation.timestamp(), "1970-01-01T00:00:00.000Z");
    /// ```
    pub fn timestamp(&self) -> String {
        time::write(self.timestamp_unix_ns)
    }

    /// As a JSON object.
    ///
    /// ```
    /// assert!(freehold::Allocation::default().to_json().contains("\"address\": 0,"));
    /// ```
    pub fn to_json(&self) -> String {
        format!(
            "{{\n  \"address\": {},\n  \"type\": {},\n  \"size\": {},\n  \"timestamp\": {},\n  \
             \"stack\": {}\n}}",
            self.address,
            json::quoted(&self.type_name),
            self.size,
            json::quoted(&self.timestamp()),
            json::quoted(&self.stack),
        )
    }

    /// As a JSON object with more in it than the other form has: family, scope, and a
    /// list `frames` with what is known of each frame, innermost first. `language` is
    /// `native`, `python`, `js` or `dart`; of machine code there are the return
    /// address `pc` and, where they are known, `function`, `module` and `offset`, of
    /// managed languages `function`, `file`, `line` and `column`.
    ///
    /// ```
    /// use freehold::managed::{Frame, Language};
    /// let frame = Frame {
    ///     language: Language::Dart,
    ///     function: "main".into(),
    ///     file: "a.dart".into(),
    ///     line: 3,
    ///     column: 0,
    /// };
    /// let allocation = freehold::Allocation {
    ///     frames: vec![freehold::Frame::Managed(frame)],
    ///     ..Default::default()
    /// };
    /// assert!(allocation.to_json_with_frames().contains(
    ///     r#"{"language": "dart", "function": "main", "file": "a.dart", "line": 3}"#
    /// ));
    /// ```
    pub fn to_json_with_frames(&self) -> String {
        let mut text = self.to_json();
        text.truncate(text.len() - 2);
        let _ = write!(
            text,
            ",\n  \"family\": {},\n  \"scope\": {},\n  \"frames\": [",
            json::quoted(self.family),
            json::quoted(&self.scope),
        );
        for (i, frame) in self.frames.iter().enumerate() {
            text += if i == 0 { "\n    " } else { ",\n    " };
            text += &frame.to_json();
        }
        text += if self.frames.is_empty() {
            "]\n}"
        } else {
            "\n  ]\n}"
        };
        text
    }

    /// From a JSON object; keys that are not known are ignored.
    ///
    /// # Errors
    /// [`ParseError`] says what is wrong.
    ///
    /// ```
    /// let error = freehold::Allocation::from_json("[]").unwrap_err();
    /// assert_eq!(error.to_string(), "Allocation JSON must decode to an object, got List.");
    /// ```
    pub fn from_json(text: &str) -> Result<Allocation, ParseError> {
        let fields = match json::parse(text).map_err(ParseError)? {
            Value::Map(fields) => fields,
            other => {
                let kind = other.kind();
                let message = format!("Allocation JSON must decode to an object, got {kind}.");
                return Err(ParseError(message));
            }
        };
        let find = |name: &str| {
            let found = fields.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value).ok_or_else(|| {
                ParseError(format!(
                    "Missing required field \"{name}\" in Allocation JSON."
                ))
            })
        };
        let wrong = |name: &str, wanted: &str, value: &Value| {
            ParseError(format!(
                "Field \"{name}\" must be {wanted} but was {}.",
                value.kind()
            ))
        };
        let number = |name| match find(name)? {
            Value::Number(_, Some(number)) => Ok(*number),
            other => Err(wrong(name, "int", other)),
        };
        let string = |name| match find(name)? {
            Value::Text(text) => Ok(text.clone()),
            other => Err(wrong(name, "String", other)),
        };
        let address = number("address")?;
        let address = usize::try_from(address)
            .map_err(|_| ParseError(format!("Field \"address\" is too large: {address}.")))?;
        let size = number("size")?;
        let (type_name, stack) = (string("type")?, string("stack")?);
        let timestamp = string("timestamp")?;
        let timestamp_unix_ns = time::read(&timestamp)
            .ok_or_else(|| ParseError(format!("Invalid ISO-8601 timestamp: \"{timestamp}\".")))?;
        Ok(Allocation {
            address,
            size,
            type_name,
            timestamp_unix_ns,
            stack,
            ..Allocation::default()
        })
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Allocation(\n  address   : {}\n  type      : {}\n  size      : {}\n  timestamp : {}\n  \
             stack     :\n{}\n)",
            format_address(self.address),
            self.type_name,
            format_bytes(self.size),
            self.timestamp(),
            indent(self.stack.trim_end(), 4),
        )
    }
}
