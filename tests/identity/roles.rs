use serde_json::json;

use crate::common::{Client, Shop, until};

/// Somebody with the staff's permissions may do this, a customer not.
async fn may_stock(client: &Client) -> bool {
    let receipt = json!({"kind": "receipt", "quantity": 1, "reason": "found"});
    let answer = client
        .post("/v1/products/HEART/stock-movements", receipt)
        .await;
    match answer.status.as_u16() {
        201 => true,
        403 => {
            answer.expect_problem(403, "forbidden");
            false
        }
        _ => panic!("{answer:#?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_works_from_when_it_is_given_until_it_is_taken_away() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 0).await;
    let ann = shop.customer().await;
    assert!(!may_stock(&ann).await);
    let roles = format!("/v1/users/{}/roles", ann.id().await);

    // With one and the same access token: what it permits is not in it.
    admin
        .put(&roles, json!({"roles": ["customer", "staff"]}))
        .await
        .expect(200);
    until("the role works", async || may_stock(&ann).await).await;
    assert!(may_stock(&ann).await);
    let me = ann.get("/v1/me").await.expect(200);
    assert_eq!(me["roles"], json!(["customer", "staff"]));

    admin
        .put(&roles, json!({"roles": ["customer"]}))
        .await
        .expect(200);
    until("the role works no more", async || !may_stock(&ann).await).await;
    assert!(!may_stock(&ann).await);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_taken_from_a_role_is_gone_for_all_who_hold_it() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 0).await;
    let ann = shop.customer().await;
    let role = json!({"name": "stock-keeper", "permissions": ["stock:manage"]});
    admin.post("/v1/roles", role).await.expect(201);
    let roles = format!("/v1/users/{}/roles", ann.id().await);
    admin
        .put(&roles, json!({"roles": ["stock-keeper"]}))
        .await
        .expect(200);
    until("the role works", async || may_stock(&ann).await).await;

    // It permits what it says, and no more.
    let product =
        json!({"sku": "LANTERN", "name": "Lantern", "price": {"amount": 339, "currency": "GBP"}});
    ann.post("/v1/products", product)
        .await
        .expect_problem(403, "forbidden");

    admin
        .delete("/v1/roles/stock-keeper")
        .await
        .expect_problem(409, "role-in-use");
    let nothing = json!({"permissions": []});
    admin
        .put("/v1/roles/stock-keeper", nothing)
        .await
        .expect(200);
    until("the permission is gone", async || !may_stock(&ann).await).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrator_cannot_lock_everybody_out() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let roles = format!("/v1/users/{}/roles", admin.id().await);
    admin
        .put(&roles, json!({"roles": ["customer"]}))
        .await
        .expect_problem(409, "last-administrator");
    let nothing = json!({"permissions": []});
    admin
        .put("/v1/roles/admin", nothing)
        .await
        .expect_problem(409, "built-in-role");
    admin.get("/v1/users").await.expect(200);
    shop.close().await;
}
