//! API keys through the gateway, at the services behind it.

use std::time::{Duration, Instant};

use chrono::{Days, Utc};
use serde_json::{Value, json};

use crate::common::{Client, Shop};

/// A change takes effect within a second; this is for a busy machine.
const SOON: Duration = Duration::from_secs(5);

async fn soon(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let changed = Instant::now();
    while !holds().await {
        assert!(changed.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A new key of somebody: its id, and a client that has it.
async fn key_of(owner: &Client, scopes: &[&str]) -> (String, Client) {
    let expires_at = Utc::now() + Days::new(1);
    let wanted = json!({"name": "till", "scopes": scopes, "expires_at": expires_at});
    let made = owner.post("/v1/me/api-keys", wanted).await.expect(201);
    let text = |member: &str| made[member].as_str().expect("a text").to_owned();
    (text("id"), owner.with_token(&text("key")))
}

async fn status(client: &Client, path: &str) -> u16 {
    client.get(path).await.status.as_u16()
}

const STOCK: &str = "/v1/products/HEART/stock";
const REPORT: &str = "/v1/reports/orders";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_doors_that_it_names_and_its_owner_may_open() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 10).await;
    let ann = shop.staff(&admin).await;
    let (_, key) = key_of(&ann, &["stock:manage", "jobs:manage"]).await;
    assert_eq!(status(&key, STOCK).await, 200);
    assert_eq!(status(&key, REPORT).await, 403, "the scope narrows");
    assert_eq!(status(&ann, REPORT).await, 200);
    assert_eq!(status(&key, "/v1/jobs").await, 403, "Ann may not, either");
    assert_eq!(key.id().await, ann.id().await);
    // What needs no permission.
    key.order("1", &[("HEART", 1)]).await.expect(201);
    key.get("/v1/me/api-keys")
        .await
        .expect_problem(403, "session-required");

    let roles = format!("/v1/users/{}/roles", ann.id().await);
    let customer = json!({"roles": ["customer"]});
    admin.put(&roles, customer).await.expect(200);
    soon("the owner's role is gone", async || {
        status(&key, STOCK).await == 403
    })
    .await;
    shop.check_invariants().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_deleted_is_refused_at_every_service() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 10).await;
    let doors = ["/v1/me", STOCK, "/v1/orders", "/v1/jobs"];
    let scopes = ["stock:manage", "orders:manage", "jobs:manage"];
    let (id, key) = key_of(&admin, &scopes).await;
    for door in doors {
        assert_eq!(status(&key, door).await, 200, "{door}");
    }
    let path = format!("/v1/me/api-keys/{id}");
    admin.delete(&path).await.expect(204);
    for door in doors {
        soon(door, async || status(&key, door).await == 401).await;
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_key_any_more_or_never_was_opens_nothing() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let (_, key) = key_of(&admin, &[]).await;
    let text = key.token().expect("a key").to_owned();
    // It expires before anybody has used it.
    sqlx::query("update api_keys set expires_at = now()")
        .execute(&shop.databases.identity.pool)
        .await
        .expect("an update");
    for malformed in [&text, &text[..40], "eo_", "eo_a_b", &text.to_lowercase()] {
        let client = admin.with_token(malformed);
        for path in ["/v1/me", "/v1/products"] {
            client
                .get(path)
                .await
                .expect_problem(401, "unauthenticated");
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_works_and_ends_with_its_secret() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 10).await;
    let account = json!({"name": "till", "roles": ["staff"]});
    let made = admin.post("/v1/service-accounts", account).await;
    let made = made.expect(201);
    let text = |body: &Value, member: &str| body[member].as_str().expect("a text").to_owned();
    let (id, secret) = (text(&made, "client_id"), text(&made, "client_secret"));
    let request = shop
        .visitor()
        .request(reqwest::Method::POST, "/v1/auth/token")
        .basic_auth(&id, Some(&secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let issued = Client::send(request).await.expect(200);
    let till = shop.visitor().with_token(&text(&issued, "access_token"));
    assert_eq!(status(&till, STOCK).await, 200);
    assert_eq!(status(&till, REPORT).await, 200);
    assert_eq!(status(&till, "/v1/users").await, 403);

    let path = format!("/v1/service-accounts/{id}");
    admin.delete(&path).await.expect(204);
    for door in [STOCK, REPORT, "/v1/users"] {
        soon(door, async || status(&till, door).await == 401).await;
    }
    shop.close().await;
}
