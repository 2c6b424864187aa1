//! The types of Win32's functions, as far as it takes to see whether a release
//! function takes what a slot gives.
//!
//! What is not here: the metadata's attributes of slots (`winmd.rs`), and the rows
//! that are checked (`check`).

use std::collections::{BTreeMap, BTreeSet};

use windows_metadata::reader::{HasAttributes, Index, TypeCategory, TypeDef};
use windows_metadata::{Type, Value};

use crate::check::calls::Types;
use crate::read::Names;

/// A type: its name, and how many pointers lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) depth: usize,
}

impl Shape {
    pub(crate) fn new(name: &str, depth: usize) -> Shape {
        Shape {
            name: name.to_owned(),
            depth,
        }
    }

    /// What a pointer of this type leads to.
    pub(crate) fn behind(&self) -> Option<Shape> {
        let depth = self.depth.checked_sub(1)?;
        Some(Shape::new(&self.name, depth))
    }

    /// A pointer to this.
    pub(crate) fn pointer(&self) -> Shape {
        Shape::new(&self.name, self.depth + 1)
    }

    fn of(of: &Type) -> Shape {
        match of {
            Type::PtrMut(of, more) | Type::PtrConst(of, more) => {
                let inner = Shape::of(of);
                Shape::new(&inner.name, inner.depth + more)
            }
            Type::RefMut(of) | Type::RefConst(of) => Shape::of(of),
            Type::ArrayFixed(of, _) | Type::Array(of) => Shape::of(of).pointer(),
            Type::ValueName(name) | Type::ClassName(name) => Shape::new(&name.name, 0),
            Type::Void => Shape::new(VOID, 0),
            other => Shape::new(&format!("{other:?}"), 0),
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", "*".repeat(self.depth), self.name)
    }
}

/// What nothing more is known of.
const VOID: &str = "void";
/// Handles that are pointers to the memory itself when it cannot be moved: what
/// takes them takes any memory.
const MEMORY: &[&str] = &["HLOCAL", "HGLOBAL"];

/// What a function takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) result: Shape,
    pub(crate) parameters: Vec<(String, Shape)>,
}

impl Signature {
    /// The type of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Shape> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, shape)| shape)
    }
}

/// All that is known of types.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    /// By function and library.
    pub(crate) signatures: BTreeMap<(String, String), Signature>,
    /// By structure and field.
    fields: BTreeMap<(String, String), Shape>,
    /// Other names of types, handles among them.
    names: BTreeMap<String, Shape>,
    /// Types of handles that a function of their own closes.
    handles: BTreeSet<String>,
    /// Types of handles with those in whose place they may stand.
    usable: BTreeMap<String, String>,
    /// Interfaces with those that they come from.
    bases: BTreeMap<String, Vec<String>>,
    /// Objects that other metadata describes: those of the Windows Runtime.
    elsewhere: BTreeSet<String>,
}

impl Shapes {
    /// Learns the types and functions of the metadata.
    pub(crate) fn learn(&mut self, index: &Index) {
        let own: BTreeSet<&str> = index.types().map(|of| of.name()).collect();
        for of in index.types() {
            match of.category() {
                TypeCategory::Interface => {
                    let bases = of.interface_impls().map(|base| base.interface(&[]));
                    let names = bases.map(|base| Shape::of(&base).name);
                    self.bases.insert(of.name().to_owned(), names.collect());
                }
                TypeCategory::Struct => self.learn_struct(&of),
                _ => {}
            }
            if of.category() == TypeCategory::Delegate {
                continue;
            }
            for method in of.methods() {
                let signature = method.signature(&[]);
                let Ok(named) = method.params_by_sequence(signature.types.len()) else {
                    continue;
                };
                let names = named.params().iter();
                let names = names.map(|p| p.as_ref().map_or("", |p| p.name()).to_owned());
                let shapes = signature.types.iter().map(Shape::of);
                let objects = signature.types.iter().filter_map(object);
                let foreign = objects.filter(|name| !own.contains(name.as_str()));
                self.elsewhere.extend(foreign);
                let key = match (of.category(), method.impl_map()) {
                    (TypeCategory::Interface, _) => {
                        let name = format!("{}::{}", of.name(), method.name());
                        (name, of.namespace().to_owned())
                    }
                    (_, Some(import)) => {
                        let library = import.import_scope().name().to_lowercase();
                        (method.name().to_owned(), library)
                    }
                    (_, None) => continue,
                };
                self.signatures.entry(key).or_insert_with(|| Signature {
                    result: Shape::of(&signature.return_type),
                    parameters: names.zip(shapes).collect(),
                });
            }
        }
    }

