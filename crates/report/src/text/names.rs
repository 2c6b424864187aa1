//! Names that fit a line.

use std::path::Path;

use super::style::{clean, width};
use crate::trim::without_parameters;

/// Parts that are kept of a path outside the current folder.
pub const KEPT_PARTS: usize = 3;

/// The name of a function in at most `columns` columns: without parameters,
/// then without template arguments, the innermost first, then cut.
pub(super) fn function(name: &str, columns: usize) -> String {
    let name = clean(without_parameters(name)).into_owned();
    let outermost = if name.starts_with('<') { 2 } else { 1 };
    for depth in (outermost..=4).rev() {
        if width(&name) <= columns {
            return name;
        }
        let shorter = collapse(&name, depth);
        if width(&shorter) <= columns {
            return shorter;
        }
    }
    cut_middle(&collapse(&name, outermost), columns)
}

/// `name` with what stands in `depth` angle brackets or more left out.
fn collapse(name: &str, depth: usize) -> String {
    let mut out = String::with_capacity(name.len());
    let mut level = 0usize;
    let mut before = ' ';
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        // `operator<`, `operator->` and `->` are no brackets.
        let operators = [
            "operator<=>",
            "operator<<",
            "operator>>",
            "operator<",
            "operator->",
            "operator>",
        ];
        if let Some(operator) = operators.iter().find(|o| rest.starts_with(**o)) {
            if level < depth {
                out.push_str(operator);
            }
            rest = &rest[operator.len()..];
            before = ' ';
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '<' => {
                level += 1;
                if level == depth {
                    out.push_str("<…");
                }
            }
            '>' if before != '-' => {
                if level == depth {
                    out.push('>');
                    level -= 1;
                    before = c;
                    continue;
                }
                level = level.saturating_sub(1);
            }
            _ => {}
        }
        let is_bracket = c == '<' && level == depth;
        if level < depth && !is_bracket {
            out.push(c);
        }
        before = c;
    }
    out
}

/// `text` in at most `columns` columns, the middle left out.
fn cut_middle(text: &str, columns: usize) -> String {
    let long = width(text);
    if long <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let (head, tail) = (kept / 3, kept - kept / 3);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(long - tail).collect();
    format!("{start}…{end}")
}

/// `text` in at most `columns` columns, the beginning left out.
pub(super) fn cut_start(text: &str, columns: usize) -> String {
    let long = width(text);
    if long <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let end: String = text.chars().skip(long - kept).collect();
    format!("…{end}")
}

/// The path of a source file: relative to `cwd` when it lies below it, else
/// its last `kept` parts. Paths of both systems are shown alike wherever the report
/// is made.
pub fn source(file: &str, cwd: Option<&Path>, kept: usize) -> String {
    let parts = parts(file);
    let cwd = cwd.map(Path::to_string_lossy);
    let cwd = cwd.as_deref().map(self::parts);
    if let Some(below) = cwd.and_then(|cwd| strip(&parts, &cwd)) {
        return clean(&below.join("/")).into_owned();
    }
    // The standard library of Rust: `/rustc/HASH/library/…`.
    let is_rust = parts.get(1).is_some_and(|p| *p == "rustc") && parts.len() > 3;
    let skipped = match is_rust {
        true => 3,
        false => parts.len().saturating_sub(kept),
    };
    let rest = parts[skipped..].join("/");
    match skipped {
        0 | 1 => clean(&parts.join("/")).into_owned(),
        _ if is_rust => clean(&rest).into_owned(),
        _ => format!("…/{}", clean(&rest)),
    }
}

