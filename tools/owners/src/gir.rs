//! Rows from GObject-Introspection: which results, parameters and errors of GLib
//! and what is built on it are the caller's.
//!
//! It says whose something is and not what releases it: that follows from the
//! type. Where it does not, there is no row.

mod signatures;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use roxmltree::{Document, Node, ParsingOptions};

use crate::rows::{Row, Rows};
pub(crate) use signatures::Signatures;

/// What is read: the libraries of GTK, down to GLib.
const NAMESPACES: &[&str] = &[
    "GLib-2.0",
    "GObject-2.0",
    "GModule-2.0",
    "Gio-2.0",
    "GdkPixbuf-2.0",
    "Graphene-1.0",
    "HarfBuzz-0.0",
    "Pango-1.0",
    "PangoCairo-1.0",
    "PangoFT2-1.0",
    "Gdk-4.0",
    "Gsk-4.0",
    "Gtk-4.0",
];

/// Packages of Debian that have them.
pub(crate) const NEEDED: &[(&str, &str)] = &[
    ("/usr/share/gir-1.0/Gio-2.0.gir", "libgirepository1.0-dev"),
    ("/usr/share/gir-1.0/Gtk-4.0.gir", "libgtk-4-dev"),
];

const C: &str = "http://www.gtk.org/introspection/c/1.0";
const GLIB: &str = "http://www.gtk.org/introspection/glib/1.0";

/// Reads all namespaces and adds their rows; gives the versions of GLib and GTK, and
/// the types of all functions.
pub(crate) fn read(folder: &Path, rows: &mut Rows) -> Result<(String, Signatures), String> {
    let mut texts = Vec::new();
    for name in NAMESPACES {
        let path = folder.join(format!("{name}.gir"));
        let text = std::fs::read_to_string(&path)
            .map_err(|e| format!("{}: {e} (packages: {NEEDED:?})", path.display()))?;
        texts.push((path, text));
    }
    let mut documents = Vec::new();
    for (path, text) in &texts {
        let options = ParsingOptions {
            nodes_limit: u32::MAX,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(text, options)
            .map_err(|e| format!("{}: {e}", path.display()))?;
        documents.push(document);
    }
    let mut types = Types::default();
    for document in &documents {
        for namespace in namespaces(document) {
            types.learn(namespace);
        }
    }
    let mut signatures = Signatures::new(types);
    for document in &documents {
        for namespace in namespaces(document) {
            functions(namespace, signatures.types(), rows);
            signatures.learn(namespace);
        }
    }
    let versions = documents.iter().flat_map(namespaces).filter_map(version);
    Ok((versions.collect(), signatures))
}

/// The name and the exact version of a namespace that tells it.
fn version(namespace: Node) -> Option<String> {
    let constant = |name| {
        let found = namespace
            .children()
            .find(|n| n.attribute("name") == Some(name));
        found?.attribute("value")
    };
    let [major, minor, micro] = ["MAJOR_VERSION", "MINOR_VERSION", "MICRO_VERSION"].map(constant);
    let name = namespace.attribute("name")?;
    Some(format!("{name} {}.{}.{}\n", major?, minor?, micro?))
}

fn namespaces<'a>(document: &'a Document<'a>) -> impl Iterator<Item = Node<'a, 'a>> {
    let root = document.root_element();
    root.children().filter(|n| n.has_tag_name_("namespace"))
}

trait Tag {
    fn has_tag_name_(&self, name: &str) -> bool;
}

