use http::Method;
use serde_json::Value;

use crate::system::{System, assert_problem};

/// The contract's calls of this version, and whose they are.
const CALLS: &[(&str, &str, &str)] = &[
    ("POST", "/v1/auth/register", "identity-svc"),
    ("POST", "/v1/auth/login", "identity-svc"),
    ("POST", "/v1/auth/refresh", "identity-svc"),
    ("POST", "/v1/auth/logout", "identity-svc"),
    ("POST", "/v1/auth/verify-email", "identity-svc"),
    ("POST", "/v1/auth/password-reset", "identity-svc"),
    ("POST", "/v1/auth/password-reset/confirm", "identity-svc"),
    ("GET", "/.well-known/jwks.json", "identity-svc"),
    ("GET", "/v1/me", "identity-svc"),
    ("PUT", "/v1/me/password", "identity-svc"),
    ("POST", "/v1/me/email-verification", "identity-svc"),
    ("GET", "/account/verify-email", "identity-svc"),
    ("GET", "/v1/me/second-factor", "identity-svc"),
    ("POST", "/v1/me/second-factor", "identity-svc"),
    ("POST", "/v1/me/second-factor/confirm", "identity-svc"),
    (
        "POST",
        "/v1/me/second-factor/recovery-codes",
        "identity-svc",
    ),
    ("POST", "/v1/me/second-factor/disable", "identity-svc"),
    ("GET", "/v1/users?limit=3", "identity-svc"),
    ("GET", "/v1/users/1", "identity-svc"),
    ("PUT", "/v1/users/1/roles", "identity-svc"),
    ("DELETE", "/v1/users/1/second-factor", "identity-svc"),
    ("GET", "/v1/roles", "identity-svc"),
    ("POST", "/v1/roles", "identity-svc"),
    ("PUT", "/v1/roles/staff", "identity-svc"),
    ("DELETE", "/v1/roles/staff", "identity-svc"),
    ("GET", "/v1/products?q=a%20b&after=x%3D", "inventory-svc"),
    ("POST", "/v1/products", "inventory-svc"),
    ("GET", "/v1/products/85123A-255", "inventory-svc"),
    ("GET", "/v1/products/a%2Fb", "inventory-svc"),
    ("PATCH", "/v1/products/85123A-255", "inventory-svc"),
    ("DELETE", "/v1/products/85123A-255", "inventory-svc"),
    ("GET", "/v1/products/85123A-255/stock", "inventory-svc"),
    (
        "POST",
        "/v1/products/85123A-255/stock-movements",
        "inventory-svc",
    ),
    ("POST", "/v1/orders", "order-svc"),
    ("GET", "/v1/orders?status=placed", "order-svc"),
    ("GET", "/v1/orders/1", "order-svc"),
    ("POST", "/v1/orders/1/cancel", "order-svc"),
    ("GET", "/v1/jobs", "worker"),
    ("GET", "/v1/jobs/summary", "worker"),
    ("GET", "/v1/jobs/1", "worker"),
    ("DELETE", "/v1/jobs/1", "worker"),
    ("POST", "/v1/jobs/1/retry", "worker"),
    ("GET", "/v1/errors", "worker"),
    ("GET", "/console", "worker"),
    ("GET", "/console/jobs/1", "worker"),
];

#[tokio::test]
async fn every_call_reaches_its_service_as_it_was_sent() {
    let system = System::start().await;
    for (method, path, service) in CALLS {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = system.signed_in(method.clone(), path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{method} {path}");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["service"], *service, "{method} {path}");
        assert_eq!(told["method"], method.as_str());
        assert_eq!(told["uri"], *path);
    }
}

#[tokio::test]
async fn head_is_answered_where_get_is() {
    let system = System::start().await;
    let answer = system
        .request(Method::HEAD, "/v1/products")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "");
    assert_eq!(system.inventory.seen(), 1);
}

#[tokio::test]
async fn what_is_not_in_the_table_is_a_404_problem() {
    let system = System::start().await;
    for path in [
        "/",
        "/v1",
        "/v1/orders/",
        "/v1/orders/1/secret",
        "/v2/orders",
        "/consolex",
        "/V1/orders",
    ] {
        let answer = system.signed_in(Method::GET, path).send().await.unwrap();
        assert_problem(answer, 404, "not-found").await;
    }
    assert_eq!(system.seen(), 0);
}

#[tokio::test]
async fn a_wrong_method_is_a_405_problem_that_names_the_right_ones() {
    let system = System::start().await;
    for (method, path, allow) in [
        (Method::DELETE, "/v1/orders", vec!["GET", "HEAD", "POST"]),
        (Method::GET, "/v1/auth/login", vec!["POST"]),
        (
            Method::POST,
            "/v1/products/x",
            vec!["DELETE", "GET", "HEAD", "PATCH"],
        ),
        (Method::OPTIONS, "/v1/me", vec!["GET", "HEAD"]),
    ] {
        let answer = system.signed_in(method, path).send().await.unwrap();
        let mut allowed: Vec<_> = answer.headers()["allow"]
            .to_str()
            .unwrap()
            .split(',')
            .map(str::to_owned)
            .collect();
        allowed.sort_unstable();
        assert_eq!(allowed, allow, "{path}");
        assert_problem(answer, 405, "method-not-allowed").await;
    }
    assert_eq!(system.seen(), 0);
}

#[tokio::test]
async fn a_path_that_could_be_read_in_two_ways_is_refused() {
    let system = System::start().await;
    for path in [
        "/v1/products/..",
        "/v1/products/%2e%2E",
        "/v1/products/%ff",
        "/v1/products/..%2fusers",
        "/console/../v1/jobs",
        "/console/%2e%2e/v1/jobs",
        "/console/./jobs",
    ] {
        let answer = system.raw(&format!("GET {path}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        assert!(
            answer.contains("application/problem+json") && answer.contains("x-request-id"),
            "{answer}"
        );
    }
    assert_eq!(system.seen(), 0);
}
