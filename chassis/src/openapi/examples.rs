//! Examples, made of those of the properties.

use serde_json::{Map, Value, json};

/// Schemas that refer to themselves end somewhere.
const DEPTH: usize = 16;

/// Adds an example to each content that is JSON or a form and has none.
pub(super) fn add(body: &mut Value, components: &Map<String, Value>) {
    let content = body.get_mut("content").and_then(Value::as_object_mut);
    for (media_type, content) in content.into_iter().flatten() {
        let composed = ["application/json", "application/x-www-form-urlencoded"]
            .contains(&media_type.as_str());
        if composed && content.get("example").is_none() && content.get("examples").is_none() {
            content["example"] = example(&content["schema"], components);
        }
    }
}

/// A value as the schema wants it, made of the examples that stand in it, as far as there are any.
#[must_use]
pub fn example(schema: &Value, components: &Map<String, Value>) -> Value {
    compose(schema, components, DEPTH)
}

fn compose(schema: &Value, components: &Map<String, Value>, depth: usize) -> Value {
    let told = [
        schema.get("example"),
        schema.get("examples").and_then(|examples| examples.get(0)),
        schema.get("const"),
        schema.get("enum").and_then(|values| values.get(0)),
        schema.get("default"),
    ];
    if let Some(told) = told.into_iter().flatten().next() {
        return told.clone();
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Value::Null;
    };
    let compose = |schema: &Value| compose(schema, components, depth);
    if let Some(target) = schema["$ref"].as_str().and_then(|to| to.rsplit_once('/')) {
        let schemas = components.get("schemas").unwrap_or(&Value::Null);
        return compose(&schemas[target.1]);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(compose);
        let members = parts.filter_map(|part| match part {
            Value::Object(members) => Some(members),
            _ => None,
        });
        return Value::Object(members.flatten().collect());
    }
    let choices = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(choice) = choices
        .into_iter()
        .flatten()
        .find(|choice| choice["type"] != "null")
    {
        return compose(choice);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| **kind != "null"),
        kind => Some(kind),
    };
    match kind.and_then(Value::as_str).unwrap_or("object") {
        "object" => {
            let properties = schema["properties"].as_object();
            let properties = properties.into_iter().flatten();
            properties
                .map(|(name, schema)| (name.clone(), compose(schema)))
                .collect()
        }
        "array" => json!([compose(&schema["items"])]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(false),
        "string" => match schema["format"].as_str().unwrap_or_default() {
            "uuid" => json!("0191f6c2-7f5e-7d3a-9c1e-2f4b8a6d0e11"),
            "date-time" => json!("2026-11-25T09:30:00Z"),
            "date" => json!("2026-11-25"),
            "email" => json!("ann@example.com"),
            "password" => json!("four words nobody says"),
            _ => json!("text"),
        },
        _ => Value::Null,
    }
}
