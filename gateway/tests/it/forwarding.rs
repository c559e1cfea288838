use axum::body::Body;
use http::{Method, Request, Version};
use http_body_util::BodyExt as _;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;

use crate::system::{System, header};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn a_service_learns_who_asks_and_for_whom() {
    let system = System::start().await;
    let told: Value = system
        .get("/v1/products")
        .header("host", "shop.example")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-proto", "gopher")
        .header("x-forwarded-prefix", "/admin")
        .header("forwarded", "for=203.0.113.9")
        .header("x-real-ip", "203.0.113.9")
        .header("x-caller-id", "admin")
        .header("idempotency-key", "k")
        .header("cookie", "a=b")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(header(&told, "host"), [system.inventory.addr.to_string()]);
    assert_eq!(header(&told, "x-forwarded-host"), ["shop.example"]);
    assert_eq!(header(&told, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(header(&told, "x-forwarded-proto"), ["http"]);
    assert_eq!(header(&told, "idempotency-key"), ["k"]);
    assert_eq!(header(&told, "cookie"), ["a=b"]);
    for name in [
        "x-forwarded-prefix",
        "forwarded",
        "x-real-ip",
        "x-caller-id",
    ] {
        assert!(header(&told, name).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn one_request_id_and_one_trace_go_all_the_way() {
    let system = System::start().await;
    let answer = system
        .get("/v1/products")
        .header("x-request-id", "mine")
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "mine");
    let told: Value = answer.json().await.unwrap();
    assert_eq!(header(&told, "x-request-id"), ["mine"]);
    let [traceparent] = header(&told, "traceparent")[..] else {
        panic!("one traceparent: {told}")
    };
    assert!(
        traceparent.starts_with(&format!("00-{TRACE}-")),
        "{traceparent}"
    );
    assert!(
        !traceparent.contains("b7ad6b7169203331"),
        "the gateway is a span of its own"
    );

    let answer = system.get("/v1/products").send().await.unwrap();
    let made = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let told: Value = answer.json().await.unwrap();
    assert_eq!(header(&told, "x-request-id"), [made]);
    assert_eq!(header(&told, "traceparent").len(), 1);
}

#[tokio::test]
async fn hop_by_hop_headers_end_at_the_gateway_both_ways() {
    let system = System::start().await;
    let told: Value = system
        .get("/v1/products")
        .header("connection", "x-only-here, x-request-id")
        .header("x-only-here", "1")
        .header("te", "trailers")
        .header("upgrade", "websocket")
        .header("proxy-authorization", "Basic eA==")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    for name in [
        "connection",
        "x-only-here",
        "te",
        "upgrade",
        "proxy-authorization",
    ] {
        assert!(header(&told, name).is_empty(), "{name}");
    }
    assert_eq!(header(&told, "x-request-id").len(), 1);

    let answer = system
        .get("/v1/products")
        .header("x-stub", "hop-by-hop")
        .send()
        .await
        .unwrap();
    for name in [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "x-only-here",
        "server",
    ] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    assert_eq!(answer.headers()["etag"], "\"1\"");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(
        answer.headers()["referrer-policy"],
        "same-origin",
        "a service may choose its own"
    );
}

#[tokio::test]
async fn a_services_problem_comes_through_unchanged() {
    let system = System::start().await;
    let answer = system
        .signed_in(Method::POST, "/v1/orders")
        .header("x-stub", "problem")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 409);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["x-more"], "1");
    assert_eq!(
        answer.text().await.unwrap(),
        r#"{"type":"urn:problem-type:stub","instance":"urn:stub:1",  "status":409}"#
    );
}

#[tokio::test]
async fn a_client_may_speak_http_2() {
    let system = System::start().await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Body>();
    let request = Request::get(format!("http://{}/v1/products", system.gateway))
        .body(Body::empty())
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_2)
    );
    let told: Value =
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(
        header(&told, "x-forwarded-host"),
        [system.gateway.to_string()]
    );
    assert_eq!(header(&told, "host"), [system.inventory.addr.to_string()]);
}
