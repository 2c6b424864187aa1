//! `freehold owner --export`: that the table in other forms says what the table says,
//! of each slot, and what becomes of folders and of options that make no sense.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{Folder, freehold, parsed, run, stderr, stdout};
use freehold_owners::{Kind, Slot, all};
use serde_json::{Value, json};

fn exported(arguments: &[&str]) -> Vec<u8> {
    let output = run([&["owner", "--export"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
    output.stdout
}

/// What a slot says, as JSON says it.
fn said(slot: Slot) -> Value {
    let release: Vec<&str> = slot.release().collect();
    let (release, perhaps) = match slot.kind() {
        Kind::Unknown => (Vec::new(), release),
        _ => (release, Vec::new()),
    };
    json!({
        "place": slot.name(),
        "kind": slot.kind().name(),
        "release": release,
        "perhaps": perhaps,
        "condition": slot.when(),
        "on_failure": slot.failure(),
        "size": slot.size(),
        "until": slot.until(),
        "family": slot.family(),
        "tier": slot.tier().name(),
        "sources": slot.sources().collect::<Vec<_>>(),
        "note": slot.note(),
    })
}

#[test]
fn json_has_all_slots_of_the_table() {
    let answer = parsed(&exported(&["json"]));
    assert_eq!(answer["schema"], "freehold.owner/1");
    let matches = answer["matches"].as_array().unwrap();
    assert_eq!(matches.len(), all().len());
    for (function, told) in all().zip(matches) {
        assert_eq!(told["name"], function.name());
        assert_eq!(told["library"], function.library());
        assert_eq!(told["platform"], function.platform().name());
        let mut slots = told["slots"].as_array().unwrap().clone();
        for slot in &mut slots {
            // The name for people, which the table does not have.
            let for_people = slot.as_object_mut().unwrap().remove("slot").unwrap();
            let place = slot["place"].as_str().unwrap();
            assert!(for_people.as_str().unwrap().ends_with(place));
        }
        let wanted: Vec<Value> = function.slots().map(said).collect();
        assert_eq!(slots, wanted, "{}", function.name());
    }
}

#[test]
fn json_has_a_function_on_each_line() {
    let text = String::from_utf8(exported(&["json", "--library", "libsqlite3"])).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let functions = &lines[1..lines.len() - 1];
    assert_eq!(
        functions.len(),
        freehold_owners::in_library("libsqlite3").count()
    );
    for line in functions {
        let told = parsed(line.trim_end_matches(',').as_bytes());
        assert_eq!(told["library"], "libsqlite3.so.0");
    }
}

/// The records of comma-separated values, by RFC 4180.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let record = records.last_mut().unwrap();
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                record.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(String::new()),
            '\n' if !is_quoted => records.push(vec![String::new()]),
            letter => record.last_mut().unwrap().push(letter),
        }
    }
    assert!(!is_quoted);
    assert_eq!(records.pop(), Some(vec![String::new()]), "it ends a line");
    records
}

#[test]
fn csv_has_a_line_for_each_slot_of_the_table() {
    let text = String::from_utf8(exported(&["csv"])).unwrap();
    let records = records(&text);
    let (head, lines) = records.split_first().unwrap();
    let slots = || all().flat_map(|function| function.slots().map(move |slot| (function, slot)));
    assert_eq!(lines.len(), slots().count());
    for ((function, slot), line) in slots().zip(lines) {
        assert_eq!(line.len(), head.len());
        let mut told = serde_json::Map::new();
        for (column, field) in head.iter().zip(line) {
            let value = match column.as_str() {
                "release" | "perhaps" | "sources" if field.is_empty() => json!([]),
                "release" | "perhaps" | "sources" => {
                    json!(field.split(" | ").collect::<Vec<_>>())
                }
                _ if field.is_empty() => Value::Null,
                _ => json!(field),
            };
            told.insert(column.clone(), value);
        }
        let mut wanted = said(slot);
        wanted["platform"] = json!(function.platform().name());
        wanted["library"] = json!(function.library());
        wanted["function"] = json!(function.name());
        assert_eq!(Value::Object(told), wanted);
    }
}

