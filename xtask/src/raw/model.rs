//! What `freehold.h` declares: constants, types, functions, each with its text.
//!
//! The header is made by `cargo xtask header`, so its form is known: whatever is
//! not of that form is an error, never passed over. What is not here: any other
//! header.

/// The header.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) constants: Vec<Constant>,
    pub(crate) types: Vec<Type>,
    pub(crate) functions: Vec<Function>,
}

/// A `#define` with a value.
#[derive(Debug, PartialEq)]
pub(crate) struct Constant {
    pub(crate) docs: String,
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// What a constant is.
#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    Number(i64),
    /// `SIZE_MAX`.
    LargestSize,
}

/// A `typedef`.
#[derive(Debug, PartialEq)]
pub(crate) enum Type {
    /// Another name of a number's type.
    Alias {
        docs: String,
        name: String,
        of: CType,
    },
    /// A pointer to a function.
    Callback(Function),
    /// A struct and its fields.
    Struct {
        docs: String,
        name: String,
        fields: Vec<Field>,
    },
}

/// A field of a struct.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) docs: String,
    pub(crate) name: String,
    pub(crate) is: CType,
    /// The name of the constant that says how many there are, for an array.
    pub(crate) array: Option<String>,
}

/// A function, or the type of one.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) docs: String,
    pub(crate) name: String,
    pub(crate) parameters: Vec<(String, CType)>,
    pub(crate) gives: CType,
}

/// A type where it is used: `const char *` is one pointer to a constant `char`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CType {
    /// `char`, `size_t`, `freehold_block` …
    pub(crate) name: String,
    /// Whether that is constant.
    pub(crate) is_const: bool,
    /// How many pointers lead to it.
    pub(crate) pointers: usize,
}

impl Header {
    /// Reads the header.
    pub(crate) fn parse(text: &str) -> Result<Header, String> {
        let mut header = Header::default();
        let mut lines = text.lines().enumerate().peekable();
        let mut docs = String::new();
        while let Some((number, line)) = lines.next() {
            let at = |e: String| format!("line {}: {e}", number + 1);
            let line = line.trim();
            if line.starts_with("/*") {
                docs = comment(line, &mut lines).map_err(at)?;
            } else if let Some(define) = line.strip_prefix("#define ") {
                let mut define = define.to_owned();
                while define.ends_with('\\') {
                    define.pop();
                    define.push_str(lines.next().unwrap_or_default().1);
                }
                if let Some(constant) = constant(&define, &docs).map_err(at)? {
                    header.constants.push(constant);
                }
                docs.clear();
            } else if !line.is_empty() && !line.starts_with('#') && !line.contains("extern \"C\"") {
                let mut declaration = line.to_owned();
                let is_struct = line.ends_with('{');
                let ends = |d: &str| match is_struct {
                    true => d.starts_with("typedef struct") && d.contains('}'),
                    false => d.ends_with(';'),
                };
                while !ends(&declaration) {
                    let (_, next) = lines.next().ok_or_else(|| at("it does not end".into()))?;
                    declaration.push('\n');
                    declaration.push_str(next.trim());
                }
                let docs = std::mem::take(&mut docs);
                declare(&mut header, &declaration, docs).map_err(at)?;
            }
        }
        Ok(header)
    }
}

/// The text of a comment that begins with `line`, without its marks.
fn comment<'t>(
    line: &str,
    lines: &mut impl Iterator<Item = (usize, &'t str)>,
) -> Result<String, String> {
    let mut text = Vec::new();
    let mut line = line.trim_start_matches('/').to_owned();
    loop {
        let (inside, ends) = match line.split_once("*/") {
            Some((inside, "")) => (inside, true),
            Some(_) => return Err("there is more behind the comment".into()),
            None => (&*line, false),
        };
        let inside = inside.trim_start_matches('*');
        text.push(
            inside
                .strip_prefix(' ')
                .unwrap_or(inside)
                .trim_end()
                .to_owned(),
        );
        if ends {
            return Ok(text.join("\n").trim().to_owned());
        }
        let next = lines.next().ok_or("the comment does not end")?;
        line = next.1.trim().to_owned();
    }
}

fn constant(define: &str, docs: &str) -> Result<Option<Constant>, String> {
    let (name, value) = define.split_once(' ').unwrap_or((define, ""));
    let value = match value {
        // The guard, and macros with arguments: no language but C has them.
        "" => return Ok(None),
        _ if name.contains('(') => return Ok(None),
        "SIZE_MAX" => Value::LargestSize,
        number => match number.parse() {
            Ok(number) => Value::Number(number),
            Err(_) => return Err(format!("{name} is {number}, which is no number")),
        },
    };
    let (docs, name) = (docs.to_owned(), name.to_owned());
    Ok(Some(Constant { docs, name, value }))
}

/// Puts a declaration where it belongs.
fn declare(header: &mut Header, text: &str, docs: String) -> Result<(), String> {
    if text == "}" {
        return Ok(()); // of `extern "C"`
    }
    let text = text.trim_end_matches(';');
    let Some(definition) = text.strip_prefix("typedef ") else {
        header.functions.push(function(text, docs)?);
        return Ok(());
    };
    let defined = if let Some(body) = definition.strip_prefix("struct ") {
        let (name, body) = body.split_once('{').ok_or("a struct without fields")?;
        let fields = body.split_once('}').ok_or("a struct does not end")?.0;
        let name = name.trim().to_owned();
        let fields = self::fields(fields)?;
        Type::Struct { docs, name, fields }
    } else if let Some((gives, rest)) = definition.split_once("(*") {
        let (name, parameters) = rest.split_once(')').ok_or("a name does not end")?;
        let plain = format!("{gives} {name}{parameters}");
        Type::Callback(function(&plain, docs)?)
    } else {
        let (name, of) = named(definition)?;
        Type::Alias { docs, name, of }
    };
    header.types.push(defined);
    Ok(())
}

