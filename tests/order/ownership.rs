//! Whose order it is.

use reqwest::Method;
use serde_json::json;

use crate::common::{Client, Shop, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_its_owners_and_the_staffs_alone() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let (ann, bob, staff) = (
        shop.customer().await,
        shop.customer().await,
        shop.customer().await,
    );
    let roles = format!("/v1/users/{}/roles", staff.id().await);
    admin
        .put(&roles, json!({"roles": ["staff"]}))
        .await
        .expect(200);

    let order = ann.order("1", &[("A", 1)]).await.expect(201);
    let id = order["id"].as_str().unwrap();
    assert_eq!(order["customer_id"], ann.id().await.to_string());
    let path = format!("/v1/orders/{id}");
    let cancel = format!("{path}/cancel");
    shop.settle().await;

    bob.get(&path).await.expect_problem(404, "not-found");
    bob.post(&cancel, json!({"reason": "spite"}))
        .await
        .expect_problem(404, "not-found");
    assert_eq!(listed(&bob).await, Vec::<String>::new());
    let unknown = format!("/v1/orders/{}", uuid::Uuid::now_v7());
    for nothing in [unknown.as_str(), "/v1/orders/1"] {
        for client in [&ann, &staff] {
            client.get(nothing).await.expect_problem(404, "not-found");
            let cancel = format!("{nothing}/cancel");
            client
                .post(&cancel, json!({}))
                .await
                .expect_problem(404, "not-found");
        }
    }

    assert_eq!(ann.get(&path).await.expect(200)["status"], "confirmed");
    assert_eq!(listed(&ann).await, [id]);
    until("staff may see it", async || {
        staff.get(&path).await.status == 200
    })
    .await;
    assert_eq!(listed(&staff).await, [id]);

    // A role that is taken away stops working.
    admin.put(&roles, json!({"roles": []})).await.expect(200);
    until("others may not see it", async || {
        staff.get(&path).await.status == 404
    })
    .await;
    staff
        .post(&cancel, json!({"reason": "late"}))
        .await
        .expect_problem(404, "not-found");
    assert_eq!(listed(&staff).await, Vec::<String>::new());

    let cancelled = admin
        .post(&cancel, json!({"reason": "fraud"}))
        .await
        .expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["customer_id"], order["customer_id"]);
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_orders_without_signing_in() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let ann = shop.customer().await;
    let order = ann.order("1", &[("A", 1)]).await.expect(201);
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let cancel = format!("{path}/cancel");

    let signed = ann.token().unwrap();
    let (rest, signature) = signed.rsplit_once('.').unwrap();
    let forged = format!("{rest}.{}", signature.chars().rev().collect::<String>());
    let nobody = shop.visitor();
    // Through the gateway, and past it.
    let behind = Client::new(&format!("http://{}", shop.configs.order.http_addr));
    for door in [nobody, behind] {
        for client in [
            door.clone(),
            door.with_token("x"),
            door.with_token(""),
            door.with_token(&forged),
        ] {
            for request in [
                client.order_request("2", &[("A", 1)]),
                client.request(Method::GET, "/v1/orders"),
                client.request(Method::GET, &path),
                client
                    .request(Method::POST, &cancel)
                    .json(&json!({"reason": "spite"})),
            ] {
                let answer = Client::send(request).await;
                assert!(answer.header("www-authenticate").is_some(), "{answer:?}");
                answer.expect_problem(401, "unauthenticated");
            }
        }
    }
    shop.check_invariants().await;
    let stock = ann.get("/v1/products/A").await.expect(200);
    assert_eq!(stock["available"], 9);
    shop.close().await;
}

/// The ids of the orders that somebody sees.
async fn listed(client: &Client) -> Vec<String> {
    let page = client.get("/v1/orders").await.expect(200);
    let orders = page["items"].as_array().unwrap();
    orders
        .iter()
        .map(|order| order["id"].as_str().unwrap().to_owned())
        .collect()
}
