//! One site: what it lost, then its stack.

use std::fmt::Write;

use freehold_ledger::format::Verdict;

use super::TextOptions;
use super::names;
use super::style::{Painter, Style, clean, width};
use crate::frame::Frame;
use crate::model::Site;
use crate::number::{bytes, counted};
use crate::trim;

/// Frames shown at the inner and outer end of a stack that is folded.
const INNER: usize = 8;
const OUTER: usize = 4;
/// Columns before a frame.
const INDENT: usize = 6;
/// Columns that a name takes where places in the source need room too.
const WIDEST_NAME: usize = 46;

/// Writes the site as entry `number` of a list. `program` is the name of the
/// executable, which need not be repeated for each frame.
pub(super) fn write(
    out: &mut String,
    number: usize,
    site: &Site,
    program: &str,
    options: &TextOptions,
) {
    let painter = Painter {
        color: options.color,
    };
    let style = match site.verdict {
        Verdict::Lost | Verdict::Indirect => Style::Bad,
        Verdict::Possible | Verdict::Unknown => Style::Doubtful,
        Verdict::Reachable => Style::Strong,
    };
    let heading = heading(site);
    let heading = names::wrap(&format!("{number:2}. {heading}"), options.width, 4);
    let (number, rest) = heading.split_at(heading.len().min(4));
    let (amount, rest) = rest.split_once(" in ").unwrap_or((rest, ""));
    let joint = if rest.is_empty() { "" } else { " in " };
    let _ = writeln!(out, "{number}{}{joint}{rest}", painter.paint(style, amount));
    if let Some(labels) = labels(site) {
        let labels = names::wrap(&format!("    {labels}"), options.width, 4);
        let _ = writeln!(out, "{}", painter.paint(Style::Dim, &labels));
    }
    let end = match (site.truncated, site.incomplete) {
        (true, _) => Some("… cut here: the stack goes on"),
        (false, true) => Some("… the stack could not be followed further"),
        (false, false) => None,
    };
    write_frames(out, &site.stack, end, program, options, painter);
}

/// What happened, in one sentence.
fn heading(site: &Site) -> String {
    let total = site.total;
    let amount = format!(
        "{} in {}",
        bytes(total.bytes),
        counted(total.blocks, "block", "blocks")
    );
    let each = match (total.blocks, site.smallest == site.largest) {
        (..=1, _) => String::new(),
        (_, true) => format!(", each {}", bytes(site.largest)),
        (_, false) => format!(", {} to {} each", bytes(site.smallest), bytes(site.largest)),
    };
    let release = site.releases().join(" or ");
    let never = match release.as_str() {
        "" => String::from("never released"),
        release => format!("never passed to {release}"),
    };
    let pronoun = if total.blocks == 1 { "it" } else { "them" };
    match site.verdict {
        Verdict::Lost => format!("{amount} lost{each}: {never}"),
        Verdict::Indirect => {
            format!("{amount}{each}: only lost blocks point to {pronoun}, {never}")
        }
        Verdict::Possible => {
            format!("{amount} possibly lost{each}: no pointer to the start of {pronoun} is left")
        }
        Verdict::Reachable => format!("{amount} still reachable{each}"),
        Verdict::Unknown if release.is_empty() => format!("{amount} still allocated{each}"),
        Verdict::Unknown => format!("{amount} still allocated{each} (to be passed to {release})"),
    }
}

/// Scope and tags, when there are any.
fn labels(site: &Site) -> Option<String> {
    let mut labels = Vec::new();
    if let Some(api) = &site.api {
        labels.push(format!("from {}", api.name));
    }
    // What was adopted by a function's name bears that name.
    let says_more = !matches!((&site.api, &site.tags[..]), (Some(api), [tag]) if api.name == tag);
    if !site.tags.is_empty() && says_more {
        labels.push(format!("type {}", clean(&site.tags.join(", "))));
    }
    if let Some(scope) = &site.scope {
        labels.push(format!("scope {}", clean(scope)));
    }
    if site.runtime {
        labels.push(String::from("of the dynamic loader"));
    }
    (!labels.is_empty()).then(|| labels.join("; "))
}

