//! Rows from the metadata of Win32: what its attributes and types say of each
//! slot of each function and COM method.
//!
//! What is not here: rules of one library (`libraries`), and which of these rules
//! is right for a function that breaks them; rows by hand say so, and come first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use windows_metadata::reader::{File, HasAttributes, Index, MethodDef, MethodParam, TypeCategory};
use windows_metadata::{ParamAttributes, Type, TypeName, Value};

use crate::compare::Answer;
use crate::libraries;
use crate::rows::{Row, Rows};
use crate::shapes::Shapes;

/// Reads the metadata file and adds its rows; gives the types of all functions.
pub(crate) fn read(path: &Path, rows: &mut Rows) -> Result<Shapes, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let file = File::new(bytes).ok_or_else(|| format!("{}: no metadata", path.display()))?;
    let index = Index::new(vec![file]);
    let types = Types::new(&index);
    for of in index.types() {
        let is_interface = of.category() == TypeCategory::Interface;
        if of.category() == TypeCategory::Delegate {
            continue;
        }
        for method in of.methods() {
            let (library, function) = match (method.impl_map(), is_interface) {
                (Some(import), _) => {
                    let library = import.import_scope().name().to_lowercase();
                    (library, method.name().to_owned())
                }
                (None, true) => {
                    let name = format!("{}::{}", of.name(), method.name());
                    (of.namespace().to_owned(), name)
                }
                (None, false) => continue,
            };
            let signature = method.signature(&[]);
            let Ok(parameters) = method.params_by_sequence(signature.types.len()) else {
                return Err(format!("{function}: its parameters have no order"));
            };
            let names_interface = (parameters.params().iter().zip(&signature.types))
                .any(|(parameter, of)| parameter.as_ref().is_some_and(|p| is_iid(p.name(), of)));
            let mut add = |slot: &Slot| {
                if let Some(answer) = types.attributes_say(slot) {
                    rows.note(&function, slot.name, answer);
                }
                if let Some((mut name, mut row)) = types.judge(&function, slot, is_interface) {
                    if row.rule == "unknown" && slot.gives_memory() {
                        let rule = libraries::rule(&library, &function);
                        row = rule.map_or(row, Row::rule);
                    }
                    if row.rule == "unknown" && slot.gives_untyped() && names_interface {
                        row = Row::rule("interface-by-iid");
                        if slot.is_sized() {
                            name += "[]";
                        }
                    }
                    rows.add(&library, &function, &name, row);
                }
            };
            add(&Slot {
                name: "return",
                of: &signature.return_type,
                flags: ParamAttributes(0),
                marks: parameters
                    .return_param()
                    .map(|p| marks(&p))
                    .unwrap_or_default(),
                is_return: true,
            });
            for (parameter, of) in parameters.params().iter().zip(&signature.types) {
                if let Some(parameter) = parameter {
                    add(&Slot {
                        name: parameter.name(),
                        of,
                        flags: parameter.flags(),
                        marks: marks(parameter),
                        is_return: false,
                    });
                }
            }
            rows.declare(&library, &function);
        }
    }
    let mut shapes = Shapes::default();
    shapes.learn(&index);
    Ok(shapes)
}

/// A place where a function gives something.
struct Slot<'a> {
    name: &'a str,
    of: &'a Type,
    flags: ParamAttributes,
    /// Its attributes, each with its first value.
    marks: BTreeMap<String, String>,
    is_return: bool,
}

impl Slot<'_> {
    /// Whether it is an array that the caller has room for.
    fn is_sized(&self) -> bool {
        let marks = ["NativeArrayInfo", "MemorySize"];
        marks.iter().any(|mark| self.marks.contains_key(*mark))
    }

    /// Whether it is the address of a pointer to something that has no type:
    /// mostly a handle.
    fn gives_untyped(&self) -> bool {
        let is_untyped = match self.of {
            Type::PtrMut(of, 2) | Type::PtrConst(of, 2) => **of == Type::Void,
            _ => false,
        };
        !self.is_return && is_untyped
    }

    /// Whether it is the address of a pointer to something that has a type, and is not
    /// a part of a security descriptor, which lies in that.
    fn gives_memory(&self) -> bool {
        let is_part = behind(self.of).is_some_and(|(of, ..)| &*of.name == "ACL");
        !self.is_return && !self.gives_untyped() && !is_part
    }
}

/// Whether a parameter names an interface: what comes out has that type.
fn is_iid(name: &str, of: &Type) -> bool {
    name.ends_with("iid") && matches!(behind(of), Some((of, 1, _)) if &*of.name == "Guid")
}