#[test]
fn exports_go_to_files_and_are_the_same_each_time() {
    let folder = Folder::new();
    for form in ["json", "csv", "header", "dart", "python"] {
        let path = folder.path(form);
        let name = path.to_str().unwrap();
        let of = ["--library", "libgtk-4"];
        assert!(exported(&[&[form, "-o", name], &of[..]].concat()).is_empty());
        assert!(
            fs::read(&path).unwrap() == exported(&[&[form, "-o", "-"], &of[..]].concat()),
            "{form}"
        );
    }
}

#[test]
fn a_header_has_what_attributes_can_say() {
    let of =
        |library: &str| String::from_utf8(exported(&["header", "--library", library])).unwrap();
    let text = of("libsqlite3");
    let line =
        "FREEHOLD_GIVES(sqlite3_mprintf, sqlite3_free, FREEHOLD_RELEASED_BY(sqlite3_free, 1));";
    assert!(text.contains(line), "{text}");
    // It gives a text and releases the builder of it, both known to GCC, one to Clang.
    let finish = "FREEHOLD_GIVES(sqlite3_str_finish, sqlite3_free,";
    let new = "FREEHOLD_GIVES(sqlite3_str_new, sqlite3_str_finish, \
               FREEHOLD_RELEASED_BY(sqlite3_str_finish, 1));";
    assert!(text.contains(finish) && text.contains(new), "{text}");
    assert!(
        !text.contains("FREEHOLD_TAKES(sqlite3_str_finish,"),
        "{text}"
    );
    // Under a condition; a parameter; the library's own.
    for absent in ["sqlite3_serialize", "sqlite3_open", "sqlite3_errmsg"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    let text = of("libz");
    let both = "FREEHOLD_GIVES(gzopen, gzclose, FREEHOLD_RELEASED_BY(gzclose, 1) \
                FREEHOLD_RELEASED_BY(gzclose_r, 1)";
    assert!(text.contains(both), "{text}");
    let text = of("libc");
    // A number; a pointer that is -1 on failure; the stream that was passed.
    for absent in ["(open,", "(mmap,", "(freopen,"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    assert!(text.contains("FREEHOLD_GIVES(popen, pclose,"), "{text}");
}

#[test]
fn a_header_leaves_out_what_is_not_declared() {
    let folder = Folder::new();
    let source = folder.path("source.i");
    fs::write(
        &source,
        "void sqlite3_free(void *);\nchar *sqlite3_mprintf (const char *, ...);\n\
         extern int sqlite3_vmprintf;\n",
    )
    .unwrap();
    let text = exported(&["header", "--declared", source.to_str().unwrap()]);
    let text = String::from_utf8(text).unwrap();
    let given = text
        .lines()
        .filter(|line| line.starts_with("FREEHOLD_GIVES("));
    let given: Vec<&str> = given.collect();
    assert_eq!(given.len(), 1, "{text}");
    assert!(given[0].contains("sqlite3_mprintf"), "{text}");
}

/// All files in a folder, with their names in it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path()).iter().map(|f| format!("{name}/{f}"))),
            false => drop(found.insert(name)),
        }
    }
    found
}

#[test]
fn a_site_has_an_address_for_each_function() {
    let folder = Folder::new();
    let site = folder.path("new/site");
    exported(&["site", "-o", site.to_str().unwrap()]);
    let mut libraries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for function in all() {
        let names = libraries.entry(function.library()).or_default();
        names.push(function.name());
    }
    for (library, mut names) in libraries {
        let page = fs::read_to_string(site.join(format!("library/{library}.html"))).unwrap();
        let ids = page
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        let mut ids: Vec<&str> = ids.filter(|id| *id != "found").collect();
        ids.sort_unstable();
        names.sort_unstable();
        assert_eq!(ids, names, "{library}");
    }
    // No system may take two of them for one.
    let names = files(&site);
    let lower: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), names.len());
}