/// The parts of a path, without `.` and without `..` where that can be resolved. An
/// absolute path begins with an empty part, or with a drive.
fn parts(path: &str) -> Vec<&str> {
    // On Unix a backslash is a part of a name; but the compiler's own sources have
    // such a path on Windows, too.
    let is_unix = path.starts_with('/') && !path.starts_with("/rustc/");
    let mut parts = Vec::new();
    for (i, part) in path
        .split(|c| c == '/' || c == '\\' && !is_unix)
        .enumerate()
    {
        match part {
            "" if i > 0 => {}
            "" if path.is_empty() => {}
            "." => {}
            ".." if parts
                .last()
                .is_some_and(|p| !matches!(*p, "" | "..") && !p.ends_with(':')) =>
            {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// What is below `folder`. Windows does not tell small letters from capital ones.
fn strip<'p, 's>(parts: &'p [&'s str], folder: &[&str]) -> Option<&'p [&'s str]> {
    let (front, below) = parts.split_at_checked(folder.len())?;
    let has_drive = folder.first().is_some_and(|drive| drive.ends_with(':'));
    let is_same = |(one, other): (&&str, &&str)| match has_drive {
        true => one.eq_ignore_ascii_case(other),
        false => one == other,
    };
    front.iter().zip(folder).all(is_same).then_some(below)
}

/// `text` in lines of at most `columns` columns, all but the first indented.
pub(super) fn wrap(text: &str, columns: usize, indent: usize) -> String {
    let words = text.trim_start_matches(' ');
    let lead = text.len() - words.len();
    let mut out = " ".repeat(lead);
    let mut used = lead;
    let mut is_first = true;
    for word in words.split(' ') {
        if is_first {
            is_first = false;
        } else if used + 1 + width(word) > columns {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_what_says_least() {
        let name = "std::vector<std::map<int, std::pair<int, long> >, std::allocator<int> >::push_back(int const&)";
        assert_eq!(
            function(name, 100),
            "std::vector<std::map<int, std::pair<int, long> >, std::allocator<int> >::push_back"
        );
        assert_eq!(
            function(name, 60),
            "std::vector<std::map<…>, std::allocator<…> >::push_back"
        );
        assert_eq!(function(name, 40), "std::vector<…>::push_back");
        assert_eq!(function(name, 10), "std…h_back");
        assert_eq!(function(name, 0), "…");
        assert_eq!(
            function(
                "<alloc::vec::Vec<alloc::string::String> as core::clone::Clone>::clone",
                60
            ),
            "<alloc::vec::Vec<…> as core::clone::Clone>::clone"
        );
        assert_eq!(collapse("ns::operator<< <char>", 1), "ns::operator<< <…>");
        assert_eq!(collapse("T<int>::operator->", 1), "T<…>::operator->");
        assert_eq!(collapse("a<b", 1), "a<…");
        assert_eq!(collapse("a>b", 1), "a>b");
    }

    #[test]
    fn paths_are_short() {
        let cwd = Some(Path::new("/home/me/app"));
        for (file, short) in [
            ("/home/me/app/src/a.c", "src/a.c"),
            ("/home/me/app/build/../src/./a.c", "src/a.c"),
            (
                "/usr/src/python3.11/Objects/dictobject.c",
                "…/python3.11/Objects/dictobject.c",
            ),
            (
                "/rustc/0123abc/library/alloc/src/vec/mod.rs",
                "library/alloc/src/vec/mod.rs",
            ),
            ("./malloc/malloc.c", "malloc/malloc.c"),
            ("/a.c", "/a.c"),
            ("a\x1b[31m.c", "a\u{fffd}[31m.c"),
            (r"C:\home\me\app\src\a.c", "…/app/src/a.c"),
            (
                r"/rustc/0123abc/library\std\src\rt.rs",
                "library/std/src/rt.rs",
            ),
            (r"src\a.c", "src/a.c"),
            (r"/odd\name", r"/odd\name"),
            ("", ""),
        ] {
            assert_eq!(source(file, cwd, KEPT_PARTS), short);
        }
        let cwd = Some(Path::new(r"c:\Me\App"));
        for (file, short) in [
            (r"C:\me\app\build\..\src/a.c", "src/a.c"),
            (r"D:\me\app\a.c", "D:/me/app/a.c"),
            (r"D:\..\a.c", "D:/../a.c"),
        ] {
            assert_eq!(source(file, cwd, KEPT_PARTS), short);
        }
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("aa bb cc", 5, 2), "aa bb\n  cc");
        assert_eq!(wrap("", 5, 2), "");
        assert_eq!(wrap("  aa bb", 5, 4), "  aa\n    bb");
        assert_eq!(wrap("abcdefgh i", 5, 2), "abcdefgh\n  i");
    }
}
