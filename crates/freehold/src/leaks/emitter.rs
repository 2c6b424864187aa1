//! Where leaks are shown: on a terminal, in a file.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use freehold_ledger::format::Family;

use super::{Allocation, json};
use crate::{format_address, format_bytes, platform, registry};

/// Where leaks are shown. Make your own for other places.
///
/// ```
/// use freehold::{Allocation, LeakTracker, LeaksEmitter};
/// struct Count(usize);
/// impl LeaksEmitter for Count {
///     fn emit(&mut self, leaks: &[Allocation]) -> std::io::Result<()> {
///         self.0 += leaks.len();
///         Ok(())
///     }
/// }
/// let mut count = Count(0);
/// LeakTracker::emit(&mut count)?;
/// assert_eq!(count.0, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait LeaksEmitter {
    /// Shows these leaks, or that there are none.
    ///
    /// # Errors
    /// Those of the place.
    ///
    /// ```
    /// use freehold::{Allocation, Colors, LeaksEmitter, PrintEmitter};
    /// let leak = Allocation { size: 64, type_name: "Row".into(), ..Allocation::default() };
    /// let mut text = Vec::new();
    /// PrintEmitter::to(&mut text, Colors::Never).emit(&[leak])?;
    /// assert!(String::from_utf8_lossy(&text).contains("Row"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn emit(&mut self, leaks: &[Allocation]) -> io::Result<()>;
}

/// Whether to use colours.
///
/// ```
/// use freehold::{Allocation, Colors, Filter, LeakError};
/// let error = LeakError::new(vec![Allocation::default()], Filter::ignore_none());
/// assert!(error.text(Colors::Always).contains("\x1b["));
/// assert!(!error.text(Colors::Never).contains("\x1b["));
/// assert_eq!(Colors::default(), Colors::Auto);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colors {
    /// When the output is a terminal and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Writes leaks to a file as a JSON array of objects, in the order in which they
/// are given.
///
/// ```
/// use freehold::{Allocation, JsonEmitter, LeaksEmitter};
/// let path = std::env::temp_dir().join(format!("freehold-doc-{}.json", std::process::id()));
/// JsonEmitter::new(&path).emit(&[])?;
/// assert_eq!(std::fs::read_to_string(&path)?, "[]");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct JsonEmitter {
    path: PathBuf,
}

impl JsonEmitter {
    /// Writes to `path`, over what is there.
    ///
    /// ```
    /// use freehold::{Allocation, JsonEmitter, LeaksEmitter};
    /// let path = std::env::temp_dir().join(format!("freehold-new-{}.json", std::process::id()));
    /// let mut emitter = JsonEmitter::new(&path);
    /// emitter.emit(&[Allocation { size: 64, ..Allocation::default() }])?;
    /// emitter.emit(&[])?; // nothing of the first is left
    /// assert_eq!(std::fs::read_to_string(&path)?, "[]");
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(path: impl Into<PathBuf>) -> JsonEmitter {
        JsonEmitter { path: path.into() }
    }
}

impl LeaksEmitter for JsonEmitter {
    fn emit(&mut self, leaks: &[Allocation]) -> io::Result<()> {
        fs::write(&self.path, array(leaks))
    }
}

/// Leaks as a JSON array.
fn array(leaks: &[Allocation]) -> String {
    if leaks.is_empty() {
        return "[]".into();
    }
    let items: Vec<String> = leaks
        .iter()
        .map(|leak| crate::indent(&leak.to_json(), 2))
        .collect();
    debug_assert!(items.iter().all(|i| json::parse(i).is_ok()));
    format!("[\n{}\n]", items.join(",\n"))
}

/// Prints leaks for people, largest first.
///
/// ```
/// use freehold::{Colors, LeaksEmitter, PrintEmitter};
/// let mut text = Vec::new();
/// PrintEmitter::to(&mut text, Colors::Never).emit(&[])?;
/// assert_eq!(String::from_utf8_lossy(&text), "✓ No native memory leaks detected\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PrintEmitter<W: Write> {
    out: W,
    colors: Colors,
}

