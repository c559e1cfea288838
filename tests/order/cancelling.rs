//! Cancelling a whole order.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::common::{Client, Shop, broker::Subscriber};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_gives_all_its_stock_back_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    shop.product(&admin, "B", 100, 1).await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "#").await;
    let order = buyer.order("1", &[("A", 6), ("B", 1)]).await.expect(201);
    let id = order["id"].as_str().unwrap();
    let path = format!("/v1/orders/{id}");
    let cancel = format!("{path}/cancel");
    shop.settle().await;

    let answer = buyer
        .post(&cancel, json!({"reason": "changed my mind"}))
        .await;
    assert_eq!(answer.header("etag"), Some("\"3\""));
    let cancelled = answer.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["version"], 3);
    assert_eq!(cancelled["placed_at"], order["placed_at"]);
    assert_eq!(cancelled["total"], 0);
    for line in cancelled["lines"].as_array().unwrap() {
        assert_eq!(line["cancelled_quantity"], line["quantity"]);
        assert_eq!(line["total"], 0);
    }

    // Again, also many at once: the same answer, and nothing happens.
    for answer in join_all((0..10).map(|_| buyer.post(&cancel, json!({"reason": "really"})))).await
    {
        assert_eq!(answer.header("etag"), Some("\"3\""));
        assert_eq!(answer.expect(200), cancelled);
    }
    let stale = buyer
        .request(Method::POST, &cancel)
        .header("if-match", "\"3\"")
        .json(&json!({}));
    assert_eq!(Client::send(stale).await.expect(200), cancelled);

    shop.check_invariants().await;
    assert_eq!(buyer.get(&path).await.expect(200), cancelled);
    for (sku, stock) in [("A", 10), ("B", 1)] {
        let levels = admin
            .get(&format!("/v1/products/{sku}/stock"))
            .await
            .expect(200);
        assert_eq!(
            (&levels["on_hand"], &levels["reserved"]),
            (&json!(stock), &json!(0))
        );
    }
    // What was given back can be sold again.
    buyer.order("2", &[("A", 10), ("B", 1)]).await.expect(201);
    shop.check_invariants().await;

    let events = subscriber.received();
    let told: Vec<_> = events
        .iter()
        .filter(|message| message.is("order.cancelled", id))
        .collect();
    assert_eq!(told.len(), 1);
    let event = told[0].event();
    assert_eq!(event["data"]["reason"], "changed my mind");
    assert_eq!(event["data"]["status"], "cancelled");
    assert_eq!(event["aggregateversion"], 3);
    let released = events
        .iter()
        .filter(|message| message.is("inventory.stock_released", &format!("{id}/1")));
    assert_eq!(released.count(), 1);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_saw_another_version_cancels_nothing() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("A", 6)]).await.expect(201);
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let cancel = async |tag: &str| {
        let request = buyer.request(Method::POST, &format!("{path}/cancel"));
        Client::send(
            request
                .header("if-match", tag)
                .json(&json!({"reason": "late"})),
        )
        .await
    };
    // Confirmed meanwhile.
    shop.settle().await;
    for stale in ["\"1\"", "1", "\"7\"", "\"x\"", "x"] {
        cancel(stale).await.expect_problem(412, "version-mismatch");
    }
    let seen = buyer.get(&path).await;
    let tag = seen.header("etag").unwrap().to_owned();
    assert_eq!(seen.expect(200)["status"], "confirmed");

    assert_eq!(cancel(&tag).await.expect(200)["status"], "cancelled");
    cancel(&tag).await.expect_problem(412, "version-mismatch");
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_a_text_of_some_length() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let buyer = shop.customer().await;
    let mut cancels = Vec::new();
    for key in ["1", "2"] {
        let order = buyer.order(key, &[("A", 1)]).await.expect(201);
        cancels.push(format!(
            "/v1/orders/{}/cancel",
            order["id"].as_str().unwrap()
        ));
    }

    for bad in [json!(""), json!("  "), json!("x".repeat(501)), json!(7)] {
        buyer
            .post(&cancels[0], json!({"reason": bad}))
            .await
            .expect_field("reason");
    }
    buyer
        .post(&cancels[0], json!({"because": "x"}))
        .await
        .expect_field("because");
    buyer
        .post(&cancels[0], json!({"reason": "\u{e9}".repeat(500)}))
        .await
        .expect(200);
    buyer
        .post(&cancels[1], json!({"reason": "a\u{0}b"}))
        .await
        .expect_field("reason");
    shop.check_invariants().await;
    shop.close().await;
}
