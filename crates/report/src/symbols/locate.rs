//! Which files hold the names of an object: the object itself, its separate
//! debug file with that file's supplementary file, or its PDB.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use freehold_ledger::image::{ImageIdentity, PdbIdentity};
use object::{Object, ObjectSection};
use typed_arena::Arena;

use super::paths::{self, Roots};
use super::{Condition, Subject, mini, pdb, pe};
use crate::files::{Bytes, Files};

/// The files of one object, parsed as far as their headers.
#[derive(Default)]
pub(crate) struct Located<'a> {
    /// Files with symbol tables, best first.
    pub(crate) tables: Vec<object::File<'a>>,
    /// The file with debug information; an index of `tables`.
    pub(crate) debug: Option<usize>,
    /// The supplementary file (`dwz`) of that file.
    pub(crate) supplement: Option<object::File<'a>>,
    /// The PDB, where there is no other debug information.
    pub(crate) pdb: Option<pdb::Opened<'a>>,
    /// What is wrong with the debug files that were found, to be read after the
    /// object's name.
    pub(crate) fault: Option<String>,
}

/// Where to look, and where to keep what was found.
pub(crate) struct Search<'s, 'a> {
    pub(crate) files: &'s dyn Files,
    pub(crate) roots: &'s Roots,
    pub(crate) arena: &'a Arena<Bytes>,
}

/// The object's own file.
struct Own<'a> {
    path: PathBuf,
    file: object::File<'a>,
}

