//! Linux: `/proc`, `pread`, the terminal's own request.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Stream;

/// Columns of the terminal that a stream goes to; none when it is no terminal.
pub(crate) fn columns(stream: Stream) -> Option<usize> {
    let fd = match stream {
        Stream::Output => libc::STDOUT_FILENO,
        Stream::Error => libc::STDERR_FILENO,
    };
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the request fills a winsize.
    let failed = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &mut size) } != 0;
    let columns = usize::from(size.ws_col);
    (!failed && columns > 0).then_some(columns)
}

/// Fills `into` with what lies at `at`.
pub(crate) fn read_exact_at(file: &File, into: &mut [u8], at: u64) -> io::Result<()> {
    file.read_exact_at(into, at)
}

/// Writes all of `bytes` to the place `at`.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    file.write_all_at(bytes, at)
}

/// What a process does, in a word; none when it has ended.
pub(crate) fn state(pid: u32) -> Option<&'static str> {
    match crate::wait::state_of(pid)? {
        'T' | 't' => Some("stopped"),
        'R' => Some("running"),
        'D' => Some("waiting"),
        'Z' | 'X' => None,
        _ => Some("sleeping"),
    }
}

/// The program and its arguments, as the system has them.
pub(crate) fn command(pid: u32) -> Option<Vec<String>> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let words = line.split(|b| *b == 0);
    let words = words.map(|w| String::from_utf8_lossy(w).into_owned());
    Some(words.collect())
}
