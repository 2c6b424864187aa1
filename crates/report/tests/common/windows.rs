//! Programs of Windows that a test compiles.

use std::path::{Path, PathBuf};
use std::process::Command;

use freehold_ledger::format::Verdict;
use freehold_ledger::image::ImageIdentity;
use freehold_ledger::reader::{Frames, ModuleInfo, Session, Snapshot, Stacks};

use super::{BASE, block, run};

/// The prefix of the tools for Windows.
pub const TOOLS: &str = "x86_64-w64-mingw32-";

/// A program or library of Windows, and the path that a ledger has of it.
pub struct Image {
    path: PathBuf,
    source: String,
    recorded: String,
    pub identity: ImageIdentity,
}

/// Whether a tool can be started; tells when it cannot.
fn is_there(tool: &str) -> bool {
    let is_there = Command::new(tool).arg("--version").output().is_ok();
    if !is_there {
        eprintln!("no {tool} here: nothing was tested");
    }
    is_there
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

/// Compiles `source` as `NAME.exe` in a fresh folder; none where there is no compiler.
pub fn mingw(name: &str, language: &str, source: &str, flags: &[&str]) -> Option<Image> {
    let compiler = format!("{TOOLS}{}", if language == "c" { "gcc" } else { "g++" });
    if !is_there(&compiler) {
        return None;
    }
    let folder = folder(name);
    let file = format!("{name}.{language}");
    std::fs::write(folder.join(&file), source).expect("the source is written");
    let image = Image {
        path: folder.join(format!("{name}.exe")),
        source: file,
        recorded: String::new(),
        identity: ImageIdentity::default(),
    };
    // A library has no main, and is compiled later.
    match source.contains("main(") {
        true => Some(image.compile(flags)),
        false => Some(image),
    }
}

impl Image {
    /// Compiles it again, with other flags.
    pub fn compile(&self, flags: &[&str]) -> Image {
        let compiler = if self.source.ends_with(".c") {
            "gcc"
        } else {
            "g++"
        };
        run(Command::new(format!("{TOOLS}{compiler}"))
            .current_dir(self.folder())
            .args(["-o", self.path.to_str().expect("UTF-8"), &self.source])
            .args(flags));
        self.again()
    }

    /// What a ledger would have of the file as it is now.
    pub fn again(&self) -> Image {
        let bytes = std::fs::read(&self.path).expect("the image is read");
        let mut read = |at: u32, into: &mut [u8]| {
            let Some(from) = mapped(&bytes, at).and_then(|from| from.get(..into.len())) else {
                return false;
            };
            into.copy_from_slice(from);
            true
        };
        Image {
            path: self.path.clone(),
            source: self.source.clone(),
            recorded: self.path.to_string_lossy().into_owned(),
            identity: ImageIdentity::of_mapped(&mut read).expect("an image"),
        }
    }

    /// The same image, loaded as `path`.
    pub fn at(&self, path: &str) -> Image {
        Image {
            path: self.path.clone(),
            source: self.source.clone(),
            recorded: path.to_owned(),
            identity: self.identity,
        }
    }

    /// Gives the image another PDB than the one that was made with it.
    pub fn patch_guid(&mut self) {
        let mut bytes = std::fs::read(&self.path).expect("the image is read");
        let at = bytes
            .windows(4)
            .position(|w| w == b"RSDS")
            .expect("a PDB is named");
        bytes[at + 4] ^= 0xff;
        std::fs::write(&self.path, bytes).expect("the image is written");
        self.identity = self.again().identity;
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn folder(&self) -> &Path {
        self.path.parent().expect("a folder")
    }

    /// A lost block of 16 bytes with these return addresses, relative ones.
    pub fn session(&self, rvas: &[u64]) -> Session {
        let mut stacks = Stacks::new();
        let stack = stacks.add(&Frames {
            addresses: rvas.iter().map(|rva| BASE + rva).collect(),
            ..Frames::default()
        });
        let mut identity = [0; ImageIdentity::LONGEST];
        let module = ModuleInfo {
            start: BASE,
            end: BASE + u64::from(self.identity.size),
            bias: BASE,
            path: self.recorded.clone(),
            build_id: self.identity.write(&mut identity).to_vec(),
            ..ModuleInfo::default()
        };
        let mut snapshot = Snapshot {
            blocks: vec![block(0x1000, 16, stack, Verdict::Lost)],
            stacks,
            modules: vec![module],
            ..Snapshot::default()
        };
        snapshot.scan.done = true;
        Session {
            ledgers: vec![snapshot],
            ..Session::default()
        }
    }

    /// The listing of its code.
    fn listing(&self) -> String {
        run(Command::new(format!("{TOOLS}objdump"))
            .args(["-d", "--no-show-raw-insn"])
            .arg(&self.path))
    }

    fn base(&self) -> u64 {
        let headers = run(Command::new(format!("{TOOLS}objdump"))
            .arg("-p")
            .arg(&self.path));
        let line = headers.lines().find(|l| l.starts_with("ImageBase"));
        let digits = line
            .and_then(|l| l.split_whitespace().nth(1))
            .expect("a base");
        u64::from_str_radix(digits, 16).expect("an address")
    }

    /// Where the last call of an imported function returns to.
    pub fn rva_of_call_behind_start(&self) -> u64 {
        let listing = self.listing();
        self.behind_last_call(&listing)
    }

    fn behind_last_call(&self, listing: &str) -> u64 {
        let lines: Vec<&str> = listing.lines().collect();
        // Through a pointer, as imported functions are called.
        let is_call = |line: &&str| line.contains("call") && line.contains('*');
        let at = lines.iter().rposition(is_call).expect("a call");
        let address = lines[at + 1].trim().split(':').next().unwrap_or("");
        u64::from_str_radix(address, 16).expect("an address") - self.base()
    }
}

/// Where the last call of an imported function in `function` returns to.
pub fn address_of_call(image: &Image, function: &str) -> u64 {
    let listing = image.listing();
    let start = format!("<{function}>:");
    let body = listing.split(&start).nth(1).expect("the function is there");
    image.behind_last_call(body.split("\n\n").next().unwrap_or(body))
}

/// What lies in a file at a relative address.
fn mapped(bytes: &[u8], rva: u32) -> Option<&[u8]> {
    use object::{Object, ObjectSection};
    let file = object::File::parse(bytes).ok()?;
    let address = file.relative_address_base() + u64::from(rva);
    let section = file
        .sections()
        .find(|s| (s.address()..s.address() + s.size()).contains(&address));
    match section {
        Some(section) => section
            .data()
            .ok()?
            .get((address - section.address()) as usize..),
        None => bytes.get(rva as usize..),
    }
}

const RUST: &str = r#"#![no_std]
#[link(name = "kernel32", kind = "raw-dylib")]
unsafe extern "system" {
    fn GetProcessHeap() -> *mut u8;
    fn HeapAlloc(heap: *mut u8, flags: u32, bytes: usize) -> *mut u8;
}

#[inline(always)]
fn innermost(bytes: usize) -> *mut u8 {
    // SAFETY: the process's heap.
    unsafe { HeapAlloc(GetProcessHeap(), 0, bytes) }
}
#[inline(never)]
fn outer(bytes: usize) -> *mut u8 {
    let block = innermost(bytes + 1);
    // SAFETY: it has a byte.
    unsafe { *block = 1 };
    block
}
#[unsafe(no_mangle)]
extern "system" fn start() -> u32 {
    outer(1) as usize as u32
}
"#;

/// A program with a PDB, in the manner of Microsoft's tools: by a Rust compiler that
/// has its sources, without a standard library, and the linker of Rust's toolchain.
pub fn codeview_program(name: &str) -> Option<Image> {
    const TARGET: [&str; 4] = ["--target", "x86_64-pc-windows-msvc", "--edition", "2024"];
    let roots = ["rustc", "/usr/bin/rustc"].map(|rustc| (rustc, sysroot(rustc)));
    let source = "lib/rustlib/src/rust/library/core/src/lib.rs";
    let with_source = roots.iter().find_map(|(rustc, root)| {
        let core = root.as_ref()?.join(source);
        core.exists().then_some((*rustc, core))
    });
    let linker = roots.iter().find_map(|(_, root)| linker(root.as_ref()?));
    let (Some((rustc, core)), Some(linker)) = (with_source, linker) else {
        eprintln!("no sources of Rust's core or no linker here: nothing was tested");
        return None;
    };
    if !is_there(&format!("{TOOLS}objdump")) {
        return None;
    }
    let version = run(Command::new(rustc).arg("--version"));
    let version: String = version
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("core-{version}"));
    let compile = |folder: &Path| {
        let mut command = Command::new(rustc);
        // The core library is built with what is not stable.
        command
            .env("RUSTC_BOOTSTRAP", "1")
            .args(TARGET)
            .current_dir(folder);
        command.args(["--cap-lints", "allow"]);
        command
    };
    if !made.exists() {
        // Only its types: nothing of its code is called.
        let new = made.with_extension(std::process::id().to_string());
        std::fs::create_dir_all(&new).expect("a folder");
        let types = ["--crate-type", "rlib", "--emit=metadata", "--crate-name"];
        run(compile(&new).args(types).arg("core").arg(core));
        let builtins = "#![feature(compiler_builtins)]\n#![compiler_builtins]\n#![no_std]\n";
        std::fs::write(new.join("builtins.rs"), builtins).expect("written");
        run(compile(&new)
            .args(types)
            .args(["compiler_builtins", "-L", ".", "builtins.rs"]));
        // Another test may have been faster.
        if std::fs::rename(&new, &made).is_err() {
            std::fs::remove_dir_all(&new).expect("removed");
        }
    }
    let folder = folder(name);
    std::fs::write(folder.join(format!("{name}.rs")), RUST).expect("written");
    run(compile(&folder)
        .args([
            "-g",
            "-Copt-level=2",
            "-Cpanic=abort",
            "--crate-type=rlib",
            "-L",
        ])
        .arg(&made)
        .args([&format!("{name}.rs"), "-o", &format!("lib{name}.rlib")]));
    run(Command::new(linker)
        .current_dir(&folder)
        .args([
            "-flavor",
            "link",
            "/subsystem:console",
            "/entry:start",
            "/nodefaultlib",
        ])
        .args(["/debug", "/wholearchive", &format!("lib{name}.rlib")])
        .arg(format!("/out:{name}.exe")));
    let image = Image {
        path: folder.join(format!("{name}.exe")),
        source: String::new(),
        recorded: String::new(),
        identity: ImageIdentity::default(),
    };
    Some(image.again())
}

fn sysroot(rustc: &str) -> Option<PathBuf> {
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(text.trim()))
}

/// `rust-lld` of a toolchain.
fn linker(sysroot: &Path) -> Option<PathBuf> {
    let hosts = std::fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    let linkers = hosts.flatten().map(|host| host.path().join("bin/rust-lld"));
    linkers.into_iter().find(|linker| linker.exists())
}