#[test]
fn a_site_is_made_again_and_keeps_what_others_put_beside_it() {
    let folder = Folder::new();
    let site = folder.path("site");
    let path = site.to_str().unwrap();
    exported(&["site", "-o", path, "--library", "libz"]);
    let of_zlib = files(&site);
    assert!(of_zlib.contains("library/libz.so.1.html"), "{of_zlib:?}");
    fs::write(site.join("mine.txt"), "mine").unwrap();
    exported(&["site", "-o", path, "--library", "libsqlite3"]);
    let of_sqlite = files(&site);
    assert!(
        of_sqlite.contains("library/libsqlite3.so.0.html"),
        "{of_sqlite:?}"
    );
    assert!(
        !of_sqlite.contains("library/libz.so.1.html"),
        "{of_sqlite:?}"
    );
    assert!(of_sqlite.contains("mine.txt"), "{of_sqlite:?}");
    fs::remove_file(site.join("mine.txt")).unwrap();
    exported(&["site", "-o", path, "--library", "libz"]);
    assert_eq!(files(&site), of_zlib);
}

#[test]
fn a_list_that_was_changed_removes_nothing_outside_the_site() {
    let folder = Folder::new();
    let site = folder.path("site");
    let path = site.to_str().unwrap();
    exported(&["site", "-o", path, "--library", "libz"]);
    let outside = folder.path("outside.txt");
    fs::write(&outside, "keep").unwrap();
    let list = site.join("freehold-site.txt");
    let mut text = fs::read_to_string(&list).unwrap();
    text += &format!("../outside.txt\n{}\n", outside.display());
    fs::write(&list, text).unwrap();
    exported(&["site", "-o", path, "--library", "libz"]);
    assert!(outside.exists());
}

#[test]
fn what_makes_no_sense_is_told() {
    let folder = Folder::new();
    let fails = |arguments: &[&str], code: i32, sentence: &str| {
        let output = run([&["owner", "--export"], arguments].concat());
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(sentence), "{arguments:?}: {text}");
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    };
    fails(
        &["xml"],
        2,
        "possible values: json, csv, header, dart, python, site",
    );
    fails(
        &["json", "--library", "nowhere"],
        1,
        "no library is known as nowhere",
    );
    fails(&["json", "free"], 2, "cannot be used with");
    fails(
        &["csv", "--declared", "x.i"],
        2,
        "goes with --export header",
    );
    fails(
        &["header", "--declared", "/no/such/x.i"],
        125,
        "Make it by cc -E",
    );
    fails(
        &["header", "--library", "kernel32"],
        1,
        "attributes can say nothing of any function of kernel32",
    );
    fails(&["site"], 2, "name a folder for it");
    fails(&["site", "-o", "-"], 2, "name a folder for it");
    fails(
        &["json", "--library", "libz", "-o", "/no/such/folder/x.json"],
        125,
        "cannot write /no/such/folder/x.json",
    );
    // Where folders cannot be made.
    #[cfg(target_os = "linux")]
    // Where nobody can make folders.
    #[cfg(target_os = "linux")]
    fails(
        &["site", "--library", "libz", "-o", "/proc/self/site"],
        125,
        "cannot write /proc/self/site",
    );
    let file = folder.path("file");
    fs::write(&file, "a file").unwrap();
    fails(
        &["site", "--library", "libz", "-o", file.to_str().unwrap()],
        125,
        "is a file: a site is many files",
    );
    let full = folder.path("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("index.html"), "mine").unwrap();
    fails(
        &["site", "--library", "libz", "-o", full.to_str().unwrap()],
        125,
        "has things in it that are no site of Freehold's: name a new folder or an empty one",
    );
    assert_eq!(fs::read_to_string(full.join("index.html")).unwrap(), "mine");
    // What nothing would be written to is not passed over.
    for question in [
        &["free"][..],
        &["--released-by", "free"],
        &["--library", "libz"],
    ] {
        for option in ["--output", "--declared"] {
            let output = run([&["owner", option, "x"], question].concat());
            let text = stderr(&output);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{option} {question:?}: {text}"
            );
            assert!(text.contains("--export") || text.contains(option), "{text}");
        }
    }
    let output = run(["owner", "--library", "libz", "--format", "json", "-o", "x"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn what_is_declared_can_come_from_a_pipe() {
    use std::io::Write;
    let mut command = freehold();
    command.args(["owner", "--export", "header", "--declared", "-"]);
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let source = b"void g_free(void *); char *g_strdup(const char *);";
    child.stdin.take().unwrap().write_all(source).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("FREEHOLD_GIVES(g_strdup,"));
}
