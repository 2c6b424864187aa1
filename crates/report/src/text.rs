//! Text for people: what was lost and where, the worst first, then what they
//! must know to trust it.

mod misuse;
mod names;
mod site;
mod style;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;

use freehold_ledger::format::Verdict;

use crate::model::{Exit, ProcessReport, Report, Site, Tally};
use crate::notes::{Importance, Note};
use crate::number::signal;
pub use crate::number::{bytes, counted};
use crate::options::Show;
use crate::symbols::file_name_of as file_name;
pub use names::{KEPT_PARTS, source};
pub use style::clean;
use style::{Painter, Style};

/// How the text looks.
#[derive(Debug, Clone)]
pub struct TextOptions {
    /// Whether to write in colours.
    pub color: bool,
    /// Columns of a line.
    pub width: usize,
    /// Paths below this folder are written relative to it.
    pub cwd: Option<PathBuf>,
    /// Sites listed for each verdict of a process.
    pub max_sites: usize,
    /// Processes, besides the first, that are listed: those that lost most.
    pub max_children: usize,
    /// Sites listed for each verdict of such a process. A shell that starts
    /// fifty others must not bury what its user asked about.
    pub max_child_sites: usize,
    /// Whether to leave out no frame.
    pub full_stacks: bool,
}

impl Default for TextOptions {
    fn default() -> TextOptions {
        TextOptions {
            color: false,
            width: 100,
            cwd: None,
            max_sites: 20,
            max_children: 5,
            max_child_sites: 3,
            full_stacks: false,
        }
    }
}

/// The report as text.
pub fn render(report: &Report, options: &TextOptions) -> String {
    let mut page = Page {
        out: String::new(),
        show: report.show,
        options,
        painter: Painter {
            color: options.color,
        },
    };
    page.process(&report.main, true);
    page.children(&report.main);
    page.notes(&report.notes);
    page.out
}

struct Page<'o> {
    out: String,
    show: Show,
    options: &'o TextOptions,
    painter: Painter,
}

