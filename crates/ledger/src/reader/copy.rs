//! Copies of a session file's sections, made with plain reads.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use super::source::Source;
use super::{Session, decode};
use crate::format::{
    LEDGER_MAGIC, LedgerHeader, PAGE, SESSION_MAGIC, Section, SessionHeader, VERSION,
};

/// Why a session file cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file cannot be opened or read.
    Io(PathBuf, io::Error),
    /// It does not begin like a session file.
    NotALedger(PathBuf),
    /// It was written by a Freehold of another format version.
    Version(PathBuf, u32),
    /// Its header is impossible; the text says what is.
    Damaged(PathBuf, String),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Io(path, e) => write!(f, "cannot read {}: {e}", path.display()),
            ReadError::NotALedger(path) => write!(f, "{} is not a Freehold ledger", path.display()),
            ReadError::Version(path, found) => write!(
                f,
                "{} has ledger format {found}, this freehold reads format {VERSION}: \
                 use the freehold that wrote it",
                path.display()
            ),
            ReadError::Damaged(path, what) => write!(f, "{} is damaged: {what}", path.display()),
        }
    }
}

impl std::error::Error for ReadError {}

/// Slots are handed out one after the other, so behind this many that never began
/// there is none that did. Counts only where a file does not tell what was never
/// written: there each has to be read.
const MOST_ABSENT: u32 = 64;

/// An open session file.
#[derive(Debug)]
pub struct SessionFile {
    source: Source,
    path: PathBuf,
}

/// Copies of the sections of one ledger, each as long as its writer said and
/// the file allows.
#[derive(Debug)]
pub struct Copied {
    /// The header, copied before all sections.
    pub header: Box<LedgerHeader>,
    /// The sections by number.
    pub sections: [Vec<u8>; Section::COUNT],
    /// The segment section once more, copied after all others: a slot that is
    /// the same in both copies had its record all the time between.
    pub segments_after: Vec<u8>,
    /// What could not be copied.
    pub damage: Vec<String>,
}

fn zeroed_header<T>(bytes: &[u8]) -> Box<T> {
    let mut header = Box::<T>::new_zeroed();
    let len = bytes.len().min(size_of::<T>());
    // SAFETY: both headers are made of atomics of plain integers only, for
    // which every bit pattern is valid; `len` is within both buffers.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), header.as_mut_ptr().cast::<u8>(), len);
        header.assume_init()
    }
}

