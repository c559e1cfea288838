//! What is in the shop before the first call, so that not everything is missing; schemathesis.toml names some of it.

use serde_json::json;

use crate::common::{Shop, until};

pub async fn fill(shop: &Shop) {
    let admin = shop.admin().await;
    for sku in ["85123A-255", "22423-1275", "MUG-BLUE", "KEPT"] {
        shop.product(&admin, sku, 255, 1_000_000).await;
    }
    for code in ["SAVE10", "WELCOME"] {
        let code = json!({"code": code, "kind": "percent", "value": 10});
        admin.post("/v1/discount-codes", code).await.expect(201);
    }
    let batch = json!({"size": 3, "kind": "fixed", "value": 100, "prefix": "GIFT"});
    admin
        .post("/v1/discount-code-batches", batch)
        .await
        .expect(201);
    let packer = json!({"name": "packer", "permissions": ["orders:manage"]});
    admin.post("/v1/roles", packer).await.expect(201);
    let till = json!({"name": "till", "roles": ["packer"]});
    admin.post("/v1/service-accounts", till).await.expect(201);

    let customer = shop.customer().await;
    let points = json!({"points": 500, "reason": "to begin with"});
    let path = format!("/v1/loyalty/{}/adjustments", customer.id().await);
    admin.post(&path, points).await.expect(201);
    // One that is shipped, one that is delivered, and some that wait for it.
    for (number, steps) in [
        (1, &["ship"][..]),
        (2, &["ship", "deliver"]),
        (3, &[]),
        (4, &[]),
        (5, &[]),
    ] {
        let order = customer
            .order(&format!("order-{number}"), &[("MUG-BLUE", number)])
            .await
            .expect(201);
        let path = format!("/v1/orders/{}", order["id"].as_str().expect("an id"));
        until("the order is confirmed", async || {
            customer.get(&path).await.expect(200)["status"] == "confirmed"
        })
        .await;
        for step in steps {
            admin
                .post(&format!("{path}/{step}"), json!({}))
                .await
                .expect(200);
        }
    }
}