impl Page<'_> {
    fn line(&mut self, text: &str, indent: usize) {
        self.out
            .push_str(&names::wrap(text, self.options.width, indent));
        self.out.push('\n');
    }

    fn process(&mut self, process: &ProcessReport, is_main: bool) {
        let headline = format!("freehold: {}", headline(process));
        let wrapped = names::wrap(&headline, self.options.width, 10);
        let wrapped = self.painter.paint(Style::Strong, &wrapped);
        self.out.push_str(&wrapped);
        self.out.push('\n');
        let program = file_name(&process.exe);
        self.misuses(process, is_main, program);
        let mut number = 0;
        for verdict in Verdict::ALL {
            let sites = process.sites.iter().filter(|s| s.verdict == verdict);
            let sites: Vec<&Site> = sites.collect();
            let most = match is_main {
                true => self.options.max_sites,
                false => self.options.max_child_sites,
            };
            self.sites(&sites, most, &mut number, program);
        }
        self.footer(process, is_main);
    }

    fn misuses(&mut self, process: &ProcessReport, is_main: bool, program: &str) {
        let most = match is_main {
            true => self.options.max_sites,
            false => self.options.max_child_sites,
        };
        for found in process.misuses.iter().take(most) {
            self.out.push('\n');
            misuse::write(&mut self.out, found, program, self.options);
        }
        let rest = process.misuses.len().saturating_sub(most) as u64;
        if rest > 0 {
            let rest = counted(rest, "more misuse", "more misuses");
            self.out.push('\n');
            self.line(&format!("… {rest} (--format json lists all)"), 2);
        }
    }

    /// Sites of one verdict.
    fn sites(&mut self, sites: &[&Site], most: usize, number: &mut usize, program: &str) {
        let shown = sites.len().min(most);
        for found in &sites[..shown] {
            *number += 1;
            self.out.push('\n');
            site::write(&mut self.out, *number, found, program, self.options);
        }
        let rest = &sites[shown..];
        if rest.is_empty() {
            return;
        }
        let mut total = Tally::default();
        rest.iter().for_each(|site| total.add(site.total));
        *number += rest.len();
        let places = counted(rest.len() as u64, "more place", "more places");
        let text = format!(
            "    … {places}: {} (--format json lists all)",
            amount(total)
        );
        self.out.push('\n');
        self.line(&text, 6);
    }

    fn footer(&mut self, process: &ProcessReport, is_main: bool) {
        let listed = !process.sites.is_empty() || !process.misuses.is_empty();
        let mut lines = Vec::new();
        if process.small.blocks > 0 {
            let small = amount(process.small);
            lines.push((
                "small",
                format!("{small} at places below --min-bytes are not listed"),
            ));
        }
        if listed && self.show == Show::Lost {
            let held = held(process);
            if held.blocks > 0 {
                let what = format!("{} still reachable (--show all lists them)", are(held));
                lines.push(("held", what));
            }
        }
        if listed && process.scan.done && (is_main || self.show == Show::All) {
            let scan = &process.scan;
            let read = bytes(scan.root_bytes.saturating_add(scan.block_bytes));
            let (pause, took) = (time(scan.pause_us), time(scan.duration_us));
            let what = format!(
                "{read} searched for pointers in {took}; the program was held up for {pause}"
            );
            lines.push(("scan", what));
        }
        if listed {
            self.out.push('\n');
        }
        for (label, text) in lines {
            self.labelled(label, &text);
        }
        self.notes_of(&process.notes, listed);
    }

    fn labelled(&mut self, label: &str, text: &str) {
        let wrapped = names::wrap(&format!("{label}: {}", clean(text)), self.options.width, 6);
        let rest = wrapped.strip_prefix(label).unwrap_or(&wrapped);
        let label = self.painter.paint(Style::Strong, label);
        let _ = writeln!(self.out, "{label}{rest}");
    }

    fn notes(&mut self, notes: &[Note]) {
        self.notes_of(notes, false);
    }

    fn notes_of(&mut self, notes: &[Note], listed: bool) {
        for note in notes {
            let wanted = match note.importance {
                Importance::Always => true,
                Importance::Sites => listed || self.show == Show::All,
                Importance::Detail => self.show == Show::All,
            };
            if wanted {
                self.labelled("note", &note.text);
            }
        }
    }

    fn children(&mut self, main: &ProcessReport) {
        let mut all = Vec::new();
        descendants(main, &mut all);
        let quiet = all.iter().filter(|p| is_quiet(p)).count();
        let mut groups = alike(all.iter().copied().filter(|p| !is_quiet(p)));
        groups.sort_by_key(|group| std::cmp::Reverse(together(group).bytes));
        let shown = groups.len().min(self.options.max_children);
        for group in &groups[..shown] {
            self.out.push('\n');
            self.process(group[0], false);
            self.same_elsewhere(&group[1..]);
        }
        let rest: Vec<&ProcessReport> = groups[shown..].iter().flatten().copied().collect();
        if !rest.is_empty() {
            let processes = counted(rest.len() as u64, "more process", "more processes");
            let text = format!(
                "{processes}: {} (--format json lists all)",
                amount(together(&rest))
            );
            self.out.push('\n');
            self.labelled("children", &text);
        }
        if quiet > 0 {
            let processes = match groups.is_empty() {
                true => counted(
                    quiet as u64,
                    "process that it started",
                    "processes that it started",
                ),
                false => counted(quiet as u64, "other process", "other processes"),
            };
            self.labelled("children", &format!("{processes} lost nothing"));
        }
    }

    fn same_elsewhere(&mut self, others: &[&ProcessReport]) {
        if others.is_empty() {
            return;
        }
        let pids: Vec<String> = others.iter().take(5).map(|p| p.pid.to_string()).collect();
        let more = if others.len() > pids.len() {
            " …"
        } else {
            ""
        };
        let text = format!(
            "{} at the same places in {} ({} {}{more})",
            amount(together(others)),
            counted(others.len() as u64, "more process", "more processes"),
            if others.len() == 1 { "pid" } else { "pids" },
            pids.join(", ")
        );
        self.labelled("also", &text);
    }
}

/// What is to be said of a process, in one sentence.
fn headline(process: &ProcessReport) -> String {
    let about = about_blocks(process);
    match process.summary.misuses {
        0 => about,
        misuses => {
            let misuses = counted(misuses, "wrong release", "wrong releases");
            format!("{about}; {misuses}")
        }
    }
}

