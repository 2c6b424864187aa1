//! How values of options are read, and what is said of those that make no sense.

use freehold_ledger::format::Family;

use super::{MIN_MEMORY, Stacks};
use crate::size;

pub(super) fn stacks(text: &str) -> Result<Stacks, String> {
    match text {
        "exact" => Ok(Stacks::Exact),
        "off" => Ok(Stacks::Off),
        _ => match text.strip_prefix("sample=") {
            Some(bytes) => match size::parse(bytes)? {
                0 => Err(String::from(
                    "sample=0 would sample nothing: exact records every block",
                )),
                bytes => Ok(Stacks::Sample(bytes)),
            },
            None => Err(String::from(
                "exact, off, or sample=BYTES such as sample=512KiB",
            )),
        },
    }
}

pub(super) fn max_memory(text: &str) -> Result<u64, String> {
    let bytes = size::parse(text)?;
    if bytes < MIN_MEMORY {
        let least = size::show(MIN_MEMORY);
        return Err(format!("less than {least} holds no program's ledger"));
    }
    if bytes > 1 << 44 {
        return Err(String::from("more than 16 TiB cannot be mapped"));
    }
    Ok(bytes)
}

pub(super) fn family(text: &str) -> Result<Family, String> {
    let hooked = [Family::Malloc, Family::New, Family::NewArray, Family::Mmap];
    let found = hooked.into_iter().find(|f| f.name() == text.trim());
    found.ok_or_else(|| String::from("malloc, new, new[] and mmap are known"))
}

pub(super) fn process_id(text: &str) -> Result<u32, String> {
    let pid = text.parse().ok().filter(|pid| *pid > 0);
    pid.ok_or_else(|| {
        String::from("a process id is a number; freehold ps lists those that are tracked")
    })
}

pub(super) fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let number: Option<f64> = text.parse().ok().filter(|n| (0.0..=86_400.0).contains(n));
    let number = number.ok_or("a number of seconds from 0 to 86400")?;
    Ok(std::time::Duration::from_secs_f64(number))
}
