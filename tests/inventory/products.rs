//! The catalogue, over REST.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    common::{Client, Shop},
    support::{column, levels},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_added_seen_changed_and_removed() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let visitor = shop.visitor();

    let answer = admin
        .post("/v1/products", product("85123A-255", "T-light holder", 255))
        .await;
    assert_eq!(answer.header("location"), Some("/v1/products/85123A-255"));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let added = answer.expect(201);
    assert_eq!(added["price"], json!({"amount": 255, "currency": "GBP"}));
    assert_eq!(
        (&added["available"], &added["version"]),
        (&json!(0), &json!(1))
    );
    let seen = visitor.get("/v1/products/85123A-255").await;
    assert_eq!(seen.header("etag"), Some("\"1-0\""));
    assert_eq!(seen.expect(200), added);
    // Case counts.
    visitor
        .get("/v1/products/85123a-255")
        .await
        .expect_problem(404, "not-found");

    let renamed = admin
        .patch("/v1/products/85123A-255", json!({"name": " Holder "}))
        .await
        .expect(200);
    assert_eq!(
        (&renamed["name"], &renamed["price"]["amount"]),
        (&json!("Holder"), &json!(255))
    );
    let price = json!({"price": {"amount": 300, "currency": "GBP"}});
    let answer = admin.patch("/v1/products/85123A-255", price).await;
    assert_eq!(answer.header("etag"), Some("\"3\""));
    let dearer = answer.expect(200);
    assert_eq!(
        (&dearer["name"], &dearer["price"]["amount"]),
        (&json!("Holder"), &json!(300))
    );
    assert_eq!(
        visitor.get("/v1/products/85123A-255").await.expect(200),
        dearer
    );

    admin.delete("/v1/products/85123A-255").await.expect(204);
    visitor
        .get("/v1/products/85123A-255")
        .await
        .expect_problem(404, "not-found");
    assert_eq!(
        visitor.get("/v1/products").await.expect(200)["items"],
        json!([])
    );
    admin
        .delete("/v1/products/85123A-255")
        .await
        .expect_problem(404, "not-found");
    admin
        .patch("/v1/products/85123A-255", json!({"name": "x"}))
        .await
        .expect_problem(404, "not-found");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_is_taken_until_its_product_is_removed_and_then_comes_back() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let buyer = shop.customer().await;
    let order = buyer.order("1", &[("A", 2)]).await.expect(201);

    admin
        .post("/v1/products", product("A", "again", 200))
        .await
        .expect_problem(409, "product-exists");
    admin.delete("/v1/products/A").await.expect(204);
    buyer
        .order("2", &[("A", 1)])
        .await
        .expect_field("lines[0].sku");
    // What was ordered stays ordered, and can be cancelled.
    shop.settle().await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    assert_eq!(buyer.get(&path).await.expect(200)["status"], "confirmed");

    let back = admin
        .post("/v1/products", product("A", "again", 200))
        .await
        .expect(201);
    assert_eq!(
        (&back["name"], &back["price"]["amount"]),
        (&json!("again"), &json!(200))
    );
    assert_eq!(back["available"], 8);
    assert!(back["version"].as_i64() > Some(2), "{back:#}");
    assert_eq!(levels(&admin, "A").await, (10, 2, 8));
    let dearer = buyer.order("2", &[("A", 1)]).await.expect(201);
    assert_eq!(dearer["total"], 200);
    assert_eq!(buyer.get(&path).await.expect(200)["total"], 200);
    buyer
        .post(&format!("{path}/cancel"), json!({}))
        .await
        .expect(200);
    shop.check_invariants().await;
    assert_eq!(levels(&admin, "A").await, (10, 1, 9));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_saw_another_version_changes_nothing() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 0).await;
    let patch = async |tag: &str, name: &str| {
        let request = admin.request(Method::PATCH, "/v1/products/A");
        Client::send(request.header("if-match", tag).json(&json!({"name": name}))).await
    };

    assert_eq!(patch("\"1\"", "two").await.expect(200)["version"], 2);
    for stale in ["\"1\"", "1", "\"3\"", "\"x\""] {
        patch(stale, "no")
            .await
            .expect_problem(412, "version-mismatch");
    }
    assert_eq!(patch("2", "three").await.expect(200)["version"], 3);
    assert_eq!(patch("*", "four").await.expect(200)["version"], 4);
    let seen = admin.get("/v1/products/A").await.expect(200);
    assert_eq!(seen["name"], "four");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_part_of_a_name_or_the_beginning_of_a_sku() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (sku, name) in [
        ("10-A", "Red mug"),
        ("20-A", "Blue MUG, 100% cotton"),
        ("30_B", "under_score"),
        ("30-C", "Tea \\ towel 10"),
        ("40-D", "T\u{e9}a"),
    ] {
        admin
            .post("/v1/products", product(sku, name, 100))
            .await
            .expect(201);
    }
    let visitor = shop.visitor();
    for (query, expected) in [
        ("mug", &["10-A", "20-A"][..]),
        ("MUG", &["10-A", "20-A"]),
        ("  mug  ", &["10-A", "20-A"]),
        ("10", &["10-A", "20-A", "30-C"]),
        ("30", &["30-C", "30_B"]),
        ("-A", &[]),
        ("%25", &["20-A"]),
        ("0%25 c", &["20-A"]),
        ("_", &["30_B"]),
        ("30_", &["30_B"]),
        ("3__B", &[]),
        ("%5C", &["30-C"]),
        ("%5C%5C", &[]),
        ("'", &[]),
        ("t%C3%A9a", &["40-D"]),
        ("", &["10-A", "20-A", "30-C", "30_B", "40-D"]),
        ("nothing", &[]),
    ] {
        let found = visitor
            .get(&format!("/v1/products?q={query}"))
            .await
            .expect(200);
        let found: HashSet<Value> = column(&found, "sku").into_iter().collect();
        let expected: HashSet<Value> = expected.iter().map(|sku| json!(sku)).collect();
        assert_eq!(found, expected, "{query}");
    }
    visitor.get("/v1/products?q=%00").await.expect_field("q");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_each_product_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for n in 0..23 {
        let sku = format!("{}{n:02}", ["a", "B", "_"][n % 3]);
        admin
            .post("/v1/products", product(&sku, &format!("mug {n}"), 100))
            .await
            .expect(201);
    }
    let visitor = shop.visitor();
    for (search, total) in [("", 23), ("&q=mug%201", 11)] {
        let mut skus = Vec::new();
        let mut after = String::new();
        loop {
            let page = visitor
                .get(&format!("/v1/products?limit=5{search}{after}"))
                .await
                .expect(200);
            let found = column(&page, "sku");
            assert!(found.len() <= 5);
            skus.extend(found);
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(skus.len(), total);
        assert_eq!(skus.iter().collect::<HashSet<_>>().len(), total);
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("after=!", "after"),
        ("after=MQ", "after"),
    ] {
        visitor
            .get(&format!("/v1/products?{query}"))
            .await
            .expect_field(field);
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_product_is_refused_by_the_name_of_its_field() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let with = |path: &str, value: Value| {
        let mut body = product("A", "name", 100);
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let long = "x".repeat(201);
    for (body, field) in [
        (with("/sku", json!("")), "sku"),
        (with("/sku", json!("a b")), "sku"),
        (with("/sku", json!("a/b")), "sku"),
        (with("/sku", json!("x".repeat(65))), "sku"),
        (with("/sku", json!(7)), "sku"),
        (with("/name", json!(" ")), "name"),
        (with("/name", json!("a\nb")), "name"),
        (with("/name", json!("a\u{0}b")), "name"),
        (with("/name", json!(long)), "name"),
        (with("/price/amount", json!(-1)), "price.amount"),
        (with("/price/amount", json!(1.5)), "price.amount"),
        (with("/price/amount", json!(1_000_000_001)), "price.amount"),
        (with("/price/amount", json!("1")), "price.amount"),
        (with("/price/currency", json!("XXZ")), "price.currency"),
        (with("/price/currency", json!("gbp")), "price.currency"),
        (with("/price", json!(100)), "price"),
        (json!({"sku": "A", "name": "name"}), "price"),
        (
            json!({"sku": "A", "name": "name", "price": {"amount": 1}}),
            "price.currency",
        ),
    ] {
        admin.post("/v1/products", body).await.expect_field(field);
    }
    shop.product(&admin, "A", 100, 0).await;
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (
            json!({"price": {"amount": -1, "currency": "GBP"}}),
            "price.amount",
        ),
        (json!({"sku": "B"}), "sku"),
    ] {
        admin
            .patch("/v1/products/A", body)
            .await
            .expect_field(field);
    }
    let seen = admin.get("/v1/products/A").await.expect(200);
    assert_eq!(seen["version"], 1);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_added_once_by_one_key() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let body = product("A", "name", 100);
    let first = admin.post_once("/v1/products", "1", body.clone()).await;
    assert!(!first.is_replay());
    let first = first.expect(201);
    admin
        .patch("/v1/products/A", json!({"name": "other"}))
        .await
        .expect(200);

    let again = admin.post_once("/v1/products", "1", body.clone()).await;
    assert!(again.is_replay());
    assert_eq!(again.header("etag"), Some("\"1\""));
    assert_eq!(again.header("location"), Some("/v1/products/A"));
    assert_eq!(again.expect(201), first);
    let other = product("B", "name", 100);
    admin
        .post_once("/v1/products", "1", other.clone())
        .await
        .expect_problem(422, "idempotency-key-reused");
    admin
        .post_once("/v1/products", "2", body)
        .await
        .expect_problem(409, "product-exists");
    // The failure was not kept.
    admin.delete("/v1/products/A").await.expect(204);
    admin
        .post_once("/v1/products", "2", product("A", "name", 100))
        .await
        .expect(201);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_manages_the_catalogue() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 0).await;
    let customer = shop.customer().await;
    for (client, status, kind) in [
        (shop.visitor(), 401, "unauthenticated"),
        (customer, 403, "forbidden"),
    ] {
        for request in [
            client
                .request(Method::POST, "/v1/products")
                .json(&product("B", "name", 100)),
            client
                .request(Method::PATCH, "/v1/products/A")
                .json(&json!({"name": "x"})),
            client.request(Method::DELETE, "/v1/products/A"),
            client.request(Method::GET, "/v1/products/A/stock"),
            client
                .request(Method::POST, "/v1/products/A/stock-movements")
                .json(&json!({"kind": "receipt", "quantity": 1, "reason": "gift"})),
        ] {
            Client::send(request).await.expect_problem(status, kind);
        }
    }
    let seen = shop.visitor().get("/v1/products/A").await.expect(200);
    assert_eq!(
        (&seen["version"], &seen["available"]),
        (&json!(1), &json!(0))
    );
    shop.visitor()
        .get("/v1/products/B")
        .await
        .expect_problem(404, "not-found");
    shop.close().await;
}

fn product(sku: &str, name: &str, price: i64) -> Value {
    json!({"sku": sku, "name": name, "price": {"amount": price, "currency": "GBP"}})
}
