//! What functions of C libraries take and give, by their headers.
//!
//! Only prototypes and simple typedefs are understood: what is written otherwise
//! has no types here, and is not checked. What is not here: what headers say of
//! ownership (`glibc.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::check::calls::Types;
use crate::shapes::{Shape, Signature};

/// The headers of a library.
struct Headers {
    /// A file of their package.
    proof: &'static str,
    includes: &'static [&'static str],
    flags: &'static [&'static str],
    /// Parameters have the names of the documentation there, which rows have too.
    named: bool,
}

const HEADERS: &[Headers] = &[
    Headers {
        proof: "/usr/include/stdio.h",
        includes: &[
            "stdio.h",
            "stdlib.h",
            "string.h",
            "wchar.h",
            "unistd.h",
            "fcntl.h",
            "dirent.h",
            "locale.h",
            "langinfo.h",
            "libgen.h",
            "netdb.h",
            "ifaddrs.h",
            "net/if.h",
            "glob.h",
            "wordexp.h",
            "regex.h",
            "pwd.h",
            "grp.h",
            "time.h",
            "dlfcn.h",
            "mntent.h",
            "fts.h",
            "search.h",
            "execinfo.h",
            "pthread.h",
            "semaphore.h",
            "mqueue.h",
            "signal.h",
            "spawn.h",
            "arpa/inet.h",
            "sys/mman.h",
            "sys/shm.h",
            "sys/socket.h",
            "sys/epoll.h",
            "sys/eventfd.h",
            "sys/timerfd.h",
            "sys/inotify.h",
        ],
        flags: &["-D_GNU_SOURCE"],
        named: false,
    },
    Headers {
        proof: "/usr/include/sqlite3.h",
        includes: &["sqlite3.h"],
        flags: &[],
        named: true,
    },
    Headers {
        proof: "/usr/include/x86_64-linux-gnu/curl/curl.h",
        includes: &["curl/curl.h"],
        flags: &["-DCURL_DISABLE_TYPECHECK"],
        named: true,
    },
    Headers {
        proof: "/usr/include/openssl/ssl.h",
        includes: &[
            "openssl/ssl.h",
            "openssl/err.h",
            "openssl/pem.h",
            "openssl/hmac.h",
        ],
        flags: &[],
        named: true,
    },
    Headers {
        proof: "/usr/include/libxml2/libxml/tree.h",
        includes: &[
            "libxml/parser.h",
            "libxml/HTMLparser.h",
            "libxml/tree.h",
            "libxml/xpath.h",
            "libxml/xmlreader.h",
            "libxml/xmlwriter.h",
            "libxml/xmlschemas.h",
            "libxml/relaxng.h",
            "libxml/uri.h",
            "libxml/hash.h",
            "libxml/dict.h",
        ],
        flags: &["-I/usr/include/libxml2"],
        named: true,
    },
    Headers {
        proof: "/usr/include/zlib.h",
        includes: &["zlib.h"],
        flags: &[],
        named: true,
    },
    Headers {
        proof: "/usr/include/libpng16/png.h",
        includes: &["libpng16/png.h"],
        flags: &[],
        named: true,
    },
    Headers {
        proof: "/usr/include/expat.h",
        includes: &["expat.h"],
        flags: &[],
        named: true,
    },
    Headers {
        proof: "/usr/include/uv.h",
        includes: &["uv.h"],
        flags: &[],
        named: true,
    },
    Headers {
        proof: "/usr/include/python3.11/Python.h",
        includes: &["Python.h"],
        flags: &["-I/usr/include/python3.11"],
        named: false,
    },
    Headers {
        proof: "/usr/include/node/node_api.h",
        includes: &["node/node_api.h"],
        flags: &[],
        named: true,
    },
];

/// Functions with their types.
#[derive(Debug, Default)]
pub(crate) struct Prototypes {
    functions: BTreeMap<String, Signature>,
    /// Those whose parameters have the names of the documentation.
    named: BTreeSet<String>,
}

