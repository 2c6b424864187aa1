//! The first page: what this is, what its words mean, all libraries.

use std::fmt::Write;

use freehold_owners::{Function, Kind, Platform};

use super::html::{Page, breakable, escape};
use super::{Groups, asserted, file, number};

/// Releases that are named on the first page.
const MOST_RELEASES: usize = 12;

/// What the words of rows mean, with the sentence that stands for them elsewhere.
const KINDS: [(Kind, &str); 7] = [
    (
        Kind::Owned,
        "yours, to be released by one of the functions named",
    ),
    (Kind::Refcount, "a reference of yours, to be given back"),
    (
        Kind::Borrowed,
        "the library's: you must not release it; “until” says how long it is there",
    ),
    (
        Kind::Transferred,
        "what you pass is taken over by the function",
    ),
    (Kind::Lock, "held until you end it"),
    (
        Kind::None,
        "nothing to release: a buffer of your own that is filled, for instance",
    ),
    (
        Kind::Unknown,
        "nobody has checked; what is known is a hint and not asserted",
    ),
];

/// The kinds of libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    C,
    Win32,
    Com,
}

impl Section {
    fn of(functions: &[Function]) -> Section {
        let first = functions
            .first()
            .map(|function| (function.platform(), function.name()));
        match first {
            Some((Platform::Win32, name)) if name.contains("::") => Section::Com,
            Some((Platform::Win32, _)) => Section::Win32,
            _ => Section::C,
        }
    }
}

/// The page.
pub(super) fn page(libraries: &Groups<'_>, releases: &Groups<'_>) -> String {
    let mut page = Page::new("", "Who owns what functions hand out, and what releases it");
    let main = &mut page.main;
    let all: usize = libraries.values().map(Vec::len).sum();
    let known: usize = libraries.values().map(|of| asserted(of)).sum();
    let _ = writeln!(
        main,
        "<h1>Who owns it, and what releases it?</h1>\n\
         <p>A function returns a pointer. Is it yours? What releases it? These pages answer that for \
         {} functions of Win32, of COM and of C libraries, each with the evidence. For {} more the \
         answer is not known; mostly there is nothing to release.</p>\n\
         <p>Type a name in the search above, or go on from a library or from what releases. On a \
         terminal, <code>freehold owner NAME</code> says the same.</p>",
        number(known),
        number(all - known)
    );
    *main +=
        "<noscript><p>Without script there is no search; all pages can be read.</p></noscript>\n";
    for (section, title) in [
        (Section::C, "C libraries"),
        (Section::Win32, "Win32 libraries"),
        (
            Section::Com,
            "COM interfaces, by the parts of Win32's metadata",
        ),
    ] {
        let names = libraries
            .iter()
            .filter(|(_, of)| Section::of(of) == section);
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            continue;
        }
        let _ = writeln!(main, "<h2>{title}</h2>\n<ul class=\"names\">");
        for (library, of) in names {
            let count = asserted(of);
            entry(main, &format!("library/{}", file(library)), library, count);
        }
        *main += "</ul>\n";
    }
    let mut most: Vec<_> = releases.iter().collect();
    most.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
    most.truncate(MOST_RELEASES);
    if !most.is_empty() {
        *main += "<h2>What releases</h2>\n<ul class=\"names\">\n";
        for (release, of) in most {
            entry(
                main,
                &format!("released-by/{}", file(release)),
                release,
                of.len(),
            );
        }
        *main += "</ul>\n";
        let _ = writeln!(
            main,
            "<p><a href=\"released-by/index.html\">All {} releases</a></p>",
            number(releases.len())
        );
    }
    words(main);
    page.finish()
}

/// A line that leads to a page, with the number of functions there.
fn entry(out: &mut String, address: &str, name: &str, count: usize) {
    let _ = writeln!(
        out,
        "<li><a href=\"{}\">{}</a> <span class=\"quiet\">{}</span></li>",
        escape(address),
        breakable(name),
        number(count)
    );
}

fn words(out: &mut String) {
    *out += "<h2>The words</h2>\n<dl class=\"terms\">\n";
    for (kind, said) in KINDS {
        let _ = writeln!(
            out,
            "<dt><span class=\"whose {name}\">{name}</span></dt><dd>{}</dd>",
            escape(said),
            name = kind.name()
        );
    }
    *out += "</dl>\n<p class=\"quiet\">In a release with more arguments than the value, the value is \
             <code>*</code>: <code>ReleaseDC(hWnd, *)</code>.</p>\n";
}