/// Writes a stack, and `end` behind it.
pub(super) fn write_frames(
    out: &mut String,
    stack: &[Frame],
    end: Option<&str>,
    program: &str,
    options: &TextOptions,
    painter: Painter,
) {
    let kept: Vec<&Frame> = match options.full_stacks {
        true => stack.iter().collect(),
        false => trim::without_interpreter(trim::telling(stack)),
    };
    if kept.is_empty() {
        let _ = writeln!(
            out,
            "{:INDENT$}{}",
            "",
            painter.paint(Style::Dim, "(no stack was recorded)")
        );
        return;
    }
    let is_long = kept.len() > INNER + OUTER + 1 && !options.full_stacks;
    let folded = match is_long {
        true => INNER..kept.len() - OUTER,
        false => kept.len()..kept.len(),
    };
    let ends = kept[..folded.start].iter().chain(&kept[folded.end..]);
    let shown: Vec<&Frame> = ends.copied().collect();
    let rows = rows(&shown, program, options);
    for (i, (function, place)) in rows.iter().enumerate() {
        if !folded.is_empty() && i == folded.start {
            let more = format!("… {} more frames (--full-stacks)", folded.len());
            let _ = writeln!(out, "{:INDENT$}{}", "", painter.paint(Style::Dim, &more));
        }
        let _ = writeln!(
            out,
            "{:INDENT$}{}",
            "",
            row(function, place, &rows, painter)
        );
    }
    if let Some(end) = end {
        let _ = writeln!(out, "{:INDENT$}{}", "", painter.paint(Style::Dim, end));
    }
}

fn row(function: &str, place: &str, rows: &[(String, String)], painter: Painter) -> String {
    if place.is_empty() {
        return function.to_owned();
    }
    let column = rows.iter().map(|(function, _)| width(function)).max();
    let gap = column.unwrap_or(0).saturating_sub(width(function)) + 2;
    format!("{function}{:gap$}{}", "", painter.paint(Style::Dim, place))
}

/// Function and place of each frame, so that both fit a line.
fn rows(frames: &[&Frame], program: &str, options: &TextOptions) -> Vec<(String, String)> {
    let room = options.width.saturating_sub(INDENT + 2);
    let name = |frame: &Frame, columns| match frame.function() {
        Some(name) => names::function(name, columns),
        None => names::function(&format!("{}+{:#x}", frame.module, frame.offset), columns),
    };
    let wishes = frames.iter().map(|frame| width(&name(frame, WIDEST_NAME)));
    let for_places = room.saturating_sub(wishes.max().unwrap_or(0)).max(20);
    let places: Vec<String> = frames
        .iter()
        .map(|frame| place(frame, program, options, for_places))
        .collect();
    let widest = places.iter().map(|place| width(place)).max().unwrap_or(0);
    let for_names = room.saturating_sub(widest).max(20);
    let names = frames.iter().map(|frame| name(frame, for_names));
    names.zip(places).collect()
}

/// Where a frame is, in at most `columns` columns: file and line, and the
/// object where that is not the program itself.
fn place(frame: &Frame, program: &str, options: &TextOptions, columns: usize) -> String {
    let is_program = &*frame.module == program;
    let Some(file) = &frame.place.file else {
        return match frame.function() {
            Some(_) if !is_program => names::cut_start(&clean(&frame.module), columns),
            _ => String::new(),
        };
    };
    let mut behind = String::new();
    if let Some(line) = frame.place.line {
        let _ = write!(behind, ":{line}");
    }
    if !is_program {
        let _ = write!(behind, " ({})", clean(&frame.module));
    }
    let mut place = String::new();
    for kept in (1..=names::KEPT_PARTS).rev() {
        place = names::source(file, options.cwd.as_deref(), kept) + &behind;
        if width(&place) <= columns {
            break;
        }
    }
    names::cut_start(&place, columns)
}
