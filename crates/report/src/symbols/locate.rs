//! Which files hold the names of an object: the object itself, its separate
//! debug file, and that file's supplementary file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection};
use typed_arena::Arena;

use super::{Condition, Subject, mini};
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
}

/// Where to look, and where to keep what was found.
pub(crate) struct Search<'s, 'a> {
    pub(crate) files: &'s dyn Files,
    pub(crate) debug_roots: &'s [PathBuf],
    pub(crate) arena: &'a Arena<Bytes>,
}

impl<'a> Search<'_, 'a> {
    fn open(&self, path: &Path) -> std::io::Result<&'a [u8]> {
        let bytes = self.files.open(path)?;
        Ok((**self.arena.alloc(bytes)).as_ref())
    }

    /// Finds the files of `subject`, and says in what condition its own is.
    pub(crate) fn locate(&self, subject: &Subject) -> (Located<'a>, Condition) {
        let mut located = Located::default();
        let condition = self.add_own_file(subject, &mut located);
        if located.debug.is_none()
            && let Some(file) = self.debug_file(subject, located.tables.first())
        {
            located.tables.insert(0, file);
            located.debug = Some(0);
        }
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

    fn add_own_file(&self, subject: &Subject, located: &mut Located<'a>) -> Condition {
        let (path, deleted) = subject.file();
        if !path.is_absolute() {
            return Condition::NoFile;
        }
        // The path of a deleted file may name its successor; only a build id
        // can tell.
        if deleted && subject.build_id.is_empty() {
            return Condition::Missing(String::from("was deleted while it was in use"));
        }
        let bytes = match self.open(path) {
            Ok(bytes) => bytes,
            Err(e) => return Condition::Missing(format!("cannot be read: {e}")),
        };
        let file = match object::File::parse(bytes) {
            Ok(file) => file,
            Err(e) => return Condition::Missing(format!("cannot be read: {e}")),
        };
        if !subject.build_id.is_empty() && file.build_id().ok().flatten() != Some(&subject.build_id)
        {
            return Condition::Changed;
        }
        if has_debug_info(&file) {
            located.debug = Some(located.tables.len());
        }
        located.tables.push(file);
        Condition::Found
    }

    fn debug_file(
        &self,
        subject: &Subject,
        own: Option<&object::File<'a>>,
    ) -> Option<object::File<'a>> {
        let by_build_id = || {
            let relative = build_id_path(&subject.build_id)?;
            let mut roots = self.debug_roots.iter();
            roots.find_map(|root| self.matching(&root.join(&relative), &subject.build_id, None))
        };
        by_build_id().or_else(|| self.linked_debug_file(subject, own?))
    }

    fn linked_debug_file(
        &self,
        subject: &Subject,
        own: &object::File<'a>,
    ) -> Option<object::File<'a>> {
        let (name, crc) = own.gnu_debuglink().ok().flatten()?;
        // A name, never a path: the object may be hostile.
        if name.is_empty() || name.contains(&b'/') {
            return None;
        }
        let name = OsStr::from_bytes(name);
        let (path, _) = subject.file();
        let folder = path.parent()?;
        let below_root = folder.strip_prefix("/").unwrap_or(folder);
        let beside = [folder.join(name), folder.join(".debug").join(name)];
        let roots = self
            .debug_roots
            .iter()
            .map(|r| r.join(below_root).join(name));
        beside
            .into_iter()
            .chain(roots)
            .filter(|candidate| candidate != path)
            .find_map(|candidate| self.matching(&candidate, &subject.build_id, Some(crc)))
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
        let named = Path::new(OsStr::from_bytes(name));
        let (own, _) = subject.file();
        let by_build_id = build_id_path(build_id);
        let mut candidates = Vec::new();
        for root in self.debug_roots {
            candidates.extend(by_build_id.as_ref().map(|relative| root.join(relative)));
        }
        if named.is_absolute() {
            candidates.push(named.to_path_buf());
            if let Ok(below) = named.strip_prefix("/usr/lib/debug") {
                candidates.extend(self.debug_roots.iter().map(|root| root.join(below)));
            }
        } else {
            let file_name = build_id_path(&subject.build_id);
            for root in self.debug_roots {
                let folder = file_name
                    .as_ref()
                    .and_then(|f| Some(root.join(f.parent()?)));
                candidates.extend(folder.map(|f| f.join(named)));
            }
            candidates.extend(own.parent().map(|folder| folder.join(named)));
        }
        let mut candidates = candidates.iter();
        candidates.find_map(|path| self.matching(path, build_id, None))
    }
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
