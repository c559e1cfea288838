use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::*;

type Found<'a> = (String, &'a Map<String, Value>);

/// Every operation, with its method and path.
fn operations(document: &Value) -> Vec<Found<'_>> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| {
                (format!("{method} {path}"), operation.as_object().unwrap())
            })
        })
        .collect()
}

/// What an operation takes and gives, each with its media type.
fn contents(operation: &Map<String, Value>) -> Vec<(String, &str, &Value)> {
    let body = operation
        .get("requestBody")
        .map(|body| ("body".to_owned(), body));
    let responses = operation["responses"].as_object().unwrap();
    let responses = responses
        .iter()
        .map(|(status, response)| (status.clone(), response));
    body.into_iter()
        .chain(responses)
        .flat_map(|(place, of)| {
            let contents = of["content"].as_object().into_iter().flatten();
            contents.map(move |(media_type, content)| (place.clone(), media_type.as_str(), content))
        })
        .collect()
}

/// The examples of a content, wherever they stand.
fn examples<'a>(document: &'a Value, content: &'a Value) -> Vec<&'a Value> {
    let named = content["examples"].as_object().into_iter().flatten();
    let named = named.map(|(_, example)| {
        let example = example["$ref"]
            .as_str()
            .and_then(|reference| document.pointer(&reference[1..]))
            .unwrap_or(example);
        &example["value"]
    });
    content.get("example").into_iter().chain(named).collect()
}

#[test]
fn every_operation_says_what_there_is_to_say() {
    let document = openapi().unwrap();
    let mut missing = Vec::new();
    let mut ids = BTreeSet::new();
    for (call, operation) in operations(&document) {
        let mut want = |condition: bool, what: String| {
            if !condition {
                missing.push(format!("{call}: {what}"));
            }
        };
        let text = |name: &str| {
            operation
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let id = text("operationId");
        let reads = id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        want(
            !id.is_empty() && reads && !id.ends_with('_'),
            format!("operationId `{id}`"),
        );
        want(ids.insert(id), format!("operationId `{id}` twice"));
        want(!text("summary").is_empty(), "summary".to_owned());
        want(
            text("description").contains("**Access:**"),
            "whom it serves".to_owned(),
        );
        let parameters = operation.get("parameters").and_then(Value::as_array);
        for parameter in parameters.into_iter().flatten() {
            let name = &parameter["name"];
            want(
                parameter["description"].is_string(),
                format!("what {name} is"),
            );
            let nullable = parameter["schema"]["type"].is_array();
            want(
                !nullable,
                format!("{name} cannot be null in an address or a header"),
            );
        }
        for (place, media_type, content) in contents(operation) {
            let some = !examples(&document, content).is_empty();
            want(some, format!("an example of {place}, {media_type}"));
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            if response["content"][chassis::error::PROBLEM_JSON].is_object() {
                let types = response["x-problem-types"].as_array();
                want(
                    types.is_some_and(|types| !types.is_empty()),
                    format!("types of {status}"),
                );
            }
        }
    }
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
    assert!(ids.len() > 60, "{}", ids.len());
}

#[test]
fn every_example_is_what_its_schema_says() {
    let document = openapi().unwrap();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (call, operation) in operations(&document) {
        for (place, _, content) in contents(operation) {
            let mut schema = content["schema"].clone();
            schema["components"] = document["components"].clone();
            let schema = jsonschema::options()
                .should_validate_formats(true)
                .build(&schema)
                .unwrap();
            for example in examples(&document, content) {
                let errors = schema.iter_errors(example);
                wrong.extend(errors.map(|error| {
                    format!("{call}, {place}: {} at {}", error, error.instance_path())
                }));
                checked += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(checked > 300, "{checked}");
}
