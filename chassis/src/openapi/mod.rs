//! What an OpenAPI document says over and over is not written at each operation, but added here: examples, the types of
//! problems with an example of each, whom an operation serves, headers. What stands there already is left alone, so doing it
//! twice changes nothing.

mod access;
mod examples;
mod headers;
mod idempotency;
mod problems;

use serde_json::{Map, Value, json};

pub use examples::example;
pub use headers::add_to as add_header;

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Completes a document.
pub fn complete(document: &mut Value) {
    each(document, |operation, components| {
        access::tell(operation);
        idempotency::refuse_reuse(operation);
        headers::add(operation, components);
        if let Some(body) = operation.get_mut("requestBody") {
            examples::add(body, components);
        }
        for (status, response) in responses(operation) {
            if status.as_str() >= "400" {
                problems::name(status, response, components);
            }
            examples::add(response, components);
        }
    });
}

/// Does something to each operation of a document, which may need components.
pub fn each(
    document: &mut Value,
    mut change: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>),
) {
    if !document.is_object() {
        return;
    }
    let mut components = match document["components"].take() {
        Value::Object(components) => components,
        _ => Map::new(),
    };
    for operation in operations(document) {
        change(operation, &mut components);
    }
    document["components"] = Value::Object(components);
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    document
        .get_mut("paths")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
        .flatten()
        .filter(|(method, _)| METHODS.contains(&method.as_str()))
        .filter_map(|(_, operation)| operation.as_object_mut())
}

/// The responses of an operation, by status.
pub fn responses(
    operation: &mut Map<String, Value>,
) -> impl Iterator<Item = (&String, &mut Value)> {
    operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
        .filter(|(_, response)| response.is_object())
}

/// Puts a component where it is missing; the reference to it.
fn component(
    components: &mut Map<String, Value>,
    section: &str,
    name: &str,
    value: impl FnOnce() -> Value,
) -> Value {
    let section_of = components.entry(section).or_insert_with(|| json!({}));
    if section_of[name].is_null() {
        section_of[name] = value();
    }
    json!({ "$ref": format!("#/components/{section}/{name}") })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
