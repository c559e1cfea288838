//! Answers that the gateway makes of several services'.

use serde_json::json;

use crate::common::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_comes_with_its_products_and_its_history() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "a", 255, 10).await;
    shop.product(&admin, "b", 100, 10).await;
    let ann = shop.customer().await;
    let order = ann.order("k", &[("b", 1), ("a", 2)]).await.expect(201);
    let id = order["id"].as_str().expect("an id");

    let plain = ann.get(&format!("/v1/orders/{id}")).await.expect(200);
    let answer = ann
        .get(&format!("/v1/orders/{id}?expand=products,history"))
        .await;
    assert!(answer.header("etag").is_some());
    let whole = answer.expect(200);
    for (name, value) in plain.as_object().expect("an order") {
        if !matches!(name.as_str(), "status" | "version" | "updated_at") {
            assert_eq!(&whole[name], value, "{name}");
        }
    }
    let products = whole["products"].as_array().expect("products");
    let skus: Vec<_> = products.iter().map(|product| &product["sku"]).collect();
    assert_eq!(skus, ["a", "b"]);
    assert_eq!(products[0]["available"], 8);
    assert_eq!(whole["history"]["items"][0]["version"], 1);
    assert!(whole["unavailable"].is_null());

    let one = ann
        .get(&format!("/v1/orders/{id}?expand=history"))
        .await
        .expect(200);
    assert!(one["products"].is_null() && one["history"]["items"].is_array());
    ann.get(&format!("/v1/orders/{id}?expand=everything"))
        .await
        .expect_problem(422, "validation");
    // Nobody sees more this way.
    shop.customer()
        .await
        .get(&format!("/v1/orders/{id}?expand=products,history"))
        .await
        .expect_problem(404, "not-found");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_is_the_callers_own() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "a", 255, 100).await;
    let ann = shop.customer().await;
    let mut placed = Vec::new();
    for key in ["1", "2", "3", "4", "5", "6"] {
        let order = ann.order(key, &[("a", 1)]).await.expect(201);
        placed.push(order["id"].clone());
    }
    let id = ann.id().await;
    let points = json!({"points": 120, "reason": "welcome"});
    admin
        .post(&format!("/v1/loyalty/{id}/adjustments"), points)
        .await
        .expect(201);

    let seen = ann.get("/v1/dashboard").await.expect(200);
    let orders = seen["orders"]["items"].as_array().expect("orders");
    let ids: Vec<_> = orders.iter().map(|order| order["id"].clone()).collect();
    placed.reverse();
    assert_eq!(ids, placed[..5], "the latest five, the latest first");
    assert_eq!(seen["points"]["balance"], 120);

    // Who may see everybody's orders has a dashboard of their own, too.
    let managers = admin.get("/v1/dashboard").await.expect(200);
    assert_eq!(managers["orders"]["items"], json!([]));
    shop.visitor()
        .get("/v1/dashboard")
        .await
        .expect_problem(401, "unauthenticated");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_found_by_their_skus_in_one_call() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for sku in ["a", "b", "c"] {
        shop.product(&admin, sku, 255, 1).await;
    }
    let visitor = shop.visitor();
    let found = visitor
        .get("/v1/products?skus=c,a,nothing")
        .await
        .expect(200);
    let skus: Vec<_> = found["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|product| &product["sku"])
        .collect();
    assert_eq!(skus, ["a", "c"]);
    assert!(found["next"].is_null());
    let many = vec!["a"; 101].join(",");
    for bad in [many.as_str(), "a,,b", "a b"] {
        let refused = visitor
            .get(&format!("/v1/products?skus={}", bad.replace(' ', "%20")))
            .await;
        let problem = refused.expect_problem(422, "validation");
        assert_eq!(problem["errors"][0]["field"], "skus", "{bad}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_written_reads_what_they_wrote_although_products_are_kept() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "a", 255, 20).await;
    let ann = shop.customer().await;
    for left in (0..20).rev() {
        let key = format!("k{left}");
        ann.order(&key, &[("a", 1)]).await.expect(201);
        let product = ann.get("/v1/products/a").await;
        let tag = product.header("etag").expect("a tag").to_owned();
        assert_eq!(product.expect(200)["available"], left);
        let request = ann.request(reqwest::Method::GET, "/v1/products/a");
        let again = crate::common::Client::send(request.header("if-none-match", tag)).await;
        assert_eq!(again.status.as_u16(), 304);
    }
    shop.close().await;
}
