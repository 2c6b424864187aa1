//! `freehold owner`: questions as people ask them, and what they are told.

mod common;

use common::{run, stderr, stdout};
use serde_json::Value;

fn asked(arguments: &[&str]) -> String {
    let output = run([&["owner"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

fn json(arguments: &[&str]) -> Value {
    let text = asked(&[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn an_entry_says_who_owns_it_what_releases_it_and_how_that_is_known() {
    let text = asked(&["FormatMessageW"]);
    for part in [
        "FormatMessageW (kernel32.dll)",
        "parameter lpBuffer: yours, to be released",
        "release     LocalFree",
        "FORMAT_MESSAGE_ALLOCATE_BUFFER",
        "evidence    documentation: FormatMessageW",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "plain where it is piped");
}

#[test]
fn names_are_found_as_people_write_them() {
    let first = |name: &str| {
        let text = asked(&[name]);
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(first("formatmessagew"), "FormatMessageW (kernel32.dll)");
    assert_eq!(first("FormatMessage"), "FormatMessageW (kernel32.dll)");
    let method = "ITypeInfo::GetFuncDesc (Windows.Win32.System.Com)";
    assert_eq!(first("ITypeInfo::GetFuncDesc"), method);
    assert!(asked(&["GetFuncDesc"]).contains(method));
    assert_eq!(first("getline"), "getline (libc.so.6)");
    // One name, two platforms.
    let both = asked(&["getaddrinfo"]);
    assert!(both.contains("getaddrinfo (libc.so.6)"), "{both}");
    assert!(both.contains("getaddrinfo (ws2_32.dll)"), "{both}");
    let one = asked(&["getaddrinfo", "--library", "ws2_32"]);
    assert!(!one.contains("libc.so.6"), "{one}");
}

#[test]
fn the_twin_for_bytes_is_released_by_the_twin_of_the_release() {
    assert!(asked(&["UuidToStringW"]).contains("RpcStringFreeW"));
    let text = asked(&["UuidToStringA"]);
    assert!(
        text.contains("RpcStringFreeA") && !text.contains("RpcStringFreeW"),
        "{text}"
    );
}

#[test]
fn json_has_all_that_the_text_has() {
    let answer = json(&["FormatMessageW"]);
    assert_eq!(answer["schema"], "freehold.owner/1");
    assert_eq!(answer["query"], "FormatMessageW");
    let function = &answer["matches"][0];
    assert_eq!(function["library"], "kernel32.dll");
    assert_eq!(function["platform"], "win32");
    let slot = &function["slots"][0];
    assert_eq!(slot["slot"], "parameter lpBuffer");
    assert_eq!(slot["kind"], "owned");
    assert_eq!(slot["release"], serde_json::json!(["LocalFree"]));
    assert_eq!(slot["tier"], "checked");
    assert!(
        slot["sources"][0]
            .as_str()
            .unwrap()
            .contains("FormatMessage")
    );
    assert!(slot["until"].is_null());
    let hint = json(&["CoGetObject"]);
    assert_eq!(hint["suggestions"], serde_json::json!([]));
}

#[test]
fn what_nobody_has_checked_is_not_asserted() {
    // A handle that comes out of a method, of which only the type is known.
    let answer = json(&["WTSQueryListenerConfigW"]);
    for slot in answer["matches"][0]["slots"].as_array().unwrap() {
        if slot["kind"] == "unknown" {
            assert_eq!(slot["tier"], "unsure");
            assert_eq!(slot["release"], serde_json::json!([]));
        }
    }
    let text = asked(&["Sleep"]);
    assert!(
        text.contains("Nothing that it hands out is declared"),
        "{text}"
    );
}

#[test]
fn functions_are_listed_by_release_and_by_library() {
    let by = asked(&["--released-by", "LOCALFREE"]);
    for name in [
        "FormatMessageW (",
        "CommandLineToArgvW (",
        "CryptProtectData (",
    ] {
        assert!(by.contains(name), "{by}");
    }
    assert!(!by.contains("SHGetKnownFolderPath"), "{by}");
    let of = asked(&["--library", "libsqlite3"]);
    assert!(
        of.contains("sqlite3_exec (libsqlite3.so.0): errmsg sqlite3_free"),
        "{of}"
    );
    assert!(
        of.lines().all(|line| line.contains("(libsqlite3.so.0)")),
        "{of}"
    );
    let less = asked(&["--released-by", "CloseHandle", "--library", "wtsapi32"]);
    assert!(
        less.lines().count() < 5 && less.contains("WTSQueryUserToken"),
        "{less}"
    );
}

#[test]
fn unknown_names_get_suggestions_and_a_status() {
    let fails = |arguments: &[&str], code: i32, sentence: &str| {
        let output = run([&["owner"], arguments].concat());
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(sentence), "{arguments:?}: {text}");
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    };
    fails(&["FromatMessageW"], 1, "did you mean FormatMessageW");
    fails(&["\u{1b}[31m"], 1, "no function is known as [31m");
    fails(&["ünknöwn"], 1, "no function is known as");
    fails(
        &["--released-by", "Nobody"],
        1,
        "nothing is known to be released by Nobody",
    );
    fails(
        &["--library", "nowhere"],
        1,
        "no library is known as nowhere",
    );
    fails(&["a", "--released-by", "b"], 2, "cannot be used with");
    let output = run(["owner", "FromatMessageW", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(answer["matches"], serde_json::json!([]));
    assert_eq!(answer["suggestions"][0], "FormatMessageW");
}