fn fields(text: &str) -> Result<Vec<Field>, String> {
    let (mut fields, mut docs) = (Vec::new(), String::new());
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let line = line.trim();
        if line.starts_with("/*") {
            docs = comment(line, &mut lines)?;
        } else if let Some(field) = line.strip_suffix(';') {
            let (field, array) = match field.split_once('[') {
                Some((field, count)) => (field, Some(count.trim_end_matches(']').to_owned())),
                None => (field, None),
            };
            let (name, is) = named(field)?;
            let docs = std::mem::take(&mut docs);
            fields.push(Field {
                docs,
                name,
                is,
                array,
            });
        } else if !line.is_empty() {
            return Err(format!("no field: {line}"));
        }
    }
    Ok(fields)
}

fn function(text: &str, docs: String) -> Result<Function, String> {
    let (head, rest) = text
        .split_once('(')
        .ok_or_else(|| format!("no function: {text}"))?;
    let inside = rest
        .strip_suffix(')')
        .ok_or_else(|| format!("no end: {text}"))?;
    let (name, gives) = named(head)?;
    let parameters = match inside.trim() {
        "void" => Vec::new(),
        inside => inside.split(',').map(named).collect::<Result<_, _>>()?,
    };
    Ok(Function {
        docs,
        name,
        parameters,
        gives,
    })
}

/// A type and the name behind it.
fn named(text: &str) -> Result<(String, CType), String> {
    let spaced = text.replace('*', " * ");
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    let wrong = || format!("no type and name: {text}");
    let name = words.pop().ok_or_else(wrong)?.to_owned();
    let is_const = words.first() == Some(&"const");
    words.retain(|word| !["const", "struct"].contains(word));
    let pointers = words.iter().filter(|word| **word == "*").count();
    words.retain(|word| *word != "*");
    let [of] = words[..] else { return Err(wrong()) };
    let of = CType {
        name: of.to_owned(),
        is_const,
        pointers,
    };
    Ok((name, of))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
/* head */
#ifndef FREEHOLD_H
#define FREEHOLD_H
#include <stdint.h>
/**
 * To the end.
 */
#define FREEHOLD_TO_NUL SIZE_MAX
#define FREEHOLD_NEW(type) \\
  (make(type))
#define FREEHOLD_NULL 1
typedef int32_t freehold_code;
/**
 * Gives 0
 * or not.
 */
typedef int32_t (*freehold_release)(void *block, void *context);
typedef struct freehold_block {
  /**
   * Where.
   */
  const void *base;
  char tag[FREEHOLD_NAME_BYTES];
} freehold_block;
#ifdef __cplusplus
extern \"C\" {
#endif
const char *freehold_version(void);
freehold_code freehold_query(const void *pointer,
                             struct freehold_block *block);
#ifdef __cplusplus
}  // extern \"C\"
#endif
#endif
";

    fn of(name: &str, is_const: bool, pointers: usize) -> CType {
        let name = name.into();
        CType {
            name,
            is_const,
            pointers,
        }
    }

    #[test]
    fn each_kind_of_declaration_is_read() {
        let header = Header::parse(TEXT).expect("read");
        let names: Vec<_> = header.constants.iter().map(|c| &*c.name).collect();
        assert_eq!(names, ["FREEHOLD_TO_NUL", "FREEHOLD_NULL"]);
        assert_eq!(header.constants[0].docs, "To the end.");
        assert_eq!(header.constants[1].value, Value::Number(1));
        let [
            Type::Alias { of: alias, .. },
            Type::Callback(release),
            Type::Struct { fields, .. },
        ] = &header.types[..]
        else {
            panic!("{:?}", header.types);
        };
        assert_eq!(*alias, of("int32_t", false, 0));
        assert_eq!(
            (&*release.name, &*release.docs),
            ("freehold_release", "Gives 0\nor not.")
        );
        assert_eq!(
            release.parameters[1],
            ("context".into(), of("void", false, 1))
        );
        assert_eq!(
            (&*fields[0].docs, &fields[0].is),
            ("Where.", &of("void", true, 1))
        );
        assert_eq!(fields[1].array.as_deref(), Some("FREEHOLD_NAME_BYTES"));
        let [version, query] = &header.functions[..] else {
            panic!()
        };
        assert_eq!(version.gives, of("char", true, 1));
        assert!(version.parameters.is_empty());
        assert_eq!(
            query.parameters[1],
            ("block".into(), of("freehold_block", false, 1))
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for wrong in [
            "int x;",
            "#define A \"text\"",
            "/** no end",
            "long long f(void);",
        ] {
            Header::parse(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn the_header_is_read_whole() {
        let path = crate::root().join("crates/capi/include/freehold.h");
        let text = std::fs::read_to_string(path).expect("there");
        let header = Header::parse(&text).expect("read");
        let declared = text.lines().filter(|line| {
            let is_indented = line.starts_with([' ', '*', '/', '}', '#']);
            !is_indented
                && line.contains(" freehold_") | line.contains("*freehold_")
                && line.contains('(')
                && !line.contains("(*")
        });
        assert_eq!(header.functions.len(), declared.count());
        assert!(header.functions.iter().all(|f| !f.docs.is_empty()));
    }
}