fn marks(parameter: &MethodParam) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::Utf8(text) | Value::Utf16(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let named = parameter.attributes().map(|attribute| {
        let name = attribute.name().trim_end_matches("Attribute").to_owned();
        let value = attribute.value().first().map(|(_, value)| text(value));
        (name, value.unwrap_or_default())
    });
    named.collect()
}

/// The named type behind pointers, and how many of these there are.
fn behind(of: &Type) -> Option<(&TypeName, usize, bool)> {
    match of {
        Type::ValueName(name) => Some((name, 0, false)),
        Type::ClassName(name) => Some((name, 0, true)),
        Type::PtrMut(of, more) | Type::PtrConst(of, more) => {
            behind(of).map(|(name, depth, class)| (name, depth + more, class))
        }
        Type::RefMut(of) | Type::RefConst(of) => behind(of),
        _ => None,
    }
}

fn depth(of: &Type) -> usize {
    match of {
        Type::PtrMut(of, more) | Type::PtrConst(of, more) => depth(of) + more,
        Type::RefMut(of) | Type::RefConst(of) => depth(of),
        _ => 0,
    }
}

/// What the types themselves say.
struct Types {
    /// Types of handles with the function that closes them.
    closes: BTreeMap<String, String>,
    /// Types of functions, which are no objects.
    callbacks: BTreeSet<String>,
    /// Interfaces with those that they come from.
    bases: BTreeMap<String, Vec<String>>,
    /// What functions that are no methods take.
    parameters: BTreeMap<String, Vec<Parameter>>,
}

/// A parameter of a function that may release something.
struct Parameter {
    name: String,
    /// The named type behind its pointers, and their number.
    of: Option<(String, usize)>,
}

/// How a function is called to release a value (`*`) of this type: the others of
/// its arguments are shown, as their number is not seen by the name.
fn call(release: &str, of: Option<&str>, parameters: &[Parameter]) -> String {
    let is_value = |parameter: &&Parameter| {
        let named = parameter.of.as_ref().map(|(name, _)| name.as_str());
        named.is_some() && named == of
    };
    // What takes any memory has another type than the value.
    let value = parameters.iter().find(is_value).or(parameters.first());
    let Some(value) = value else {
        return release.to_owned();
    };
    let by_address = is_value(&value) && value.of.as_ref().is_some_and(|(_, depth)| *depth == 1);
    if parameters.len() == 1 && !by_address {
        return release.to_owned();
    }
    let arguments =
        parameters.iter().map(
            |parameter| match (parameter.name == value.name, by_address) {
                (true, true) => "&*",
                (true, false) => "*",
                (false, _) => parameter.name.as_str(),
            },
        );
    format!("{release}({})", arguments.collect::<Vec<_>>().join(", "))
}

/// Types of text that ends with a NUL.
const TEXTS: &[&str] = &["PWSTR", "PSTR", "PCWSTR", "PCSTR"];

/// Beginnings of names of functions that mostly give what they keep: the type
/// says nothing there.
const KEEPERS: &[&str] = &[
    "Get", "Select", "Load", "Find", "Query", "Peek", "Set", "Replace", "Attach", "Detach", "Lock",
    "Unlock", "Free", "Close", "Delete", "Destroy", "Release", "Enum", "Lookup", "Next", "First",
    "Current", "Active", "Swap", "Exchange",
];

impl Types {
    fn new(index: &Index) -> Types {
        let mut types = Types {
            closes: BTreeMap::new(),
            callbacks: BTreeSet::new(),
            bases: BTreeMap::new(),
            parameters: BTreeMap::new(),
        };
        for of in index.types() {
            for method in of.methods() {
                if method.impl_map().is_some() {
                    types.learn(&method);
                }
            }
            if of.category() == TypeCategory::Delegate {
                types.callbacks.insert(of.name().to_owned());
            }
            if of.category() == TypeCategory::Interface {
                let bases = of.interface_impls().map(|base| base.interface(&[]));
                let names = bases.filter_map(|base| Some(behind(&base)?.0.name.to_string()));
                types.bases.insert(of.name().to_owned(), names.collect());
            }
            for attribute in of.attributes() {
                if attribute.name() == "RAIIFreeAttribute"
                    && let Some((_, Value::Utf8(close))) = attribute.value().first()
                {
                    types.closes.insert(of.name().to_owned(), close.clone());
                }
            }
        }
        types
    }

