//! Shipping, delivering, taking back; and cancelling a part.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Client, Shop, broker::Subscriber, until};

fn path(order: &Value, action: &str) -> String {
    format!("/v1/orders/{}{action}", order["id"].as_str().unwrap())
}

async fn stock(admin: &Client, sku: &str) -> (i64, i64) {
    let stock = admin
        .get(&format!("/v1/products/{sku}/stock"))
        .await
        .expect(200);
    (
        stock["on_hand"].as_i64().unwrap(),
        stock["reserved"].as_i64().unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_leave_arrive_and_come_back_and_each_step_is_told_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    shop.product(&admin, "B", 1_000, 10).await;
    let buyer = shop.customer().await;
    let staff = shop.staff(&admin).await;
    let subscriber = Subscriber::open(&shop, "order.#").await;
    let order = buyer.order("1", &[("A", 6), ("B", 2)]).await.expect(201);
    shop.settle().await;

    let goods = json!({"lines": [{"sku": "A", "quantity": 1}]});
    let early = staff.post(&path(&order, "/returns"), goods).await;
    early.expect_problem(409, "illegal-transition");
    let early = staff.post(&path(&order, "/deliver"), json!({})).await;
    early.expect_problem(409, "illegal-transition");
    // No body is needed.
    let shipped = Client::send(staff.request(Method::POST, &path(&order, "/ship"))).await;
    let shipped = shipped.expect(200);
    assert_eq!(
        (&shipped["status"], &shipped["version"]),
        (&json!("shipped"), &json!(3))
    );
    let again = staff
        .post(&path(&order, "/ship"), json!({}))
        .await
        .expect(200);
    assert_eq!(again, shipped);
    let late = buyer.post(&path(&order, "/cancel"), json!({})).await;
    late.expect_problem(409, "illegal-transition");
    let delivered = staff
        .post(&path(&order, "/deliver"), json!({}))
        .await
        .expect(200);
    assert_eq!(delivered["status"], "delivered");
    shop.check_invariants().await;
    assert_eq!(
        (stock(&admin, "A").await, stock(&admin, "B").await),
        ((4, 0), (8, 0))
    );

    let goods = json!({"lines": [{"sku": "A", "quantity": 2}], "reason": "too many"});
    let returned = staff
        .post_once(&path(&order, "/returns"), "r1", goods.clone())
        .await
        .expect(200);
    assert_eq!(returned["refunded"], 510);
    assert_eq!(returned["lines"][0]["returned_quantity"], 2);
    assert_eq!(returned["total"], 6 * 255 + 2_000);
    let repeated = staff
        .post_once(&path(&order, "/returns"), "r1", goods)
        .await;
    assert!(repeated.is_replay());
    assert_eq!(repeated.expect(200), returned);
    let broken =
        json!({"lines": [{"sku": "B", "quantity": 1}], "reason": "broken", "restock": false});
    let returned = staff
        .post(&path(&order, "/returns"), broken)
        .await
        .expect(200);
    assert_eq!(returned["refunded"], 1_510);
    let much = json!({"lines": [{"sku": "B", "quantity": 1}, {"sku": "A", "quantity": 5}]});
    let much = staff.post(&path(&order, "/returns"), much).await;
    much.expect_field("lines[1].quantity");
    let other = json!({"lines": [{"sku": "C", "quantity": 1}]});
    let other = staff.post(&path(&order, "/returns"), other).await;
    other.expect_field("lines[0].sku");

    shop.check_invariants().await;
    assert_eq!(buyer.get(&path(&order, "")).await.expect(200), returned);
    assert_eq!(
        (stock(&admin, "A").await, stock(&admin, "B").await),
        ((6, 0), (8, 0))
    );
    let id = order["id"].as_str().unwrap();
    for (kind, times) in [
        ("order.shipped", 1),
        ("order.delivered", 1),
        ("order.returned", 2),
        ("order.updated", 0),
    ] {
        let told = || {
            let all = subscriber.received();
            all.iter().filter(|message| message.is(kind, id)).count()
        };
        until(kind, async || told() >= times).await;
        assert_eq!(told(), times, "{kind}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_confirmed_is_shipped_and_only_by_the_staff() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("A", 1)]).await.expect(201);
    for action in ["/ship", "/deliver", "/returns"] {
        let goods = json!({"lines": [{"sku": "A", "quantity": 1}]});
        buyer.post(&path(&order, action), goods).await.expect(403);
    }
    shop.settle().await;
    let stale = admin
        .request(Method::POST, &path(&order, "/ship"))
        .header("if-match", "\"1\"");
    Client::send(stale)
        .await
        .expect_problem(412, "version-mismatch");
    buyer
        .post(&path(&order, "/cancel"), json!({}))
        .await
        .expect(200);
    let late = admin.post(&path(&order, "/ship"), json!({})).await;
    let problem = late.expect_problem(409, "illegal-transition");
    assert_eq!(problem["order_status"], "cancelled");
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_cancelled_and_the_discount_of_the_rest_stays() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 500, 10).await;
    shop.product(&admin, "B", 500, 10).await;
    let code = json!({"code": "FIVE", "kind": "fixed", "value": 501, "max_uses": 5});
    admin.post("/v1/discount-codes", code).await.expect(201);
    let buyer = shop.customer().await;
    let body = json!({
        "lines": [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 1}], "incentive": {"discount_code": "FIVE"},
    });
    let order = buyer.post_once("/v1/orders", "1", body).await.expect(201);
    assert_eq!(order["total"], 2_000 - 501);
    let of_b = order["lines"][1]["total"].clone();
    shop.settle().await;

    let one = json!({"lines": [{"sku": "A", "quantity": 1}], "reason": "too many"});
    let cancel = path(&order, "/cancel");
    let part = buyer
        .post_once(&cancel, "c1", one.clone())
        .await
        .expect(200);
    assert_eq!(
        (&part["status"], &part["lines"][0]["cancelled_quantity"]),
        (&json!("confirmed"), &json!(1))
    );
    assert_eq!(part["lines"][1]["total"], of_b);
    let repeated = buyer.post_once(&cancel, "c1", one.clone()).await;
    assert!(repeated.is_replay());
    assert_eq!(repeated.expect(200), part);
    let three = json!({"lines": [{"sku": "A", "quantity": 3}]});
    buyer
        .post(&cancel, three)
        .await
        .expect_field("lines[0].quantity");
    shop.check_invariants().await;
    let uses = admin.get("/v1/discount-codes/FIVE").await.expect(200);
    assert_eq!(uses["used"], 1);

    let rest = json!({"lines": [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}]});
    let all = buyer.post(&cancel, rest).await.expect(200);
    assert_eq!(
        (&all["status"], &all["total"]),
        (&json!("cancelled"), &json!(0))
    );
    shop.check_invariants().await;
    let uses = admin.get("/v1/discount-codes/FIVE").await.expect(200);
    assert_eq!(uses["used"], 0);
    assert_eq!(
        (stock(&admin, "A").await, stock(&admin, "B").await),
        ((10, 0), (10, 0))
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn points_that_were_earned_and_spent_are_taken_off_the_refund() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 10_000, 10).await;
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("A", 1)]).await.expect(201);
    shop.settle().await;
    admin
        .post(&path(&order, "/ship"), json!({}))
        .await
        .expect(200);
    admin
        .post(&path(&order, "/deliver"), json!({}))
        .await
        .expect(200);
    shop.settle().await;
    let earned = buyer.get("/v1/loyalty").await.expect(200)["balance"]
        .as_i64()
        .unwrap();
    assert!(earned > 0);
    // Spends all but one.
    let body = json!({
        "lines": [{"sku": "A", "quantity": 1}], "incentive": {"redeem_points": earned - 1},
    });
    buyer.post_once("/v1/orders", "2", body).await.expect(201);
    shop.settle().await;

    let goods = json!({"lines": [{"sku": "A", "quantity": 1}], "reason": "broken"});
    let returned = admin
        .post(&path(&order, "/returns"), goods)
        .await
        .expect(200);
    assert_eq!(returned["refunded"], 10_000);
    until("what was spent is taken off", async || {
        let shown = buyer.get(&path(&order, "")).await.expect(200);
        shown["points_withheld"] == earned - 1
    })
    .await;
    shop.check_invariants().await;
    let shown = buyer.get(&path(&order, "")).await.expect(200);
    // A point is worth a penny.
    assert_eq!(shown["refunded"], 10_000 - (earned - 1));
    assert_eq!(buyer.get("/v1/loyalty").await.expect(200)["balance"], 0);
    shop.close().await;
}
