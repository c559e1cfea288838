//! Lists of orders.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::common::{Client, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_each_order_once_newest_first_whatever_is_placed_meanwhile() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 100).await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let placed = place(&ann, 45).await;
    place(&bob, 3).await;
    shop.settle().await;

    let first = ann.get("/v1/orders?limit=20").await.expect(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 20);
    // Neither shifts nor enters the pages that follow.
    place_with(&ann, "later", 2).await;
    let mut pages = vec![first];
    while let Some(next) = pages.last().unwrap()["next"].as_str() {
        assert!(
            next.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
            "{next}"
        );
        let page = ann
            .get(&format!("/v1/orders?limit=20&after={next}"))
            .await
            .expect(200);
        pages.push(page);
    }
    let sizes: Vec<_> = pages
        .iter()
        .map(|page| page["items"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [20, 20, 5]);
    let seen: Vec<&Value> = pages
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .collect();
    let ids: HashSet<&str> = seen
        .iter()
        .map(|order| order["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        placed
            .iter()
            .map(|order| order["id"].as_str().unwrap())
            .collect()
    );
    assert!(seen.is_sorted_by_key(|order| std::cmp::Reverse(time(&order["placed_at"]))));

    let all = ann.get("/v1/orders?limit=100").await.expect(200);
    assert_eq!(
        (all["items"].as_array().unwrap().len(), &all["next"]),
        (47, &Value::Null)
    );
    let usual = ann.get("/v1/orders").await.expect(200);
    assert_eq!(usual["items"].as_array().unwrap().len(), 20);
    // A full last page has no next one.
    let exact = ann.get("/v1/orders?limit=47").await.expect(200);
    assert_eq!(exact["next"], Value::Null);
    let everybodys = admin.get("/v1/orders?limit=100").await.expect(200);
    assert_eq!(everybodys["items"].as_array().unwrap().len(), 50);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_narrowed_by_status_and_time() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 100).await;
    let ann = shop.customer().await;
    let mut placed = Vec::new();
    for n in 0..6 {
        placed.push(ann.order(&n.to_string(), &[("A", 1)]).await.expect(201));
    }
    for order in &placed[1..3] {
        let path = format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap());
        ann.post(&path, json!({"reason": "changed my mind"}))
            .await
            .expect(200);
    }
    shop.settle().await;

    let ids = |of: &[usize]| {
        of.iter()
            .rev()
            .map(|n| placed[*n]["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&ann, "status=cancelled").await, ids(&[1, 2]));
    assert_eq!(list(&ann, "status=confirmed").await, ids(&[0, 3, 4, 5]));
    assert_eq!(list(&ann, "status=shipped").await, Vec::<Value>::new());
    assert_eq!(list(&admin, "status=cancelled").await, ids(&[1, 2]));

    // From is part of it, to is not; the times are those that the orders show.
    let (second, fifth) = (
        placed[1]["placed_at"].as_str().unwrap(),
        placed[4]["placed_at"].as_str().unwrap(),
    );
    assert_eq!(list(&ann, &format!("from={fifth}")).await, ids(&[4, 5]));
    assert_eq!(list(&ann, &format!("to={second}")).await, ids(&[0]));
    assert_eq!(
        list(&ann, &format!("from={second}&to={fifth}")).await,
        ids(&[1, 2, 3])
    );
    assert_eq!(
        list(&ann, &format!("from={second}&to={fifth}&status=confirmed")).await,
        ids(&[3])
    );
    let elsewhere = time(&placed[4]["placed_at"])
        .with_timezone(&chrono::FixedOffset::east_opt(3 * 3600).unwrap());
    let encoded = elsewhere.to_rfc3339().replace('+', "%2B");
    assert_eq!(list(&ann, &format!("from={encoded}")).await, ids(&[4, 5]));

    // The filters hold for the pages after the first, too.
    let page = ann
        .get("/v1/orders?status=confirmed&limit=3")
        .await
        .expect(200);
    let next = page["next"].as_str().unwrap();
    let rest = list(&ann, &format!("status=confirmed&limit=3&after={next}")).await;
    assert_eq!(rest, ids(&[0]));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_parameter_is_refused_by_its_name() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 1).await;
    shop.product(&admin, "B", 255, 1).await;
    let ann = shop.customer().await;
    let products = ann.get("/v1/products?limit=1").await.expect(200);
    let foreign = format!("after={}", products["next"].as_str().unwrap());

    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("limit=", "limit"),
        ("after=!", "after"),
        ("after=bm90IGpzb24", "after"),
        ("after=", "after"),
        (foreign.as_str(), "after"),
        ("status=lost", "status"),
        ("status=", "status"),
        ("status=Placed", "status"),
        ("from=yesterday", "from"),
        ("to=2026-01-01", "to"),
    ] {
        let answer = ann.get(&format!("/v1/orders?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {:#}", answer.body);
        answer.expect_field(field);
    }
    shop.close().await;
}

async fn list(client: &Client, query: &str) -> Vec<Value> {
    let page = client.get(&format!("/v1/orders?{query}")).await.expect(200);
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["id"].clone())
        .collect()
}

async fn place(buyer: &Client, count: usize) -> Vec<Value> {
    place_with(buyer, "order", count).await
}

/// Places so many orders, some at a time.
async fn place_with(buyer: &Client, key: &str, count: usize) -> Vec<Value> {
    stream::iter(0..count)
        .map(async |n| {
            buyer
                .order(&format!("{key}-{n}"), &[("A", 1)])
                .await
                .expect(201)
        })
        .buffer_unordered(8)
        .collect()
        .await
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}
