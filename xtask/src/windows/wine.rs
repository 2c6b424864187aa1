//! Wine: its prefixes, and programs in them.
//!
//! That for 64-bit programs is Debian's package. 32-bit programs need Debian's other one,
//! for i386: only its files are taken, into the user's cache folder, so that the system
//! needs no second architecture.
//!
//! What is not here: what is built for Windows, and run (`super`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{dist, packages};

/// How long one test program may run.
const LONGEST_RUN: Duration = Duration::from_secs(400);
/// How long it may take to make a prefix.
const LONGEST_BOOT: Duration = Duration::from_secs(180);

/// Debian has it outside of the path.
pub(super) const WINE64: &str = "/usr/lib/wine/wine64";
/// What Wine for 32-bit programs loads and has not in its package: mingw's.
const ZLIB: &str = "/usr/i686-w64-mingw32/lib/zlib1.dll";
const STRIP: &str = "/usr/bin/i686-w64-mingw32-strip";

/// File that proves a package, and the package.
const NEEDED_32: &[(&str, &str)] = &[
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/dpkg-deb", "dpkg"),
    ("/usr/lib32/libc.so.6", "libc6-i386"),
    (STRIP, "binutils-mingw-w64-i686"),
    (ZLIB, "libz-mingw-w64"),
];

/// Programs of which kind it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wine {
    Bits64,
    Bits32,
}

/// The user's cache folder of the project.
pub(crate) fn cache() -> Result<PathBuf, String> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty());
    let cache = match (set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => PathBuf::from(home).join(".cache"),
        (None, None) => return Err("neither XDG_CACHE_HOME nor HOME is set".into()),
    };
    Ok(cache.join("freehold"))
}

/// Makes a folder beside its place first: half of one must not be taken for one.
fn whole(place: &Path, make: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let new = place.with_extension(std::process::id().to_string());
    let error = |e: std::io::Error| format!("{}: {e}", new.display());
    fs::create_dir_all(&new).map_err(error)?;
    make(&new)?;
    match fs::rename(&new, place) {
        // Another one was faster.
        Err(_) if place.exists() => fs::remove_dir_all(&new).map_err(error),
        other => other.map_err(error),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
    let name = from.file_name().unwrap_or_default();
    fs::copy(from, to.join(name)).map_err(|e| format!("{}: {e}", from.display()))?;
    Ok(())
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("{command:?} ended with {}: {said}", output.status))
        }
    }
}

impl Wine {
    /// Where the prefix lies.
    pub(super) fn prefix(self) -> Result<PathBuf, String> {
        let name = match self {
            Wine::Bits64 => "wine-prefix",
            Wine::Bits32 => "wine32-prefix",
        };
        Ok(cache()?.join(name))
    }