    /// Gives parameters the names that they have in manuals; says what is wrong with
    /// these.
    pub(crate) fn rename(&mut self, names: &Names) -> Vec<String> {
        let mut complaints = Vec::new();
        for ((function, _), signature) in &mut self.signatures {
            let from = (function.clone(), String::new());
            let of_function = names
                .range(from..)
                .take_while(|((known, _), _)| known == function);
            for ((_, declared), manual) in of_function {
                if signature.parameter(manual).is_some() {
                    complaints.push(format!("names: {function} has a {manual} of its own"));
                }
                let mut parameters = signature.parameters.iter_mut();
                match parameters.find(|(known, _)| known == declared) {
                    Some((known, _)) => known.clone_from(manual),
                    None => complaints.push(format!("names: {function} has no {declared}")),
                }
            }
        }
        complaints
    }

    fn learn_struct(&mut self, of: &TypeDef) {
        let name = of.name().to_owned();
        for field in of.fields() {
            let key = (name.clone(), field.name().to_owned());
            self.fields
                .entry(key)
                .or_insert_with(|| Shape::of(&field.ty()));
        }
        for attribute in of.attributes() {
            let value = attribute.value().first().map(|(_, value)| value.clone());
            match (attribute.name(), value) {
                ("NativeTypedefAttribute" | "MetadataTypedefAttribute", _) => {
                    let value = of.fields().find(|field| field.name() == "Value");
                    let value = value.map(|field| Shape::of(&field.ty()));
                    self.names.extend(value.map(|shape| (name.clone(), shape)));
                }
                ("RAIIFreeAttribute", _) => {
                    self.handles.insert(name.clone());
                }
                ("AlsoUsableForAttribute", Some(Value::Utf8(other))) => {
                    self.usable.insert(name.clone(), other);
                }
                _ => {}
            }
        }
    }

    /// The type of a slot: of a result, of what a parameter leads to, of a field, or
    /// of the elements of an array.
    pub(crate) fn slot(&self, signature: &Signature, slot: &str) -> Option<Shape> {
        let (base, path) = match slot.find(['.', '[']) {
            Some(at) => slot.split_at(at),
            None => (slot, ""),
        };
        let mut shape = match base {
            "return" => signature.result.clone(),
            // A field is one of what the parameter leads to, however far away.
            _ if !path.is_empty() && !path.starts_with('[') => signature.parameter(base)?.clone(),
            _ => self.leads_to(signature.parameter(base)?)?,
        };
        for part in path.split('.').filter(|part| !part.is_empty()) {
            let (name, elements) = match part.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (part, false),
            };
            if !name.is_empty() {
                let key = (shape.name.clone(), name.to_owned());
                shape = self.fields.get(&key)?.clone();
                if elements {
                    shape = shape.behind()?;
                }
            }
        }
        Some(shape)
    }

    /// What is at the place that a parameter is the address of.
    fn leads_to(&self, parameter: &Shape) -> Option<Shape> {
        // An address of anything: of a pointer, mostly.
        if *parameter == Shape::new(VOID, 1) {
            return Some(parameter.clone());
        }
        let named = || self.names.get(&parameter.name)?.behind();
        self.text(parameter).behind().or_else(named)
    }

    /// Whether `have` can be passed where `want` is wanted.
    pub(crate) fn accepts(&self, want: &Shape, have: &Shape) -> bool {
        let (want, have) = (self.text(want), self.text(have));
        if want == have || have.name == VOID && have.depth > 0 && self.is_memory(&want) {
            return true;
        }
        let takes_all =
            want == Shape::new(VOID, 1) || want.depth == 0 && MEMORY.contains(&want.name.as_str());
        if takes_all && self.is_memory(&have) {
            return true;
        }
        let mut name = &have.name;
        let mut steps = 0;
        while let Some(other) = self.usable.get(name).filter(|_| steps < 8) {
            if *other == want.name && want.depth == have.depth {
                return true;
            }
            (name, steps) = (other, steps + 1);
        }
        self.comes_from(&have.name, &want.name) && want.depth == have.depth
    }

    /// Types of texts are pointers to characters.
    fn text(&self, shape: &Shape) -> Shape {
        let letters = match shape.name.as_str() {
            "PWSTR" | "PCWSTR" => "U16",
            "PSTR" | "PCSTR" => "U8",
            _ => return shape.clone(),
        };
        Shape::new(letters, shape.depth + 1)
    }

    /// Whether it is a pointer, perhaps by another name, and no handle.
    fn is_memory(&self, shape: &Shape) -> bool {
        let named = || {
            let inner = self.names.get(&shape.name);
            inner.is_some_and(|inner| inner.depth > 0)
        };
        shape.depth > 0 || named() && !self.handles.contains(&shape.name)
    }

    /// Whether an interface comes from another.
    pub(crate) fn comes_from(&self, interface: &str, other: &str) -> bool {
        let Some(bases) = self.bases.get(interface) else {
            return false;
        };
        interface == other || bases.iter().any(|base| self.comes_from(base, other))
    }
}