impl<'a> Search<'_, 'a> {
    fn open(&self, path: &Path) -> std::io::Result<&'a [u8]> {
        let bytes = self.files.open(path)?;
        Ok((**self.arena.alloc(bytes)).as_ref())
    }

    /// Finds the files of `subject`, and says in what condition its own is.
    pub(crate) fn locate(&self, subject: &Subject) -> (Located<'a>, Condition) {
        let mut located = Located::default();
        let (own, condition) = self.own_file(subject);
        let has_debug = own.as_ref().is_some_and(|own| has_debug_info(&own.file));
        let debug = match has_debug {
            true => None,
            false => self.debug_file(subject, own.as_ref()),
        };
        let found = has_debug || debug.is_some();
        if !found {
            self.add_pdb(subject, own.as_ref(), &mut located);
        }
        located.tables.extend(debug);
        located.tables.extend(own.map(|own| own.file));
        located.debug = found.then_some(0);
        if let Some(debug) = located.debug {
            located.supplement = self.supplement(subject, &located.tables[debug]);
        }
        if located.debug.is_none()
            && let Some(file) = located.tables.first().and_then(|f| mini::symbols(f))
        {
            let bytes: &'a [u8] = (**self.arena.alloc(Box::new(file))).as_ref();
            located.tables.extend(object::File::parse(bytes).ok());
        }
        (located, condition)
    }

    /// The file at the recorded path, or else the same file at another place.
    fn own_file(&self, subject: &Subject) -> (Option<Own<'a>>, Condition) {
        let (path, deleted) = subject.file();
        if !paths::is_windows(path) && !path.starts_with('/') {
            return (None, Condition::NoFile);
        }
        let has_id = !subject.build_id.is_empty();
        let condition = if !paths::is_native(path) {
            let why = format!("was loaded as {path}, which is not found here (see --symbols)");
            Condition::Missing(why)
        } else if deleted && !has_id {
            // The path of a deleted file may name its successor; only a build id
            // can tell.
            Condition::Missing(String::from("was deleted while it was in use"))
        } else {
            match self.parse(Path::new(path)) {
                Ok(own) if !has_id || is_build(&own.file, &subject.build_id) => {
                    return (Some(own), Condition::Found);
                }
                Ok(_) => Condition::Changed,
                Err(e) => Condition::Missing(format!("cannot be read: {e}")),
            }
        };
        let others = paths::elsewhere(path, &subject.build_id, self.roots);
        let mut others = others.iter().filter(|_| has_id);
        let found = others.find_map(|path| {
            let own = self.parse(path).ok()?;
            is_build(&own.file, &subject.build_id).then_some(own)
        });
        match found {
            Some(own) => (Some(own), Condition::Found),
            None => (None, condition),
        }
    }

    fn parse(&self, path: &Path) -> Result<Own<'a>, Box<dyn std::error::Error>> {
        let file = object::File::parse(self.open(path)?)?;
        let path = path.to_path_buf();
        Ok(Own { path, file })
    }

    /// Looks for the PDB that the image names; where the image is not there, the
    /// ledger still tells which one it was.
    fn add_pdb(&self, subject: &Subject, own: Option<&Own<'a>>, located: &mut Located<'a>) {
        let (path, _) = subject.file();
        let is_image = match own {
            Some(own) => pe::identity(&own.file).is_some(),
            None => paths::is_windows(path),
        };
        if !is_image {
            return;
        }
        let recorded = ImageIdentity::from_bytes(&subject.build_id).and_then(|i| i.pdb);
        let named = own.and_then(|own| pe::named_pdb(&own.file));
        let identity: Option<PdbIdentity> = recorded.or(named.as_ref().map(|n| n.identity));
        let Some(identity) = identity else {
            return;
        };
        let guessed = || {
            let name = paths::file_name(path);
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            format!("{stem}.pdb")
        };
        let name = named.map(|n| n.path).filter(|p| !p.is_empty());
        let name = name.unwrap_or_else(guessed);
        let beside = match own {
            Some(own) => Some(own.path.as_path()),
            None => paths::is_native(path).then_some(Path::new(path)),
        };
        let key = paths::pdb_key(&identity);
        for place in paths::pdb(&name, beside, &key, self.roots) {
            let Some(mut pdb) = self.open(&place).ok().and_then(pdb::open) else {
                continue;
            };
            let belongs = pdb::belongs(&mut pdb, &identity);
            if belongs == Some(true) {
                located.pdb = Some(pdb);
                located.fault = None;
                return;
            }
            let last = paths::file_name(&name);
            located.fault = Some(match belongs {
                Some(_) => format!("has a PDB of another build beside it ({last})"),
                None => format!("has a damaged PDB ({last})"),
            });
        }
    }

    fn debug_file(&self, subject: &Subject, own: Option<&Own<'a>>) -> Option<object::File<'a>> {
        let by_build_id = || {
            let relative = build_id_path(&subject.build_id)?;
            let mut roots = self.roots.debug.iter().chain(&self.roots.symbols);
            roots.find_map(|root| self.matching(&root.join(&relative), &subject.build_id, None))
        };
        by_build_id().or_else(|| self.linked_debug_file(subject, own?))
    }

    fn linked_debug_file(&self, subject: &Subject, own: &Own<'a>) -> Option<object::File<'a>> {
        let link = own.file.gnu_debuglink().ok().flatten();
        let (name, crc) = link.or_else(|| pe::debug_link(&own.file))?;
        // A name, never a path: the object may be hostile.
        if name.is_empty() || name.iter().any(|b| matches!(b, b'/' | b'\\' | b':')) {
            return None;
        }
        let name = os_str(name)?;
        let folder = own.path.parent()?;
        let below_root = folder.strip_prefix("/").unwrap_or(folder);
        let beside = [folder.join(name), folder.join(".debug").join(name)];
        let debug = self.roots.debug.iter();
        let debug = debug.map(|r| r.join(below_root).join(name));
        let symbols = self.roots.symbols.iter().map(|r| r.join(name));
        // An image has no build id by which another file could be known.
        let build_id = match pe::identity(&own.file) {
            Some(_) => &[][..],
            None => &subject.build_id,
        };
        beside
            .into_iter()
            .chain(debug)
            .chain(symbols)
            .filter(|candidate| *candidate != own.path)
            .find_map(|candidate| self.matching(&candidate, build_id, Some(crc)))
    }

    /// The object file at `path` when it belongs to `build_id`, or where there
    /// is none, when it has the checksum `crc`.
    fn matching(&self, path: &Path, build_id: &[u8], crc: Option<u32>) -> Option<object::File<'a>> {
        let bytes = self.open(path).ok()?;
        let file = object::File::parse(bytes).ok()?;
        let matches = match file.build_id().ok().flatten() {
            Some(found) if !build_id.is_empty() => found == build_id,
            _ => crc.is_some_and(|crc| crc32fast::hash(bytes) == crc),
        };
        matches.then_some(file)
    }

    fn supplement(&self, subject: &Subject, debug: &object::File<'a>) -> Option<object::File<'a>> {
        let (name, build_id) = debug.gnu_debugaltlink().ok().flatten()?;
        let named = Path::new(os_str(name)?);
        let (own, _) = subject.file();
        let by_build_id = build_id_path(build_id);
        let mut candidates = Vec::new();
        for root in &self.roots.debug {
            candidates.extend(by_build_id.as_ref().map(|relative| root.join(relative)));
        }
        if named.is_absolute() {
            candidates.push(named.to_path_buf());
            if let Ok(below) = named.strip_prefix("/usr/lib/debug") {
                candidates.extend(self.roots.debug.iter().map(|root| root.join(below)));
            }
        } else {
            let file_name = build_id_path(&subject.build_id);
            for root in &self.roots.debug {
                let folder = file_name
                    .as_ref()
                    .and_then(|f| Some(root.join(f.parent()?)));
                candidates.extend(folder.map(|f| f.join(named)));
            }
            candidates.extend(Path::new(own).parent().map(|folder| folder.join(named)));
        }
        let mut candidates = candidates.iter();
        candidates.find_map(|path| self.matching(path, build_id, None))
    }
}

/// Whether a file is the build that was recorded.
fn is_build(file: &object::File<'_>, recorded: &[u8]) -> bool {
    match pe::identity(file) {
        Some(identity) => ImageIdentity::from_bytes(recorded).is_some_and(|r| r.is_same(&identity)),
        None => file.build_id().ok().flatten() == Some(recorded),
    }
}

/// A name that a file holds, as one of this system's.
#[cfg(unix)]
pub(crate) fn os_str(bytes: &[u8]) -> Option<&OsStr> {
    Some(std::os::unix::ffi::OsStrExt::from_bytes(bytes))
}

/// A name that a file holds, as one of this system's.
#[cfg(not(unix))]
pub(crate) fn os_str(bytes: &[u8]) -> Option<&OsStr> {
    std::str::from_utf8(bytes).ok().map(OsStr::new)
}

fn has_debug_info(file: &object::File<'_>) -> bool {
    [".debug_info", ".zdebug_info"].iter().any(|name| {
        file.section_by_name(name)
            .is_some_and(|s| s.size() > 0 && s.file_range().is_some())
    })
}

/// `.build-id/ab/cdef….debug`
fn build_id_path(build_id: &[u8]) -> Option<PathBuf> {
    let (first, rest) = build_id
        .split_first()
        .filter(|(_, rest)| !rest.is_empty())?;
    let rest: String = rest.iter().map(|b| format!("{b:02x}")).collect();
    Some(PathBuf::from(format!(".build-id/{first:02x}/{rest}.debug")))
}
