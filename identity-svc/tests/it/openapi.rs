use serde_json::Value;

/// The contract's operations, and whether each needs a token.
const OPERATIONS: [(&str, &str, bool); 45] = [
    ("post", "/v1/auth/register", false),
    ("post", "/v1/auth/login", false),
    ("post", "/v1/auth/refresh", false),
    ("post", "/v1/auth/logout", false),
    ("post", "/v1/auth/token", false),
    ("get", "/.well-known/jwks.json", false),
    ("post", "/v1/auth/verify-email", false),
    ("post", "/v1/auth/password-reset", false),
    ("post", "/v1/auth/password-reset/confirm", false),
    ("get", "/v1/me", true),
    ("get", "/v1/me/sessions", true),
    ("delete", "/v1/me/sessions", true),
    ("delete", "/v1/me/sessions/{id}", true),
    ("put", "/v1/me/password", true),
    ("post", "/v1/me/email-verification", true),
    ("get", "/v1/me/second-factor", true),
    ("post", "/v1/me/second-factor", true),
    ("post", "/v1/me/second-factor/confirm", true),
    ("post", "/v1/me/second-factor/recovery-codes", true),
    ("post", "/v1/me/second-factor/disable", true),
    ("get", "/v1/users", true),
    ("get", "/v1/users/{id}", true),
    ("put", "/v1/users/{id}/roles", true),
    ("post", "/v1/users/{id}/disable", true),
    ("post", "/v1/users/{id}/enable", true),
    ("get", "/v1/users/{id}/sessions", true),
    ("delete", "/v1/users/{id}/sessions", true),
    ("delete", "/v1/users/{id}/second-factor", true),
    ("get", "/v1/me/api-keys", true),
    ("post", "/v1/me/api-keys", true),
    ("delete", "/v1/me/api-keys/{id}", true),
    ("get", "/v1/users/{id}/api-keys", true),
    ("delete", "/v1/users/{id}/api-keys/{key_id}", true),
    ("get", "/v1/service-accounts", true),
    ("post", "/v1/service-accounts", true),
    ("get", "/v1/service-accounts/{id}", true),
    ("delete", "/v1/service-accounts/{id}", true),
    ("put", "/v1/service-accounts/{id}/roles", true),
    ("post", "/v1/service-accounts/{id}/secrets", true),
    (
        "delete",
        "/v1/service-accounts/{id}/secrets/{secret_id}",
        true,
    ),
    ("get", "/v1/roles", true),
    ("post", "/v1/roles", true),
    ("put", "/v1/roles/{name}", true),
    ("delete", "/v1/roles/{name}", true),
    ("get", "/v1/audit", true),
];

/// Those that somebody proves something by who has no token.
const SECRETS: [&str; 4] = [
    "/v1/auth/login",
    "/v1/auth/refresh",
    "/v1/auth/token",
    "/v1/auth/password-reset/confirm",
];

#[test]
fn every_operation_is_described() {
    let document = serde_json::to_value(identity_svc::openapi()).unwrap();
    assert_eq!(
        document["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
    let described: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum();
    assert_eq!(described, OPERATIONS.len());

    for (method, path, bearer) in OPERATIONS {
        let operation = &document["paths"][path][method];
        assert!(
            operation["summary"].is_string(),
            "{method} {path} has no summary"
        );
        assert!(operation["tags"].is_array(), "{method} {path} has no tag");
        assert_eq!(operation["security"].is_array(), bearer, "{method} {path}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let schema = match status.as_bytes()[0] {
                b'4' | b'5' => &response["content"]["application/problem+json"]["schema"],
                _ if ["202", "204"].contains(&status.as_str()) => continue,
                _ => &response["content"]["application/json"]["schema"],
            };
            assert!(
                schema["$ref"].is_string(),
                "{method} {path} {status}: {response}"
            );
        }
        assert_eq!(
            operation["responses"]["401"].is_object(),
            bearer || SECRETS.contains(&path)
        );
    }
    assert_references_resolve(&document, &document);
}

fn assert_references_resolve(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let target = document.pointer(reference.trim_start_matches('#'));
                assert!(target.is_some(), "{reference}");
            }
            members
                .values()
                .for_each(|member| assert_references_resolve(document, member));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| assert_references_resolve(document, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
