//! Programs that a test compiles, and sessions made by hand.
// Each test binary uses its own part of this.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test file uses a part of it, and nobody reads its documentation"
)]

pub mod model;
#[cfg(unix)]
pub mod windows;

use std::path::{Path, PathBuf};
use std::process::Command;

use freehold_ledger::format::{Family, Owner, Record, Verdict};
use freehold_ledger::reader::{Block, Frames, ModuleInfo, Session, Snapshot, Stacks};
use freehold_report::{Report, Symbols, files};

/// A compiled program in a folder of its own.
pub struct Program {
    pub folder: PathBuf,
    pub path: PathBuf,
}

/// Where the first module of a made-up process lies.
pub const BASE: u64 = 0x5555_0000_0000;

pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the tool can be started");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Program {
    /// Compiles `source` as `NAME.LANGUAGE` in a fresh folder.
    pub fn compile(name: &str, language: &str, source: &str, flags: &[&str]) -> Program {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let file = format!("{name}.{language}");
        std::fs::write(folder.join(&file), source).expect("the source is written");
        let (compiler, build_id) = match language {
            "c" => ("cc", "-Wl,--build-id"),
            "cpp" => ("c++", "-Wl,--build-id"),
            _ => ("rustc", "-Clink-arg=-Wl,--build-id"),
        };
        let path = folder.join(name);
        run(Command::new(compiler)
            .current_dir(&folder)
            .args(flags)
            .args([build_id, "-o", name, &file]));
        Program { folder, path }
    }

    /// The same program after `command` changed it in its folder.
    pub fn tool(&self, tool: &str, arguments: &[&str]) {
        run(Command::new(tool).current_dir(&self.folder).args(arguments));
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where `function`, in its symbol table, returns to after its first call
    /// of a function whose name contains `callee`.
    pub fn call_to(&self, function: &str, callee: &str) -> u64 {
        let listing = run(Command::new("objdump")
            .args(["-d", "--no-show-raw-insn"])
            .arg(&self.path));
        let start = format!("<{function}>:");
        let body = listing.split(&start).nth(1).expect("the function is there");
        let body = body.split("\n\n").next().unwrap_or(body);
        let mut lines = body.lines();
        lines
            .find(|line| line.contains("call") && line.contains(callee))
            .expect("the call is there");
        let next = lines.next().expect("an instruction behind the call");
        let address = next.trim().split(':').next().unwrap_or("");
        u64::from_str_radix(address, 16).expect("an address")
    }

    pub fn build_id(&self) -> Vec<u8> {
        let notes = run(Command::new("readelf").arg("-n").arg(&self.path));
        let hex = notes.split("Build ID: ").nth(1).expect("a build id").trim();
        let hex = hex.split_whitespace().next().unwrap_or("");
        let digits = (0..hex.len()).step_by(2);
        digits
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex"))
            .collect()
    }

    pub fn module(&self) -> ModuleInfo {
        ModuleInfo {
            start: BASE,
            end: BASE + 0x100_0000,
            bias: BASE,
            path: self.path.to_string_lossy().into_owned(),
            build_id: self.build_id(),
            ..ModuleInfo::default()
        }
    }

    /// A lost block of 16 bytes with these return addresses in the program.
    pub fn session(&self, addresses: &[u64]) -> Session {
        let mut stacks = Stacks::new();
        let addresses = addresses.iter().map(|a| BASE + a).collect();
        let stack = stacks.add(&Frames {
            addresses,
            ..Frames::default()
        });
        let mut snapshot = Snapshot {
            blocks: vec![block(0x1000, 16, stack, Verdict::Lost)],
            stacks,
            modules: vec![self.module()],
            ..Snapshot::default()
        };
        snapshot.scan.done = true;
        snapshot.process.pid = 7;
        Session {
            ledgers: vec![snapshot],
            ..Session::default()
        }
    }
}

pub fn block(address: u64, size: u64, stack: u32, verdict: Verdict) -> Block {
    let record = Record {
        size,
        stack,
        time_ms: 1,
        thread: 1,
        family: Family::Malloc,
        owner: Owner::Caller,
        scope: 0,
        tag: 0,
        generation: 0,
    };
    Block {
        address,
        record,
        verdict,
    }
}

pub fn report(session: &Session, debug_root: Option<&Path>) -> Report {
    let mut symbols = Symbols::new(&files::Disk);
    if let Some(root) = debug_root {
        symbols = symbols.debug_roots(vec![root.to_path_buf()]);
    }
    freehold_report::build(session, &Default::default(), &mut symbols, &mut |_| {})
}

/// `FUNCTION FILE:LINE [inlined]` of each frame of the only site.
pub fn frames(report: &Report) -> Vec<String> {
    let stack = report.main.sites[0].stack.iter();
    let line = |frame: &freehold_report::frame::Frame| {
        let mut text = frame.function().unwrap_or("?").to_owned();
        if let Some(file) = &frame.place.file {
            let file = file.rsplit('/').next().unwrap_or(file);
            text += &format!(" {file}:{}", frame.place.line.unwrap_or(0));
        }
        if frame.place.inlined {
            text += " inlined";
        }
        text
    };
    stack.map(line).collect()
}

pub fn frames_of(program: &Program, addresses: &[u64]) -> Vec<String> {
    frames(&report(&program.session(addresses), Some(&program.folder)))
}