    /// Notes what a function takes.
    fn learn(&mut self, method: &MethodDef) {
        let signature = method.signature(&[]);
        // One whose parameters have no order is refused when its rows are made.
        let Ok(parameters) = method.params_by_sequence(signature.types.len()) else {
            return;
        };
        let named = parameters.params().iter().zip(&signature.types);
        let named = named.map(|(parameter, of)| Parameter {
            name: parameter.as_ref().map_or("?", |p| p.name()).to_owned(),
            of: behind(of).map(|(name, depth, _)| (name.name.to_string(), depth)),
        });
        self.parameters
            .insert(method.name().to_owned(), named.collect());
    }

    /// The call that releases what a slot of this type gives.
    fn call(&self, release: &str, of: &Type) -> String {
        let of = behind(of).map(|(name, ..)| &*name.name);
        match self.parameters.get(release) {
            Some(parameters) => call(release, of, parameters),
            None => release.to_owned(),
        }
    }

    /// Whether an interface is one of COM: others count no references.
    fn is_counted(&self, interface: &str) -> bool {
        let bases = self.bases.get(interface);
        interface == "IUnknown"
            || bases.is_some_and(|bases| bases.iter().any(|base| self.is_counted(base)))
    }

    /// What the attributes say, without a rule of ours, and whether it is the slot's
    /// own `FreeWith`, which generators of bindings do not read.
    fn attributes_say(&self, slot: &Slot) -> Option<(Answer, bool)> {
        let release = |name: &str| Answer::Release(vec![name.to_owned()]);
        if slot.marks.contains_key("DoNotRelease") {
            return Some((Answer::Keep, false));
        }
        for (mark, is_unread) in [("FreeWith", true), ("RAIIFree", false)] {
            if let Some(name) = slot.marks.get(mark) {
                return Some((release(name), is_unread));
            }
        }
        let gives = usize::from(!slot.is_return);
        let is_out = slot.flags.contains(ParamAttributes::Out);
        let is_in = slot.flags.contains(ParamAttributes::In);
        if !slot.is_return && (!is_out || is_in) {
            return None;
        }
        if slot.marks.contains_key("ComOutPtr") {
            return Some((release("IUnknown::Release"), false));
        }
        let (of, at, is_class) = behind(slot.of)?;
        if is_class && at == gives && !slot.is_return && self.is_counted(&of.name) {
            return Some((release("IUnknown::Release"), false));
        }
        let close = self.closes.get(&*of.name).filter(|_| at == gives)?;
        Some((release(close), false))
    }

