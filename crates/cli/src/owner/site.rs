//! `freehold owner --export site`: the table as pages for a browser, which need no
//! server.
//!
//! Each function has an address of its own, `library/LIBRARY.html#FUNCTION`, at which
//! it stands alone on its page, by the style sheet and without script. One file for
//! each library, and not one for each of forty thousand functions, keeps the folder
//! small and the addresses as they are when rows are added.
//!
//! What is not here: the markup that pages share (`site/html.rs`), the first page
//! (`site/start.rs`), and what becomes of the folder (`site/folder.rs`).

mod folder;
mod html;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use freehold_owners::{Function, Kind, Platform, Slot, Tier};

use super::{slot_name, text};
use crate::errors::Failure;
use folder::Folder;
use html::{Page, breakable, escape};

/// Functions of each library, or of each release, by name.
type Groups<'a> = BTreeMap<&'a str, Vec<Function>>;

/// Writes the site.
///
/// # Errors
/// When the folder is not one for a site, or cannot be written.
pub(super) fn site(functions: &[Function], folder: &Path) -> Result<(), Failure> {
    let libraries = by_library(functions);
    let releases = by_release(functions);
    let mut files: Vec<(String, String)> = vec![
        ("style.css".into(), include_str!("site/style.css").into()),
        ("site.js".into(), include_str!("site/site.js").into()),
        ("search.js".into(), names(&libraries, &releases)),
    ];
    for (library, functions) in &libraries {
        let path = format!("library/{}", file(library));
        files.push((path, library_page(library, functions)));
    }
    for (release, functions) in &releases {
        let path = format!("released-by/{}", file(release));
        files.push((path, release_page(release, functions)));
    }
    files.push(("released-by/index.html".into(), all_releases(&releases)));
    // Last: where it is, all it leads to is.
    files.push(("index.html".into(), start::page(&libraries, &releases)));
    Folder::begin(folder, files.iter().map(|(path, _)| path.as_str()))?.write(&files)
}

fn by_library(functions: &[Function]) -> Groups<'static> {
    let mut groups = Groups::new();
    for function in functions {
        groups
            .entry(function.library())
            .or_default()
            .push(*function);
    }
    groups
}

fn by_release(functions: &[Function]) -> Groups<'static> {
    let mut groups = Groups::new();
    for function in functions {
        let asserted = function.slots().filter(|slot| slot.kind() != Kind::Unknown);
        let releases: BTreeSet<&str> = asserted.flat_map(Slot::release).map(name).collect();
        for release in releases {
            groups.entry(release).or_default().push(*function);
        }
    }
    groups
}

