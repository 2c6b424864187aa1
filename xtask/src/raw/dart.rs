//! The raw layer of Dart, `lib/src/raw.dart`: every function, looked up once.
//!
//! Those that call nothing of Dart's and take no time are leaf calls: they cost a fifth
//! of others.

use super::model::{CType, Function, Header, Type, Value};

const HEAD: &str = "\
// The functions, types and constants of `freehold.h`. Made by `cargo xtask raw`; do not edit.
// ignore_for_file: camel_case_types, constant_identifier_names, non_constant_identifier_names

import 'dart:ffi';

import 'library.dart';

";

/// What calls functions that were given to it, which may be Dart's.
const CALLS_BACK: &[&str] = &[
    "freehold_free",
    "freehold_free_sized",
    "freehold_free_as",
    "freehold_finalize",
    "freehold_realloc",
    "freehold_arena_release",
    "freehold_handle_close",
];

pub(super) fn print(header: &Header) -> Result<String, String> {
    let mut out = String::from(HEAD);
    for constant in &header.constants {
        comment(&mut out, "", &constant.docs);
        // -1 becomes the largest size when it is passed as one.
        let value = match constant.value {
            Value::LargestSize => -1,
            Value::Number(number) => number,
        };
        out += &format!("const int {} = {value};\n", constant.name);
    }
    for defined in &header.types {
        match defined {
            Type::Alias { docs, name, of } => {
                comment(&mut out, "", docs);
                out += &format!("typedef {name} = {};\n", native(of)?);
            }
            Type::Callback(function) => {
                comment(&mut out, "", &function.docs);
                out += &format!(
                    "typedef {} = {};\n",
                    function.name,
                    signature(function, native)?
                );
            }
            Type::Struct { docs, name, fields } => {
                comment(&mut out, "", docs);
                out += &format!("final class {name} extends Struct {{\n");
                for field in fields {
                    comment(&mut out, "  ", &field.docs);
                    match &field.array {
                        Some(count) => {
                            out += &format!(
                                "  @Array({count})\n  external Array<{}> {};\n",
                                native(&field.is)?,
                                field.name
                            );
                        }
                        None if field.is.pointers > 0 => {
                            out += &format!("  external {} {};\n", native(&field.is)?, field.name);
                        }
                        None => {
                            out += &format!(
                                "  @{}()\n  external {} {};\n",
                                native(&field.is)?,
                                dart(&field.is)?,
                                field.name
                            );
                        }
                    }
                }
                out += "}\n";
            }
        }
    }
    out += "\nfinal DynamicLibrary _library = openLibrary();\n";
    for function in &header.functions {
        out.push('\n');
        comment(&mut out, "", &function.docs);
        let (name, leaf) = (&function.name, is_leaf(function));
        out += &format!(
            "final {} {name} = _library.lookupFunction<{}, {}>('{name}'{});\n",
            signature(function, dart)?,
            signature(function, native)?,
            signature(function, dart)?,
            if leaf { ", isLeaf: true" } else { "" }
        );
    }
    // A finalizer is given to the VM by its address.
    out += "\n/// `freehold_finalize` by its address, for the VM's finalizers.\n\
            final Pointer<NativeFunction<Void Function(Pointer<Void>)>> freehold_finalize_address =\n    \
            _library.lookup('freehold_finalize');\n\
            \n/// `freehold_native_free` by its address.\n\
            final Pointer<NativeFunction<Void Function(Pointer<Void>)>> freehold_native_free_address =\n    \
            _library.lookup('freehold_native_free');\n";
    Ok(out)
}

fn is_leaf(function: &Function) -> bool {
    !CALLS_BACK.contains(&&*function.name)
}

fn comment(out: &mut String, indent: &str, text: &str) {
    for line in text.lines() {
        out.push_str(format!("{indent}/// {line}").trim_end());
        out.push('\n');
    }
}

fn number(name: &str) -> Option<&'static str> {
    Some(match name {
        "bool" => "Bool",
        "size_t" => "Size",
        "int32_t" | "freehold_code" => "Int32",
        "uint16_t" => "Uint16",
        "uint32_t" => "Uint32",
        "uint64_t" | "freehold_arena" | "freehold_scope" | "freehold_stack" => "Uint64",
        "char" => "Char",
        _ => return None,
    })
}

/// As native code has it.
fn native(of: &CType) -> Result<String, String> {
    let inner = match (&*of.name, of.pointers) {
        ("void", _) => "Void".into(),
        ("freehold_release", _) => "Pointer<NativeFunction<freehold_release>>".into(),
        ("freehold_action", _) => "Pointer<NativeFunction<freehold_action>>".into(),
        (name, _) => match number(name) {
            Some(number) => number.to_owned(),
            None if name.starts_with("freehold_") => name.to_owned(),
            None => return Err(format!("the type {name} is not known")),
        },
    };
    Ok("Pointer<".repeat(of.pointers) + &inner + &">".repeat(of.pointers))
}

/// As Dart has it.
fn dart(of: &CType) -> Result<String, String> {
    Ok(match (&*of.name, of.pointers) {
        ("void", 0) => "void".into(),
        ("bool", 0) => "bool".into(),
        (name, 0) if number(name).is_some() => "int".into(),
        _ => native(of)?,
    })
}

fn signature(
    function: &Function,
    shown: impl Fn(&CType) -> Result<String, String>,
) -> Result<String, String> {
    let parameters: Result<Vec<String>, String> = function
        .parameters
        .iter()
        .map(|(_, of)| shown(of))
        .collect();
    Ok(format!(
        "{} Function({})",
        shown(&function.gives)?,
        parameters?.join(", ")
    ))
}
