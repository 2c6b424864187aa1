//! `freehold.h`, made of the sources of `crates/capi`, and whether it is up to
//! date.

use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config, DocumentationStyle, ItemType, Language, Style};

use crate::root;

/// The sources in the order of the header: what comes first is used by the rest.
const SOURCES: &[&str] = &[
    "codes", "errors", "allocate", "release", "own", "arena", "text", "query", "family", "track",
    "scope", "managed",
];

const HEAD: &str = "\
/* freehold.h: native memory with an owner. Made by `cargo xtask header`; do not
 * edit.
 *
 * All functions may be called on any thread at any time, also in a forked child,
 * but not in a signal handler. They never throw or unwind. What is passed for a
 * buffer or a result is used by one thread at a time, and only until the function
 * returns.
 *
 * Functions give a code (FREEHOLD_OK or why nothing was done) or, where they
 * allocate, NULL on an error. The explanation is freehold_last_message(), for
 * each thread its own. Texts are UTF-8.
 *
 * Tasks with examples: docs/c.md.
 */";

/// What C cannot be told by a function or a number.
const MACROS: &str = "
/**
 * As a length: the text ends with its first NUL.
 */
#define FREEHOLD_TO_NUL SIZE_MAX

/**
 * `count` zeroed elements of a type, or NULL: see `freehold_typed`.
 */
#ifdef __cplusplus
#define FREEHOLD_NEW(type, count) \\
  (static_cast<type *>(freehold_typed((count), sizeof(type), alignof(type), #type)))
#else
#define FREEHOLD_NEW(type, count) \\
  ((type *)freehold_typed((count), sizeof(type), _Alignof(type), #type))
#endif";

fn path() -> PathBuf {
    root().join("crates/capi/include/freehold.h")
}

/// The header as the sources have it.
fn generate(folder: &Path) -> Result<String, String> {
    let mut config = Config {
        language: Language::C,
        header: Some(HEAD.into()),
        after_includes: Some(MACROS.into()),
        include_guard: Some("FREEHOLD_H".into()),
        no_includes: true,
        sys_includes: vec!["stdbool.h".into(), "stddef.h".into(), "stdint.h".into()],
        cpp_compat: true,
        documentation: true,
        documentation_style: DocumentationStyle::Doxy,
        style: Style::Both,
        tab_width: 2,
        line_length: 100,
        usize_is_size_t: true,
        ..Config::default()
    };
    config.export.item_types = vec![
        ItemType::Constants,
        ItemType::Typedefs,
        ItemType::Structs,
        ItemType::OpaqueItems,
        ItemType::Functions,
    ];
    let mut builder = Builder::new().with_config(config);
    for name in SOURCES {
        builder = builder.with_src(folder.join(format!("{name}.rs")));
    }
    let bindings = builder.generate().map_err(|e| format!("cbindgen: {e}"))?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).map_err(|e| e.to_string())
}

/// Writes the header, or only compares it.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let folder = root().join("crates/capi/src");
    let made = generate(&folder)?;
    let path = path();
    if !check {
        return std::fs::write(&path, made).map_err(|e| format!("{}: {e}", path.display()));
    }
    let there = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    match difference(&there, &made) {
        None => Ok(()),
        Some(difference) => Err(format!(
            "freehold.h is not what the sources say: run `cargo xtask header`\n  {difference}"
        )),
    }
}

/// The first line in which two texts differ.
pub(crate) fn difference(there: &str, made: &str) -> Option<String> {
    if there == made {
        return None;
    }
    let mut lines = there.lines().zip(made.lines()).enumerate();
    let first = lines.find(|(_, (a, b))| a != b);
    Some(match first {
        Some((i, (a, b))) => format!(
            "line {}: there is\n    {a}\n  and should be\n    {b}",
            i + 1
        ),
        None => "one is longer than the other".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exported_function_is_in_the_header() {
        let folder = root().join("crates/capi/src");
        let header = generate(&folder).expect("made");
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).expect("there") {
            let text = std::fs::read_to_string(entry.expect("there").path()).expect("text");
            for piece in text.split("extern \"C\" fn freehold_").skip(1) {
                let name = piece.split('(').next().unwrap_or_default();
                assert!(
                    header.contains(&format!(" freehold_{name}("))
                        || header.contains(&format!("*freehold_{name}(")),
                    "{name}"
                );
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }

    #[test]
    fn a_difference_is_told() {
        assert_eq!(difference("a\nb", "a\nb"), None);
        assert!(difference("a\nb", "a\nc").is_some_and(|d| d.contains("line 2")));
        assert!(difference("a", "a\nc").is_some());
    }
}