impl PrintEmitter<io::Stdout> {
    /// Prints to standard output, with colours where it is a terminal.
    ///
    /// ```no_run
    /// freehold::LeakTracker::emit(&mut freehold::PrintEmitter::stdout())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stdout() -> PrintEmitter<io::Stdout> {
        PrintEmitter::to(io::stdout(), Colors::Auto)
    }
}

impl<W: Write> PrintEmitter<W> {
    /// Prints to `out`.
    ///
    /// ```
    /// use freehold::{Colors, LeakTracker, PrintEmitter};
    /// let mut log = Vec::new();
    /// LeakTracker::emit(&mut PrintEmitter::to(&mut log, Colors::Never))?;
    /// assert!(!log.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn to(out: W, colors: Colors) -> PrintEmitter<W> {
        PrintEmitter { out, colors }
    }
}

impl<W: Write> LeaksEmitter for PrintEmitter<W> {
    fn emit(&mut self, leaks: &[Allocation]) -> io::Result<()> {
        let style = Style::new(self.colors);
        let text = match leaks {
            [] => format!(
                "{}\n",
                style.green(&style.bold("✓ No native memory leaks detected"))
            ),
            leaks => format!(
                "{}\n{}",
                style.red(&style.bold("✗ Native memory leaks detected")),
                body(&style, leaks)
            ),
        };
        // In one piece, so that another thread's output does not come between.
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// What stands below the title: sums, then each leak, largest first.
pub(super) fn body(style: &Style, leaks: &[Allocation]) -> String {
    let mut sorted: Vec<&Allocation> = leaks.iter().collect();
    sorted.sort_by_key(|leak| std::cmp::Reverse(leak.size));
    let total: u64 = leaks.iter().map(|leak| leak.size).sum();
    let largest = sorted.first().map_or(0, |leak| leak.size);
    let rule = style.dim(&"─".repeat(40));
    let mut out = format!(
        "Leaks   : {}\nTotal   : {}\nLargest : {}\n{rule}\n",
        style.yellow(&style.bold(&leaks.len().to_string())),
        style.red(&style.bold(&format_bytes(total))),
        style.red(&style.bold(&format_bytes(largest))),
    );
    for (i, leak) in sorted.iter().enumerate() {
        let title = format!(
            "Leak #{} - {} ({})",
            i + 1,
            leak.type_name,
            format_bytes(leak.size)
        );
        out += &format!(
            "{}\n  address   : {}\n  timestamp : {}\n",
            style.yellow(&title),
            style.cyan(&format_address(leak.address)),
            style.blue(&leak.timestamp()),
        );
        if let Some(release) = due(leak) {
            out += &format!("  release   : {release}\n");
        }
        out += "  stack     :\n";
        for line in leak.stack.trim_end().lines() {
            out += &format!("    {}\n", style.dim(line));
        }
        out += &format!("{rule}\n");
    }
    out
}

/// What should have released a leak, where it is another function than that of the
/// allocators here.
fn due(leak: &Allocation) -> Option<String> {
    if let Some(release) = registry::release_name(leak.address) {
        return Some(release.to_owned());
    }
    let family = Family::ALL.into_iter().find(|f| f.name() == leak.family)?;
    let due = family.releases();
    (family != platform::FAMILY && !due.is_empty()).then(|| due.join(" or "))
}

/// Colours, or none.
pub(super) struct Style(bool);

impl Style {
    pub(super) fn new(colors: Colors) -> Style {
        Style(match colors {
            Colors::Always => true,
            Colors::Never => false,
            Colors::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        })
    }

    fn wrap(&self, code: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    pub(super) fn bold(&self, text: &str) -> String {
        self.wrap("1", text)
    }
    fn dim(&self, text: &str) -> String {
        self.wrap("2", text)
    }
    pub(super) fn red(&self, text: &str) -> String {
        self.wrap("38;2;238;75;43", text)
    }
    fn green(&self, text: &str) -> String {
        self.wrap("38;2;170;255;0", text)
    }
    fn yellow(&self, text: &str) -> String {
        self.wrap("38;2;255;234;0", text)
    }
    fn cyan(&self, text: &str) -> String {
        self.wrap("38;2;0;255;255", text)
    }
    fn blue(&self, text: &str) -> String {
        self.wrap("38;2;0;150;255", text)
    }
}
