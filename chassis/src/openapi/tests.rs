use super::*;

fn document() -> Value {
    json!({
        "paths": { "/things/{id}": { "post": {
            "description": "Does it.",
            "security": [{ "bearer": [] }],
            "parameters": [{ "name": "Idempotency-Key", "in": "header", "schema": { "type": ["string", "null"] } }],
            "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
            "responses": {
                "201": { "description": "Done", "content": { "application/json": {
                    "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } } } } },
                "403": problem("Without `things:do`", json!({ "x-permission": "things:do" })),
                "409": problem("`too-late`: it is over; `too-many`: `items` names them", json!({})),
                "503": problem("Try again", json!({})),
            },
        } } },
        "components": { "schemas": { "Thing": { "type": "object", "properties": {
            "id": { "type": "string", "format": "uuid" },
            "name": { "type": "string", "example": "lamp" },
            "size": { "type": ["integer", "null"], "minimum": 3 },
            "parts": { "type": "array", "items": { "oneOf": [{ "type": "null" }, { "type": "boolean" }] } },
        } } } },
    })
}

fn problem(description: &str, more: Value) -> Value {
    let mut response = json!({
        "description": description,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    for (name, value) in more.as_object().unwrap() {
        response[name] = value.clone();
    }
    response
}

fn completed() -> Value {
    let mut document = document();
    complete(&mut document);
    document
}

fn operation(document: &Value) -> &Value {
    &document["paths"]["/things/{id}"]["post"]
}

#[test]
fn examples_are_made_of_those_of_the_properties() {
    let document = completed();
    let operation = operation(&document);
    let thing = json!({
        "id": "0191f6c2-7f5e-7d3a-9c1e-2f4b8a6d0e11", "name": "lamp", "size": 3, "parts": [false],
    });
    let content = |body: &Value| body["content"]["application/json"]["example"].clone();
    assert_eq!(content(&operation["requestBody"]), thing);
    assert_eq!(content(&operation["responses"]["201"]), json!([thing]));
}

#[test]
fn a_refusal_names_its_types_with_an_example_of_each() {
    let document = completed();
    let responses = &operation(&document)["responses"];
    let types = |status: &str| responses[status]["x-problem-types"].clone();
    let expected = json!(["urn:problem-type:too-late", "urn:problem-type:too-many"]);
    assert_eq!(types("409"), expected);
    assert_eq!(types("403"), json!(["urn:problem-type:forbidden"]));
    assert_eq!(types("503"), json!(["urn:problem-type:unavailable"]));
    let examples = &responses["409"]["content"]["application/problem+json"]["examples"];
    assert_eq!(
        examples["too-late"]["$ref"],
        "#/components/examples/409-too-late"
    );
    let example = &document["components"]["examples"]["409-too-late"]["value"];
    assert_eq!(example["type"], "urn:problem-type:too-late");
    assert_eq!(example["status"], 409);
    assert_eq!(example["detail"], "it is over");
}

#[test]
fn a_key_that_was_used_before_is_refused_and_an_answer_that_was_given_before_says_so() {
    let document = completed();
    let operation = operation(&document);
    let types = &operation["responses"]["422"]["x-problem-types"];
    let expected = json!([
        "urn:problem-type:idempotency-key-reused",
        "urn:problem-type:validation"
    ]);
    assert_eq!(*types, expected);
    assert!(operation["responses"]["201"]["headers"]["Idempotency-Replayed"].is_object());
    assert_eq!(operation["parameters"][0]["schema"]["type"], "string");
}

#[test]
fn the_description_says_who_is_served() {
    let document = completed();
    let description = &operation(&document)["description"];
    assert_eq!(
        *description,
        "Does it.\n\n**Access:** the permission `things:do`."
    );
}

#[test]
fn completing_twice_changes_nothing() {
    let mut twice = completed();
    complete(&mut twice);
    assert_eq!(twice, completed());
}
