//! The table of `docs/misuse.md` on programs under `freehold run`: each cell is
//! done by a program, and the report must say what the cell does.
#![cfg(unix)]

mod common;

use common::{Folder, freehold, parsed, stdout};

const PROGRAM: &str = r#"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <new>

static char variable[64];
static const size_t SIZE = 48;

static void *make(const char *family) {
  if (!strcmp(family, "malloc")) return malloc(SIZE);
  if (!strcmp(family, "new")) return ::operator new(SIZE);
  return ::operator new[](SIZE);
}

static void drop(const char *function, void *block, size_t size) {
  if (!strcmp(function, "free")) free(block);
  if (!strcmp(function, "realloc")) free(realloc(block, 100));
  if (!strcmp(function, "operator delete"))
    size == SIZE ? ::operator delete(block) : ::operator delete(block, size);
  if (!strcmp(function, "operator delete[]"))
    size == SIZE ? ::operator delete[](block) : ::operator delete[](block, size);
  if (!strcmp(function, "free_sized")) {
    // Newer than many C libraries; the preload library has it in any case.
    auto function = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
    if (function == nullptr) abort();
    function(block, size);
  }
}

/* FUNCTION SIN FAMILY: the function commits the sin on a block of the family. */
int main(int, char **words) {
  const char *function = words[1], *sin = words[2], *family = words[3];
  const char *right = !strcmp(family, "malloc") ? "free"
                      : !strcmp(family, "new")  ? "operator delete"
                                                : "operator delete[]";
  char *block = (char *)make(family);
  if (!strcmp(sin, "released before")) {
    drop(right, block, SIZE);
    drop(function, block, SIZE);
  } else if (!strcmp(sin, "its middle")) {
    drop(function, block + 16, SIZE - 16);
    drop(right, block, SIZE);
  } else if (!strcmp(sin, "a variable")) {
    drop(function, variable, sizeof variable);
    drop(right, block, SIZE);
  } else if (!strcmp(sin, "another size")) {
    drop(function, block, SIZE - 1);
  } else {
    drop(function, block, SIZE);
  }
  puts("end");
}
"#;

/// The first table below a heading of the page: its head, and its rows.
fn table(heading: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let page = include_str!("../../../docs/misuse.md");
    let below = page.split(heading).nth(1).expect("the heading");
    let lines = below.lines().skip_while(|line| !line.starts_with('|'));
    let mut rows = lines.take_while(|line| line.starts_with('|')).map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let head = rows.next().expect("a head");
    let rows = rows.skip(1).collect();
    (head, rows)
}

#[test]
fn the_report_says_what_the_table_does() {
    let folder = Folder::new();
    let program = folder.compile_cpp("sins", PROGRAM);
    let (head, rows) = table("## Programs under `freehold run`");
    assert!(rows.len() >= 5 && head.len() == 8, "{head:?}");
    let (mut done, mut differ) = (0, Vec::new());
    for row in &rows {
        let function = &row[0];
        for (sin, cell) in head.iter().zip(row).skip(1) {
            let families = match sin.strip_prefix("a block of ") {
                Some(family) => vec![family],
                // What takes no size cannot be given a wrong one.
                None if sin == "another size" => vec![match function.as_str() {
                    "operator delete" => "new",
                    "operator delete[]" => "new[]",
                    _ => "malloc",
                }],
                None => vec!["malloc", "new", "new[]"],
            };
            for family in families {
                let what = format!("{function}: {sin} ({family})");
                let output = freehold()
                    .args([
                        "run",
                        "--no-scan",
                        "--stacks",
                        "off",
                        "--format",
                        "json",
                        "--",
                    ])
                    .arg(&program)
                    .args([function, sin, family])
                    .output()
                    .unwrap();
                assert_eq!(stdout(&output), "end\n", "{what}");
                assert_eq!(output.status.code(), Some(0), "{what}");
                let report = parsed(&output.stderr);
                let misuses = report["misuses"].as_array().unwrap();
                let found: Vec<_> = misuses
                    .iter()
                    .map(|misuse| {
                        assert_eq!(misuse["called"], function.as_str(), "{what}");
                        let due = misuse["expected"][0].as_str();
                        let kind = misuse["kind"].as_str().unwrap();
                        (kind.to_owned(), due.map(str::to_owned))
                    })
                    .collect();
                let wanted: Vec<_> = expected(cell).into_iter().collect();
                if found != wanted {
                    differ.push(format!("{what}: {wanted:?} in the table, {found:?} found"));
                }
                // Released once, by whichever function; what `realloc` made of a
                // block of C++ is another block.
                let leaks = report["leaks"].as_array().unwrap().iter();
                let stays = leaks.filter(|leak| leak["bytes"] == 48).count();
                if stays != 0 {
                    differ.push(format!("{what}: the block was not released"));
                }
                done += 1;
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(done >= 60, "{done}");
}

/// What a report says for a cell: the kind, and the function that is due.
fn expected(cell: &str) -> Option<(String, Option<String>)> {
    let (kind, due) = match cell.split_once(": ") {
        Some((kind, due)) => (kind, Some(due.to_owned())),
        None => (cell, None),
    };
    match kind {
        "–" => None,
        "size" => Some(("size-mismatch".to_owned(), due)),
        kind => Some((format!("{kind}-release"), due)),
    }
}
