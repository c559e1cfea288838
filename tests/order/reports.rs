//! What orders add up to.

use serde_json::{Value, json};

use crate::common::{Client, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn reports_come_to_what_the_orders_come_to() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let staff = shop.staff(&admin).await;
    shop.product(&admin, "A", 255, 1_000).await;
    shop.product(&admin, "B", 333, 1_000).await;
    let code = json!({"code": "Spring", "kind": "percent", "value": 10});
    admin.post("/v1/discount-codes", code).await.expect(201);
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let points = json!({"points": 100, "reason": "welcome"});
    let path = format!("/v1/loyalty/{}/adjustments", bob.id().await);
    admin.post(&path, points).await.expect(201);

    let mut placed = Vec::new();
    for n in 1..=6 {
        let incentive = match n {
            1 | 2 => json!({"discount_code": "SPRING"}),
            3 => json!({"redeem_points": 40}),
            _ => Value::Null,
        };
        let buyer = if n % 3 == 0 { &bob } else { &ann };
        placed.push((buyer, order(buyer, n, incentive).await));
    }
    for n in [1, 4] {
        let (buyer, order) = &placed[n];
        let path = format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap());
        buyer.post(&path, json!({"reason": "no"})).await.expect(200);
    }
    shop.settle().await;
    let listed = admin.get("/v1/orders?limit=100").await.expect(200);
    let orders = listed["items"].as_array().unwrap();
    assert_eq!(orders.len(), 6);
    let sum = |of: &dyn Fn(&Value) -> bool, field: &str| -> i64 {
        let chosen = orders.iter().filter(|order| of(order));
        chosen.map(|order| order[field].as_i64().unwrap()).sum()
    };
    let live = |order: &Value| order["status"] != "cancelled";

    let days = staff.get("/v1/reports/orders?by=day").await.expect(200);
    let rows = days["items"].as_array().unwrap();
    let total = |field: &str| -> i64 { rows.iter().map(|row| row[field].as_i64().unwrap()).sum() };
    assert!(rows.iter().all(|row| row["currency"] == "GBP"));
    assert_eq!((total("orders"), total("cancelled")), (6, 2));
    assert_eq!(total("revenue"), sum(&|_| true, "total"));
    assert_eq!(total("gross"), sum(&live, "subtotal"));
    assert_eq!(total("discount"), sum(&live, "discount"));
    assert_eq!(total("points_value"), 40);
    assert_eq!(
        total("gross") - total("discount") - total("points_value"),
        total("revenue")
    );
    assert_eq!((total("refunded"), total("net")), (0, total("revenue")));
    // Two lines an order, of n and 1 pieces.
    assert_eq!(
        total("units"),
        [1, 3, 4, 6].iter().map(|n| n + 1).sum::<i64>()
    );

    let day = rows[0]["day"].as_str().unwrap();
    let narrowed = |from: &str, to: &str| format!("/v1/reports/orders?from={from}&to={to}");
    let today = staff.get(&narrowed(day, day)).await.expect(200);
    assert_eq!(today["items"][0], rows[0]);
    let never = staff.get(&narrowed("2020-01-01", "2020-12-31")).await;
    assert_eq!(never.expect(200)["items"], json!([]));

    let usage = staff
        .get("/v1/reports/incentive-usage?code=SPRING")
        .await
        .expect(200);
    let row = &usage["items"][0];
    let spring = &placed[0].1;
    assert_eq!(usage["items"].as_array().unwrap().len(), 1);
    for (field, expected) in [
        ("code", json!("Spring")),
        ("uses", json!(2)),
        ("cancelled", json!(1)),
        ("discount", spring["discount"].clone()),
        ("revenue", spring["total"].clone()),
        ("points", json!(0)),
    ] {
        assert_eq!(row[field], expected, "{field}");
    }
    let all = staff.get("/v1/reports/incentive-usage").await.expect(200);
    let points = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["code"].is_null())
        .unwrap();
    assert_eq!(
        (&points["uses"], &points["points"]),
        (&json!(1), &json!(40))
    );

    let customers = staff.get("/v1/reports/customers").await.expect(200);
    assert_eq!(customers["items"].as_array().unwrap().len(), 2);
    // Bob's was the last order.
    let bobs = &customers["items"][0];
    assert_eq!(bobs["customer_id"], json!(bob.id().await));
    assert_eq!(bobs["last_order_at"], placed[5].1["placed_at"]);
    assert_eq!(bobs["first_order_at"], placed[2].1["placed_at"]);
    let path = format!("/v1/reports/customers/{}", ann.id().await);
    let anns = staff.get(&path).await.expect(200);
    let figures = &anns["figures"][0];
    assert_eq!(
        (&figures["orders"], &figures["cancelled"]),
        (&json!(4), &json!(2))
    );
    let id = json!(ann.id().await);
    let of_ann = |order: &Value| order["customer_id"] == id;
    assert_eq!(figures["revenue"], json!(sum(&of_ann, "total")));
    let stranger = format!("/v1/reports/customers/{}", uuid::Uuid::now_v7());
    staff.get(&stranger).await.expect(404);
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_come_in_pages_and_refuse_by_name_what_they_do_not_know() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let generate = include_str!("../common/generated.sql");
    // One each twenty seconds: some days of them.
    sqlx::query(generate)
        .bind(15_000_i64)
        .execute(shop.order())
        .await
        .unwrap();
    order_svc::rebuild(&shop.configs.order, order_svc::View::Figures)
        .await
        .unwrap();
    for (path, key) in [
        ("/v1/reports/orders", "day"),
        ("/v1/reports/incentive-usage", "day"),
        ("/v1/reports/customers", "last_order_at"),
    ] {
        let all = pages(&admin, path, 100).await;
        let few = pages(&admin, path, 3).await;
        assert_eq!(few, all, "{path}");
        assert!(all.len() > 3, "{path}");
        let keys: Vec<&str> = all.iter().map(|row| row[key].as_str().unwrap()).collect();
        assert!(keys.is_sorted_by(|a, b| a >= b), "{path}: {keys:?}");
    }
    let orders: i64 = pages(&admin, "/v1/reports/orders", 2)
        .await
        .iter()
        .map(|row| row["orders"].as_i64().unwrap())
        .sum();
    assert_eq!(orders, 15_000);
    for (query, field) in [
        ("orders?by=week", "by"),
        ("orders?from=yesterday", "from"),
        ("orders?to=2026-02-30", "to"),
        ("orders?limit=0", "limit"),
        ("customers?after=x", "after"),
        ("incentive-usage?code=%00", "code"),
    ] {
        let answer = admin.get(&format!("/v1/reports/{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {:#}", answer.body);
        answer.expect_field(field);
    }
    shop.close().await;
}

async fn pages(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut after = String::new();
    loop {
        let page = client
            .get(&format!("{path}?limit={limit}{after}"))
            .await
            .expect(200);
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else {
            return rows;
        };
        after = format!("&after={next}");
    }
}

async fn order(buyer: &Client, n: i64, incentive: Value) -> Value {
    let request = buyer
        .request(reqwest::Method::POST, "/v1/orders")
        .header("idempotency-key", n.to_string())
        .json(&json!({
            "lines": [{"sku": "A", "quantity": n}, {"sku": "B", "quantity": 1}], "incentive": incentive,
        }));
    Client::send(request).await.expect(201)
}
