//! `cargo xtask raw`: the raw layer of each language, made of `freehold.h`.
//!
//! What is not here: how the header is read (`raw/model.rs`), and how a language
//! says it (one file for each).

mod dart;
mod model;
mod python;
mod rust;

use crate::header::difference;
use crate::root;
use model::Header;

/// A file that is made of the header.
struct Layer {
    /// Where it is, from the root of the project.
    path: &'static str,
    /// Its text.
    print: fn(&Header) -> Result<String, String>,
}

const LAYERS: &[Layer] = &[
    Layer {
        path: "bindings/raw/src/api.rs",
        print: rust::print,
    },
    Layer {
        path: "bindings/python/python/freehold/raw.py",
        print: python::print,
    },
    Layer {
        path: "bindings/dart/lib/src/raw.dart",
        print: dart::print,
    },
];

/// Writes all of them, or only compares them with what is there.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let header = root().join("crates/capi/include/freehold.h");
    let text = read(&header)?;
    let header = Header::parse(&text).map_err(|e| format!("freehold.h: {e}"))?;
    for layer in LAYERS {
        let made = (layer.print)(&header).map_err(|e| format!("{}: {e}", layer.path))?;
        let path = root().join(layer.path);
        if !check {
            std::fs::write(&path, made).map_err(|e| format!("{}: {e}", layer.path))?;
        } else if let Some(difference) = difference(&read(&path)?, &made) {
            return Err(format!(
                "{} is not what freehold.h says: run `cargo xtask raw`\n  {difference}",
                layer.path
            ));
        }
    }
    Ok(())
}

fn read(path: &std::path::Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
