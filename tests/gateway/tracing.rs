use reqwest::Method;
use serde_json::json;

use crate::common::{Client, Shop, broker::Subscriber};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id() {
    let shop = Shop::open().await;
    let visitor = shop.visitor();
    let mut seen = Vec::new();
    for path in [
        "/v1/products",
        "/v1/products/NONE",
        "/v1/nothing",
        "/v1/me",
        "/openapi.json",
        "/docs/",
        "/health/live",
        "/health/ready",
        "/.well-known/jwks.json",
    ] {
        let answer = visitor.get(path).await;
        let id = answer.header("x-request-id").unwrap_or_default();
        assert!(!id.is_empty(), "{path}");
        seen.push(id.to_owned());

        let request = visitor
            .request(Method::GET, path)
            .header("x-request-id", "ours-1");
        let answer = Client::send(request).await;
        assert_eq!(answer.header("x-request-id"), Some("ours-1"), "{path}");
        assert_eq!(
            answer.headers.get_all("x-request-id").iter().count(),
            1,
            "{path}"
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 9, "each is another: {seen:?}");

    // It goes into logs, so not anything is taken.
    let long = "x".repeat(1_000);
    for bad in ["two words", long.as_str()] {
        let request = visitor
            .request(Method::GET, "/v1/products")
            .header("x-request-id", bad);
        let answer = Client::send(request).await;
        assert_ne!(answer.header("x-request-id"), Some(bad));
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_request_to_the_last_event() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 5).await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "#").await;

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = buyer
        .order_request("1", &[("HEART", 1)])
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let order = Client::send(request).await.expect(201);
    let order = order["id"].as_str().expect("an id");

    // The last comes about by two services that tell each other of it.
    for kind in [
        "order.created.v1",
        "inventory.stock_reserved.v1",
        "inventory.stock_confirmed.v1",
        "order.confirmed.v1",
    ] {
        let of_kind = |message: &&crate::common::broker::Message| message.routing_key == kind;
        subscriber
            .wait_for(kind, |messages| {
                messages.iter().any(|message| of_kind(&message))
            })
            .await;
        let received = subscriber.received();
        let message = received.iter().find(of_kind).expect(kind);
        let event = message.event();
        let subject = event["subject"].as_str().unwrap_or_default();
        assert!(subject.starts_with(order), "{event:#}");
        let traceparent = event["traceparent"].as_str().unwrap_or_default();
        let parts: Vec<&str> = traceparent.split('-').collect();
        assert_eq!(parts.len(), 4, "{kind}: {traceparent}");
        assert_eq!(parts[1], trace, "{kind}");
        assert_ne!(
            parts[2], "00f067aa0ba902b7",
            "{kind} has a parent in the system"
        );
        assert_eq!(parts[3], "01", "{kind}");
    }
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_trace_context_does_no_harm() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 9).await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "order.created.v1").await;
    let bad = [
        "",
        "x",
        "00-0-0-0",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    ];
    for (number, traceparent) in bad.into_iter().enumerate() {
        let request = buyer
            .order_request(&number.to_string(), &[("HEART", 1)])
            .header("traceparent", traceparent);
        Client::send(request).await.expect(201);
    }
    subscriber
        .wait_for("an event for each", |messages| messages.len() == bad.len())
        .await;
    for message in subscriber.received() {
        let event = message.event();
        let traceparent = event["traceparent"].as_str().unwrap_or_default();
        assert_eq!(traceparent.len(), 55, "{event:#}");
        assert_ne!(traceparent[3..35], *"00000000000000000000000000000000");
        assert_eq!(event["specversion"], json!("1.0"));
    }
    shop.close().await;
}