impl Tag for Node<'_, '_> {
    /// Without regard to the namespace of XML.
    fn has_tag_name_(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// What releases values of a type.
#[derive(Default)]
struct Types {
    /// By the type's whole name.
    releases: BTreeMap<String, String>,
    /// Each class with the one above it.
    parents: BTreeMap<String, String>,
    interfaces: BTreeSet<String>,
}

impl Types {
    fn learn(&mut self, namespace: Node) {
        let space = namespace.attribute("name").unwrap_or_default();
        let whole = |name: &str| match name.contains('.') {
            true => name.to_owned(),
            false => format!("{space}.{name}"),
        };
        for of in namespace.children().filter(Node::is_element) {
            let Some(name) = of.attribute("name").map(whole) else {
                continue;
            };
            match of.tag_name().name() {
                "class" => {
                    if let Some(parent) = of.attribute("parent") {
                        self.parents.insert(name.clone(), whole(parent));
                    }
                    if let Some(unref) = of.attribute((GLIB, "unref-func")) {
                        self.releases.insert(name, unref.to_owned());
                    }
                }
                "interface" => {
                    self.interfaces.insert(name);
                }
                "record" | "union" => {
                    let methods = of.children().filter(|n| n.has_tag_name_("method"));
                    let one = |wanted: &str| {
                        let named = |m: &Node| m.attribute("name") == Some(wanted);
                        let found = methods.clone().find(named)?;
                        // One with more to pass than the value is for something else.
                        let more = found.descendants().any(|n| n.has_tag_name_("parameter"));
                        let name = found.attribute((C, "identifier"))?;
                        (!more).then(|| name.to_owned())
                    };
                    if let Some(release) = one("unref").or_else(|| one("free")) {
                        self.releases.insert(name, release);
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a class comes from another one.
    fn is_a(&self, name: &str, ancestor: &str) -> bool {
        let mut name = name;
        loop {
            if name == ancestor {
                return true;
            }
            match self.parents.get(name) {
                Some(parent) => name = parent,
                None => return false,
            }
        }
    }

    /// What releases an object or a record.
    fn release(&self, name: &str) -> Option<String> {
        if let Some(release) = self.releases.get(name) {
            return Some(release.clone());
        }
        let mut class = name;
        while let Some(parent) = self.parents.get(class) {
            if let Some(release) = self.releases.get(parent) {
                return Some(release.clone());
            }
            class = parent;
        }
        let is_object = class == "GObject.Object" || self.interfaces.contains(name);
        is_object.then(|| "g_object_unref".to_owned())
    }
}

fn functions(namespace: Node, types: &Types, rows: &mut Rows) {
    let space = namespace.attribute("name").unwrap_or_default();
    let library = library(namespace, space);
    for function in namespace.descendants() {
        let is_function = ["function", "method", "constructor"]
            .iter()
            .any(|tag| function.has_tag_name_(tag));
        let Some(name) = function
            .attribute((C, "identifier"))
            .filter(|_| is_function)
        else {
            continue;
        };
        rows.declare(&library, name);
        // What cannot be called from other languages is often not annotated.
        if function.attribute("introspectable") == Some("0") {
            continue;
        }
        let part = |tag: &'static str| function.children().find(move |n| n.has_tag_name_(tag));
        if let Some(result) = part("return-value")
            && let Some((slot, row)) = given("return", result, function, space, types)
        {
            rows.add(&library, name, &slot, row);
        }
        let parameters = part("parameters").into_iter().flat_map(|p| {
            let list: Vec<_> = p.children().collect();
            list
        });
        for parameter in parameters.filter(Node::is_element) {
            let Some(slot) = parameter.attribute("name") else {
                continue;
            };
            let row = match parameter.attribute("direction") {
                Some("out") if parameter.attribute("caller-allocates") != Some("1") => {
                    given(slot, parameter, function, space, types)
                }
                Some("out" | "inout") => None,
                _ => taken(slot, parameter),
            };
            if let Some((slot, row)) = row {
                rows.add(&library, name, &slot, row);
            }
        }
        if function.attribute("throws") == Some("1") {
            rows.add(&library, name, "error", Row::rule("gir-error"));
        }
    }
}

/// The library of a namespace: of several the one that has its name.
fn library(namespace: Node, space: &str) -> String {
    let all = namespace.attribute("shared-library").unwrap_or(space);
    let named = format!("lib{}", space.to_lowercase());
    let mut libraries = all.split(',');
    let own = libraries
        .clone()
        .find(|l| l.replace('_', "").starts_with(&named));
    own.or(libraries.next()).unwrap_or(space).to_owned()
}

/// What a function gives in a slot.
fn given(
    slot: &str,
    of: Node,
    function: Node,
    space: &str,
    types: &Types,
) -> Option<(String, Row)> {
    let transfer = of.attribute("transfer-ownership")?;
    let kind = of
        .children()
        .find(|n| n.has_tag_name_("type") || n.has_tag_name_("array"))?;
    let whole = |name: &str| match name.contains('.') || is_basic(name) {
        true => name.to_owned(),
        false => format!("{space}.{name}"),
    };
    let name = kind.attribute("name").map_or("array".into(), whole);
    let is_text = matches!(name.as_str(), "utf8" | "filename");
    // A place for the result is one pointer more.
    let least = if slot == "return" { 1 } else { 2 };
    let pointers = kind
        .attribute((C, "type"))
        .map_or(0, |c| c.matches('*').count());
    let is_pointer = pointers >= least || is_text;
    if !is_pointer || name == "gpointer" || name == "none" {
        return None;
    }
    let element = || {
        let inner = kind.children().find(|n| n.has_tag_name_("type"))?;
        inner.attribute("name").map(whole)
    };
    if slot == "return"
        && !types.is_a(&name, "GObject.InitiallyUnowned")
        && floats(of, types.is_a(&name, "GObject.ParamSpec"))
    {
        let row = Row::with("gir-floating-value", &types.release(&name)?);
        return Some((slot.to_owned(), row));
    }
    if transfer == "none" {
        let makes = function.has_tag_name_("constructor") && slot == "return";
        let floats = makes && types.is_a(&name, "GObject.InitiallyUnowned");
        let rule = if floats { "gir-floating" } else { "gir-none" };
        return Some((slot.to_owned(), Row::rule(rule)));
    }
    let full = transfer == "full";
    let release = match name.as_str() {
        "utf8" | "filename" => "g_free".into(),
        "GLib.List" | "GLib.SList" => {
            let stem = match name.as_str() {
                "GLib.List" => "g_list",
                _ => "g_slist",
            };
            match (full, element()) {
                (false, _) => format!("{stem}_free"),
                (true, Some(element)) => {
                    format!("{stem}_free_full(*, {})", value(&element, types)?)
                }
                (true, None) => return None,
            }
        }
        "GLib.HashTable" => "g_hash_table_unref".into(),
        "GLib.Array" => "g_array_unref".into(),
        "GLib.PtrArray" => "g_ptr_array_unref".into(),
        "GLib.ByteArray" => "g_byte_array_unref".into(),
        "array" => {
            let element = element()?;
            let texts = matches!(element.as_str(), "utf8" | "filename");
            let ends = kind.attribute("zero-terminated") != Some("0");
            match (full, texts) {
                (false, _) => "g_free".into(),
                (true, true) if ends => "g_strfreev".into(),
                (true, false) if is_basic(&element) && element != "gpointer" => "g_free".into(),
                _ => return None,
            }
        }
        other if is_basic(other) => "g_free".into(),
        other => types.release(other)?,
    };
    let rule = if full { "gir-full" } else { "gir-container" };
    Some((slot.to_owned(), Row::with(rule, &release)))
}

/// Whether what a function gives is a floating reference. The annotation has no
/// word for that, and says "none" or "full"; what the documentation says of the
/// result tells. New descriptions of properties float always, as the documentation
/// of `g_param_spec_sink` says.
fn floats(result: Node, is_property: bool) -> bool {
    let doc = result.children().find(|n| n.has_tag_name_("doc"));
    let said = doc.and_then(|n| n.text()).unwrap_or_default();
    let mut words = said.split(|c: char| !c.is_alphanumeric() && c != '-');
    let is_new = said.contains("newly");
    let denied = ["not be floating", "never floating", "floating point"];
    (is_property && is_new)
        || words.any(|word| word == "floating")
            && !denied.iter().any(|denied| said.contains(denied))
}

/// The function that releases one value, for lists of them.
fn value(name: &str, types: &Types) -> Option<String> {
    match name {
        "utf8" | "filename" => Some("g_free".into()),
        "gpointer" => None,
        other if is_basic(other) => Some("g_free".into()),
        other => types.release(other),
    }
}

/// What a function takes over.
fn taken(slot: &str, parameter: Node) -> Option<(String, Row)> {
    let kind = parameter
        .children()
        .find(|n| n.has_tag_name_("type") || n.has_tag_name_("array"))?;
    let name = kind.attribute("name").unwrap_or("array");
    let pointer = kind.attribute((C, "type")).is_some_and(|c| c.contains('*'));
    let known = name != "gpointer" && (pointer || matches!(name, "utf8" | "filename"));
    let all = parameter.attribute("transfer-ownership") == Some("full");
    (all && known).then(|| (slot.to_owned(), Row::rule("gir-transfer")))
}

/// Whether a type is a number, a flag or the like.
fn is_basic(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name != "array"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floating_results_are_known_by_their_documentation() {
        let says = |text: &str, is_property| {
            let text = format!("<return-value><doc>{text}</doc></return-value>");
            let document = Document::parse(&text).expect("it is XML");
            floats(document.root_element(), is_property)
        };
        assert!(says("a floating reference to a new string instance", false));
        assert!(says("a new, floating, value", false));
        assert!(!says("a non-floating reference to a value", false));
        assert!(!says("a value (never floating) with the data", false));
        assert!(!says("a value. It will not be floating.", false));
        assert!(says("a newly created parameter specification", true));
        assert!(!says("the redirect target", true));
        assert!(!says("a newly allocated string", false));
        assert!(!says("the attribute, if it is a floating point one", false));
    }
}
