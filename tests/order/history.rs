//! Who did what, when.

use serde_json::{Value, json};

use crate::common::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_there_with_who_made_it() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("A", 2)]).await.expect(201);
    shop.settle().await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    admin
        .post(&format!("{path}/ship"), json!({}))
        .await
        .expect(200);
    // A no-op is nothing that happened.
    admin
        .post(&format!("{path}/ship"), json!({}))
        .await
        .expect(200);
    let goods = json!({"lines": [{"sku": "A", "quantity": 1}], "reason": "broken"});
    admin
        .post(&format!("{path}/returns"), goods)
        .await
        .expect(200);

    let history = format!("{path}/history");
    let told = |history: &Value, field: &str| -> Vec<Value> {
        let items = history["items"].as_array().unwrap().iter();
        items.map(|item| item[field].clone()).collect()
    };
    let (customer, staff) = (buyer.id().await, admin.id().await);
    let full = admin.get(&history).await.expect(200);
    assert_eq!(
        told(&full, "type"),
        [
            "order.created.v1",
            "order.confirmed.v1",
            "order.shipped.v1",
            "order.returned.v1"
        ]
    );
    assert_eq!(told(&full, "version"), [1, 2, 3, 4]);
    assert_eq!(told(&full, "by"), ["customer", "system", "staff", "staff"]);
    assert_eq!(
        told(&full, "user_id"),
        [json!(customer), json!(null), json!(staff), json!(staff)]
    );
    assert_eq!(
        told(&full, "reason"),
        [json!(null), json!(null), json!(null), json!("broken")]
    );
    assert_eq!(told(&full, "refunded"), [0, 0, 0, 255]);

    // The customer does not learn who of the staff it was.
    let own = buyer.get(&history).await.expect(200);
    assert_eq!(told(&own, "by"), told(&full, "by"));
    assert_eq!(
        told(&own, "user_id"),
        [json!(customer), json!(null), json!(null), json!(null)]
    );
    shop.customer().await.get(&history).await.expect(404);
    shop.close().await;
}
