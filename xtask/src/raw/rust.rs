//! The raw layer of Rust addons, `bindings/raw/src/api.rs`: a table of the library's
//! functions, filled by name at run time.

use std::io::Write;
use std::process::{Command, Stdio};

use super::model::{CType, Function, Header, Type, Value};

pub(super) fn print(header: &Header) -> Result<String, String> {
    let mut out = String::from(
        "//! The functions, types and constants of `freehold.h`. Made by `cargo xtask raw`; do not\n\
         //! edit.\n\n\
         use core::ffi::{CStr, c_char, c_void};\n",
    );
    for constant in &header.constants {
        docs(&mut out, "", &constant.docs);
        let value = match constant.value {
            Value::LargestSize => "usize = usize::MAX".to_owned(),
            Value::Number(number) => format!("{} = {number}", number_type(&constant.name)),
        };
        out += &format!("pub const {}: {value};\n", constant.name);
    }
    for defined in &header.types {
        match defined {
            Type::Alias {
                docs: text,
                name,
                of,
            } => {
                docs(&mut out, "", text);
                out += &format!("pub type {name} = {};\n", rust(of)?);
            }
            Type::Callback(function) => {
                docs(&mut out, "", &function.docs);
                out += &format!("pub type {} = {};\n", function.name, signature(function)?);
            }
            Type::Struct {
                docs: text,
                name,
                fields,
            } => {
                docs(&mut out, "", text);
                out += &format!("#[repr(C)]\n#[derive(Clone, Copy)]\npub struct {name} {{\n");
                for field in fields {
                    docs(&mut out, "    ", &field.docs);
                    let of = match &field.array {
                        Some(count) => format!("[{}; {count} as usize]", rust(&field.is)?),
                        None => rust(&field.is)?,
                    };
                    out += &format!("    pub {}: {of},\n", field.name);
                }
                out += "}\n";
            }
        }
    }
    out += "\n/// The functions of a library that was loaded.\n#[derive(Clone, Copy)]\npub struct Api {\n";
    for function in &header.functions {
        docs(&mut out, "    ", &function.docs);
        out += &format!("    pub {}: {},\n", function.name, signature(function)?);
    }
    out += "}\n\n#[allow(clippy::missing_transmute_annotations, reason = \"the fields say it\")]\nimpl Api {\n    /// All functions by name; the name of the first that is missing.\n    ///\n    \
            /// # Safety\n    /// `find` gives null, or the function of that name in a library of this version.\n    \
            pub unsafe fn find(\n        mut find: impl FnMut(&'static CStr) -> *const c_void,\n    \
            ) -> Result<Api, &'static CStr> {\n        let mut found = |name: &'static CStr| {\n            \
            let at = find(name);\n            if at.is_null() { Err(name) } else { Ok(at) }\n        };\n        \
            // SAFETY: promised by the caller: functions of these names have these types.\n        \
            unsafe {\n            Ok(Api {\n";
    for Function { name, .. } in &header.functions {
        out += &format!(
            "                {name}: core::mem::transmute::<*const c_void, _>(found(c\"{name}\")?),\n"
        );
    }
    out += "            })\n        }\n    }\n}\n";
    formatted(&out)
}

/// As `cargo fmt` would have it.
fn formatted(text: &str) -> Result<String, String> {
    let fail = |error: std::io::Error| format!("rustfmt: {error}");
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    // Taken, so that it is closed when all is written.
    let mut input = rustfmt.stdin.take().ok_or("rustfmt takes no input")?;
    let text = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = rustfmt.wait_with_output().map_err(fail)?;
    let written = writer.join().map_err(|_| "the text cannot be written")?;
    written.map_err(fail)?;
    match output.status.success() {
        true => String::from_utf8(output.stdout).map_err(|e| e.to_string()),
        false => Err("rustfmt refuses the layer".into()),
    }
}

fn docs(out: &mut String, indent: &str, text: &str) {
    for line in text.lines() {
        let line = format!("{indent}/// {line}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Codes are what functions give; all other constants are arguments.
fn number_type(name: &str) -> &'static str {
    let is_argument = [
        "FREEHOLD_FAMILY_",
        "FREEHOLD_OWNER_",
        "FREEHOLD_NAME_BYTES",
        "FREEHOLD_TEXT",
        "FREEHOLD_JSON",
        "FREEHOLD_REFUSE",
        "FREEHOLD_ABORT",
        "FREEHOLD_IGNORE",
        "FREEHOLD_PYTHON",
        "FREEHOLD_JAVASCRIPT",
        "FREEHOLD_DART",
        "FREEHOLD_ZEROED",
        "FREEHOLD_UNCOUNTED",
        "FREEHOLD_MAX_FRAMES",
    ];
    match is_argument.iter().any(|begin| name.starts_with(begin)) {
        true => "u32",
        false => "i32",
    }
}

fn rust(of: &CType) -> Result<String, String> {
    let name = match &*of.name {
        "void" if of.pointers == 0 => "()",
        "void" => "c_void",
        "char" => "c_char",
        "bool" => "bool",
        "size_t" => "usize",
        "int32_t" => "i32",
        "uint16_t" => "u16",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        own if own.starts_with("freehold_") => own,
        other => return Err(format!("the type {other} is not known")),
    };
    let pointer = if of.is_const { "*const " } else { "*mut " };
    Ok(pointer.repeat(of.pointers) + name)
}

fn signature(function: &Function) -> Result<String, String> {
    let parameters: Result<Vec<String>, String> = function
        .parameters
        .iter()
        .map(|(name, of)| Ok(format!("{name}: {}", rust(of)?)))
        .collect();
    let gives = match rust(&function.gives)?.as_str() {
        "()" => String::new(),
        gives => format!(" -> {gives}"),
    };
    Ok(format!(
        "unsafe extern \"C\" fn({}){gives}",
        parameters?.join(", ")
    ))
}
