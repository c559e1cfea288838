//! The headers that every service of this make takes and sends.

use serde_json::{Map, Value, json};

use super::{
    component,
    idempotency::{self, KEY},
    responses,
};

/// What is known of a parameter by its name: what it is for, and how it looks.
fn parameter(name: &str) -> Option<(&'static str, Value)> {
    Some(match name {
        KEY => (
            "Yours to choose, so that a request that is sent again takes no further effect.",
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]([ -~]*[!-~])?$",
                    "example": "0191f6c2-b8d4-7c50-8d3e-71a2f09c4b66" }),
        ),
        "If-Match" => (
            "The `ETag` that you saw: if there has been a change since, nothing happens and the answer is 412.",
            json!({ "type": "string", "pattern": "^(\\*|\"[0-9]{1,18}(-[0-9]{1,18})?\")$", "example": "\"3\"" }),
        ),
        "Last-Event-ID" => (
            "The `id` that came last, to go on after it.",
            json!({ "type": "string", "pattern": "^[0-9]{1,18}$", "example": "1742" }),
        ),
        _ => return None,
    })
}

pub(super) fn add(operation: &mut Map<String, Value>, components: &mut Map<String, Value>) {
    let idempotent = idempotency::takes_key(operation);
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for known in parameters.into_iter().flatten() {
        let name = known["name"].as_str().unwrap_or_default();
        let Some((description, schema)) = parameter(name) else {
            continue;
        };
        if known["description"].is_null() {
            known["description"] = description.into();
        }
        known["schema"] = schema;
    }
    for (status, response) in responses(operation) {
        let mut add = |name, description, schema| {
            add_to(response, components, name, description, schema);
        };
        add(
            "x-request-id",
            "Names this one request; the log has it. Yours, if you sent one.",
            json!({ "type": "string", "example": "0191f6c2-7f5e-7d3a-9c1e-2f4b8a6d0e11" }),
        );
        match status.as_str() {
            "401" => add(
                "WWW-Authenticate",
                "`Bearer`; with `error=\"invalid_token\"` if there was a token that is not valid.",
                json!({ "type": "string", "example": "Bearer" }),
            ),
            "429" | "503" => add(
                "Retry-After",
                "In so many seconds you may try again.",
                json!({ "type": "integer", "minimum": 0, "example": 1 }),
            ),
            success if success.starts_with('2') && idempotent => add(
                "Idempotency-Replayed",
                "`true` if this answer was given before, to a request with the same key.",
                json!({ "type": "string", "enum": ["true"] }),
            ),
            _ => {}
        }
    }
}

/// Describes a header of a response, if it is not described yet.
pub fn add_to(
    response: &mut Value,
    components: &mut Map<String, Value>,
    name: &str,
    description: &str,
    schema: Value,
) {
    let reference = component(
        components,
        "headers",
        name,
        || json!({ "description": description, "schema": schema }),
    );
    let headers = &mut response["headers"];
    if headers.is_null() {
        *headers = json!({});
    }
    if headers[name].is_null() {
        headers[name] = reference;
    }
}