    /// The folder of Wine's own programs, and the names of its loader and server.
    fn programs(self) -> Result<(PathBuf, [&'static str; 2]), String> {
        Ok(match self {
            Wine::Bits64 => {
                let folder = Path::new(WINE64).parent().unwrap_or(Path::new("/"));
                (folder.to_path_buf(), ["wine64", "wineserver64"])
            }
            Wine::Bits32 => {
                let folder = cache()?.join("wine32/usr/lib/wine");
                (folder, ["wine", "wineserver32"])
            }
        })
    }

    /// Fetches what Debian has for 32-bit programs, once.
    pub(super) fn install_32() -> Result<(), String> {
        packages::install_from(NEEDED_32)?;
        let place = cache()?.join("wine32");
        if place.exists() {
            return Ok(());
        }
        eprintln!("\n==> Wine for 32-bit programs, in {}", place.display());
        whole(&place, |new| {
            let apt = new.join("apt");
            for folder in ["lists/partial", "cache/archives/partial", "packages"] {
                let folder = apt.join(folder);
                fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            }
            let status = apt.join("status");
            fs::write(&status, "").map_err(|e| format!("{}: {e}", status.display()))?;
            let get = |words: &[&str]| {
                let mut get = Command::new("/usr/bin/apt-get");
                for (option, value) in [
                    ("APT::Architecture", "i386".into()),
                    ("APT::Architectures", "i386".into()),
                    ("APT::Sandbox::User", "root".into()),
                    ("Dir::State::lists", apt.join("lists").display().to_string()),
                    ("Dir::State::status", status.display().to_string()),
                    ("Dir::Cache", apt.join("cache").display().to_string()),
                ] {
                    get.arg("-o").arg(format!("{option}={value}"));
                }
                get.args(["-qq"])
                    .args(words)
                    .current_dir(apt.join("packages"));
                get
            };
            // A source that has nothing for this architecture does not matter, as long
            // as the packages are found.
            let updated = succeed(&mut get(&["update"]));
            succeed(&mut get(&["download", "wine32", "libwine"]))
                .map_err(|e| format!("{e}\n{}", updated.err().unwrap_or_default()))?;
            let packages = fs::read_dir(apt.join("packages")).map_err(|e| e.to_string())?;
            for package in packages.flatten() {
                let mut unpack = Command::new("/usr/bin/dpkg-deb");
                succeed(unpack.arg("-x").arg(package.path()).arg(new))?;
            }
            let libraries = new.join("usr/lib/i386-linux-gnu/wine/i386-windows");
            copy(Path::new(ZLIB), &libraries)?;
            // More than half of it is of use to debuggers only.
            let files = fs::read_dir(&libraries).map_err(|e| e.to_string())?;
            let files = files.flatten().map(|file| file.path());
            let _ = Command::new(STRIP)
                .arg("--strip-debug")
                .args(files)
                .output();
            fs::remove_dir_all(&apt).map_err(|e| format!("{}: {e}", apt.display()))
        })
    }

    /// Makes the prefix when it is not there.
    pub(super) fn make_prefix(self) -> Result<(), String> {
        let place = self.prefix()?;
        if place.join("system.reg").exists() {
            return Ok(());
        }
        eprintln!("\n==> a Wine prefix in {}", place.display());
        whole(&place, |new| {
            if self == Wine::Bits32 {
                copy(Path::new(ZLIB), &new.join("drive_c/windows/system32"))?;
            }
            let error = |e: std::io::Error| format!("{}: {e}", new.display());
            let [loader, server] = self.programs()?.1;
            let mut boot = self.tool(loader, new)?;
            boot.args(["wineboot.exe", "--init"]);
            let log = new.join("boot.log");
            let output = File::create(&log).map_err(error)?;
            let status = run_within(&mut boot, output, LONGEST_BOOT)?;
            // The registry is written when its server ends, which it does by itself
            // soon after the last program.
            let mut server = self.tool(server, new)?;
            let output = File::create(&log).map_err(error)?;
            run_within(server.arg("-w"), output, LONGEST_BOOT)?;
            match status.success() && new.join("system.reg").exists() {
                true => Ok(()),
                false => Err(format!("wineboot failed ({status}): {}", log.display())),
            }
        })
    }

    /// A program of Wine with nothing that opens windows: without a display, Wine's
    /// desktop and debugger would start each other again and again.
    fn tool(self, name: &str, prefix: &Path) -> Result<Command, String> {
        let (folder, [_, server]) = self.programs()?;
        let mut command = Command::new(folder.join(name));
        command
            .env("WINEPREFIX", prefix)
            .env("WINEDEBUG", "-all")
            .env(
                "WINEDLLOVERRIDES",
                "mscoree,mshtml=;winemenubuilder.exe,winedbg.exe,explorer.exe=",
            )
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        if self == Wine::Bits32 {
            command
                .env("WINEARCH", "win32")
                .env("WINESERVER", folder.join(server));
        }
        Ok(command)
    }

    /// Runs a Windows program: what cargo calls for each test program. Gives its exit
    /// status.
    pub(crate) fn run(self, program: &str, arguments: &[&str]) -> Result<u8, String> {
        let (status, text) = self.run_quietly(program, arguments)?;
        print!("{}", String::from_utf8_lossy(&text));
        Ok(status.code().map_or(1, |code| code as u8))
    }

    /// What a program prints that must end with 0.
    pub(super) fn output_of(self, program: &Path) -> Result<String, String> {
        let path = program.to_str().ok_or("the target folder is no UTF-8")?;
        let (status, text) = self.run_quietly(path, &[])?;
        let text = String::from_utf8_lossy(&text).into_owned();
        match status.success() {
            true => Ok(text),
            false => Err(format!("{path} ended with {status}:\n{text}")),
        }
    }

    fn run_quietly(
        self,
        program: &str,
        arguments: &[&str],
    ) -> Result<(ExitStatus, Vec<u8>), String> {
        self.make_prefix()?;
        let folder = dist::target().join("windows/output");
        let error = |e: std::io::Error| format!("{}: {e}", folder.display());
        fs::create_dir_all(&folder).map_err(error)?;
        // Not straight to where our output goes: Wine's services live longer than the
        // program, and would keep a pipe open.
        let path = folder.join(format!("{}.txt", std::process::id()));
        let (mut result, mut text);
        let mut tries = 0;
        loop {
            let output = File::create(&path).map_err(error)?;
            let mut command = self.tool(self.programs()?.1[0], &self.prefix()?)?;
            command.arg(program).args(arguments);
            // Programs look for the C++ runtime there.
            command.env("WINEPATH", self.cpp_runtime()?);
            result = run_within(&mut command, output, LONGEST_RUN);
            text = fs::read(&path).map_err(error)?;
            tries += 1;
            // Wine's server ends a few seconds after its last program. One that begins
            // at that moment loses it, before the program has run.
            if tries == 3 || !text.starts_with(b"wine client error:0:") {
                break;
            }
        }
        let _ = fs::remove_file(&path);
        Ok((result?, text))
    }

    /// The folder with mingw's C++ runtime, as programs of Windows name it.
    fn cpp_runtime(self) -> Result<String, String> {
        let name = "libstdc++-6.dll";
        let compiler = match self {
            Wine::Bits64 => "/usr/bin/x86_64-w64-mingw32-g++",
            Wine::Bits32 => "/usr/bin/i686-w64-mingw32-g++",
        };
        let output = Command::new(compiler)
            .arg(format!("-print-file-name={name}"))
            .output()
            .map_err(|e| format!("{compiler}: {e}"))?;
        let path = String::from_utf8_lossy(&output.stdout);
        // Of a file that it does not know it prints the name alone.
        let folder = Path::new(path.trim()).parent().unwrap_or(Path::new(""));
        let folder = fs::canonicalize(folder).map_err(|_| format!("{compiler} has no {name}"))?;
        Ok(format!("Z:{}", folder.display()).replace('/', "\\"))
    }
}

/// Runs a command with its output in a file, and ends it when it takes too long.
fn run_within(
    command: &mut Command,
    output: File,
    longest: Duration,
) -> Result<ExitStatus, String> {
    let name = format!("{command:?}");
    let both = output.try_clone().map_err(|e| e.to_string())?;
    let child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(both)
        .spawn();
    let mut child: Child = child.map_err(|e| format!("{name}: {e}"))?;
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if start.elapsed() < longest => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name}: ended after {} s", longest.as_secs()));
            }
            Err(e) => return Err(format!("{name}: {e}")),
        }
    }
}
