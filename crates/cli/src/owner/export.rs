//! `freehold owner --export`: the table, or a library's part of it, in a form for
//! other tools.
//!
//! What is not here: the forms with rules of their own (`csv`, `header`, `dart`,
//! `python`, one file each), and the site (`owner/site.rs`).

mod csv;
mod dart;
mod facts;
mod header;
mod python;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use freehold_owners::Function;

use super::{NOTHING, as_match, nothing, site};
use crate::args::{Export, OwnerArgs};
use crate::errors::Failure;
use crate::output::{Target, tell};

/// Writes the table in this form; gives the exit status.
///
/// # Errors
/// When it cannot be written, or the preprocessed source not be read; when the
/// options make no sense together.
pub(super) fn export(form: Export, args: &OwnerArgs) -> Result<u8, Failure> {
    let output = args.export.output.as_deref();
    let functions = chosen(args);
    if functions.is_empty() {
        tell(&nothing(args, &[]));
        return Ok(NOTHING);
    }
    if args.export.declared.is_some() && form != Export::Header {
        return Err(Failure::usage(format!(
            "--declared chooses functions for a C header: it goes with --export header, \
             not with --export {}",
            form.name()
        )));
    }
    let text = match form {
        Export::Json => json(args.library.as_deref().unwrap_or_default(), &functions),
        Export::Csv => csv::csv(&functions),
        Export::Dart => dart::dart(&functions),
        Export::Python => python::python(&functions),
        Export::Header => {
            let declared = args.export.declared.as_deref();
            let declared = declared.map(declared_names).transpose()?;
            match header::header(&functions, declared.as_ref()) {
                Some(text) => text,
                None => {
                    tell(&no_attributes(args));
                    return Ok(NOTHING);
                }
            }
        }
        Export::Site => {
            let folder = output.filter(|path| path.as_os_str() != "-");
            let folder = folder.ok_or_else(|| {
                Failure::usage("a site is many files: name a folder for it, -o FOLDER")
            })?;
            site::site(&functions, folder)?;
            return Ok(0);
        }
    };
    Target::new(output, Target::Stdout).write(&text)?;
    Ok(0)
}

/// All functions, or those of the library that was named.
fn chosen(args: &OwnerArgs) -> Vec<Function> {
    match &args.library {
        Some(library) => freehold_owners::in_library(library).collect(),
        None => freehold_owners::all().collect(),
    }
}

/// Why a header would be empty.
fn no_attributes(args: &OwnerArgs) -> String {
    let library: String = match &args.library {
        Some(name) => name.chars().filter(|c| !c.is_control()).collect(),
        None => "the table".into(),
    };
    let of = match &args.export.declared {
        Some(path) => format!(" that {} declares", path.display()),
        None => String::new(),
    };
    format!(
        "attributes can say nothing of any function of {library}{of}: they are for C functions \
         that return a pointer which one function releases, whatever the arguments were"
    )
}

/// The answer to all questions at once, in the schema of a single answer; each
/// function is a line, so that line tools can be used, too.
fn json(query: &str, functions: &[Function]) -> String {
    // Texts and lists of texts can always be written.
    let query = serde_json::to_string(query).unwrap_or_default();
    let mut out = format!("{{\"schema\":\"freehold.owner/1\",\"query\":{query},\"matches\":[");
    for (place, function) in functions.iter().enumerate() {
        out += if place == 0 { "\n" } else { ",\n" };
        out += &serde_json::to_string(&as_match(*function)).unwrap_or_default();
    }
    out += "\n],\"suggestions\":[]}\n";
    out
}

/// The names in a preprocessed source behind which a parenthesis opens: those of
/// all functions that it declares, with some others that do no harm.
fn declared_names(path: &Path) -> Result<BTreeSet<String>, Failure> {
    let mut source = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_end(&mut source).map(drop),
        false => std::fs::read(path).map(|bytes| source = bytes),
    };
    read.map_err(|e| {
        Failure::freehold(format!(
            "cannot read {}, which shall say what is declared: {e}. Make it by cc -E",
            path.display()
        ))
    })?;
    Ok(header::names_before_parentheses(&source))
}
