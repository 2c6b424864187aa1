//! Where a report goes: a file that appears whole or not at all, or a stream;
//! colours, width and progress of the terminal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anstream::ColorChoice;

use crate::args::Color;
use crate::errors::Failure;
use crate::system::{self, Stream};

/// Where to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What stands at this path.
    File(PathBuf),
}

impl Target {
    /// What `-o` named, or `default`.
    pub(crate) fn new(output: Option<&Path>, default: Target) -> Target {
        match output {
            None => default,
            Some(path) if path.as_os_str() == "-" => Target::Stdout,
            Some(path) => Target::File(path.into()),
        }
    }

    /// Finds out now whether writing will work, so that nobody runs a program
    /// for an hour only to lose the report.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self {
            Target::File(path) => Pending::begin(path).map(drop),
            _ => Ok(()),
        }
    }

    /// Writes `text`.
    pub(crate) fn write(&self, text: &str) -> Result<(), Failure> {
        let written = match self {
            Target::Stdout => io::stdout().lock().write_all(text.as_bytes()),
            Target::Stderr => io::stderr().lock().write_all(text.as_bytes()),
            Target::File(path) => {
                let mut pending = Pending::begin(path)?;
                let written = pending.file.write_all(text.as_bytes());
                return written
                    .and_then(|()| pending.finish())
                    .map_err(|e| cannot_write(path, &e));
            }
        };
        match written {
            // Whoever read it has seen enough.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(e) => Err(Failure::freehold(format!("cannot write the report: {e}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Whether to colour what is written there.
    pub(crate) fn colors(&self, wish: Color) -> bool {
        let choice = match (wish, self) {
            (Color::Always, _) => return true,
            (Color::Never, _) | (_, Target::File(_)) => return false,
            (Color::Auto, Target::Stdout) => anstream::AutoStream::choice(&io::stdout()),
            (Color::Auto, Target::Stderr) => anstream::AutoStream::choice(&io::stderr()),
        };
        choice != ColorChoice::Never
    }

    /// Columns of a line: 100, or fewer on a narrow terminal.
    pub(crate) fn width(&self) -> usize {
        const MOST: usize = 100;
        const LEAST: usize = 40;
        let stream = match self {
            Target::Stdout => Stream::Output,
            Target::Stderr => Stream::Error,
            Target::File(_) => return MOST,
        };
        system::columns(stream).map_or(MOST, |columns| columns.clamp(LEAST, MOST))
    }
}

/// The sentence for a file that cannot be written.
pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::freehold(format!("cannot write {}: {error}", path.display()))
}

/// A file that is being written. What stood at its path stays until
/// [`Pending::finish`]; dropped before, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Pending {
    /// What to write to.
    pub(crate) file: File,
    /// The temporary name and the one that it shall get; none where the file
    /// is written in place.
    names: Option<(PathBuf, PathBuf)>,
}

impl Pending {
    /// Begins a file for `path`. Devices and pipes are written in place.
    pub(crate) fn begin(path: &Path) -> Result<Pending, Failure> {
        Pending::open(path).map_err(|e| cannot_write(path, &e))
    }

    fn open(path: &Path) -> io::Result<Pending> {
        let existing = fs::metadata(path);
        if existing.as_ref().is_ok_and(fs::Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if existing.as_ref().is_ok_and(|m| !m.is_file()) {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Pending { file, names: None });
        }
        // Through a link, so that the link stays one.
        let target = match existing {
            Ok(_) => {
                // Not what this writes to, but it must be allowed to.
                OpenOptions::new().append(true).open(path)?;
                fs::canonicalize(path)?
            }
            Err(_) => path.to_owned(),
        };
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.part", std::process::id()));
        let temporary = target.with_file_name(temporary);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&temporary)?;
        Ok(Pending {
            file,
            names: Some((temporary, target)),
        })
    }

    /// Puts the file in its place.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Some((temporary, target)) = &self.names {
            fs::rename(temporary, target)?;
            self.names = None;
        }
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.names {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// A line on a terminal that says what takes so long. Nothing is written
/// where there is no terminal, or before something has taken long.
#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    begun: Instant,
    written: Option<Instant>,
}

impl Progress {
    /// A new line, not yet visible.
    pub(crate) fn new() -> Progress {
        Progress {
            is_terminal: io::stderr().is_terminal(),
            begun: Instant::now(),
            written: None,
        }
    }

    /// Shows `text`, unless it is too early or the last is too fresh.
    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        let patience = Duration::from_millis(400);
        let fresh = Duration::from_millis(60);
        if !self.is_terminal || self.begun.elapsed() < patience {
            return;
        }
        if self.written.is_some_and(|last| last.elapsed() < fresh) {
            return;
        }
        self.written = Some(Instant::now());
        let _ = write!(io::stderr(), "\r\x1b[Kfreehold: {}", text());
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.written.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A sentence from Freehold to whoever started it. It must never fail: the
/// standard error of a program that ended may be closed.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "freehold: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checked_target_leaves_nothing() {
        let directory =
            std::env::temp_dir().join(format!("freehold-output-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("report.txt");
        let target = Target::new(Some(&path), Target::Stderr);
        target.check().unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        target.write("hello").unwrap();
        target.write("again").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "again");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for path in ["/", "/nowhere/at/all", "/proc/version/x"] {
            let target = Target::new(Some(Path::new(path)), Target::Stderr);
            let failure = target.check().unwrap_err();
            assert!(failure.message.contains(path), "{failure}");
        }
    }
}