/// Who lost how much.
fn about_blocks(process: &ProcessReport) -> String {
    let who = format!("{} (pid {})", clean(process.program()), process.pid);
    let places = |verdict| {
        process
            .sites
            .iter()
            .filter(|s| s.verdict == verdict)
            .count() as u64
    };
    let at = |places| match places {
        0 => String::new(),
        places => format!(" at {}", counted(places, "place", "places")),
    };
    let summary = &process.summary;
    if summary.lost.blocks > 0 {
        let places = at(places(Verdict::Lost));
        let mut text = format!("{who} lost {}{places}", amount(summary.lost));
        if summary.indirect.blocks > 0 {
            let _ = write!(text, ", and {} that hung on them", amount(summary.indirect));
        }
        return text;
    }
    if summary.indirect.blocks > 0 {
        let places = at(places(Verdict::Indirect));
        return format!("{who} lost {}{places}", amount(summary.indirect));
    }
    if summary.unknown.blocks > 0 && !process.is_judged() {
        let places = at(places(Verdict::Unknown));
        let had = format!("{} allocated{places}", amount(summary.unknown));
        return match process.exit {
            Exit::Signal(number) => format!("{who} was killed by {} with {had}", signal(number)),
            Exit::Running => format!("{who} has {had}"),
            Exit::Code(_) | Exit::Gone => format!("{who} ended with {had}"),
            Exit::Replaced => format!("{who} became another program with {had}"),
            Exit::Unknown => format!("{who} was last seen with {had}"),
        };
    }
    let held = held(process);
    let allocations = counted(summary.allocations, "allocation", "allocations");
    if summary.dropped.blocks > 0 {
        let dropped = counted(summary.dropped.blocks, "block was", "blocks were");
        return format!(
            "{who} lost nothing in the {allocations} that could be recorded; {dropped} not recorded"
        );
    }
    match held.blocks {
        0 => format!("{who} lost nothing in {allocations}"),
        _ => format!(
            "{who} lost nothing in {allocations}, holds {}",
            amount(held)
        ),
    }
}

fn held(process: &ProcessReport) -> Tally {
    let mut held = process.summary.reachable;
    held.add(process.summary.possible);
    held
}

fn amount(tally: Tally) -> String {
    format!(
        "{} in {}",
        bytes(tally.bytes),
        counted(tally.blocks, "block", "blocks")
    )
}

fn are(tally: Tally) -> String {
    let verb = if tally.blocks == 1 { "is" } else { "are" };
    format!("{} {verb}", amount(tally))
}

fn time(us: u64) -> String {
    match us {
        ..1000 => format!("{us} µs"),
        1000..10_000 => format!("{:.1} ms", us as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", us / 1000),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

fn descendants<'p>(process: &'p ProcessReport, all: &mut Vec<&'p ProcessReport>) {
    for child in &process.children {
        all.push(child);
        descendants(child, all);
    }
}

/// Whether there is nothing to say of a child.
fn is_quiet(process: &ProcessReport) -> bool {
    process.lost().blocks == 0
        && process.summary.misuses == 0
        && process.sites.is_empty()
        && !process
            .notes
            .iter()
            .any(|note| note.importance == Importance::Always)
}

/// Processes of one program with the same sites, in groups.
fn alike<'p>(processes: impl Iterator<Item = &'p ProcessReport>) -> Vec<Vec<&'p ProcessReport>> {
    let mut groups: Vec<Vec<&ProcessReport>> = Vec::new();
    let mut known = HashMap::new();
    for process in processes {
        let mut sites: Vec<(u64, Verdict)> = process
            .sites
            .iter()
            .map(|s| (s.fingerprint, s.verdict))
            .collect();
        sites.sort_unstable();
        let misuses: Vec<u64> = process.misuses.iter().map(|m| m.fingerprint).collect();
        let next = groups.len();
        let group = *known
            .entry((process.program(), sites, misuses))
            .or_insert(next);
        match groups.get_mut(group) {
            Some(group) => group.push(process),
            None => groups.push(vec![process]),
        }
    }
    groups
}

fn together(processes: &[&ProcessReport]) -> Tally {
    let mut total = Tally::default();
    for process in processes {
        process.sites.iter().for_each(|site| total.add(site.total));
    }
    total
}
