//! Whom an operation serves, for people: in its description.

use serde_json::{Map, Value};

use crate::auth::refusals::{ACCESS, ALL_WITH, OWNER_OR, PERMISSION, PERMISSION_FOR_SOME};

const MARK: &str = "**Access:** ";

pub(super) fn tell(operation: &mut Map<String, Value>) {
    let description = operation.get("description").and_then(Value::as_str);
    let description = description.unwrap_or_default();
    if description.contains(MARK) {
        return;
    }
    let access = access(operation);
    let description = format!("{description}\n\n{MARK}{access}");
    operation.insert("description".to_owned(), description.trim_start().into());
    // An operation that wants no token says so: elsewhere that could have been forgotten.
    operation
        .entry("security")
        .or_insert_with(|| Value::Array(Vec::new()));
}

fn access(operation: &Map<String, Value>) -> String {
    let responses = operation.get("responses").unwrap_or(&Value::Null);
    let at = |status: &str, extension: &str| responses[status][extension].as_str();
    if let Some(permission) = at("403", PERMISSION) {
        let more = operation
            .get(PERMISSION_FOR_SOME)
            .and_then(Value::as_str)
            .map(|other| format!("; for a part of it `{other}`, too"))
            .unwrap_or_default();
        format!("the permission `{permission}`{more}.")
    } else if let Some(permission) = at("404", OWNER_OR) {
        format!("whose it is, and whoever has the permission `{permission}`.")
    } else if let Some(permission) = at("401", ALL_WITH) {
        format!(
            "whoever is signed in, to what is theirs; with the permission `{permission}`, to everything."
        )
    } else if at("401", ACCESS).is_some() {
        "whoever is signed in.".to_owned()
    } else {
        "anyone.".to_owned()
    }
}