/// Reads the headers that are there; gives those that are not, too.
pub(crate) fn read() -> Result<(Prototypes, Vec<&'static str>), String> {
    let mut prototypes = Prototypes::default();
    let mut missing = Vec::new();
    for headers in HEADERS {
        if Path::new(headers.proof).exists() {
            prototypes.learn(&preprocessed(headers)?, headers.named);
        } else {
            missing.push(headers.proof);
        }
    }
    Ok((prototypes, missing))
}

fn preprocessed(headers: &Headers) -> Result<String, String> {
    let run = || {
        let mut compiler = Command::new("gcc")
            .args(["-E", "-P", "-x", "c"])
            .args(headers.flags)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = compiler.stdin.take() {
            for include in headers.includes {
                writeln!(input, "#include <{include}>")?;
            }
        }
        compiler.wait_with_output()
    };
    let output = run().map_err(|e| format!("gcc cannot be run: {e}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{}: {}",
            headers.proof,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

impl Prototypes {
    /// Learns what preprocessed text declares.
    fn learn(&mut self, text: &str, named: bool) {
        let mut names = BTreeMap::new();
        let mut found = Vec::new();
        for declaration in declarations(text) {
            let words = words(&declaration);
            match words.first().map(String::as_str) {
                Some("typedef") => names.extend(typedef(&words[1..])),
                _ => found.extend(prototype(&words)),
            }
        }
        for (name, mut signature) in found {
            signature.result = known(&signature.result, &names);
            for (_, shape) in &mut signature.parameters {
                *shape = known(shape, &names);
            }
            // Headers have those of others in them, which came before.
            if self.functions.contains_key(&name) {
                continue;
            }
            if named {
                self.named.insert(name.clone());
            }
            self.functions.insert(name, signature);
        }
    }
}

/// The declarations of a text, without bodies of functions and structures.
fn declarations(text: &str) -> Vec<String> {
    let (mut all, mut one) = (Vec::new(), String::new());
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                // A function's body ends without a semicolon.
                if depth == 0 && one.contains('(') {
                    all.push(std::mem::take(&mut one));
                }
            }
            ';' if depth == 0 => all.push(std::mem::take(&mut one)),
            _ if depth == 0 => one.push(c),
            _ => {}
        }
    }
    all
}

/// What says nothing of a type.
const EMPTY: &[&str] = &[
    "extern",
    "static",
    "inline",
    "const",
    "volatile",
    "restrict",
    "struct",
    "union",
    "enum",
    "register",
    "_Noreturn",
    "__extension__",
    "__restrict",
    "__inline",
    "__inline__",
    "__const",
];
/// Words behind which something in parentheses stands that is none of the prototype.
const BESIDES: &[&str] = &["__attribute__", "__asm__", "__asm", "asm"];

