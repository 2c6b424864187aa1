//! The raw layer of Python, `freehold/raw.py`: every function with its types, for ctypes.

use super::model::{CType, Header, Type, Value};

const HEAD: &str = r#""""The functions, types and constants of ``freehold.h``, for ctypes. Made by
``cargo xtask raw``; do not edit.

``library`` is the shared library; its functions have their argument and result types and
give codes as they are. The package ``freehold`` has all of it in Python's own manner.
"""

import ctypes

from freehold._library import open_library

"#;

pub(super) fn print(header: &Header) -> Result<String, String> {
    let mut out = String::from(HEAD);
    out += "library = open_library()\n\n";
    for constant in &header.constants {
        comment(&mut out, &constant.docs);
        let value = match constant.value {
            Value::LargestSize => "ctypes.c_size_t(-1).value".to_owned(),
            Value::Number(number) => number.to_string(),
        };
        out += &format!("{} = {value}\n", constant.name);
    }
    for defined in &header.types {
        match defined {
            Type::Alias { docs, name, of } => {
                out.push('\n');
                comment(&mut out, docs);
                out += &format!("{name} = {}\n", ctypes(of, true)?);
            }
            Type::Callback(function) => {
                out.push('\n');
                comment(&mut out, &function.docs);
                let mut types = vec![ctypes(&function.gives, true)?];
                for (_, of) in &function.parameters {
                    types.push(ctypes(of, true)?);
                }
                out += &format!(
                    "{} = ctypes.CFUNCTYPE({})\n",
                    function.name,
                    types.join(", ")
                );
            }
            Type::Struct { docs, name, fields } => {
                out += &format!(
                    "\n\nclass {name}(ctypes.Structure):\n    \"\"\"{docs}\"\"\"\n\n    _fields_ = [\n"
                );
                for field in fields {
                    let of = ctypes(&field.is, true)?;
                    let of = match &field.array {
                        Some(count) => format!("{of} * {count}"),
                        None => of,
                    };
                    out += &format!("        (\"{}\", {of}),\n", field.name);
                }
                out += "    ]\n\n\n";
            }
        }
    }
    for function in &header.functions {
        out.push('\n');
        comment(&mut out, &function.docs);
        let mut types = Vec::new();
        for (_, of) in &function.parameters {
            types.push(ctypes(of, false)?);
        }
        let name = &function.name;
        out += &format!("{name} = library.{name}\n");
        out += &format!("{name}.argtypes = [{}]\n", types.join(", "));
        out += &format!("{name}.restype = {}\n", ctypes(&function.gives, true)?);
    }
    Ok(out)
}

fn comment(out: &mut String, text: &str) {
    for line in text.lines() {
        out.push_str(format!("# {line}").trim_end());
        out.push('\n');
    }
}

/// The type; what Python passes for a pointer may be anything that leads to it, so only
/// where ctypes must convert it is more than an address.
fn ctypes(of: &CType, exact: bool) -> Result<String, String> {
    let own = of.name.starts_with("freehold_");
    Ok(match (&*of.name, of.pointers) {
        ("void", 0) => "None".into(),
        ("void", 1) => "ctypes.c_void_p".into(),
        ("char", 1) if of.is_const => "ctypes.c_char_p".into(),
        ("char", 1) if !exact => "ctypes.c_void_p".into(),
        ("char", 1) => "ctypes.POINTER(ctypes.c_char)".into(),
        (_, pointers) if pointers > 0 && !exact => "ctypes.c_void_p".into(),
        ("void", 2) => "ctypes.POINTER(ctypes.c_void_p)".into(),
        ("char", 0) => "ctypes.c_char".into(),
        ("bool", 0) => "ctypes.c_bool".into(),
        ("size_t", 0) => "ctypes.c_size_t".into(),
        ("int32_t", 0) => "ctypes.c_int32".into(),
        ("uint16_t", 0) => "ctypes.c_uint16".into(),
        ("uint32_t", 0) => "ctypes.c_uint32".into(),
        ("uint64_t", 0) => "ctypes.c_uint64".into(),
        (name, 0) if own => name.into(),
        (_, pointers) if pointers > 0 => {
            let inner = CType {
                pointers: pointers - 1,
                ..of.clone()
            };
            format!("ctypes.POINTER({})", ctypes(&inner, true)?)
        }
        (other, _) => return Err(format!("the type {other} is not known")),
    })
}
