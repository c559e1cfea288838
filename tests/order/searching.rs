//! Finding orders.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::common::{Client, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_found_by_sku_text_customer_and_all_of_it_at_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for sku in ["85123A-255", "85123B-300", "CARDS"] {
        shop.product(&admin, sku, 255, 100).await;
    }
    admin
        .patch(
            "/v1/products/CARDS",
            serde_json::json!({"name": "Grüße-Karten, set/10"}),
        )
        .await
        .expect(200);
    let code = serde_json::json!({"code": "Spring-26", "kind": "percent", "value": 10});
    admin.post("/v1/discount-codes", code).await.expect(201);
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let heart = id(&ann.order("1", &[("85123A-255", 1)]).await.expect(201));
    let both = id(&ann
        .order("2", &[("85123A-255", 2), ("CARDS", 1)])
        .await
        .expect(201));
    let cards = id(&bob.order("3", &[("CARDS", 3)]).await.expect(201));
    let request = bob.request(reqwest::Method::POST, "/v1/orders");
    let cheap = request.header("idempotency-key", "4").json(&serde_json::json!({
        "lines": [{"sku": "85123B-300", "quantity": 1}], "incentive": {"discount_code": "spring-26"},
    }));
    let cheap = id(&Client::send(cheap).await.expect(201));
    shop.settle().await;

    for (query, expected) in [
        ("sku=85123A-255", vec![&both, &heart]),
        ("sku=CARDS", vec![&cards, &both]),
        // Whole, and as it is written.
        ("sku=85123A", vec![]),
        ("sku=cards", vec![]),
        ("sku=", vec![&cheap, &cards, &both, &heart]),
        ("q=", vec![&cheap, &cards, &both, &heart]),
        ("q=85123", vec![&cheap, &both, &heart]),
        ("q=85123a-2", vec![&both, &heart]),
        ("q=GR%C3%9C%C3%9Fe", vec![&cards, &both]),
        ("q=kart%20set", vec![&cards, &both]),
        ("q=arten", vec![]),
        ("q=cards%2085123A", vec![&both]),
        ("q=spring", vec![&cheap]),
        ("q=spring-26", vec![&cheap]),
        ("q='%20%7C%20!cards:*", vec![&cards, &both]),
        ("sku=CARDS&q=85123", vec![&both]),
        ("sku=CARDS&status=confirmed", vec![&cards, &both]),
        ("sku=CARDS&status=cancelled", vec![]),
    ] {
        let found = list(&admin, query).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    for length in [8, 12, 36] {
        let beginning = &cards[..length];
        assert_eq!(list(&admin, &format!("q={beginning}")).await, [&*cards]);
    }
    let (of_ann, of_bob) = (ann.id().await, bob.id().await);
    let of = |customer: Uuid| format!("customer_id={customer}");
    assert_eq!(list(&admin, &of(of_ann)).await, [&*both, &heart]);
    assert_eq!(
        list(&admin, &format!("{}&sku=CARDS", of(of_ann))).await,
        [&*both]
    );
    // To a customer there are no others.
    assert_eq!(list(&ann, &of(of_bob)).await, Vec::<String>::new());
    assert_eq!(list(&ann, &of(of_ann)).await, [&*both, &heart]);
    assert_eq!(list(&ann, "sku=CARDS").await, [&*both]);
    assert_eq!(list(&ann, "q=spring").await, Vec::<String>::new());

    let path = format!("/v1/orders/{cards}/cancel");
    bob.post(&path, serde_json::json!({"reason": "no"}))
        .await
        .expect(200);
    shop.settle().await;
    assert_eq!(list(&admin, "sku=CARDS&status=cancelled").await, [&*cards]);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_searched_for_is_refused_by_its_name() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let long = format!("q={}", "x".repeat(101));
    for (query, field) in [
        (long.as_str(), "q"),
        ("q=%2D%2D", "q"),
        ("customer_id=me", "customer_id"),
    ] {
        let answer = ann.get(&format!("/v1/orders?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {:#}", answer.body);
        answer.expect_field(field);
    }
    // Counted in characters.
    let long = format!("/v1/orders?q={}", "%C3%9F".repeat(100));
    ann.get(&long).await.expect(200);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_each_order_once_when_many_were_placed_at_the_same_moment() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let generate = include_str!("../common/generated.sql");
    sqlx::query(generate)
        .bind(90_i64)
        .execute(shop.order())
        .await
        .unwrap();
    order_svc::rebuild(&shop.configs.order, order_svc::View::Orders)
        .await
        .unwrap();
    let moment: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    sqlx::query(
        "update read_model.orders
            set placed_at = $1::timestamptz + (hashtext(order_id::text) % 3) * interval '1 microsecond',
                document = jsonb_set(document, '{placed_at}', to_jsonb(
                    $1::timestamptz + (hashtext(order_id::text) % 3) * interval '1 microsecond'))",
    )
    .bind(moment)
    .execute(shop.order())
    .await
    .unwrap();
    for (query, expected) in [
        ("limit=7", 90),
        ("limit=7&sku=HOT", 45),
        ("limit=7&q=hot", 45),
    ] {
        let mut seen: Vec<(DateTime<Utc>, Uuid)> = Vec::new();
        let mut path = format!("/v1/orders?{query}");
        loop {
            let page = admin.get(&path).await.expect(200);
            for order in page["items"].as_array().unwrap() {
                let at: DateTime<Utc> = order["placed_at"].as_str().unwrap().parse().unwrap();
                assert!((at - moment).abs() <= TimeDelta::microseconds(2));
                seen.push((at, id(order).parse().unwrap()));
            }
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("/v1/orders?{query}&after={next}");
        }
        assert_eq!(seen.len(), expected, "{query}");
        assert!(seen.is_sorted_by(|a, b| a > b), "{query}");
    }
    shop.close().await;
}

fn id(order: &Value) -> String {
    order["id"].as_str().unwrap().to_owned()
}

async fn list(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("/v1/orders?{query}")).await.expect(200);
    page["items"].as_array().unwrap().iter().map(id).collect()
}