    /// What is known of a slot, with the slot's name in a row.
    fn judge(&self, function: &str, slot: &Slot, is_method: bool) -> Option<(String, Row)> {
        let name = slot.name.to_owned();
        let has = |mark: &str| slot.marks.contains_key(mark);
        let is_sized = has("NativeArrayInfo") || has("MemorySize");
        if has("DoNotRelease") {
            // The array itself is the caller's; it is what he finds in it that is not.
            let name = match is_sized && !slot.is_return {
                true => format!("{name}[]"),
                false => name,
            };
            return Some((name, Row::rule("do-not-release")));
        }
        for mark in ["FreeWith", "RAIIFree"] {
            if let Some(release) = slot.marks.get(mark) {
                let release = self.call(release, slot.of);
                return Some((name, Row::with("declared", &release)));
            }
        }
        let is_out = slot.flags.contains(ParamAttributes::Out);
        let is_in = slot.flags.contains(ParamAttributes::In);
        let gives = match slot.is_return {
            true => 0,
            // What goes in and comes out again is the function's own rule.
            false if !is_out || is_in => return None,
            false => 1,
        };
        let is_sized = slot.is_sized();
        let known = behind(slot.of).filter(|(of, ..)| !self.callbacks.contains(&*of.name));
        if let Some((of, at, is_class)) = known {
            let of = &*of.name;
            // The attribute stands at some texts, too, and there it is wrong.
            let is_text = of == "BSTR" || TEXTS.contains(&of);
            if has("ComOutPtr") && !is_text {
                return Some((name, Row::rule("interface")));
            }
            let elements = |rule: &str| (format!("{name}[]"), Row::rule(rule));
            // An array that the caller has room for, and whose elements he gets.
            let element = is_sized && !slot.is_return;
            if is_class && !self.is_counted(of) {
                return Some((name, Row::rule("unknown")));
            }
            if is_class && at == gives && !slot.is_return {
                return Some(match element {
                    true => elements("interface"),
                    false => (name, Row::rule("interface")),
                });
            }
            let rule = match of {
                "BSTR" => Some("bstr"),
                "VARIANT" => Some("variant"),
                "PROPVARIANT" => Some("propvariant"),
                "HSTRING" => Some("hstring"),
                _ => None,
            };
            if let Some(rule) = rule.filter(|_| at == gives) {
                return Some(match element {
                    true => elements(rule),
                    false => (name, Row::rule(rule)),
                });
            }
            if of == "SAFEARRAY" && at == gives + 1 {
                return Some((name, Row::rule("safearray")));
            }
            // Of functions their own documentation: some give a part of what they get.
            if of == "ITEMIDLIST" && at == gives + 1 && is_method && !is_sized && !has("Const") {
                return Some((name, Row::rule("id-list")));
            }
            if let Some(close) = self.closes.get(of)
                && at == gives
                && !element
            {
                let short = function.rsplit("::").next().unwrap_or(function);
                let keeps = KEEPERS.iter().any(|keeper| short.contains(keeper))
                    // Of the marshaller: what they make is the slot's owner's.
                    || short.contains("_User");
                let rule = match (of, keeps || is_method) {
                    ("HANDLE", _) | (_, true) => "type-unsure",
                    _ => "type",
                };
                return Some((name, Row::with(rule, &self.call(close, slot.of))));
            }
            if TEXTS.contains(&of) && at == 0 && !slot.is_return {
                let rule = match is_sized {
                    true => "buffer",
                    // A pointer that is passed by value: no other can come out.
                    false => "buffer-text",
                };
                return Some((name, Row::rule(rule)));
            }
            if TEXTS.contains(&of) && at == gives && !is_sized {
                // What must not be written to is mostly lent, and so is a result.
                let is_lent = slot.is_return || has("Const");
                let interface = function.split_once("::").map(|(interface, _)| interface);
                let rule = match interface {
                    Some(of) if self.is_counted(of) && !is_lent => "com-text",
                    Some(_) => "com-text-unsure",
                    None => "unknown",
                };
                return Some((name, Row::rule(rule)));
            }
            if is_sized && at == 1 && !is_class && !slot.is_return {
                return Some((name, Row::rule("buffer")));
            }
        } else if has("ComOutPtr") {
            return Some((name, Row::rule("interface")));
        } else if is_sized && depth(slot.of) == 1 && !slot.is_return {
            return Some((name, Row::rule("buffer")));
        }
        // A pointer that comes out, and nobody says whose.
        let pointer = depth(slot.of) > gives;
        pointer.then(|| (name, Row::rule("unknown")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, of: &str, depth: usize) -> Parameter {
        Parameter {
            name: name.to_owned(),
            of: (!of.is_empty()).then(|| (of.to_owned(), depth)),
        }
    }

    #[test]
    fn a_release_shows_its_other_arguments() {
        let one = [parameter("h", "HTHING", 0)];
        assert_eq!(call("Close", Some("HTHING"), &one), "Close");
        let two = [parameter("flags", "", 0), parameter("h", "HTHING", 0)];
        assert_eq!(call("Close", Some("HTHING"), &two), "Close(flags, *)");
        let any = [parameter("memory", "", 0), parameter("flags", "", 0)];
        assert_eq!(call("Free", Some("PWSTR"), &any), "Free(*, flags)");
        let address = [parameter("h", "HTHING", 1)];
        assert_eq!(call("Close", Some("HTHING"), &address), "Close(&*)");
        assert_eq!(call("Close", Some("HTHING"), &[]), "Close");
    }

    #[test]
    fn of_an_array_it_is_the_elements_that_must_not_be_released() {
        let types = Types {
            closes: BTreeMap::new(),
            callbacks: BTreeSet::new(),
            bases: BTreeMap::new(),
            parameters: BTreeMap::new(),
        };
        let judged = |marks: &[&str]| {
            let marks = marks.iter().map(|mark| ((*mark).to_owned(), String::new()));
            let slot = Slot {
                name: "heaps",
                of: &Type::PtrMut(Box::new(Type::Void), 1),
                flags: ParamAttributes::Out,
                marks: marks.collect(),
                is_return: false,
            };
            types.judge("F", &slot, false).map(|(name, _)| name)
        };
        assert_eq!(judged(&["DoNotRelease"]).as_deref(), Some("heaps"));
        let sized = judged(&["DoNotRelease", "NativeArrayInfo"]);
        assert_eq!(sized.as_deref(), Some("heaps[]"));
    }
}
