//! Colours, and text that cannot do anything to a terminal.

use std::borrow::Cow;

/// A way to write a word.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    /// The program lost something.
    Bad,
    /// The program may have lost something.
    Doubtful,
    /// It need not be read first.
    Dim,
    /// It stands out.
    Strong,
}

/// Writes with colours or without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Painter {
    pub(super) color: bool,
}

impl Painter {
    /// `text` in `style`.
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Bad => "1;31",
            Style::Doubtful => "1;33",
            Style::Dim => "2",
            Style::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `text` without control characters. Names come from other people's files and
/// must not move the cursor or set the window's title.
pub fn clean(text: &str) -> Cow<'_, str> {
    // Direction marks can make a line read backwards.
    let is_bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(is_bad, "\u{fffd}"))
}

/// Columns that `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}
