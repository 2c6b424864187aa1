//! The raw layer of Python: `freehold.raw`, all functions declared for `ctypes`.
//!
//! What is not here: how the library is found and checked
//! (`bindings/python/python/freehold/_library.py`).

use super::model::{CType, Function, Header, Type, Value};

const HEAD: &str = r#"# Made of `freehold.h` by `cargo xtask raw`; do not edit.
"""The functions of ``libfreehold`` as they are, declared for :mod:`ctypes`.

Every name is that of ``freehold.h``. Nothing is checked here but what the library itself
checks: a function gives its code, and ``freehold_last_message()`` the explanation. What is
recorded has the machine's stack, without Python's frames; everywhere else the package
does this for you.
"""

from __future__ import annotations

import ctypes as _ctypes
from typing import TYPE_CHECKING
from typing import Any as _Any

from freehold._library import library as _library

if TYPE_CHECKING:
    from collections.abc import Callable as _Callable

_lib = _library()
"#;

/// The file.
pub(super) fn print(header: &Header) -> Result<String, String> {
    let mut out = HEAD.to_owned();
    let mut names = Vec::new();
    out.push('\n');
    for constant in &header.constants {
        let value = match constant.value {
            Value::Number(number) => number.to_string(),
            Value::LargestSize => "_ctypes.c_size_t(-1).value".to_owned(),
        };
        let name = &constant.name;
        out.push_str(&format!(
            "{name}: int = {value}\n{}",
            docs(&constant.docs, "")
        ));
        names.push(name.clone());
    }
    for declared in &header.types {
        match declared {
            Type::Alias {
                docs: text,
                name,
                of,
            } => {
                out.push_str(&format!("\n{name} = {}\n{}", ctypes(of)?, docs(text, "")));
                names.push(name.clone());
            }
            Type::Callback(function) => {
                let mut types = vec![result(&function.gives)?];
                for (_, of) in &function.parameters {
                    types.push(ctypes(of)?);
                }
                let types = types.join(", ");
                let name = &function.name;
                out.push_str(&format!("\n{name} = _ctypes.CFUNCTYPE({types})\n"));
                out.push_str(&docs(&function.docs, ""));
                names.push(name.clone());
            }
            Type::Struct {
                docs: text,
                name,
                fields,
            } => {
                out.push_str(&format!("\n\nclass {name}(_ctypes.Structure):\n"));
                out.push_str(&docs(text, "    "));
                out.push_str("\n    _fields_ = (\n");
                for field in fields {
                    let is = match &field.array {
                        Some(count) => format!("{} * {count}", ctypes(&field.is)?),
                        None => ctypes(&field.is)?,
                    };
                    out.push_str(&format!("        (\"{}\", {is}),\n", field.name));
                }
                out.push_str("    )\n");
                names.push(name.clone());
            }
        }
    }
    out.push_str(DECLARE);
    for function in &header.functions {
        out.push_str(&declaration(function)?);
        names.push(function.name.clone());
    }
    names.sort();
    out.push_str("\n__all__ = (\n");
    for name in names {
        out.push_str(&format!("    \"{name}\",\n"));
    }
    out.push_str(")\n");
    Ok(out)
}

const DECLARE: &str = r#"

def _declare(
    name: str, docs: str, result: _Any, *parameters: _Any
) -> _Callable[..., _Any]:
    """Finds a function and tells ctypes its types."""
    function = getattr(_lib, name)
    function.restype = result
    function.argtypes = parameters
    function.__doc__ = docs
    found: _Callable[..., _Any] = function
    return found


"#;

fn declaration(function: &Function) -> Result<String, String> {
    let mut out = format!("{0} = _declare(\n    \"{0}\",\n", function.name);
    let names: Vec<&str> = function.parameters.iter().map(|(n, _)| &**n).collect();
    let text = function.docs.replace('\\', "\\\\");
    out.push_str(&format!(
        "    \"\"\"{}({})\n\n{text}\n\"\"\",\n",
        function.name,
        names.join(", ")
    ));
    out.push_str(&format!("    {},\n", result(&function.gives)?));
    for (name, of) in &function.parameters {
        out.push_str(&format!("    {},  # {name}\n", ctypes(of)?));
    }
    out.push_str(")\n");
    Ok(out)
}

/// A text below what it is of.
fn docs(text: &str, indent: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    match lines[..] {
        [] => String::new(),
        [line] => format!("{indent}\"\"\"{line}\"\"\"\n"),
        [first, ref rest @ ..] => {
            let mut out = format!("{indent}\"\"\"{first}\n");
            for line in rest {
                out.push_str(format!("{indent}{line}").trim_end());
                out.push('\n');
            }
            out + indent + "\"\"\"\n"
        }
    }
}

fn result(of: &CType) -> Result<String, String> {
    match of.name == "void" && of.pointers == 0 {
        true => Ok("None".into()),
        false => ctypes(of),
    }
}

/// A type of `ctypes`. Pointers to bytes of a text that is passed are `c_char_p`;
/// those through which a text is given back are pointers to an address, since
/// `c_char_p` would lose it.
fn ctypes(of: &CType) -> Result<String, String> {
    let name = match (of.name.as_str(), of.is_const, of.pointers) {
        ("void", _, 0) => return Err("nothing has no type".into()),
        ("char", true, 1) => return Ok("_ctypes.c_char_p".into()),
        ("void" | "char", _, pointers) if pointers > 0 => {
            let inner = "_ctypes.c_void_p".to_owned();
            return Ok((1..pointers).fold(inner, |of, _| format!("_ctypes.POINTER({of})")));
        }
        ("char", ..) => "_ctypes.c_char",
        ("bool", ..) => "_ctypes.c_bool",
        ("size_t", ..) => "_ctypes.c_size_t",
        ("uint8_t", ..) => "_ctypes.c_uint8",
        ("uint16_t", ..) => "_ctypes.c_uint16",
        ("int32_t", ..) => "_ctypes.c_int32",
        ("uint32_t", ..) => "_ctypes.c_uint32",
        ("uint64_t", ..) => "_ctypes.c_uint64",
        (own, ..) if own.starts_with("freehold_") => own,
        (other, ..) => return Err(format!("{other} is no type that Python is told of")),
    };
    Ok((0..of.pointers).fold(name.to_owned(), |of, _| format!("_ctypes.POINTER({of})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_of_ctypes() {
        let of = |name: &str, is_const, pointers| {
            let name = name.into();
            ctypes(&CType {
                name,
                is_const,
                pointers,
            })
            .expect("known")
        };
        assert_eq!(of("char", true, 1), "_ctypes.c_char_p");
        assert_eq!(of("char", false, 1), "_ctypes.c_void_p");
        assert_eq!(of("char", false, 2), "_ctypes.POINTER(_ctypes.c_void_p)");
        assert_eq!(of("void", false, 2), "_ctypes.POINTER(_ctypes.c_void_p)");
        assert_eq!(
            of("freehold_block", false, 1),
            "_ctypes.POINTER(freehold_block)"
        );
    }

    #[test]
    fn texts_keep_their_form() {
        assert_eq!(docs("One.", ""), "\"\"\"One.\"\"\"\n");
        assert_eq!(
            docs("One.\n\nTwo.", "  "),
            "  \"\"\"One.\n\n  Two.\n  \"\"\"\n"
        );
    }
}
