use std::time::Duration;

use chassis::testing::{Line, TcpProxy, free_addr};
use serde_json::{Value, json};

use crate::{
    stub::Stub,
    system::{System, origin},
};

/// A service's document: one routed path, one that is not, and a schema `Item` of its own.
fn document(path: &str, kind: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "part", "version": "1" },
        "paths": {
            path: { "get": {
                "operationId": "list",
                "security": [{ "bearer": [] }],
                "responses": { "200": { "description": "", "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Item" } } } } },
            } },
            "/internal": { "get": { "responses": {} } },
            "/health/live": { "get": { "responses": {} } },
        },
        "components": {
            "schemas": { "Item": { "type": kind } },
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
    })
}

async fn merged(system: &System) -> Value {
    let answer = system.get("/openapi.json").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.unwrap()
}

/// Waits until the document has the path.
async fn merged_with(system: &System, path: &str) -> Value {
    for _ in 0..100 {
        let document = merged(system).await;
        if document["paths"][path].is_object() {
            return document;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{path} did not appear");
}

fn paths(document: &Value) -> Vec<&str> {
    document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

const OWN: [&str; 4] = [
    "/asyncapi.json",
    "/health/live",
    "/health/ready",
    "/openapi.json",
];

#[tokio::test]
async fn the_documents_of_all_services_become_one() {
    let system = System::start().await;
    assert_eq!(paths(&merged(&system).await), OWN);
    system
        .inventory
        .set_openapi(document("/v1/products", "object"));
    system
        .order
        .set_openapi(document("/v1/orders/{order_id}", "string"));
    // The services answered at start with nothing; a gateway that starts now finds all.
    let again = System::start_with(|config| {
        config.inventory_http_url = origin(system.inventory.addr);
        config.order_http_url = origin(system.order.addr);
    })
    .await;
    let document = merged_with(&again, "/v1/orders/{order_id}").await;

    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"], json!([{ "url": "/" }]));
    let mut expected = OWN.to_vec();
    expected.extend(["/v1/orders/{order_id}", "/v1/products"]);
    assert_eq!(paths(&document), expected);
    let schema = |path: &str| {
        let content = &document["paths"][path]["get"]["responses"]["200"]["content"];
        content["application/json"]["schema"]["$ref"]
            .as_str()
            .unwrap()
    };
    assert_eq!(schema("/v1/products"), "#/components/schemas/Item");
    assert_eq!(
        schema("/v1/orders/{order_id}"),
        "#/components/schemas/OrderItem"
    );
    assert_eq!(
        document["components"]["schemas"]["OrderItem"]["type"],
        "string"
    );
    assert_eq!(
        document["components"]["securitySchemes"]
            .as_object()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        document["paths"]["/v1/orders/{order_id}"]["get"]["operationId"],
        "order_list"
    );
}

#[tokio::test]
async fn a_service_that_is_away_is_missing_until_it_is_back() {
    let addr = free_addr();
    let inventory = Stub::start("inventory-svc").await;
    inventory.set_openapi(document("/v1/products", "object"));
    let system = System::start_with(|config| {
        config.order_http_url = origin(addr);
        config.inventory_http_url = origin(inventory.addr);
    })
    .await;
    let before = merged_with(&system, "/v1/products").await;
    assert!(before["paths"]["/v1/orders"].is_null());

    let order = Stub::start_at("order-svc", addr).await;
    order.set_openapi(document("/v1/orders", "object"));
    let after = merged_with(&system, "/v1/orders").await;
    assert!(after["paths"]["/v1/products"].is_object());
    assert!(
        after["components"]["schemas"]["OrderItem"].is_null(),
        "the same thing, once"
    );
}

#[tokio::test]
async fn the_last_known_part_of_a_service_stays() {
    let order = Stub::start("order-svc").await;
    order.set_openapi(document("/v1/orders", "object"));
    let line = TcpProxy::start(&order.addr.to_string()).await;
    let worker = free_addr();
    let system = System::start_with(|config| {
        config.order_http_url = origin(line.addr());
        // Missing, so that all are asked often.
        config.worker_http_url = origin(worker);
    })
    .await;
    merged_with(&system, "/v1/orders").await;
    line.set(Line::Cut);
    let worker = Stub::start_at("worker", worker).await;
    worker.set_openapi(document("/v1/jobs", "object"));
    let document = merged_with(&system, "/v1/jobs").await;
    assert!(document["paths"]["/v1/orders"].is_object());

    let is_away = |document: &Value| {
        let marked = |path: &str| document["paths"][path]["get"]["x-unavailable-since"].is_string();
        assert!(!marked("/v1/jobs"), "it is there");
        let description = document["info"]["description"].as_str().unwrap();
        assert_eq!(
            description.contains("order-svc has not"),
            marked("/v1/orders")
        );
        marked("/v1/orders")
    };
    assert!(is_away(&document));
    line.set(Line::Up);
    let mut patience = 100;
    while is_away(&merged(&system).await) {
        patience -= 1;
        assert!(patience > 0, "it is back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn what_the_gateway_itself_answers_is_said_of_each_operation() {
    let system = System::start().await;
    system.order.set_openapi(document("/v1/orders", "object"));
    let again =
        System::start_with(|config| config.order_http_url = origin(system.order.addr)).await;
    let document = merged_with(&again, "/v1/orders").await;
    let responses = &document["paths"]["/v1/orders"]["get"]["responses"];
    for (status, kind) in [
        ("401", "unauthenticated"),
        ("429", "too-many-requests"),
        ("503", "unavailable"),
        ("504", "deadline-exceeded"),
    ] {
        let kind = format!("urn:problem-type:{kind}");
        assert_eq!(responses[status]["x-problem-types"], json!([kind]));
    }
    assert!(responses["429"]["headers"]["Retry-After"].is_object());
    assert!(document["components"]["schemas"]["Problem"].is_object());
}

#[tokio::test]
async fn swagger_ui_shows_the_merged_document() {
    let system = System::start().await;
    let page = system.get("/docs").send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let script = system
        .get("/docs/swagger-initializer.js")
        .send()
        .await
        .unwrap();
    assert!(script.text().await.unwrap().contains("/openapi.json"));
}