/// The name of the object that a type leads to.
fn object(of: &Type) -> Option<String> {
    match of {
        Type::ClassName(name) => Some(name.name.to_string()),
        Type::PtrMut(of, _) | Type::PtrConst(of, _) => object(of),
        Type::RefMut(of) | Type::RefConst(of) => object(of),
        _ => None,
    }
}

impl Types for Shapes {
    fn signature(&self, function: &str, library: Option<&str>) -> Option<&Signature> {
        let key = |library: &str| (function.to_owned(), library.to_owned());
        let own = library.and_then(|library| self.signatures.get(&key(library)));
        let mut named = self.signatures.range(key("")..);
        own.or_else(|| {
            let ((name, _), signature) = named.next()?;
            (name == function).then_some(signature)
        })
    }

    fn slot(&self, of: &Signature, slot: &str) -> Option<Shape> {
        Shapes::slot(self, of, slot)
    }

    fn accepts(&self, want: &Shape, have: &Shape) -> bool {
        Shapes::accepts(self, want, have)
    }

    /// A pointer of which nothing is known may lead to an object: which one, an
    /// argument says (`riid`).
    fn has_method(&self, method: &str, have: &Shape) -> bool {
        let interface = method.split("::").next().unwrap_or(method);
        let is_any = have.name == VOID && have.depth > 0;
        // All objects of the Windows Runtime are COM's.
        let is_foreign = interface == "IUnknown" && self.elsewhere.contains(&have.name);
        is_any || have.depth == 0 && (is_foreign || self.comes_from(&have.name, interface))
    }

