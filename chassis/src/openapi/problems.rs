//! The types of problems that a refusal may be.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::component;
use crate::error::{Code, PROBLEM_JSON};

/// Of a response: the types of problems that it may be.
pub const PROBLEM_TYPES: &str = "x-problem-types";

/// The type that a status stands for where nothing else is said, and what it tells.
fn usual(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::InvalidArgument => ("bad-request", "the request cannot be understood"),
        Code::Unauthenticated => (
            "unauthenticated",
            "sign in, and send `Authorization: Bearer <access token>`",
        ),
        Code::PermissionDenied => ("forbidden", "this needs a permission that you do not have"),
        Code::NotFound => ("not-found", "nothing has this address"),
        Code::MethodNotAllowed => (
            "method-not-allowed",
            "this address does not know the method",
        ),
        Code::Conflict => ("conflict", "the current state does not allow it"),
        Code::VersionMismatch => ("version-mismatch", "it has changed since"),
        Code::PayloadTooLarge => ("payload-too-large", "the body is too large"),
        Code::UnsupportedMediaType => ("unsupported-media-type", "the body is of another type"),
        Code::Invalid => ("validation", "not acceptable: lines[0].quantity"),
        Code::VersionRequired => (
            "if-match-required",
            "send `If-Match` with the `ETag` that you saw",
        ),
        Code::TooManyRequests => ("too-many-requests", "wait as long as `Retry-After` says"),
        Code::Internal => (
            "internal",
            "an error on our side; it was logged with this request's id",
        ),
        Code::Unavailable => (
            "unavailable",
            "a part of the system is away for a moment; try again",
        ),
        Code::DeadlineExceeded => ("deadline-exceeded", "the service did not answer in time"),
    }
}

/// Names the types of problems of a response, with an example of each.
///
/// A type is named by the description, in backticks: `` `insufficient-stock`: there is not so much ``. Where it names none,
/// and where any operation may refuse so, it is the usual one of the status.
pub(super) fn name(status: &str, response: &mut Value, components: &mut Map<String, Value>) {
    let Some(code) = status.parse().ok().and_then(Code::from_http) else {
        return;
    };
    if response["content"][PROBLEM_JSON].is_null() || !response[PROBLEM_TYPES].is_null() {
        return;
    }
    let description = response["description"].as_str().unwrap_or_default();
    let mut kinds = named(description);
    let always = matches!(
        code,
        Code::InvalidArgument | Code::Invalid | Code::Unavailable
    ) || code == Code::Unauthenticated && response.get("x-access").is_some();
    if kinds.is_empty() || always {
        let (kind, detail) = usual(code);
        kinds.insert(kind.to_owned(), detail.to_owned());
    }
    let content = &mut response["content"][PROBLEM_JSON];
    if content["examples"].is_null() {
        content["examples"] = json!({});
    }
    for (kind, detail) in &kinds {
        let example = &mut content["examples"][kind];
        if example.is_null() {
            // One type may come with several statuses.
            let name = format!("{status}-{kind}");
            *example = component(components, "examples", &name, || {
                problem(code, kind, detail)
            });
        }
    }
    let types = kinds.keys().map(|kind| format!("urn:problem-type:{kind}"));
    response[PROBLEM_TYPES] = types.collect();
}

/// The types that a description names, each with what it says of it.
fn named(description: &str) -> BTreeMap<String, String> {
    let is_kind = |text: &&str| {
        text.contains('-')
            && text
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    description
        .split(';')
        .flat_map(|clause| {
            let said = clause.split_once(": ").map_or(clause, |(_, said)| said);
            let detail = said.trim().to_owned();
            clause
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(is_kind)
                .map(move |kind| (kind.to_owned(), detail.clone()))
        })
        .map(|(kind, detail)| {
            let detail = if detail.contains(&kind) {
                kind.replace('-', " ")
            } else {
                detail
            };
            (kind, detail)
        })
        .collect()
}

fn problem(code: Code, kind: &str, detail: &str) -> Value {
    let status: StatusCode = code.http();
    let mut problem = json!({
        "type": format!("urn:problem-type:{kind}"),
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
        "instance": "urn:request:0191f6c2-7f5e-7d3a-9c1e-2f4b8a6d0e11",
    });
    if kind == usual(Code::Invalid).0 {
        problem["errors"] =
            json!([{ "field": "lines[0].quantity", "detail": "must be at least 1" }]);
    }
    json!({ "summary": detail, "value": problem })
}
