//! Changing what is ordered, before it is shipped.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Client, Shop, broker::Subscriber};

/// Sends the order's new lines, as whoever saw `version`.
pub async fn update(client: &Client, order: &Value, version: i64, lines: &[(&str, i64)]) -> Answer {
    send(client, order, "", version, lines).await
}

async fn send(
    client: &Client,
    order: &Value,
    query: &str,
    version: i64,
    lines: &[(&str, i64)],
) -> Answer {
    let path = format!("/v1/orders/{}{query}", order["id"].as_str().unwrap());
    let lines: Vec<Value> = lines
        .iter()
        .map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity}))
        .collect();
    let request = client
        .request(Method::PATCH, &path)
        .header("if-match", format!("\"{version}\""))
        .json(&json!({"lines": lines}));
    Client::send(request).await
}

/// SKU, quantity and total of each line.
pub fn lines(order: &Value) -> Vec<(String, i64, i64)> {
    let lines = order["lines"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let number = |name: &str| line[name].as_i64().unwrap();
            let sku = line["sku"].as_str().unwrap().to_owned();
            (sku, number("quantity"), number("total"))
        })
        .collect()
}

fn line(sku: &str, quantity: i64, total: i64) -> (String, i64, i64) {
    (sku.to_owned(), quantity, total)
}

