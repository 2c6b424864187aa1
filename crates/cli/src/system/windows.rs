//! Windows: the console, files by overlapped offsets, processes by handle.

use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;
use std::os::windows::io::{AsRawHandle, RawHandle};

use super::Stream;

const PROCESS_QUERY_LIMITED_INFORMATION: u32 = 0x1000;
const SYNCHRONIZE: u32 = 0x10_0000;
const WAIT_TIMEOUT: u32 = 258;
const ERROR_ACCESS_DENIED: i32 = 5;
/// From 1601 to 1970, in units of 100 ns.
const EPOCH: u64 = 116_444_736_000_000_000;

#[repr(C)]
#[derive(Default)]
struct ConsoleInfo {
    size: [i16; 2],
    cursor: [i16; 2],
    attributes: u16,
    /// Left, top, right, bottom.
    window: [i16; 4],
    largest: [i16; 2],
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetConsoleScreenBufferInfo(console: RawHandle, info: *mut ConsoleInfo) -> i32;
    fn OpenProcess(access: u32, inherit: i32, pid: u32) -> RawHandle;
    fn CloseHandle(handle: RawHandle) -> i32;
    fn WaitForSingleObject(handle: RawHandle, ms: u32) -> u32;
    fn GetProcessTimes(
        process: RawHandle,
        created: *mut u64,
        ended: *mut u64,
        kernel: *mut u64,
        user: *mut u64,
    ) -> i32;
}

/// Columns of the console that a stream goes to; none when it is no console.
pub(crate) fn columns(stream: Stream) -> Option<usize> {
    let handle = match stream {
        Stream::Output => io::stdout().as_raw_handle(),
        Stream::Error => io::stderr().as_raw_handle(),
    };
    let mut info = ConsoleInfo::default();
    // SAFETY: the call fills the structure, and refuses what is no console.
    let failed = unsafe { GetConsoleScreenBufferInfo(handle, &mut info) } == 0;
    let columns = i32::from(info.window[2]) - i32::from(info.window[0]) + 1;
    usize::try_from(columns).ok().filter(|_| !failed)
}

/// Fills `into` with what lies at `at`.
pub(crate) fn read_exact_at(file: &File, into: &mut [u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < into.len() {
        match file.seek_read(&mut into[done..], at + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(())
}

/// Writes all of `bytes` to the place `at`.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.seek_write(&bytes[done..], at + done as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => done += written,
        }
    }
    Ok(())
}

/// What a number of a process stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existence {
    /// A process that runs, created so many nanoseconds after 1970 began.
    Runs(u64),
    /// One that may not be looked at.
    Hidden,
    /// None that runs.
    Gone,
}

/// Whether there is such a process, and since when.
pub(crate) fn existence(pid: u32) -> Existence {
    // SAFETY: no pointers.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, 0, pid) };
    if process.is_null() {
        let error = io::Error::last_os_error().raw_os_error();
        return match error {
            Some(ERROR_ACCESS_DENIED) => Existence::Hidden,
            _ => Existence::Gone,
        };
    }
    let mut times = [0; 4];
    let [created, ended, kernel, user] = &mut times;
    // SAFETY: an open handle, closed once; four places for the times. A process that
    // ended stays as long as somebody holds a handle of it.
    let (runs, got) = unsafe {
        let runs = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
        let got = GetProcessTimes(process, created, ended, kernel, user) != 0;
        CloseHandle(process);
        (runs, got)
    };
    match runs && got {
        true => Existence::Runs(times[0].saturating_sub(EPOCH).saturating_mul(100)),
        false => Existence::Gone,
    }
}

/// What a process does, in a word; none when it has ended. Whether it waits for
/// something only its threads could tell.
pub(crate) fn state(pid: u32) -> Option<&'static str> {
    matches!(existence(pid), Existence::Runs(_)).then_some("running")
}

/// Nothing that the system tells about other processes.
pub(crate) fn command(_pid: u32) -> Option<Vec<String>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_run_until_they_end() {
        let own = std::process::id();
        let Existence::Runs(since) = existence(own) else {
            panic!("this process runs");
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.expect("after 1970").as_nanos() as u64;
        assert!(
            since <= now && now - since < 3_600_000_000_000,
            "{since} {now}"
        );
        let mut child = std::process::Command::new("cmd.exe");
        let mut child = child.args(["/c", "exit 0"]).spawn().expect("started");
        child.wait().expect("ended");
        // The handle of `child` still names it.
        assert_eq!(existence(child.id()), Existence::Gone);
        assert_eq!(state(child.id()), None);
    }

    #[test]
    fn places_in_files_are_read_and_written() {
        let path =
            std::env::temp_dir().join(format!("freehold-system-{own}", own = std::process::id()));
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        let file = file.expect("a file");
        write_all_at(&file, b"hello", 1000).expect("written");
        let mut read = [0; 6];
        read_exact_at(&file, &mut read, 999).expect("read");
        assert_eq!(&read, b"\0hello");
        assert!(read_exact_at(&file, &mut read, 1000).is_err());
        drop(file);
        std::fs::remove_file(path).expect("removed");
    }
}
