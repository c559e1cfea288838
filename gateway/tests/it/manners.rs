//! What browsers and careless clients meet.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::system::{System, assert_problem};

#[tokio::test]
async fn pages_of_listed_origins_may_call_and_no_others() {
    let origins = ("origins = []", "origins = [\"https://shop.example\"]");
    let system = System::start_with_file(&[origins]).await;
    let preflight = |origin: &'static str| {
        system
            .request(Method::OPTIONS, "/v1/orders")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,idempotency-key",
            )
            .send()
    };
    let answer = preflight("https://shop.example").await.unwrap();
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        header("access-control-allow-origin"),
        "https://shop.example"
    );
    assert!(header("access-control-allow-methods").contains("POST"));
    assert!(header("access-control-allow-headers").contains("idempotency-key"));
    assert_eq!(header("access-control-max-age"), "3600");
    assert!(
        !answer
            .headers()
            .contains_key("access-control-allow-credentials")
    );

    let answer = preflight("https://evil.example").await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));

    // Also a refusal can be read by the page, with what it is to know.
    let call = system
        .get("/v1/me")
        .header("origin", "https://shop.example");
    let answer = call.send().await.unwrap();
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://shop.example"
    );
    let exposed = answer.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap();
    assert!(
        exposed.contains("x-request-id") && exposed.contains("retry-after"),
        "{exposed}"
    );
    assert_problem(answer, 401, "unauthenticated").await;
}

#[tokio::test]
async fn by_default_no_other_origin_may_call() {
    let system = System::start().await;
    let call = system
        .get("/v1/products")
        .header("origin", "https://shop.example");
    let answer = call.send().await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn browsers_are_told_to_do_nothing_with_an_answer_but_show_it() {
    let system = System::start().await;
    for path in ["/v1/orders", "/v1/products", "/nothing", "/health/live"] {
        let answer = system.signed_in(Method::GET, path).send().await.unwrap();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-site"),
        ] {
            assert_eq!(answer.headers()[name], value, "{path}: {name}");
        }
    }
    let own = system
        .signed_in(Method::GET, "/v1/orders")
        .send()
        .await
        .unwrap();
    assert_eq!(own.headers()["cache-control"], "no-store");
    // Swagger UI is a page with scripts of its own.
    let page = system.get("/docs/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'"), "{policy}");
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_can_read_that() {
    let system = System::start().await;
    let long = "x".repeat(3_000);
    let call = |path: &str, encoding: &'static str| {
        system
            .signed_in(Method::GET, path)
            .header("x-long", &long)
            .header("accept-encoding", encoding)
            .send()
    };
    let answer = call("/v1/orders", "gzip").await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let vary = answer.headers()["vary"].to_str().unwrap().to_lowercase();
    assert!(vary.contains("accept-encoding"), "{vary}");
    let body = answer.bytes().await.unwrap();
    assert!(
        body.starts_with(&[0x1f, 0x8b]) && body.len() < 1_500,
        "{}",
        body.len()
    );
    let answer = call("/v1/orders", "identity").await.unwrap();
    assert!(!answer.headers().contains_key("content-encoding"));
    assert!(answer.json::<Value>().await.unwrap()["headers"].is_array());
    // A short one is not worth it; what has a strong entity tag stands for its bytes.
    for wish in ["hop-by-hop", "problem"] {
        let call = system
            .signed_in(Method::GET, "/v1/orders")
            .header("x-stub", wish)
            .header("accept-encoding", "gzip");
        let answer = call.send().await.unwrap();
        assert!(!answer.headers().contains_key("content-encoding"), "{wish}");
    }
}

/// Sends a text, then nothing more; the answer.
async fn send_and_wait(system: &System, text: &str) -> String {
    let mut stream = TcpStream::connect(system.gateway).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let ended = tokio::time::timeout(Duration::from_secs(15), read).await;
    assert!(matches!(ended, Ok(Ok(_))), "the gateway waits without end");
    answer
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let pause = ("body_pause = \"10s\"", "body_pause = \"300ms\"");
    let system = System::start_with_file(&[pause]).await;
    for key in ["", "idempotency-key: k\r\n"] {
        let token = crate::tokens::valid();
        let head = format!(
            "POST /v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{key}content-length: 100\r\n\r\n{{"
        );
        let answer = send_and_wait(&system, &head).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{key}{answer}");
        assert!(
            answer.contains("urn:problem-type:request-timeout"),
            "{answer}"
        );
    }
    // That was no fault of the service.
    let answer = system
        .signed_in(Method::GET, "/v1/orders")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let system = System::start().await;
    let answer = send_and_wait(&system, "GET /v1/products HTTP/1.1\r\nhost: ").await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_gateway_speaks_http_2() {
    let system = System::start().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let url = format!("http://{}/v1/products", system.gateway);
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    assert_eq!(answer.status(), 200);
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["service"], "inventory-svc");
}
