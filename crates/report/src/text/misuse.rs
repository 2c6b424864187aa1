//! One misuse: what was done, where, and what is known of the block.

use std::fmt::Write;

use freehold_ledger::format::{Family, Ground, MisuseKind};

use super::style::{Painter, Style};
use super::{TextOptions, names, site};
use crate::frame::Frame;
use crate::model::Misuse;
use crate::number::{bytes, counted};

/// Writes the misuse. `program` is the name of the executable.
pub(super) fn write(out: &mut String, misuse: &Misuse, program: &str, options: &TextOptions) {
    let painter = Painter {
        color: options.color,
    };
    let kind = misuse.kind.name().replace('-', " ");
    let heading = names::wrap(&format!("{kind}: {}", what(misuse)), options.width, 4);
    let rest = heading.strip_prefix(&*kind).unwrap_or(&heading);
    let _ = writeln!(out, "{}{rest}", painter.paint(Style::Bad, &kind));
    let mut part = |title: &str, stack: &[Frame], end: Option<&str>| {
        if !stack.is_empty() {
            let _ = writeln!(out, "    {}", painter.paint(Style::Strong, title));
            site::write_frames(out, stack, end, program, options, painter);
        }
    };
    part("here:", &misuse.here, None);
    let cut = misuse
        .released_site_only
        .then_some("… only the caller is kept (all of it with --release-stacks)");
    part("released by:", &misuse.released, cut);
    part("allocated by:", &misuse.allocated, None);
}

/// What was done, in one sentence.
fn what(misuse: &Misuse) -> String {
    let called = misuse.called.name();
    let family = misuse.family.filter(|f| *f != Family::Unknown);
    let from = match family {
        None => String::new(),
        Some(Family::Custom) => " with a release function of its own".to_owned(),
        Some(family) => format!(" from {}", family.name()),
    };
    let block = match misuse.size {
        Some(size) => format!("a block of {}{from}", bytes(size)),
        None => format!("a block{from}"),
    };
    let expected = misuse.expected().join(" or ");
    let sentence = match misuse.kind {
        MisuseKind::Double => {
            format!("{called} was called with {block} that had been released already")
        }
        MisuseKind::Foreign => match misuse.ground {
            Ground::Stack => {
                format!("{called} was called with the address of a variable on the stack")
            }
            Ground::Object => format!(
                "{called} was called with the address of something that lies in the program or a \
                 library, not on the heap"
            ),
            Ground::Unknown => {
                format!("{called} was called with an address that no allocator gave")
            }
        },
        MisuseKind::Interior => format!(
            "{called} was called with an address {} into {block}: only its start may be released",
            bytes(misuse.offset)
        ),
        MisuseKind::Mismatched if expected.is_empty() => {
            format!("{called} was called with {block}, which it does not release")
        }
        MisuseKind::Mismatched => {
            format!("{called} was called with {block}: {expected} releases it")
        }
        MisuseKind::Borrowed => {
            format!("{called} was called with {block} that is only lent: an API owns it")
        }
        MisuseKind::Transferred => format!(
            "{called} was called with {block} that had been given away: its new owner releases it"
        ),
        MisuseKind::FinalizerOwned => {
            format!("{called} was called with {block} that a finalizer releases")
        }
        MisuseKind::ArenaOwned => {
            format!("{called} was called with {block} that an arena releases")
        }
        MisuseKind::Size => format!("{called} was told {} for {block}", bytes(misuse.offset)),
    };
    match misuse.count {
        ..=1 => sentence,
        times => format!("{sentence} ({})", counted(times, "time", "times")),
    }
}