impl SessionFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// When it cannot be opened, or is no session file of this version.
    pub fn open(path: &Path) -> Result<SessionFile, ReadError> {
        let file = File::open(path).map_err(|e| ReadError::Io(path.into(), e))?;
        SessionFile::new(file, path)
    }

    /// The session in a file that is open already; `path` is for messages.
    ///
    /// # Errors
    /// When it is no session file of this version.
    pub fn new(file: File, path: &Path) -> Result<SessionFile, ReadError> {
        let session = SessionFile {
            source: Source::new(file),
            path: path.into(),
        };
        session.header()?;
        Ok(session)
    }

    /// A copy of the session header.
    ///
    /// # Errors
    /// When the file is no session file of this version.
    pub fn header(&self) -> Result<Box<SessionHeader>, ReadError> {
        let bytes = self.read(0, size_of::<SessionHeader>() as u64)?;
        let header: Box<SessionHeader> = zeroed_header(&bytes);
        // Relaxed, here and below: the header is a private copy.
        if bytes.len() < 16 || header.magic.load(Relaxed) != SESSION_MAGIC {
            return Err(ReadError::NotALedger(self.path.clone()));
        }
        match header.version.load(Relaxed) {
            VERSION => Ok(header),
            other => Err(ReadError::Version(self.path.clone(), other)),
        }
    }

    /// Everything in the file, decoded.
    ///
    /// `progress` is called with the number of ledgers done and of ledgers
    /// there are.
    ///
    /// # Errors
    /// When the file is no session file of this version or cannot be read.
    /// Damage within a ledger is no error: it stands in its snapshot.
    pub fn read_session(
        &self,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Session, ReadError> {
        let mut session = decode::session(&*self.header()?);
        let begun: Vec<u32> = self.begun()?.collect();
        let mut budget = self.budget()?;
        for (done, slot) in begun.iter().enumerate() {
            progress(done, begun.len());
            if let Some(copied) = self.copy_within(*slot, &mut budget)? {
                session
                    .ledgers
                    .push(decode::snapshot(*slot, &copied, session.now_ms));
            }
        }
        Ok(session)
    }

    /// The slots whose ledgers may have begun, in order. Takes time for those
    /// that there are, not for those that a header only claims.
    ///
    /// # Errors
    /// When the file is no session file of this version.
    pub fn begun(&self) -> Result<impl Iterator<Item = u32> + '_, ReadError> {
        let header = self.header()?;
        let most = header.max_slots.load(Relaxed);
        let count = header.slots.load(Relaxed).min(most);
        let (stride, first) = (
            header.stride.load(Relaxed),
            header.slots_offset.load(Relaxed),
        );
        self.ledger_offset(&header, 0)?;
        let (mut slot, mut absent) = (0, 0);
        Ok(std::iter::from_fn(move || {
            while slot < count && absent < MOST_ABSENT {
                let at = u64::from(slot).checked_mul(stride)?.checked_add(first)?;
                let data = self.source.next_data(at)?;
                let found = slot;
                // A ledger that began has its header.
                if data < at.saturating_add(PAGE) {
                    slot += 1;
                    if Source::TELLS_DATA || matches!(self.header_at(at), Ok(Some(_))) {
                        absent = 0;
                        return Some(found);
                    }
                    absent += 1;
                    continue;
                }
                let later = u32::try_from((data - first) / stride).unwrap_or(count);
                slot = later.max(slot + 1);
            }
            None
        }))
    }

    /// The snapshot of one ledger; `None` when it was never begun.
    ///
    /// # Errors
    /// As for [`SessionFile::read_session`].
    pub fn read_ledger(&self, slot: u32) -> Result<Option<super::Snapshot>, ReadError> {
        let session = decode::session(&*self.header()?);
        let copied = self.copy_ledger(slot)?;
        Ok(copied.map(|copied| decode::snapshot(slot, &copied, session.now_ms)))
    }

    /// The header of one ledger; `None` when it was never begun.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn ledger_header(&self, slot: u32) -> Result<Option<Box<LedgerHeader>>, ReadError> {
        self.header_at(self.ledger_offset(&*self.header()?, slot)?)
    }

    fn header_at(&self, at: u64) -> Result<Option<Box<LedgerHeader>>, ReadError> {
        let bytes = self.read(at, size_of::<LedgerHeader>() as u64)?;
        let header: Box<LedgerHeader> = zeroed_header(&bytes);
        let whole =
            header.magic.load(Relaxed) == LEDGER_MAGIC && header.version.load(Relaxed) == VERSION;
        Ok(whole.then_some(header))
    }

    /// Copies of the sections of one ledger; `None` when it was never begun.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn copy_ledger(&self, slot: u32) -> Result<Option<Copied>, ReadError> {
        self.copy_within(slot, &mut self.budget()?)
    }

    /// A copy of one section of one ledger, as far as it is there; empty when the
    /// ledger was never begun.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn copy_section(&self, slot: u32, section: Section) -> Result<Vec<u8>, ReadError> {
        let at = self.ledger_offset(&*self.header()?, slot)?;
        let Some(header) = self.ledger_header(slot)? else {
            return Ok(Vec::new());
        };
        let offset = header.section_offset[section as usize].load(Relaxed);
        let wanted = used_bytes(&header, section);
        match at.checked_add(offset) {
            Some(at) => self.read_within(at, wanted, &mut self.budget()?),
            None => Ok(Vec::new()),
        }
    }

    fn copy_within(&self, slot: u32, budget: &mut u64) -> Result<Option<Copied>, ReadError> {
        let at = self.ledger_offset(&*self.header()?, slot)?;
        let Some(header) = self.ledger_header(slot)? else {
            return Ok(None);
        };
        let mut damage = Vec::new();
        let mut section = |section: Section| -> Result<Vec<u8>, ReadError> {
            let i = section as usize;
            let wanted = used_bytes(&header, section);
            let offset = header.section_offset[i].load(Relaxed);
            let bytes = match at.checked_add(offset) {
                Some(at) => self.read_within(at, wanted, budget)?,
                None => Vec::new(),
            };
            if (bytes.len() as u64) < wanted {
                damage.push(format!(
                    "the {section:?} section ends after {} of {wanted} bytes",
                    bytes.len()
                ));
            }
            Ok(bytes)
        };
        // The index first, then what it points to: a record or a stack is
        // complete before the slot that names it appears.
        let mut sections: [Vec<u8>; Section::COUNT] = Default::default();
        let order = [
            Section::Windows,
            Section::Leaves,
            Section::Segments,
            Section::Records,
            Section::Verdicts,
        ];
        for one in order {
            sections[one as usize] = section(one)?;
        }
        let segments_after = section(Section::Segments)?;
        // A later header for what records may have begun to name meanwhile.
        let header = self.ledger_header(slot)?.unwrap_or(header);
        let rest = [
            Section::Misuses,
            Section::Nodes,
            Section::Text,
            Section::Threads,
            Section::Modules,
            Section::Names,
            Section::Tags,
            Section::Scopes,
            Section::Places,
            Section::Namings,
        ];
        for one in rest {
            let i = one as usize;
            let offset = header.section_offset[i].load(Relaxed);
            if let Some(at) = at.checked_add(offset) {
                sections[i] = self.read_within(at, used_bytes(&header, one), budget)?;
            }
        }
        Ok(Some(Copied {
            header,
            sections,
            segments_after,
            damage,
        }))
    }

    fn len(&self) -> Result<u64, ReadError> {
        let len = self.source.len();
        len.map_err(|e| ReadError::Io(self.path.clone(), e))
    }

    fn ledger_offset(&self, header: &SessionHeader, slot: u32) -> Result<u64, ReadError> {
        let stride = header.stride.load(Relaxed);
        let first = header.slots_offset.load(Relaxed);
        let offset = u64::from(slot)
            .checked_mul(stride)
            .and_then(|at| at.checked_add(first));
        match offset {
            Some(at) if stride >= PAGE && at < i64::MAX as u64 => Ok(at),
            _ => Err(ReadError::Damaged(
                self.path.clone(),
                format!("a ledger every {stride} bytes from {first} is impossible"),
            )),
        }
    }

    /// Bytes that all sections of the session can have together, read once or
    /// twice each.
    ///
    /// Never believe a length before the file's own, nor that of a sparse file:
    /// a hostile header must not make the reader take more memory than a
    /// multiple of what there is. Leaves are the sparsest that a writer makes:
    /// one page in eight may be in use.
    fn budget(&self) -> Result<u64, ReadError> {
        let in_use = self.source.in_use();
        let in_use = in_use.map_err(|e| ReadError::Io(self.path.clone(), e))?;
        Ok(in_use.saturating_mul(16).saturating_add(16 << 20))
    }

    /// As [`SessionFile::read`], as far as the budget goes.
    fn read_within(&self, at: u64, wanted: u64, budget: &mut u64) -> Result<Vec<u8>, ReadError> {
        let bytes = self.read(at, wanted.min(*budget))?;
        *budget -= bytes.len() as u64;
        Ok(bytes)
    }

    /// Up to `wanted` bytes at `at`; fewer where the file ends.
    fn read(&self, at: u64, wanted: u64) -> Result<Vec<u8>, ReadError> {
        let there = self.len()?.saturating_sub(at).min(wanted);
        let mut bytes = Vec::new();
        let there = usize::try_from(there).unwrap_or(0);
        if bytes.try_reserve_exact(there).is_err() {
            return Ok(bytes);
        }
        bytes.resize(there, 0);
        let mut done = 0;
        while done < bytes.len() {
            match self.source.read_at(&mut bytes[done..], at + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(ReadError::Io(self.path.clone(), e)),
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }
}

/// How many bytes of a section its header declares to be in use.
pub(super) fn used_bytes(header: &LedgerHeader, section: Section) -> u64 {
    use crate::format::{
        LEAF_BYTES, MAX_MISUSES, MAX_MODULES, MAX_NAMES, MAX_PLACES, MAX_THREADS, MisuseEntry,
        Module, NODE_BYTES, Name, Naming, Place, RECORD_BYTES, ThreadEntry,
    };
    let count = |n: u32, most: usize, bytes: usize| u64::from(n).min(most as u64) * bytes as u64;
    let used = match section {
        Section::Text => {
            u64::from(header.argv_len.load(Relaxed)) + u64::from(header.exe_len.load(Relaxed))
        }
        Section::Threads => count(
            header.threads.load(Relaxed),
            MAX_THREADS,
            size_of::<ThreadEntry>(),
        ),
        Section::Modules => count(
            header.modules.load(Relaxed),
            MAX_MODULES,
            size_of::<Module>(),
        ),
        Section::Names => u64::from(header.name_bytes.load(Relaxed)),
        Section::Tags => count(header.tags.load(Relaxed), MAX_NAMES, size_of::<Name>()),
        Section::Scopes => count(header.scopes.load(Relaxed), MAX_NAMES, size_of::<Name>()),
        Section::Windows => u64::from(header.leaves.load(Relaxed)) * 4,
        Section::Leaves => u64::from(header.leaves.load(Relaxed)) * LEAF_BYTES,
        Section::Segments => header.segment_bytes.load(Relaxed),
        Section::Records => u64::from(header.records.load(Relaxed)) * RECORD_BYTES,
        Section::Nodes => u64::from(header.nodes.load(Relaxed)) * NODE_BYTES,
        Section::Verdicts => u64::from(header.scan_records.load(Relaxed)) * 4,
        Section::Misuses => count(
            header.misuse_entries.load(Relaxed),
            MAX_MISUSES,
            size_of::<MisuseEntry>(),
        ),
        Section::Places => count(header.places.load(Relaxed), MAX_PLACES, size_of::<Place>()),
        Section::Namings => count(
            header.namings.load(Relaxed),
            MAX_PLACES,
            size_of::<Naming>(),
        ),
    };
    used.min(header.section_committed[section as usize].load(Relaxed))
}
