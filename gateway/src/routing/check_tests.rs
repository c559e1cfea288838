use clap::Parser as _;

use super::*;
use crate::routing::{BUILT_IN, Balance, Target};

fn config() -> Config {
    Config::parse_from(["gateway"])
}

fn parse(text: &str) -> Result<Table, Refusal> {
    Table::parse(text, &config())
}

/// The built-in file with one text replaced, and the line where that was.
fn changed(old: &str, new: &str) -> (String, usize) {
    let at = BUILT_IN.find(old).unwrap();
    (BUILT_IN.replacen(old, new, 1), line(BUILT_IN, at))
}

#[test]
fn the_built_in_file_is_sound() {
    let table = parse(BUILT_IN).unwrap();
    assert!(table.routes.len() > 70);
    let route = table.find(&Method::POST, "/v1/orders").unwrap();
    assert_eq!(route.target, Target::Upstream("order-svc".to_owned()));
    assert_eq!(route.access, Access::SignedIn);
    assert_eq!(route.body_limit, 2 * 1024 * 1024);
    assert_eq!(route.clears, ["inventory-svc"]);
    let names: Vec<_> = table
        .upstreams
        .iter()
        .map(|upstream| upstream.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["identity-svc", "inventory-svc", "order-svc", "worker"]
    );
    assert_eq!(table.upstreams[2].addresses[0].port(), 8083);
}

#[test]
fn a_route_may_differ_from_the_defaults() {
    let (text, _) = changed(
        r#""GET /v1/me" = { to = "identity-svc" }"#,
        r#""GET /v1/me" = { to = "identity-svc", timeout = "250ms", retries = 0, rate_limit = "none", body_limit = "1 kB" }"#,
    );
    let table = parse(&text).unwrap();
    let route = table.find(&Method::GET, "/v1/me").unwrap();
    assert_eq!(route.timeout.as_millis(), 250);
    assert_eq!((route.retries, route.body_limit), (0, 1_000));
    assert_eq!(route.quota, None);
}

#[test]
fn an_upstream_may_have_several_addresses_and_terms_of_its_own() {
    let (text, _) = changed(
        r#"addresses = ["$ORDER_HTTP_URL"]"#,
        "addresses = [\"http://10.0.0.1:8083\", \"http://order:8083\"]\nbalance = \"round-robin\"\nmax_in_flight = 7",
    );
    let table = parse(&text).unwrap();
    let order = &table.upstreams[2];
    assert_eq!(order.addresses.len(), 2);
    assert_eq!(
        (order.balance, order.max_in_flight),
        (Balance::RoundRobin, 7)
    );
}