    fn lacks(&self, of: &Signature, slot: &str) -> bool {
        let base = slot.split(['.', '[']).next().unwrap_or(slot);
        let is_there = base == "return" || of.parameter(base).is_some();
        !is_there || slot.contains('.') && Shapes::slot(self, of, slot).is_none()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// `CreateThing` gives a `HTHING`, `OpenThing` one in a parameter; `CloseThing`
    /// closes them, and `CloseAny` anything for which they can stand.
    pub(crate) fn things() -> Shapes {
        let mut shapes = Shapes::default();
        let handle = Shape::new("HTHING", 0);
        let mut add = |name: &str, result: Shape, parameters: &[(&str, Shape)]| {
            let parameters = parameters
                .iter()
                .map(|(name, of)| (name.to_string(), of.clone()));
            let signature = Signature {
                result,
                parameters: parameters.collect(),
            };
            let key = (name.to_owned(), "thing.dll".to_owned());
            shapes.signatures.insert(key, signature);
        };
        let void = Shape::new(VOID, 0);
        add("CreateThing", handle.clone(), &[]);
        add("OpenThing", void.clone(), &[("phThing", handle.pointer())]);
        add("CloseThing", void.clone(), &[("hThing", handle.clone())]);
        add("CloseAny", void.clone(), &[("h", Shape::new("HANY", 0))]);
        add(
            "CloseOther",
            void.clone(),
            &[("h", Shape::new("HOTHER", 0))],
        );
        add("FreeAll", void.clone(), &[("p", void.pointer())]);
        add(
            "FreeAt",
            void.clone(),
            &[("p", void.pointer()), ("flags", Shape::new("U32", 0))],
        );
        add("CloseAt", void.clone(), &[("ph", handle.pointer())]);
        add("GetText", Shape::new("PWSTR", 0), &[]);
        add(
            "GetObject",
            void.clone(),
            &[("ppv", Shape::new("IThing", 1))],
        );
        add("IUnknown::Release", Shape::new("U32", 0), &[]);
        add("FillThing", void, &[("info", Shape::new("THING", 1))]);
        shapes.usable.insert("HTHING".into(), "HANY".into());
        shapes.handles.insert("HTHING".into());
        shapes.names.insert("HTHING".into(), Shape::new(VOID, 1));
        shapes.bases.insert("IUnknown".into(), vec![]);
        shapes
            .bases
            .insert("IThing".into(), vec!["IUnknown".into()]);
        let field = ("THING".to_owned(), "hInner".to_owned());
        shapes.fields.insert(field, handle);
        shapes
    }

    #[test]
    fn parameters_get_the_names_of_manuals() {
        let mut shapes = things();
        let names = |of: &[(&str, &str, &str)]| -> Names {
            let of = of
                .iter()
                .map(|(f, p, name)| ((f.to_string(), p.to_string()), name));
            of.map(|(key, name)| (key, name.to_string())).collect()
        };
        let right = names(&[("OpenThing", "phThing", "thing")]);
        assert_eq!(shapes.rename(&right), [""; 0]);
        let of = shapes.signature("OpenThing", None).expect("it is known");
        assert!(of.parameter("thing").is_some() && of.parameter("phThing").is_none());
        let wrong = names(&[("CloseThing", "hThat", "h"), ("FreeAt", "p", "flags")]);
        let says = [
            "names: CloseThing has no hThat",
            "names: FreeAt has a flags of its own",
        ];
        assert_eq!(shapes.rename(&wrong), says);
    }

    #[test]
    fn slots_have_types() {
        let shapes = things();
        let of = |function: &str, slot: &str| {
            let signature = shapes.signature(function, None).expect("it is known");
            assert_eq!(
                shapes.signature(function, Some("thing.dll")),
                Some(signature)
            );
            shapes.slot(signature, slot)
        };
        let handle = Some(Shape::new("HTHING", 0));
        assert_eq!(of("CreateThing", "return"), handle);
        assert_eq!(of("OpenThing", "phThing"), handle);
        assert_eq!(of("OpenThing", "phThing[]"), handle);
        assert_eq!(of("FillThing", "info.hInner"), handle);
        assert_eq!(of("FillThing", "info.hOuter"), None);
        assert_eq!(of("OpenThing", "nothing"), None);
    }

    #[test]
    fn what_is_accepted_follows_from_the_types() {
        let shapes = things();
        let accepts = |want: Shape, have: Shape| shapes.accepts(&want, &have);
        let handle = || Shape::new("HTHING", 0);
        let (any, void) = (|| Shape::new("HANY", 0), || Shape::new(VOID, 1));
        assert!(accepts(handle(), handle()));
        assert!(accepts(any(), handle()) && !accepts(handle(), any()));
        assert!(!accepts(handle(), handle().pointer()));
        assert!(accepts(void(), Shape::new("PWSTR", 0)) && accepts(void(), Shape::new("THING", 1)));
        assert!(!accepts(void(), Shape::new("THING", 0)), "no pointer");
        assert!(!accepts(void(), handle()), "a handle is no memory");
        assert!(accepts(Shape::new("HLOCAL", 0), Shape::new("PWSTR", 0)));
        assert!(accepts(Shape::new("U16", 1), Shape::new("PCWSTR", 0)));
        assert!(!accepts(Shape::new("U8", 1), Shape::new("PWSTR", 0)));
        assert!(shapes.comes_from("IThing", "IUnknown") && !shapes.comes_from("THING", "IUnknown"));
    }
}
