//! What the library's allocators cost while nothing is tracked, in instructions
//! of a release build: the adaptive ones are the platform's, to the instruction;
//! the others may add 2% to a pair of `calloc` and `free`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dist;
use crate::steps::cargo;

/// What a pair may cost, as a part of the platform's.
const MOST: f64 = 1.02;

/// Checks both.
pub(crate) fn run() -> Result<(), String> {
    same()?;
    off()
}

/// The functions of `examples/same.rs`, by pairs.
fn same() -> Result<(), String> {
    output(
        cargo(&[
            "build",
            "--release",
            "--package",
            "freehold",
            "--example",
            "same",
        ])
        .arg("--quiet"),
    )?;
    let library = dist::target().join("release/examples/libsame.so");
    let functions = functions(&library)?;
    let mut compared = 0;
    for (name, ours) in &functions {
        let Some((kind, rest)) = name.split_once('_') else {
            continue;
        };
        let platform = format!("platform_{rest}");
        let Some(theirs) = functions.get(&platform) else {
            continue;
        };
        match kind {
            "adaptive" if ours != theirs => {
                return Err(format!(
                    "{name} is\n  {}\nbut {platform}\n  {}",
                    ours.join("\n  "),
                    theirs.join("\n  ")
                ));
            }
            // Otherwise nothing was compared above.
            "diagnostic" if ours == theirs => {
                return Err(format!(
                    "{name} should look whether it is tracked, and does not"
                ));
            }
            "adaptive" => compared += 1,
            _ => {}
        }
    }
    match compared {
        6 => Ok(()),
        other => Err(format!("{other} pairs of functions were compared, not 6")),
    }
}

/// The instructions of each exported function, without their addresses.
fn functions(library: &Path) -> Result<BTreeMap<String, Vec<String>>, String> {
    let text = output(
        Command::new("nm")
            .args(["-D", "-S", "--defined-only"])
            .arg(library),
    )?;
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(address), Some(size), Some(name)) = (words.next(), words.next(), words.nth(1))
        else {
            continue;
        };
        let number = |text: &str| u64::from_str_radix(text, 16).map_err(|e| e.to_string());
        let (start, size) = (number(address)?, number(size)?);
        let text = output(
            Command::new("objdump")
                .args(["--disassemble", "--no-show-raw-insn"])
                .arg(format!("--start-address={start}"))
                .arg(format!("--stop-address={}", start + size))
                .arg(library),
        )?;
        let lines = text.lines().filter_map(|line| line.split_once(":\t"));
        let body = lines
            .map(|(_, instruction)| plain(instruction, start))
            .collect();
        found.insert(name.to_owned(), body);
    }
    Ok(found)
}

/// An instruction by what it does: jumps relative to the function's start, calls
/// of imported functions by their names.
fn plain(instruction: &str, start: u64) -> String {
    let instruction = instruction.trim_end();
    if let Some((_, name)) = instruction.split_once("# ") {
        let operation = instruction.split_whitespace().next().unwrap_or_default();
        let name = name.split(['<', '>']).nth(1).unwrap_or(name);
        return format!("{operation} {name}");
    }
    let words: Vec<&str> = instruction.split_whitespace().collect();
    match words.as_slice() {
        [operation, target, ..] if operation.starts_with('j') => {
            match u64::from_str_radix(target, 16) {
                Ok(target) => format!("{operation} +{}", target.wrapping_sub(start)),
                Err(_) => words.join(" "),
            }
        }
        words => words.join(" "),
    }
}

/// The pairs of `benches/pair.rs` under callgrind.
fn off() -> Result<(), String> {
    let said = output(
        cargo(&[
            "bench",
            "--package",
            "freehold",
            "--bench",
            "pair",
            "--no-run",
        ])
        .args(["--message-format", "json"]),
    )?;
    let bench = said
        .lines()
        .filter(|line| line.contains("\"name\":\"pair\""))
        .find_map(|line| line.split("\"executable\":\"").nth(1)?.split('"').next())
        .map(PathBuf::from)
        .ok_or("Cargo does not say where the benchmark is")?;
    let platform = instructions(&bench, "libc")?;
    for which in ["adaptive", "off"] {
        let ours = instructions(&bench, which)?;
        let ratio = ours / platform;
        eprintln!(
            "    {which}: {ours:.0} instructions a pair, the platform's {platform:.0}: {ratio:.3}"
        );
        if ratio > MOST {
            return Err(format!("a pair may cost {MOST} of the platform's"));
        }
    }
    Ok(())
}

/// Instructions of a pair: what more of them cost more.
fn instructions(bench: &Path, which: &str) -> Result<f64, String> {
    const FEW: u32 = 10_000;
    const MANY: u32 = 110_000;
    let count = |times: u32| -> Result<f64, String> {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        command.arg(bench).args([which, &times.to_string()]);
        command.env_remove("FREEHOLD_TRACK");
        let output = command
            .output()
            .map_err(|e| format!("valgrind cannot be run: {e}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let found = said
            .lines()
            .find_map(|line| line.split_once("Collected : "));
        found
            .and_then(|(_, number)| number.trim().parse().ok())
            .ok_or(format!("valgrind counted nothing:\n{said}"))
    };
    Ok((count(MANY)? - count(FEW)?) / f64::from(MANY - FEW))
}

/// What a command that must succeed prints.
fn output(command: &mut Command) -> Result<String, String> {
    let name = format!("{command:?}");
    let output = command
        .current_dir(crate::root())
        .output()
        .map_err(|e| format!("{name}: {e}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {}\n{error}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_do_not_count() {
        let call = "jmp    *0x1234(%rip)        # 4088 <calloc@GLIBC_2.2.5>";
        assert_eq!(plain(call, 0x1000), "jmp calloc@GLIBC_2.2.5");
        assert_eq!(plain("je     1010 <f+0x10>", 0x1000), "je +16");
        assert_eq!(plain("mov    $0x1,%esi", 0x1000), "mov $0x1,%esi");
    }
}
