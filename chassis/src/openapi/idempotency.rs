//! A key that came with another request is refused, whatever the operation.

use serde_json::{Map, Value, json};

use crate::error::PROBLEM_JSON;

pub(super) const KEY: &str = "Idempotency-Key";
const REUSED: &str = "`idempotency-key-reused`: the key came with another request";

pub(super) fn takes_key(operation: &Map<String, Value>) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.is_some_and(|parameters| parameters.iter().any(|known| known["name"] == KEY))
}

pub(super) fn refuse_reuse(operation: &mut Map<String, Value>) {
    if !takes_key(operation) {
        return;
    }
    let Some(responses) = operation.get_mut("responses") else {
        return;
    };
    let refusal = &mut responses["422"];
    if refusal.is_null() {
        *refusal = json!({
            "description": "A value is not acceptable",
            "content": { PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } },
        });
    }
    let description = refusal["description"].as_str().unwrap_or_default();
    if !description.contains(REUSED) {
        refusal["description"] = format!("{description}; {REUSED}").into();
    }
}
