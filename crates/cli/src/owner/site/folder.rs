//! The folder of a site: a new one, an empty one, or one that a site is in.
//!
//! A list in it says which files are the site's. Only those are replaced, and removed
//! when there is no page for them any more; a folder with other things and without a
//! list is left alone.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::errors::Failure;
use crate::output::cannot_write;

/// The file with the list, and its first line.
const LIST: &str = "freehold-site.txt";
const HEAD: &str = "freehold owner --export site: these files are replaced when it is made again";

/// A folder that is ready for the files of a site.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder ready for files of these names.
    ///
    /// # Errors
    /// When things of others are in it, or it cannot be written.
    pub(super) fn begin<'a>(
        folder: &Path,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Folder, Failure> {
        if folder.is_file() {
            return Err(Failure::freehold(format!(
                "{} is a file: a site is many files; name a folder for it",
                folder.display()
            )));
        }
        let old = match fs::read_dir(folder) {
            Ok(mut entries) => match entries.next() {
                Some(_) => of_site(folder)?,
                None => BTreeSet::new(),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(e) => return Err(cannot_write(folder, &e)),
        };
        let names: BTreeSet<&str> = names.collect();
        let folders = names.iter().filter_map(|name| Path::new(name).parent());
        for inner in folders.collect::<BTreeSet<_>>() {
            let path = folder.join(inner);
            fs::create_dir_all(&path).map_err(|e| cannot_write(&path, &e))?;
        }
        // The list before the files: what is interrupted can be made again. Until all
        // old ones are gone they are in it, too.
        let both = names.iter().copied().chain(old.iter().map(String::as_str));
        list(folder, both.collect())?;
        for name in old.iter().filter(|name| !names.contains(name.as_str())) {
            let path = folder.join(name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(cannot_write(&path, &e));
                }
                _ => {}
            }
        }
        list(folder, names)?;
        Ok(Folder(folder.into()))
    }

    /// Writes the files, each with its text.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) fn write(&self, files: &[(String, String)]) -> Result<(), Failure> {
        for (name, text) in files {
            let path = self.0.join(name);
            fs::write(&path, text).map_err(|e| cannot_write(&path, &e))?;
        }
        Ok(())
    }
}

fn list(folder: &Path, names: BTreeSet<&str>) -> Result<(), Failure> {
    let names: Vec<&str> = names.into_iter().collect();
    let path = folder.join(LIST);
    fs::write(&path, format!("{HEAD}\n{}\n", names.join("\n"))).map_err(|e| cannot_write(&path, &e))
}

/// The files of the site that is in this folder.
fn of_site(folder: &Path) -> Result<BTreeSet<String>, Failure> {
    let text = fs::read_to_string(folder.join(LIST)).unwrap_or_default();
    let Some(names) = text.strip_prefix(HEAD) else {
        return Err(Failure::freehold(format!(
            "{} has things in it that are no site of Freehold's: name a new folder or an empty one",
            folder.display()
        )));
    };
    // Whoever changed the list: nothing outside the folder is touched.
    let is_inside = |name: &&str| {
        let parts = Path::new(name).components();
        !name.is_empty()
            && parts
                .into_iter()
                .all(|part| matches!(part, Component::Normal(_)))
    };
    Ok(names.lines().filter(is_inside).map(String::from).collect())
}