async fn available(client: &Client, sku: &str) -> i64 {
    let product = client.get(&format!("/v1/products/{sku}")).await.expect(200);
    product["available"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_added_changed_and_removed_in_one_step() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (sku, price) in [("A", 255), ("B", 100), ("C", 1_000)] {
        shop.product(&admin, sku, price, 10).await;
    }
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "order.#").await;
    let order = buyer.order("1", &[("A", 6), ("B", 1)]).await.expect(201);
    shop.settle().await;

    let preview = send(&buyer, &order, "?dry_run=true", 2, &[("A", 8), ("C", 1)]).await;
    let preview = preview.expect(200);
    let difference = json!({"amount": 2 * 255 + 1_000 - 100, "currency": "GBP"});
    assert_eq!(preview["difference"], difference);
    assert_eq!(available(&admin, "A").await, 4);

    let answer = update(&buyer, &order, 2, &[("A", 8), ("C", 1)]).await;
    assert_eq!(answer.header("etag"), Some("\"3\""));
    let updated = answer.expect(200);
    assert_eq!(lines(&updated), [line("A", 8, 2_040), line("C", 1, 1_000)]);
    assert_eq!(updated["total"], preview["order"]["total"]);
    assert_eq!(updated["status"], "confirmed");
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    assert_eq!(buyer.get(&path).await.expect(200), updated);

    // The same again is no change.
    let again = update(&buyer, &order, 3, &[("C", 1), ("A", 8)])
        .await
        .expect(200);
    assert_eq!(again, updated);
    let less = update(&buyer, &order, 3, &[("A", 2)]).await.expect(200);
    assert_eq!(lines(&less), [line("A", 2, 510)]);

    shop.check_invariants().await;
    for (sku, left) in [("A", 8), ("B", 10), ("C", 10)] {
        assert_eq!(available(&admin, sku).await, left, "{sku}");
    }
    let id = order["id"].as_str().unwrap();
    let told = |kind: &str| {
        let all = subscriber.received();
        all.iter().filter(|message| message.is(kind, id)).count()
    };
    assert_eq!((told("order.created"), told("order.updated")), (1, 2));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_changes_nothing_and_is_named() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    shop.product(&admin, "B", 100, 1).await;
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("A", 6)]).await.expect(201);
    shop.settle().await;

    for query in ["", "?dry_run=true"] {
        let short = send(&buyer, &order, query, 2, &[("A", 7), ("B", 2)]).await;
        let problem = short.expect_problem(409, "insufficient-stock");
        let items = json!([{"sku": "B", "requested": 2, "available": 1}]);
        assert_eq!(problem["items"], items);
        let unknown = send(&buyer, &order, query, 2, &[("A", 6), ("NONE", 1)]).await;
        unknown.expect_field("lines[1].sku");
        let none = send(&buyer, &order, query, 2, &[("A", 0)]).await;
        none.expect_field("lines[0].quantity");
        send(&buyer, &order, query, 2, &[])
            .await
            .expect_field("lines");
    }
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let body = json!({"lines": [{"sku": "A", "quantity": 1}]});
    let answer = buyer.patch(&path, body).await;
    answer.expect_problem(428, "if-match-required");
    update(&shop.customer().await, &order, 2, &[("A", 1)])
        .await
        .expect(404);
    assert_eq!(buyer.get(&path).await.expect(200)["version"], 2);

    buyer
        .post(&format!("{path}/cancel"), json!({}))
        .await
        .expect(200);
    let late = update(&buyer, &order, 3, &[("A", 1)]).await;
    let problem = late.expect_problem(409, "illegal-transition");
    assert_eq!(problem["order_status"], "cancelled");
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_editors_at_once_one_wins_and_holds_what_it_wanted() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 1_000).await;
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("A", 1)]).await.expect(201);
    shop.settle().await;

    let (buyer, order) = (&buyer, &order);
    for version in 2..6 {
        // Different contents want the same next hold.
        let editors = (0..6).map(|n| async move {
            let quantity = version * 10 + n;
            (
                quantity,
                update(buyer, order, version, &[("A", quantity)]).await,
            )
        });
        let mut winners = Vec::new();
        for (quantity, answer) in join_all(editors).await {
            match answer.status.as_u16() {
                200 => winners.push(quantity),
                412 => {
                    answer.expect_problem(412, "version-mismatch");
                }
                other => panic!("{other}: {:#}", answer.body),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
        let shown = buyer.get(&path).await.expect(200);
        assert_eq!(lines(&shown), [line("A", winners[0], winners[0] * 100)]);
    }
    shop.check_invariants().await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let ordered = lines(&buyer.get(&path).await.expect(200))[0].1;
    assert_eq!(available(&admin, "A").await, 1_000 - ordered);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_is_bought_at_todays_price_under_the_orders_code() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 1_000, 100).await;
    let once = json!({"code": "TEN", "kind": "percent", "value": 10, "max_uses": 1});
    admin.post("/v1/discount-codes", once).await.expect(201);
    let buyer = shop.customer().await;
    let body =
        json!({"lines": [{"sku": "A", "quantity": 3}], "incentive": {"discount_code": "ten"}});
    let order = buyer.post_once("/v1/orders", "1", body).await.expect(201);
    shop.settle().await;

    // The code has no use left, and needs none.
    let more = update(&buyer, &order, 2, &[("A", 5)]).await.expect(200);
    assert_eq!(lines(&more), [line("A", 5, 4_500)]);
    let dearer = json!({"price": {"amount": 2_000, "currency": "GBP"}});
    admin.patch("/v1/products/A", dearer).await.expect(200);
    let more = update(&buyer, &order, 3, &[("A", 6)]).await.expect(200);
    assert_eq!(lines(&more), [line("A", 5, 4_500), line("A", 1, 1_800)]);
    assert_eq!(
        (&more["discount"], &more["total"]),
        (&json!(700), &json!(6_300))
    );
    let code = admin.get("/v1/discount-codes/TEN").await.expect(200);
    assert_eq!(code["used"], 1);

    let less = update(&buyer, &order, 4, &[("A", 4)]).await.expect(200);
    assert_eq!(lines(&less), [line("A", 4, 3_600)]);
    shop.check_invariants().await;
    let path = format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap());
    buyer.post(&path, json!({})).await.expect(200);
    shop.check_invariants().await;
    let code = admin.get("/v1/discount-codes/TEN").await.expect(200);
    assert_eq!(code["used"], 0);
    assert_eq!(available(&admin, "A").await, 100);
    shop.close().await;
}
