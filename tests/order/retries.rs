//! A request that is sent again.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::common::{Client, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gets_the_answer_of_the_first_request() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let buyer = shop.customer().await;

    let first = buyer.order("536365", &[("A", 6)]).await;
    assert!(!first.is_replay());
    let (etag, location) = (
        first.header("etag").unwrap().to_owned(),
        first.header("location").unwrap().to_owned(),
    );
    let order = first.expect(201);
    assert_eq!(etag, "\"1\"");
    assert_eq!(
        location,
        format!("/v1/orders/{}", order["id"].as_str().unwrap())
    );

    // Also once the order has moved on.
    for settled in [false, true] {
        if settled {
            shop.settle().await;
        }
        // A key is the same bare and as a quoted string; a body is the same however it is written.
        for (key, body) in [
            ("536365", r#"{"lines":[{"sku":"A","quantity":6}]}"#),
            ("\"536365\"", r#"{"lines":[{"sku":"A","quantity":6}]}"#),
            (
                "536365",
                r#"{ "incentive": null, "lines": [ {"quantity": 6, "sku": "A"} ] }"#,
            ),
        ] {
            let again = raw_order(&buyer, key, body).await;
            assert!(again.is_replay(), "{again:?}");
            assert_eq!(again.header("etag"), Some(etag.as_str()));
            assert_eq!(again.header("location"), Some(location.as_str()));
            assert_eq!(again.expect(201), order);
        }
    }
    let stock = admin.get("/v1/products/A").await.expect(200);
    assert_eq!(stock["available"], 4);
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_request_of_one_customer() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    shop.product(&admin, "B", 255, 10).await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);

    let order = ann.order("1", &[("A", 1)]).await.expect(201);
    for other in [&[("A", 2)][..], &[("B", 1)], &[("A", 1), ("B", 1)]] {
        ann.order("1", other)
            .await
            .expect_problem(422, "idempotency-key-reused");
    }
    let with_code =
        r#"{"lines":[{"sku":"A","quantity":1}],"incentive":{"discount_code":"WELCOME"}}"#;
    raw_order(&ann, "1", with_code)
        .await
        .expect_problem(422, "idempotency-key-reused");
    assert_eq!(ann.order("1", &[("A", 1)]).await.expect(201), order);

    let other = bob.order("1", &[("A", 2)]).await;
    assert!(!other.is_replay());
    let other = other.expect(201);
    assert_ne!(other["id"], order["id"]);
    shop.check_invariants().await;
    assert_eq!(available(&admin, "A").await, 7);
    assert_eq!(available(&admin, "B").await, 10);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_without_a_usable_key_is_refused() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let buyer = shop.customer().await;

    let body = json!({"lines": [{"sku": "A", "quantity": 1}]});
    buyer
        .post("/v1/orders", body)
        .await
        .expect_problem(400, "idempotency-key-required");
    let long = "x".repeat(256);
    for key in ["", "\"\"", "\"", &long, "\u{e9}"] {
        buyer
            .order(key, &[("A", 1)])
            .await
            .expect_problem(400, "bad-request");
    }
    buyer.order(&long[1..], &[("A", 1)]).await.expect(201);
    shop.check_invariants().await;
    assert_eq!(available(&admin, "A").await, 9);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_requests_at_once_with_one_key_are_one_order() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let buyer = shop.customer().await;

    let answers = join_all((0..50).map(|_| buyer.order("one", &[("A", 3)]))).await;
    let mut orders = Vec::new();
    let mut first_answers = 0;
    for mut answer in answers {
        if answer.status == 409 || answer.status == 503 {
            answer = buyer.order_in_the_end("one", &[("A", 3)]).await;
        }
        first_answers += usize::from(!answer.is_replay());
        orders.push(answer.expect(201));
    }
    assert_eq!(orders.len(), 50);
    assert!(orders.iter().all(|order| order == &orders[0]));
    assert!(
        first_answers <= 1,
        "{first_answers} requests say that they placed the order"
    );
    let written: i64 = sqlx::query_scalar("select count(*) from orders")
        .fetch_one(shop.order())
        .await
        .unwrap();
    assert_eq!(written, 1);
    shop.check_invariants().await;
    assert_eq!(available(&admin, "A").await, 7);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_not_kept_for_a_retry() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 2).await;
    let buyer = shop.customer().await;

    for _ in 0..2 {
        let problem = buyer
            .order("1", &[("A", 3)])
            .await
            .expect_problem(409, "insufficient-stock");
        assert_eq!(
            problem["items"],
            json!([{"sku": "A", "requested": 3, "available": 2}])
        );
    }
    buyer
        .order("2", &[("B", 1)])
        .await
        .expect_field("lines[0].sku");

    let receipt = json!({"kind": "receipt", "quantity": 1, "reason": "delivery"});
    admin
        .post("/v1/products/A/stock-movements", receipt)
        .await
        .expect(201);
    shop.product(&admin, "B", 100, 1).await;
    for (key, sku, quantity) in [("1", "A", 3), ("2", "B", 1)] {
        let answer = buyer.order(key, &[(sku, quantity)]).await;
        assert!(!answer.is_replay());
        answer.expect(201);
    }
    shop.check_invariants().await;
    assert_eq!(available(&admin, "A").await, 0);
    shop.close().await;
}

async fn raw_order(buyer: &Client, key: &str, body: &'static str) -> crate::common::Answer {
    let request = buyer
        .request(Method::POST, "/v1/orders")
        .header("idempotency-key", key)
        .header("content-type", "application/json")
        .body(body);
    Client::send(request).await
}

async fn available(client: &Client, sku: &str) -> i64 {
    let product = client.get(&format!("/v1/products/{sku}")).await.expect(200);
    product["available"].as_i64().unwrap()
}
