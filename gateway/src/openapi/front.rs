//! What the gateway itself may answer, whatever a service says of the operation.

use chassis::{error::PROBLEM_JSON, openapi};
use serde_json::{Map, Value, json};

/// Says it of each operation that the gateway passes on.
pub(super) fn answers(document: &mut Value) {
    openapi::each(document, |operation, components| {
        if !has_tag(operation, "gateway") {
            add_answers(operation);
            for (_, response) in openapi::responses(operation) {
                add_headers(response, components);
            }
        }
    });
}

fn has_tag(operation: &Map<String, Value>, tag: &str) -> bool {
    let tags = operation.get("tags").and_then(Value::as_array);
    tags.is_some_and(|tags| tags.iter().any(|known| known == tag))
}

fn add_answers(operation: &mut Map<String, Value>) {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let parameters = parameters.map(Vec::as_slice).unwrap_or_default();
    let in_path = parameters.iter().any(|one| one["in"] == "path");
    let has_body = operation.contains_key("requestBody");
    let asks = has_body || !parameters.is_empty();
    // A token that is not valid is refused also where none is needed, but for where one signs in.
    let looks_at_token = !has_tag(operation, "auth");
    let answers = [
        ("400", "The request cannot be understood", asks),
        ("401", "The access token is not valid", looks_at_token),
        ("404", "Nothing has this address", in_path),
        ("408", "The body came too slowly", has_body),
        ("413", "The body is too large", has_body),
        ("415", "The body is of another type", has_body),
        ("422", "A value is not acceptable", asks),
        ("503", "A part of the system is away for a moment", true),
        ("504", "The service did not answer in time", true),
    ];
    let Some(Value::Object(responses)) = operation.get_mut("responses") else {
        return;
    };
    for (status, description, _) in answers.into_iter().filter(|(.., applies)| *applies) {
        responses
            .entry(status)
            .or_insert_with(|| refusal(description));
    }
    // What a service says of its own limits is not the gateway's.
    const LIMITED: &str = "`too-many-requests`: wait as long as `Retry-After` says";
    let limited = responses.entry("429").or_insert(Value::Null);
    match limited["description"].as_str() {
        None => *limited = refusal(LIMITED),
        Some(known) if known.contains(LIMITED) => {}
        Some(known) => {
            limited["description"] = format!("{known}; {LIMITED}").into();
            limited["x-problem-types"] = Value::Null;
        }
    }
}

fn refusal(description: &str) -> Value {
    json!({
        "description": description,
        "content": { PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

/// The quota of the caller, as far as there is one.
fn add_headers(response: &mut Value, components: &mut Map<String, Value>) {
    let mut add = |name, description, example| {
        let schema = json!({ "type": "string", "example": example });
        openapi::add_header(response, components, name, description, schema);
    };
    add(
        "RateLimit",
        "What is left: `r` more requests within `t` seconds.",
        "\"standard\";r=599;t=60",
    );
    add(
        "RateLimit-Policy",
        "What there is: `q` requests in `w` seconds.",
        "\"standard\";q=600;w=60",
    );
}
