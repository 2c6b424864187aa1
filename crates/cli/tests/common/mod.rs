//! What the tests of the command share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The command, with nothing in its environment that changes what it does.
pub(crate) fn freehold() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_freehold"));
    for name in [
        "FREEHOLD_SESSION",
        "FREEHOLD_PRELOAD",
        "LD_PRELOAD",
        "NO_COLOR",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    #[cfg(unix)]
    with_usual_signals(&mut command);
    command
}

/// Whoever runs the tests may ignore signals: a shell does for what it runs in
/// the background, `nohup` does, and so do runners of tests.
#[cfg(unix)]
fn with_usual_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: the calls may be made between fork and exec.
    unsafe {
        command.pre_exec(|| {
            for signal in (1..32).filter(|signal| *signal != libc::SIGPIPE) {
                libc::signal(signal, libc::SIG_DFL);
            }
            Ok(())
        });
    }
}

/// Runs it with these arguments.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    freehold().args(arguments).output().unwrap()
}

/// What it wrote to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it wrote to standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The JSON in these bytes.
#[track_caller]
pub(crate) fn parsed(bytes: &[u8]) -> serde_json::Value {
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A folder that goes away with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one.
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("freehold-cli-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes an executable file.
    #[cfg(unix)]
    pub(crate) fn executable(&self, name: &str, contents: &[u8]) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let written = self.path(&format!("{name}.written"));
        std::fs::write(&written, contents).unwrap();
        std::fs::set_permissions(&written, PermissionsExt::from_mode(0o755)).unwrap();
        self.copy(&written, name)
    }

    /// Copies an executable file. Another process does it: one that a test beside
    /// this one forks meanwhile would hold our file open for writing, and what is
    /// open so cannot be run.
    pub(crate) fn copy(&self, from: &Path, name: &str) -> PathBuf {
        let path = self.path(name);
        let mut copy = Command::new("cp");
        let status = copy.arg("-p").arg(from).arg(&path).status().unwrap();
        assert!(status.success());
        path
    }

    /// Compiles a C program.
    pub(crate) fn compile(&self, name: &str, source: &str, flags: &[&str]) -> PathBuf {
        self.compile_by("cc", "c", name, source, flags)
    }

    /// The same in C++.
    pub(crate) fn compile_cpp(&self, name: &str, source: &str) -> PathBuf {
        self.compile_by("c++", "cpp", name, source, &["-w"])
    }

    fn compile_by(
        &self,
        compiler: &str,
        suffix: &str,
        name: &str,
        source: &str,
        flags: &[&str],
    ) -> PathBuf {
        let file = self.path(&format!("{name}.{suffix}"));
        std::fs::write(&file, source).unwrap();
        let program = self.path(name);
        let mut command = Command::new(compiler);
        command
            .args(["-g", "-O0", "-o"])
            .arg(&program)
            .arg(&file)
            .args(flags);
        assert!(command.status().unwrap().success(), "{compiler} {name}");
        program
    }

    /// A program that loses ten blocks of 1000 bytes and ends with 3.
    pub(crate) fn leaky(&self) -> PathBuf {
        let source = "\
            #include <stdlib.h>\n\
            #include <string.h>\n\
            void *kept;\n\
            void lose(void) { char *p = malloc(1000); memset(p, 1, 1000); }\n\
            int main(void) { for (int i = 0; i < 10; i++) lose(); kept = malloc(5000); return 3; }\n";
        self.compile("leaky", source, &[])
    }

    /// A program that loses a block, says `up`, and allocates until it is
    /// killed or a minute has passed. With an argument it only sleeps; with
    /// `late` until it gets SIGUSR1.
    pub(crate) fn endless(&self) -> PathBuf {
        let source = "\
            #include <stdlib.h>\n\
            #include <stdio.h>\n\
            #include <string.h>\n\
            #include <unistd.h>\n\
            #include <signal.h>\n\
            static volatile int told;\n\
            void tell(int signal) { told = signal; }\n\
            void lose(void) { char *p = malloc(777); memset(p, 1, 777); }\n\
            void clear(void) { char waste[4096]; memset(waste, 0, sizeof waste); }\n\
            int main(int count, char **arguments) {\n\
              if (count > 1 && !strcmp(arguments[1], \"late\")) signal(SIGUSR1, tell);\n\
              lose(); clear(); puts(\"up\"); fflush(stdout);\n\
              for (int i = 0; i < 6000; i++) {\n\
                if (count == 1 || told) free(malloc(10));\n\
                usleep(10000);\n\
              }\n\
              return 0; }\n";
        self.compile("endless", source, &[])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits until `what` gives something.
#[track_caller]
pub(crate) fn eventually<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = what() {
            return value;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it never happened"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a file holds this text.
pub(crate) fn holds(path: &Path, text: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|found| found.contains(text))
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|w| w.parse().ok())
        .collect()
}
