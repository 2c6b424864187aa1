//! The types of what functions of introspection data take and give, as far as it
//! takes to see whether a release function takes what a slot gives.
//!
//! What is not here: whose it is (`gir.rs`).

use std::collections::BTreeMap;

use roxmltree::Node;

use super::{C, Tag, Types};
use crate::check::calls;
use crate::shapes::{Shape, Signature};

/// The type that stands for all pointers.
const ANY: &str = "gpointer";
/// The type of texts.
const TEXT: &str = "utf8";
/// The slot of errors, which no parameter declares.
const ERROR: &str = "error";

/// Functions by their names in C, with the types' relations.
#[derive(Default)]
pub(crate) struct Signatures {
    functions: BTreeMap<String, Signature>,
    types: Types,
}

impl Signatures {
    pub(super) fn new(types: Types) -> Signatures {
        Signatures {
            functions: BTreeMap::new(),
            types,
        }
    }

    pub(super) fn types(&self) -> &Types {
        &self.types
    }

    /// Learns the functions of a namespace.
    pub(super) fn learn(&mut self, namespace: Node) {
        let space = namespace.attribute("name").unwrap_or_default();
        for function in namespace.descendants() {
            let is_function = ["function", "method", "constructor"]
                .iter()
                .any(|tag| function.has_tag_name_(tag));
            let name = function.attribute((C, "identifier"));
            if let Some(name) = name.filter(|_| is_function) {
                let signature = signature(function, space);
                self.functions.insert(name.to_owned(), signature);
            }
        }
    }

    fn is_object(&self, name: &str) -> bool {
        self.types.is_a(name, "GObject.Object") || self.types.interfaces.contains(name)
    }
}

fn signature(function: Node, space: &str) -> Signature {
    let part = |tag: &'static str| function.children().find(move |n| n.has_tag_name_(tag));
    let none = || Shape::new("none", 0);
    let result = part("return-value").map_or_else(none, |of| shape(of, space));
    let mut parameters = Vec::new();
    for parameter in part("parameters").iter().flat_map(Node::children) {
        let is_one = parameter.is_element();
        if let Some(name) = parameter.attribute("name").filter(|_| is_one) {
            parameters.push((name.to_owned(), shape(parameter, space)));
        }
    }
    if function.attribute("throws") == Some("1") {
        parameters.push((ERROR.to_owned(), Shape::new("GLib.Error", 0)));
    }
    Signature { result, parameters }
}

/// The type of a result or parameter: of an array that of its elements, with a
/// depth of one. How many pointers lead to it follows from its kind.
fn shape(of: Node, space: &str) -> Shape {
    let whole = |name: &str| match name {
        "filename" => TEXT.to_owned(),
        _ if name.contains('.') || super::is_basic(name) => name.to_owned(),
        _ => format!("{space}.{name}"),
    };
    // The name, and how many pointers C has there.
    let inner = |of: Node, tag: &str| {
        let found = of.children().find(|n| n.has_tag_name_(tag))?;
        let pointers = found.attribute((C, "type")).map(|c| c.matches('*').count());
        let name = whole(found.attribute("name").unwrap_or(ANY));
        Some((name, pointers.unwrap_or(0)))
    };
    if let Some((name, pointers)) = inner(of, "type") {
        // Texts in an array are declared as one text, here and there.
        let is_array = name == TEXT && pointers > 1;
        let is_slot = of
            .attribute("direction")
            .is_some_and(|direction| direction != "in");
        return Shape::new(&name, usize::from(is_array && !is_slot));
    }
    let array = of.children().find(|n| n.has_tag_name_("array"));
    match array {
        // GLib's own arrays have names.
        Some(array) if array.attribute("name").is_some() => {
            Shape::new(&whole(array.attribute("name").unwrap_or(ANY)), 0)
        }
        Some(array) => {
            let element = inner(array, "type").map_or(ANY.to_owned(), |(name, _)| name);
            Shape::new(&element, 1)
        }
        None => Shape::new(ANY, 0),
    }
}

impl calls::Types for Signatures {
    fn signature(&self, function: &str, _library: Option<&str>) -> Option<&Signature> {
        self.functions.get(function)
    }

    /// Results and places for them have the same type here.
    fn slot(&self, of: &Signature, slot: &str) -> Option<Shape> {
        match slot {
            "return" => Some(of.result.clone()),
            name => of.parameter(name).cloned(),
        }
    }

    fn accepts(&self, want: &Shape, have: &Shape) -> bool {
        let is_object = || want.name == "GObject.Object" && self.is_object(&have.name);
        want.name == ANY
            || want == have
            || want.depth == have.depth && (self.types.is_a(&have.name, &want.name) || is_object())
    }

    fn has_method(&self, _method: &str, _have: &Shape) -> bool {
        false
    }

    fn lacks(&self, of: &Signature, slot: &str) -> bool {
        slot != "return" && of.parameter(slot).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::calls::Types as _;

    const XML: &str = r#"<repository xmlns="http://www.gtk.org/introspection/core/1.0"
        xmlns:c="http://www.gtk.org/introspection/c/1.0">
      <namespace name="Thing">
        <class name="Base" parent="GObject.Object"/>
        <class name="Derived" parent="Base">
          <constructor name="new" c:identifier="thing_new">
            <return-value><type name="Derived" c:type="ThingBase*"/></return-value>
            <parameters><parameter name="size"><type name="gsize"/></parameter></parameters>
          </constructor>
          <method name="names" c:identifier="thing_names" throws="1">
            <return-value><array><type name="utf8"/></array></return-value>
          </method>
        </class>
        <function name="free" c:identifier="base_free">
          <parameters><parameter name="base"><type name="Base"/></parameter></parameters>
        </function>
        <function name="strv" c:identifier="strv_free">
          <parameters><parameter name="list"><type name="utf8" c:type="gchar**"/></parameter></parameters>
        </function>
        <function name="any" c:identifier="any_free">
          <parameters><parameter name="it"><type name="gpointer"/></parameter></parameters>
        </function>
      </namespace></repository>"#;

    #[test]
    fn types_of_introspection_data_say_what_may_be_released_by_what() {
        let document = roxmltree::Document::parse(XML).expect("XML");
        let mut types = Types::default();
        let namespaces: Vec<Node> = super::super::namespaces(&document).collect();
        types.learn(namespaces[0]);
        let mut all = Signatures::new(types);
        all.learn(namespaces[0]);
        let slot = |function: &str, slot: &str| {
            let signature = all.signature(function, None).expect("it is known");
            assert!(!all.lacks(signature, slot) && all.lacks(signature, "other"));
            all.slot(signature, slot).expect("it has a type")
        };
        let takes = |function: &str| {
            all.signature(function, None).expect("it").parameters[0]
                .1
                .clone()
        };
        let accepts = |function: &str, have: &Shape| all.accepts(&takes(function), have);
        let thing = slot("thing_new", "return");
        assert_eq!(thing, Shape::new("Thing.Derived", 0));
        assert!(accepts("base_free", &thing), "a Derived is a Base");
        assert!(accepts("any_free", &thing) && !accepts("strv_free", &thing));
        assert!(all.accepts(&Shape::new("GObject.Object", 0), &thing));
        let names = slot("thing_names", "return");
        assert!(accepts("strv_free", &names) && !accepts("base_free", &names));
        assert_eq!(slot("thing_names", "error"), Shape::new("GLib.Error", 0));
        let one = Shape::new("utf8", 0);
        assert!(!accepts("strv_free", &one), "a text is no list of texts");
    }
}
