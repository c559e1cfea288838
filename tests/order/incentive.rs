//! A discount code or points for an order that is placed.

use serde_json::{Value, json};

use crate::common::{Answer, Client, Shop};

async fn apply(client: &Client, order: &Value, body: Value) -> Answer {
    let path = format!("/v1/orders/{}/incentive", order["id"].as_str().unwrap());
    client.post(&path, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_and_points_come_off_what_is_left_and_go_back_with_the_order() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 1_000, 100).await;
    shop.product(&admin, "B", 500, 100).await;
    let code = json!({"code": "TEN", "kind": "percent", "value": 10, "max_uses": 1});
    admin.post("/v1/discount-codes", code).await.expect(201);
    let buyer = shop.customer().await;
    let points = json!({"points": 100, "reason": "welcome"});
    let path = format!("/v1/loyalty/{}/adjustments", buyer.id().await);
    admin.post(&path, points).await.expect(201);
    let order = buyer.order("1", &[("A", 3), ("B", 2)]).await.expect(201);
    shop.settle().await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let less = json!({"lines": [{"sku": "A", "quantity": 1}], "reason": "too many"});
    buyer
        .post(&format!("{path}/cancel"), less)
        .await
        .expect(200);

    let applied = apply(&buyer, &order, json!({"discount_code": "ten"})).await;
    let applied = applied.expect(200);
    // 10 % of 2,000 and 1,000.
    assert_eq!(applied["total"], 2_700);
    assert_eq!(applied["incentive"]["discount_code"], "TEN");
    let applied = apply(&buyer, &order, json!({"redeem_points": 60}))
        .await
        .expect(200);
    assert_eq!(
        (&applied["total"], &applied["points_redeemed"]),
        (&json!(2_640), &json!(60))
    );
    // Again: it is there already.
    let body = json!({"discount_code": "TEN", "redeem_points": 60});
    assert_eq!(apply(&buyer, &order, body).await.expect(200), applied);
    let other = apply(&buyer, &order, json!({"discount_code": "OTHER"})).await;
    other.expect_problem(409, "incentive-already-applied");
    let other = apply(&buyer, &order, json!({"redeem_points": 1})).await;
    other.expect_problem(409, "incentive-already-applied");

    shop.check_invariants().await;
    assert_eq!(buyer.get(&path).await.expect(200), applied);
    let code = admin.get("/v1/discount-codes/TEN").await.expect(200);
    assert_eq!(code["used"], 1);
    assert_eq!(buyer.get("/v1/loyalty").await.expect(200)["balance"], 40);

    buyer
        .post(&format!("{path}/cancel"), json!({}))
        .await
        .expect(200);
    shop.check_invariants().await;
    let code = admin.get("/v1/discount-codes/TEN").await.expect(200);
    assert_eq!(code["used"], 0);
    assert_eq!(buyer.get("/v1/loyalty").await.expect(200)["balance"], 100);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_named_and_takes_nothing() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 1_000, 100).await;
    let dear = json!({"code": "DEAR", "kind": "fixed", "value": 100, "min_subtotal": 5_000});
    admin.post("/v1/discount-codes", dear).await.expect(201);
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("A", 1)]).await.expect(201);
    shop.settle().await;

    for (body, field) in [
        (json!({"discount_code": "NONE"}), "discount_code"),
        (json!({"discount_code": "DEAR"}), "discount_code"),
        (json!({"redeem_points": 5}), "redeem_points"),
        (json!({"redeem_points": -5}), "redeem_points"),
        (json!({}), "discount_code"),
        (json!({"code": "TEN"}), "code"),
    ] {
        apply(&buyer, &order, body).await.expect_field(field);
    }
    let stranger = shop.customer().await;
    apply(&stranger, &order, json!({"discount_code": "DEAR"}))
        .await
        .expect(404);
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    assert_eq!(buyer.get(&path).await.expect(200)["version"], 2);
    admin
        .post(&format!("{path}/ship"), json!({}))
        .await
        .expect(200);
    let late = apply(&buyer, &order, json!({"discount_code": "DEAR"})).await;
    late.expect_problem(409, "illegal-transition");
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_use_goes_to_one_of_many_orders_at_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 1_000, 100).await;
    let code = json!({"code": "ONE", "kind": "fixed", "value": 100, "max_uses": 1});
    admin.post("/v1/discount-codes", code).await.expect(201);
    let buyer = shop.customer().await;
    let mut orders = Vec::new();
    for key in 0..8 {
        orders.push(buyer.order(&key.to_string(), &[("A", 1)]).await.expect(201));
    }
    shop.settle().await;
    let buyer = &buyer;
    let answers = orders
        .iter()
        .map(|order| apply(buyer, order, json!({"discount_code": "ONE"})));
    let answers = futures::future::join_all(answers).await;
    let (applied, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(applied.len(), 1);
    for answer in refused {
        answer.expect_field("discount_code");
    }
    shop.check_invariants().await;
    shop.close().await;
}