/// The name in a release with arguments.
fn name(release: &'static str) -> &'static str {
    release.split('(').next().unwrap_or(release)
}

/// The file of a library or of a release: no system takes colons for letters.
fn file(name: &str) -> String {
    format!("{}.html", name.replace("::", "."))
}

/// The functions of which something is known, and the others.
fn parted(functions: &[Function]) -> (Vec<Function>, Vec<Function>) {
    functions
        .iter()
        .partition(|function| function.slots().len() > 0)
}

fn library_page(library: &str, functions: &[Function]) -> String {
    let (known, others) = parted(functions);
    let mut page = Page::new("../", &format!("{library}: who owns what"));
    let main = &mut page.main;
    let _ = writeln!(
        main,
        "<div class=\"all\">
<p class=\"path\"><a href=\"../index.html\">All libraries</a>\
         <span class=\"whole\"> / <a href=\"{}\">all of {library}</a></span></p>
\
         <h1>{}</h1>
<p class=\"quiet counts\">{}</p>",
        escape(&file(library)),
        breakable(library),
        counts(functions),
        library = escape(library),
    );
    if !known.is_empty() {
        list(main, &known, |function| {
            format!("#{}", escape(function.name()))
        });
    }
    if !others.is_empty() {
        *main += "<h2>Known by name</h2>\n<p>Nothing that these hand out is declared or was described \
                  by anybody. Mostly that means that there is nothing to release.</p>\n\
                  <ul class=\"names\">\n";
        for function in others {
            let name = escape(function.name());
            let _ = writeln!(
                main,
                "<li id=\"{name}\"><code>{}</code></li>",
                breakable(function.name())
            );
        }
        *main += "</ul>\n";
    }
    *main += "</div>\n";
    for function in known {
        article(main, function);
    }
    page.finish()
}

/// How many functions of a library have an owner.
fn counts(functions: &[Function]) -> String {
    let asserted = asserted(functions);
    let more = functions.len() - asserted;
    let known = match asserted {
        0 => return "It is not known for any of its functions who owns what they give.".into(),
        1 => "It is known for 1 function who owns what it gives".into(),
        _ => format!(
            "It is known for {} functions who owns what they give",
            number(asserted)
        ),
    };
    match more {
        0 => format!("{known}."),
        _ => format!("{known}, and for {} more it is not.", number(more)),
    }
}

/// How many of these have a slot of which is known whose it is.
fn asserted(functions: &[Function]) -> usize {
    let is_asserted =
        |function: &&Function| function.slots().any(|slot| slot.kind() != Kind::Unknown);
    functions.iter().filter(is_asserted).count()
}

/// A number for people: its thousands apart.
fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn release_page(release: &str, functions: &[Function]) -> String {
    let mut page = Page::new("../", &format!("What {release} releases"));
    let main = &mut page.main;
    *main += "<p class=\"path\"><a href=\"../index.html\">All libraries</a> / \
              <a href=\"index.html\">All releases</a></p>\n";
    let _ = writeln!(
        main,
        "<h1>What <code>{}</code> releases</h1>",
        breakable(release)
    );
    let itself = freehold_owners::find(release).find(|function| function.name() == release);
    if let Some(function) =
        itself.filter(|function| functions.iter().any(|f| f.library() == function.library()))
    {
        let _ = writeln!(
            main,
            "<p>It is in <a href=\"../library/{}#{name}\">{}</a>.</p>",
            escape(&file(function.library())),
            escape(function.library()),
            name = escape(function.name()),
        );
    }
    for (library, functions) in by_library(functions) {
        let file = escape(&file(library));
        let _ = writeln!(
            main,
            "<h2><a href=\"../library/{file}\">{}</a></h2>",
            breakable(library)
        );
        list(main, &functions, |function| {
            format!("../library/{file}#{}", escape(function.name()))
        });
    }
    page.finish()
}

fn all_releases(releases: &Groups<'_>) -> String {
    let mut page = Page::new("../", "All releases");
    page.main += "<p class=\"path\"><a href=\"../index.html\">All libraries</a></p>\n\
                  <h1>All releases</h1>\n\
                  <p>Each leads to what it releases; the number is that of the functions that give it.</p>\n\
                  <ul class=\"names\">\n";
    for (release, functions) in releases {
        let _ = writeln!(
            page.main,
            "<li><a href=\"{}\"><code>{}</code></a> <span class=\"quiet\">{}</span></li>",
            escape(&file(release)),
            breakable(release),
            functions.len()
        );
    }
    page.main += "</ul>\n";
    page.finish()
}

/// A line for each function: what it gives, and what releases that.
fn list(out: &mut String, functions: &[Function], address: impl Fn(Function) -> String) {
    *out += "<table class=\"functions\">\n<thead><tr><th>Function</th><th>What it gives or takes</th></tr></thead>\n<tbody>\n";
    for function in functions {
        let slots: Vec<String> = function.slots().map(short).collect();
        let _ = writeln!(
            out,
            "<tr><td><a href=\"{}\"><code>{}</code></a></td><td>{}</td></tr>",
            address(*function),
            breakable(function.name()),
            slots.join("<br>")
        );
    }
    *out += "</tbody>\n</table>\n";
}

fn short(slot: Slot) -> String {
    let kind = slot.kind();
    let mut out = format!(
        "<code>{}</code> <span class=\"whose {}\">{}</span>",
        escape(slot.name()),
        kind.name(),
        kind.name()
    );
    let release: Vec<&str> = slot.release().collect();
    if kind != Kind::Unknown && !release.is_empty() {
        let _ = write!(out, " <code>{}</code>", escape(&release.join(" or ")));
    }
    out
}

/// All that is known of a function.
fn article(out: &mut String, function: Function) {
    let name = escape(function.name());
    let library = escape(function.library());
    let what = match (function.platform(), function.name().contains("::")) {
        (_, true) => "COM method",
        (Platform::Win32, _) => "Win32 function",
        (Platform::C, _) => "C function",
    };
    let _ = writeln!(
        out,
        "<article id=\"{name}\">\n<p class=\"path\"><a href=\"../index.html\">All libraries</a> / \
         <a href=\"{}\">{library}</a></p>\n<h1><code>{}</code></h1>\n\
         <p class=\"quiet\">{what} of {library}</p>",
        escape(&file(function.library())),
        breakable(function.name()),
    );
    for slot in function.slots() {
        let _ = writeln!(
            out,
            "<section class=\"slot\">\n<h2>{} <span class=\"whose {}\">{}</span></h2>\n<dl>",
            escape(&slot_name(slot)),
            slot.kind().name(),
            escape(text::whose(slot))
        );
        entries(out, slot);
        *out += "</dl>\n</section>\n";
    }
    *out += "</article>\n";
}

fn entries(out: &mut String, slot: Slot) {
    let is_known = slot.kind() != Kind::Unknown;
    let releases: Vec<String> = slot.release().map(|call| release(call, is_known)).collect();
    if !releases.is_empty() {
        let label = if is_known { "release" } else { "perhaps" };
        let _ = writeln!(out, "<dt>{label}</dt><dd>{}</dd>", releases.join(" or "));
    }
    for (label, said) in [
        ("when", slot.when()),
        ("until", slot.until()),
        ("on failure", slot.failure()),
        ("size", slot.size()),
        ("family", slot.family()),
        ("note", slot.note()),
    ] {
        if let Some(said) = said {
            let _ = writeln!(out, "<dt>{label}</dt><dd>{}</dd>", escape(said));
        }
    }
    let _ = writeln!(
        out,
        "<dt>how sure</dt><dd>{}: {}</dd>",
        slot.tier().name(),
        sure(slot.tier())
    );
    let sources: Vec<String> = slot.sources().map(escape).collect();
    if !sources.is_empty() {
        let _ = writeln!(
            out,
            "<dt>evidence</dt><dd>{}</dd>",
            sources.join("</dd><dd>")
        );
    }
}

/// A release, as a link to all that it releases.
fn release(call: &'static str, is_known: bool) -> String {
    let name = name(call);
    let arguments = escape(&call[name.len()..]);
    let known = escape(name);
    match is_known {
        true => format!(
            "<code><a href=\"../released-by/{}\">{known}</a>{arguments}</code>",
            escape(&file(name))
        ),
        false => format!("<code>{known}{arguments}</code>"),
    }
}

/// Who says so.
fn sure(tier: Tier) -> &'static str {
    match tier {
        Tier::Unsure => "nobody has checked it",
        Tier::Checked => "the function was called, and what its release does was seen",
        Tier::Documented => "the function's own documentation says so",
        Tier::Declared => "metadata, a header or introspection data say so of this very slot",
        Tier::Rule => "a rule of the platform for all slots of this type",
        Tier::Type => {
            "the type has one function that closes it, and the name does not speak against it"
        }
    }
}

/// The names for the search: a call of the script that is on each page.
fn names(libraries: &Groups<'_>, releases: &Groups<'_>) -> String {
    // Texts can always be written.
    let text = |said: &str| serde_json::to_string(said).unwrap_or_default();
    let mut out = String::from("freeholdNames([\n");
    for (library, functions) in libraries {
        let names: Vec<&str> = functions.iter().map(|function| function.name()).collect();
        let [name, file] = [text(library), text(&file(library))];
        let _ = writeln!(out, "[{name},{file},{}],", text(&names.join(" ")));
    }
    out += "],[\n";
    for release in releases.keys() {
        let _ = writeln!(out, "[{},{}],", text(release), text(&file(release)));
    }
    out + "]);\n"
}