#[test]
fn a_mistake_is_named_with_its_line() {
    let row = r#""GET /v1/me" = { to = "identity-svc" }"#;
    for (old, new, reason) in [
        (
            row,
            r#""GET /v1/me" = { to = "identity" }"#,
            "there is no upstream `identity`",
        ),
        (
            row,
            r#""GET /v1/me" = { to = "identity-svc", rate_limit = "x" }"#,
            "there is no rate limit `x`",
        ),
        (
            row,
            r#""GET /v1/me" = { to = "identity-svc", tiemout = "1s" }"#,
            "unknown field `tiemout`",
        ),
        (
            row,
            r#""GET /v1/me" = { to = "identity-svc", timeout = "1 parsec" }"#,
            "parsec",
        ),
        (
            row,
            r#""GET /v1/me" = { to = "identity-svc", timeout = "0s" }"#,
            "longer than 0",
        ),
        (
            row,
            r#""GET /v1/me" = { to = "identity-svc", access = "all" }"#,
            "unknown variant `all`",
        ),
        (
            row,
            r#""GET /v1/me" = { to = "identity-svc", cache = "1s" }"#,
            "only what anyone may read",
        ),
        (row, r#""GET /v1/me" = {}"#, "either `to` or `own`"),
        (
            row,
            r#""GET /v1/me" = { own = "dashboard", to = "worker" }"#,
            "either `to` or `own`",
        ),
        (
            row,
            r#""GET /v1/me" = { to = "worker", access = "anyone", permission = "x" }"#,
            "only who is signed in",
        ),
        (
            row,
            r#""FETCH /v1/me" = { to = "worker" }"#,
            "`FETCH` is none of",
        ),
        (row, r#""/v1/me" = { to = "worker" }"#, "METHODS PATH"),
        (row, r#""GET v1/me" = { to = "worker" }"#, "METHODS PATH"),
        (
            row,
            r#""GET /v1/:me" = { to = "worker" }"#,
            "a parameter is written {name}",
        ),
        (row, r#""GET /v1/{me" = { to = "worker" }"#, ""),
        (row, r#""GET /openapi.json" = { to = "worker" }"#, ""),
        (row, r#""GET /v1/me" = worker"#, ""),
        (
            r#"addresses = ["$ORDER_HTTP_URL"]"#,
            r#"addresses = ["$NO_SUCH_URL"]"#,
            "NO_SUCH_URL is not set",
        ),
        (
            r#"addresses = ["$ORDER_HTTP_URL"]"#,
            r#"addresses = ["ftp://x"]"#,
            "must begin with http://",
        ),
        (
            "origins = []",
            r#"origins = ["shop.example"]"#,
            "`shop.example` is no origin",
        ),
        ("requests = 6000", "requests = 0", "at least 1"),
    ] {
        let (text, line) = changed(old, new);
        let Err(refusal) = parse(&text) else {
            panic!("{new}");
        };
        assert_eq!(refusal.line, Some(line), "{new}: {refusal}");
        assert!(refusal.reason.contains(reason), "{new}: {refusal}");
    }
}

#[test]
fn a_mistake_in_an_upstream_is_named_with_the_upstream() {
    for (new, reason) in [
        ("max_in_flight = 0", "`max_in_flight` at least 1"),
        (
            "breaker = { failures = 1, share = 1.5, time = \"1s\" }",
            "from 0 to 1",
        ),
        ("openapi = \"openapi.json\"", "begin with `/`"),
    ] {
        let variable = r#"addresses = ["$ORDER_HTTP_URL"]"#;
        let (text, _) = changed(
            "addresses = [\"$ORDER_HTTP_URL\"]\nopenapi = \"/openapi.json\"",
            &format!("{variable}\n{new}"),
        );
        let refusal = parse(&text).unwrap_err();
        assert!(refusal.line.is_some(), "{refusal}");
        assert!(refusal.reason.contains("`order-svc`"), "{refusal}");
        assert!(refusal.reason.contains(reason), "{refusal}");
    }
}

#[test]
fn two_routes_cannot_be_one_call() {
    let row = r#""GET /v1/users/{id}" = { to = "identity-svc" }"#;
    for (second, reason) in [
        (
            r#""POST, GET /v1/users/{id}" = { to = "worker" }"#,
            "GET /v1/users/{id} has a route already",
        ),
        (
            r#""PUT /v1/users/{name}" = { to = "worker" }"#,
            "cannot be told from",
        ),
    ] {
        let (text, line) = changed(row, &format!("{row}\n{second}"));
        let refusal = parse(&text).unwrap_err();
        assert_eq!(refusal.line, Some(line + 1), "{refusal}");
        assert!(refusal.reason.contains(reason), "{refusal}");
    }
    // The same key twice is no TOML.
    let (text, line) = changed(row, &format!("{row}\n{row}"));
    assert_eq!(parse(&text).unwrap_err().line, Some(line + 1));
}

#[test]
fn a_documented_call_is_found_whatever_its_parameters_are_called() {
    let table = parse(BUILT_IN).unwrap();
    let routed = |upstream, method, path| table.is_routed(upstream, method, path);
    assert!(routed("order-svc", "get", "/v1/orders/{order_id}"));
    assert!(!routed("order-svc", "delete", "/v1/orders/{order_id}"));
    assert!(!routed("order-svc", "get", "/v1/orders/mine"));
    assert!(!routed("order-svc", "get", "/v1/orders/{id}/lines"));
    assert!(!routed("order-svc", "get", "/health/live"));
    assert!(!routed("worker", "get", "/v1/orders/{id}"));
}
