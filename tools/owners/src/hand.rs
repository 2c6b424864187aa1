//! Checks rows by hand against what the sources declare: each function, each of
//! its parameters and each release function must be there.

use std::path::Path;

use toml::{Table, Value};

use crate::rows::Rows;

/// Release functions that no source declares, with what has them.
const ELSEWHERE: &[(&str, &str)] = &[("OleUIMetafilePictIconFree", "oledlg.dll")];

/// What is wrong with the rows of these files.
pub(crate) fn check(folder: &Path, rows: &Rows) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    let mut paths = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        paths.push(
            entry
                .map_err(|e| format!("{}: {e}", folder.display()))?
                .path(),
        );
    }
    paths.sort();
    for path in paths {
        let error = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|e| error(&e))?;
        let table: Table = text.parse().map_err(|e| error(&e))?;
        let Some(functions) = table.get("functions").and_then(Value::as_table) else {
            continue;
        };
        for (name, slots) in functions {
            let Some(parameters) = rows.parameters(name) else {
                complaints.push(format!("{}: {name} is not declared", path.display()));
                continue;
            };
            for (slot, value) in slots.as_table().into_iter().flatten() {
                let base = slot.split(['.', '[']).next().unwrap_or(slot);
                if !parameters.contains(base) {
                    let known: Vec<&str> = parameters.iter().map(String::as_str).collect();
                    complaints.push(format!(
                        "{}: {name} has no {base}, but {}",
                        path.display(),
                        known.join(", ")
                    ));
                }
                let releases = value.get("release").and_then(Value::as_array);
                for release in releases.into_iter().flatten().filter_map(Value::as_str) {
                    let release = release.split('(').next().unwrap_or(release);
                    let elsewhere = ELSEWHERE.iter().any(|(known, _)| *known == release);
                    if !rows.has(release) && !elsewhere {
                        complaints.push(format!(
                            "{}: {name}: the release function {release} is not declared",
                            path.display()
                        ));
                    }
                }
            }
        }
    }
    Ok(complaints)
}
