//! Products that run low.

use serde_json::{Value, json};

use crate::{
    common::{Client, Shop, broker::Subscriber},
    support::check_catalogue,
};

#[tokio::test(flavor = "multi_thread")]
async fn low_stock_is_said_once_until_there_is_more_again() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let subscriber = Subscriber::open(&shop, "inventory.stock_low.v1").await;
    shop.product(&admin, "A", 100, 10).await;
    shop.product(&admin, "SILENT", 100, 10).await;
    change(&admin, "A", json!({"low_threshold": 5})).await;
    for quantity in [-4, -1, -1, 2, -1, -3, 9, -8, -2] {
        // 6, 5 (low), 4, 6, 5 (low), 2, 11, 3 (low), 1
        book(&admin, "A", quantity).await;
        book(&admin, "SILENT", if quantity < 0 { -1 } else { 1 }).await;
        check_catalogue(&shop).await;
    }
    end(&admin).await;
    assert_eq!(
        told(&subscriber).await,
        [
            json!({"sku": "A", "available": 5, "threshold": 5}),
            json!({"sku": "A", "available": 5, "threshold": 5}),
            json!({"sku": "A", "available": 3, "threshold": 5}),
        ]
    );
    let event = subscriber.received()[0].event();
    assert_eq!(
        (&event["source"], &event["subject"]),
        (&json!("/inventory-svc"), &json!("A"))
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_or_a_limit_that_changes_may_make_it_low() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let subscriber = Subscriber::open(&shop, "inventory.stock_low.v1").await;
    shop.product(&admin, "A", 100, 10).await;
    for patch in [
        json!({"low_threshold": 9}),
        // Low.
        json!({"low_threshold": 10}),
        json!({"low_threshold": 11}),
        json!({"name": "other"}),
        json!({"low_threshold": null}),
        // Low.
        json!({"low_threshold": 12}),
        json!({"backorder_limit": 2}),
        json!({"backorder_limit": 3}),
        // Low.
        json!({"backorder_limit": 0, "low_threshold": 10}),
    ] {
        change(&admin, "A", patch).await;
        check_catalogue(&shop).await;
    }
    // Nothing was done.
    admin
        .patch("/v1/products/A", json!({"low_threshold": -1}))
        .await
        .expect_field("low_threshold");
    end(&admin).await;
    assert_eq!(
        told(&subscriber).await,
        [
            json!({"sku": "A", "available": 10, "threshold": 10}),
            json!({"sku": "A", "available": 10, "threshold": 12}),
            json!({"sku": "A", "available": 10, "threshold": 10}),
        ]
    );
    shop.close().await;
}

async fn change(admin: &Client, sku: &str, patch: Value) {
    let path = format!("/v1/products/{sku}");
    admin.patch(&path, patch).await.expect(200);
}

async fn book(admin: &Client, sku: &str, quantity: i64) {
    let body = json!({"kind": "adjustment", "quantity": quantity, "reason": "count"});
    let path = format!("/v1/products/{sku}/stock-movements");
    admin.post(&path, body).await.expect(201);
}

/// A product that is low from the start: whatever is said before it was said before its event.
async fn end(admin: &Client) {
    let price = json!({"amount": 1, "currency": "GBP"});
    let body = json!({"sku": "END", "name": "end", "price": price, "low_threshold": 0});
    admin.post("/v1/products", body).await.expect(201);
}

/// The payloads up to the end.
async fn told(subscriber: &Subscriber) -> Vec<Value> {
    let data = || -> Vec<Value> {
        let all = subscriber.received();
        all.iter()
            .map(|message| message.event()["data"].clone())
            .collect()
    };
    let end = json!({"sku": "END", "available": 0, "threshold": 0});
    subscriber
        .wait_for("the end", |_| data().contains(&end))
        .await;
    data().into_iter().take_while(|data| *data != end).collect()
}