/// Words and signs, without those that say nothing.
fn words(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for c in text.chars() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match all.last_mut() {
            Some(last) if is_word(c) && last.ends_with(is_word) => last.push(c),
            _ if c.is_whitespace() => all.push(" ".into()),
            _ => all.push(c.into()),
        }
    }
    all.retain(|word| word != " " && !EMPTY.contains(&word.as_str()));
    let mut kept = Vec::new();
    let mut rest = all.into_iter().peekable();
    while let Some(word) = rest.next() {
        if !BESIDES.contains(&word.as_str()) {
            kept.push(word);
            continue;
        }
        let mut depth = 0usize;
        for word in rest.by_ref() {
            match word.as_str() {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    kept
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Words that are types themselves.
const BASIC: &[&str] = &[
    "void", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "_Bool",
];

/// A simple typedef: the new name with what it stands for.
fn typedef(words: &[String]) -> Option<(String, Shape)> {
    let (name, of) = words.split_last()?;
    let is_simple = is_name(name) && of.iter().all(|word| is_name(word) || word == "*");
    // `typedef struct { ... } name` has nothing left that it stands for.
    let shape = shape(of).filter(|shape| is_simple && shape.name != *name)?;
    Some((name.clone(), shape))
}

/// The type in words without a name.
fn shape(words: &[String]) -> Option<Shape> {
    let depth = words.iter().filter(|word| *word == "*").count();
    let names: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|w| is_name(w))
        .collect();
    (!names.is_empty()).then(|| Shape::new(&names.join(" "), depth))
}

/// What a type is when all names that stand for others are resolved.
fn known(of: &Shape, names: &BTreeMap<String, Shape>) -> Shape {
    let mut shape = of.clone();
    // Names can stand for each other in headers that are broken.
    for _ in 0..16 {
        match names.get(&shape.name) {
            Some(other) => shape = Shape::new(&other.name, other.depth + shape.depth),
            None => break,
        }
    }
    shape
}

/// The name of a function and its types, by its prototype.
fn prototype(words: &[String]) -> Option<(String, Signature)> {
    let open = words.iter().position(|word| word == "(")?;
    // Some put the name in parentheses, so that no macro of that name counts.
    let (name, open, before) = match words.get(open + 1..open + 4) {
        Some([name, close, next]) if is_name(name) && close == ")" && next == "(" => {
            (name.clone(), open + 3, &words[..open])
        }
        _ => (
            words.get(open.checked_sub(1)?)?.clone(),
            open,
            &words[..open - 1],
        ),
    };
    let result = shape(before).filter(|_| is_name(&name))?;
    if before.iter().any(|word| !is_name(word) && word != "*") {
        return None;
    }
    let mut depth = 0usize;
    let mut parameters = vec![Vec::new()];
    for word in &words[open..] {
        match word.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "," if depth == 1 => parameters.push(Vec::new()),
            _ => {}
        }
        let is_outer = depth == 1 && (word == "(" || word == ",");
        if depth == 0 {
            break;
        }
        if !(is_outer && parameters.last().is_none_or(Vec::is_empty)) {
            parameters.last_mut()?.push(word.clone());
        }
    }
    let mut all: Vec<(String, Shape)> = Vec::new();
    for words in &parameters {
        match &words[..] {
            [] => {}
            [one] if one == "void" => {}
            [dot, ..] if dot == "." => {}
            words => all.push(parameter(words)?),
        }
    }
    let parameters = all;
    Some((name, Signature { result, parameters }))
}

/// The name of a parameter, empty when it has none, and its type.
fn parameter(words: &[String]) -> Option<(String, Shape)> {
    // A pointer to a function.
    if let Some(at) = words.iter().position(|word| word == "(") {
        let name = words[at..].iter().find(|word| is_name(word));
        return Some((
            bare(name.map_or("", String::as_str)),
            Shape::new("function", 1),
        ));
    }
    let end = words
        .iter()
        .position(|word| word == "[")
        .unwrap_or(words.len());
    let array = usize::from(end < words.len());
    let words = &words[..end];
    let (last, before) = words.split_last()?;
    let is_named = is_name(last) && !BASIC.contains(&last.as_str()) && !before.is_empty();
    let (name, of) = match is_named {
        true => (bare(last), before),
        false => (String::new(), words),
    };
    let shape = shape(of)?;
    Some((name, Shape::new(&shape.name, shape.depth + array)))
}

/// A name without the underscores that keep it out of the program's way.
fn bare(name: &str) -> String {
    name.trim_start_matches('_').to_owned()
}

impl Types for Prototypes {
    fn signature(&self, function: &str, _library: Option<&str>) -> Option<&Signature> {
        self.functions.get(function)
    }

    fn slot(&self, of: &Signature, slot: &str) -> Option<Shape> {
        match slot {
            "return" => Some(of.result.clone()),
            name => of.parameter(name)?.behind(),
        }
    }

    /// As C does without a warning.
    fn accepts(&self, want: &Shape, have: &Shape) -> bool {
        let is_any = |shape: &Shape| shape.name == "void" && shape.depth == 1;
        let both = want.depth > 0 && have.depth > 0;
        want == have || both && (is_any(want) || is_any(have))
    }

    fn has_method(&self, _method: &str, _have: &Shape) -> bool {
        false
    }

    fn lacks(&self, of: &Signature, slot: &str) -> bool {
        let base = slot.split(['.', '[']).next().unwrap_or(slot);
        // Two functions may have the same types.
        let signature = |name: &String| {
            let known = self.functions.get(name);
            known.is_some_and(|known| std::ptr::eq(known, of))
        };
        let is_named = of.parameters.iter().all(|(name, _)| !name.is_empty())
            && self.named.iter().any(signature);
        is_named && base != "return" && of.parameter(base).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{fact, said, table};
    use crate::check::{C, calls};

    const HEADER: &str = "
        typedef struct _thing thing; typedef thing *thingPtr; struct _thing { int (*f)(int); int n; };
        extern thingPtr thing_new (const char *__restrict __name, int flags) __attribute__ ((__malloc__));
        int thing_open(const char *name, thing **out);
        static inline int thing_inline(int a) { return a; }
        extern void (thing_free)(struct _thing *it);
        void thing_free_at(thing *it, unsigned long);
        void thing_each(thing *it, int (*each)(thing *, void *), void *argument);
        void other_free(int *numbers); void free(void *); char *thing_name(thing *it);
        int thing_pipe(int ends[2]); int thing_print(const char *format, ...);
    ";

    fn learned() -> Prototypes {
        let mut prototypes = Prototypes::default();
        prototypes.learn(HEADER, true);
        prototypes
    }

    #[test]
    fn prototypes_are_understood() {
        let all = learned();
        let shown = |name: &str| {
            let signature = all.signature(name, None).expect("it is known");
            let parameters = signature.parameters.iter();
            let parameters: Vec<_> = parameters
                .map(|(name, of)| format!("{of} {name}"))
                .collect();
            format!("{}({})", signature.result, parameters.join(", "))
        };
        assert_eq!(shown("thing_new"), "*_thing(*char name, int flags)");
        assert_eq!(shown("thing_open"), "int(*char name, **_thing out)");
        assert_eq!(shown("thing_inline"), "int(int a)");
        assert_eq!(shown("thing_free"), "void(*_thing it)");
        assert_eq!(shown("thing_free_at"), "void(*_thing it, unsigned long )");
        assert_eq!(
            shown("thing_each"),
            "void(*_thing it, *function each, *void argument)"
        );
        assert_eq!(shown("thing_pipe"), "int(*int ends)");
        assert_eq!(shown("thing_print"), "int(*char format)");
    }

    #[test]
    fn a_release_that_takes_something_else_is_found() {
        let says = |function: &str, slot: &str, release: &str| {
            let row = fact("owned", "documented", &[release]);
            said(&calls::check(
                &table(C, &[(function, slot, row)]),
                C,
                &learned(),
            ))
        };
        for (function, slot, release) in [
            ("thing_new", "return", "thing_free"),
            ("thing_open", "out", "thing_free"),
            ("thing_new", "return", "thing_free_at(*, 0)"),
            ("thing_name", "return", "free"),
        ] {
            assert_eq!(says(function, slot, release), [""; 0], "{release}");
        }
        for (function, slot, release, reason) in [
            (
                "thing_name",
                "return",
                "thing_free",
                "takes *_thing for it, and gets *char",
            ),
            ("thing_new", "return", "other_free", "gets *_thing"),
            ("thing_new", "return", "thing_free_at", "takes 2"),
            (
                "thing_open",
                "result",
                "thing_free",
                "there is no such slot",
            ),
        ] {
            let said = says(function, slot, release);
            assert!(
                said.len() == 1 && said[0].contains(reason),
                "{release}: {said:?}"
            );
        }
    }
}
