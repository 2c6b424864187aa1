//! What speaks against a release, and how a refused one is told: to the caller
//! with all that is known, and to the ledger.

use freehold_families::{Family, FamilyError};
use freehold_ledger::format::MisuseKind;

use crate::contract::{Block, DEAD, LIVE, TAG, Tracker, UNKNOWN, Wrong};
use crate::free::Called;
use crate::ownership::Ownership;
use crate::registry::Entry as Registered;
use crate::release::{Releaser, shown};
use crate::{FreeError, Misuse, Stack, recent, record, registry, tags};

/// What is needed to say what is wrong.
pub(crate) struct Report {
    pub(crate) tracker: Option<&'static Tracker>,
    pub(crate) called: Called,
    pub(crate) address: usize,
    /// Number of the stack of the release.
    pub(crate) here: u32,
    /// Where the function that was called returns to.
    pub(crate) site: usize,
}

/// A release function that said it failed.
pub(crate) struct Failure {
    pub(crate) error: FamilyError,
    /// The thread's last error right behind it.
    pub(crate) os_error: i32,
}

impl Report {
    /// Tells of a release that failed; the block is as it was.
    #[cold]
    pub(crate) fn failed(
        &self,
        failure: Failure,
        about: Option<(usize, Family)>,
    ) -> Result<(), FreeError> {
        let misuse = Misuse::Failed(failure.error);
        self.refuse(misuse, about)
            .map_err(|error| error.with_os_error(failure.os_error))
    }

    /// What speaks against this release of a registered block.
    pub(crate) fn objection_to(&self, entry: &Registered) -> Option<Misuse> {
        let (family, state) = (entry.release.family(), entry.state);
        match self.objection(state, family, &entry.release, entry.size) {
            // Nobody said how long it is.
            Some(Misuse::SizeMismatch { size: 0, .. }) => None,
            other => other,
        }
    }

    /// What speaks against this release of a live block.
    pub(crate) fn objection(
        &self,
        state: Ownership,
        family: Family,
        release: &Releaser,
        size: usize,
    ) -> Option<Misuse> {
        if state != self.called.by {
            match state {
                Ownership::Owned => {}
                Ownership::Borrowed => return Some(Misuse::Borrowed),
                Ownership::InteriorOf { base } => {
                    return Some(Misuse::Interior {
                        base,
                        offset: self.address - base,
                    });
                }
                Ownership::Transferred => return Some(Misuse::Transferred),
                Ownership::Finalizer => return Some(Misuse::FinalizerOwned),
                Ownership::Arena => return Some(Misuse::ArenaOwned),
            }
        }
        let is_wrong = |by| by != family && !release.is_alias(by);
        if self.called.family.is_some_and(is_wrong) {
            return Some(Misuse::WrongFamily { family });
        }
        let passed = self.called.size.filter(|passed| *passed != size)?;
        Some(Misuse::SizeMismatch { size, passed })
    }

    /// Refuses the release, with all that is known.
    #[cold]
    pub(crate) fn refuse(
        &self,
        misuse: Misuse,
        about: Option<(usize, Family)>,
    ) -> Result<(), FreeError> {
        let mut error = FreeError::new(
            misuse,
            shown(self.called.family, self.address),
            self.called.name,
        );
        error = error.due(registry::release_name(self.address));
        let remembered = recent::find(self.address as u64);
        if let (None, Misuse::Double, Some(known)) = (self.tracker, misuse, remembered) {
            let family = Family::from_number(known.block.family.into());
            error = error.block(known.block.size as usize, family, String::new());
        }
        if let Some(tracker) = self.tracker {
            let at = match misuse {
                Misuse::Interior { base, .. } => base,
                _ => self.address,
            };
            let (answer, block) = record::find(tracker, at);
            let (block, released, site) = match (answer, recent::find(at as u64)) {
                (LIVE, _) => (block, 0, 0),
                (DEAD | UNKNOWN, Some(known)) => (known.block, known.stack, 0),
                // Released by somebody else.
                (DEAD, None) => {
                    let (block, site) = record::gone(tracker, at);
                    (block, 0, site)
                }
                _ => (Block::default(), 0, 0),
            };
            let mut told = block;
            if let Some((size, family)) = about.filter(|_| told.address == 0) {
                (told.size, told.family) = (size as u64, family as u8);
            }
            note(tracker, self, misuse, &told, released);
            if block.address != 0 {
                let family = Family::from_number(block.family.into());
                let tag = tags::name_of(tracker, TAG, block.tag);
                error = error.block(block.size as usize, family, tag);
            }
            error = error.stacks(
                Stack::of(tracker, block.stack),
                match site {
                    0 => Stack::of(tracker, released),
                    site => Stack::of_one(site),
                },
                Stack::of(tracker, self.here),
            );
        }
        if let (Some((size, family)), None) = (about, error.size()) {
            error = error.block(size, family, String::new());
        }
        error.report()
    }
}

/// Tells the ledger, where it has a word for it.
fn note(tracker: &Tracker, report: &Report, misuse: Misuse, block: &Block, released: u32) {
    let (kind, offset) = match misuse {
        Misuse::Double => (MisuseKind::Double, 0),
        Misuse::Foreign => (MisuseKind::Foreign, 0),
        Misuse::Interior { offset, .. } => (MisuseKind::Interior, offset),
        Misuse::WrongFamily { .. } => (MisuseKind::Mismatched, 0),
        Misuse::SizeMismatch { passed, .. } => (MisuseKind::Size, passed),
        Misuse::Borrowed => (MisuseKind::Borrowed, 0),
        Misuse::Transferred => (MisuseKind::Transferred, 0),
        Misuse::FinalizerOwned => (MisuseKind::FinalizerOwned, 0),
        Misuse::ArenaOwned => (MisuseKind::ArenaOwned, 0),
        _ => return,
    };
    let wrong = Wrong {
        address: report.address as u64,
        size: block.size,
        offset: offset as u64,
        allocated: block.stack,
        here: report.here,
        released,
        kind: kind as u8,
        family: block.family,
        spare: [0; 2],
    };
    // SAFETY: a misuse.
    unsafe { (tracker.misused)(&wrong) };
}
