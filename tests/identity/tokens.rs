//! No token but our own passes: the attacks of RFC 8725, at the gateway and at each service behind it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use ed25519_dalek::SigningKey;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{Client, Shop},
    forgeries::{Forge, attacks, claims, with},
};

/// A challenge to who has sent a token that is not valid (RFC 6750, 3.1).
const INVALID_TOKEN: &str = r#"Bearer error="invalid_token""#;

/// A route of each service that wants a token, on the service's own port.
pub fn doors(shop: &Shop) -> Vec<(Client, &'static str)> {
    let at = |addr: std::net::SocketAddr| Client::new(&format!("http://{addr}"));
    vec![
        (shop.visitor(), "/v1/me"),
        // Where a visitor may look, a bad token is bad all the same.
        (shop.visitor(), "/v1/products"),
        (at(shop.configs.identity.http_addr), "/v1/me"),
        (
            at(shop.configs.inventory.http_addr),
            "/v1/products/HEART/stock",
        ),
        (at(shop.configs.order.http_addr), "/v1/orders"),
        (at(shop.configs.worker.http_addr), "/v1/jobs"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_token_passes_at_any_door() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let (id, stranger) = (admin.id().await, shop.customer().await.id().await);
    shop.product(&admin, "HEART", 255, 0).await;
    let forge = Forge::of(&shop).await;
    let good = forge.sign(&forge.header(), &claims(id));
    let mut wrong = Vec::new();
    for (door, path) in doors(&shop) {
        door.with_token(&good).get(path).await.expect(200);
        for attack in attacks(&forge, id, stranger) {
            for (what, token) in attack.tokens {
                let answer = door.with_token(&token).get(path).await;
                let challenge = answer.header("www-authenticate");
                if answer.status != 401 || challenge != Some(INVALID_TOKEN) {
                    let status = answer.status;
                    wrong.push(format!(
                        "{path}: {}: {what}: {status}, {challenge:?}",
                        attack.name
                    ));
                } else {
                    answer.expect_problem(401, "unauthenticated");
                }
            }
        }
        // All of them did it no harm.
        door.with_token(&good).get(path).await.expect(200);
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    shop.close().await;
}

#[test]
fn every_attack_is_described() {
    let page = include_str!("../../docs/security.md");
    let forge = Forge {
        kid: "a key".to_owned(),
        key: SigningKey::from_bytes(&[1; 32]),
    };
    for attack in attacks(&forge, Uuid::now_v7(), Uuid::now_v7()) {
        let row = format!("| {} |", attack.name);
        assert!(page.contains(&row), "docs/security.md has no row {row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_ours_passes_however_it_is_written() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let id = admin.id().await;
    shop.product(&admin, "HEART", 255, 0).await;
    let forge = Forge::of(&shop).await;
    let (header, claims) = (forge.header(), claims(id));
    let good = forge.sign(&header, &claims);
    let written_out = forge.sign(&with(&header, "typ", json!("application/at+jwt")), &claims);
    let since = with(&claims, "nbf", json!(Utc::now().timestamp() - 60));
    let since = forge.sign(&header, &since);
    let extended = forge.sign(&header, &with(&claims, "nickname", json!("Ann")));
    for (door, path) in doors(&shop) {
        for credentials in [
            format!("Bearer {good}"),
            format!("bearer {good}"),
            format!("BEARER   {good}"),
            format!("Bearer {written_out}"),
            format!("Bearer {since}"),
            format!("Bearer {extended}"),
        ] {
            let request = door.request(Method::GET, path);
            let request = request.header("authorization", credentials);
            Client::send(request).await.expect(200);
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_in_its_header_alone() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 0).await;
    let token = admin.token().expect("a token");
    for (door, path) in doors(&shop) {
        if path == "/v1/products" {
            continue;
        }
        let in_query = door.request(Method::GET, &format!("{path}?access_token={token}"));
        let in_cookie = door.request(Method::GET, path);
        let in_cookie = in_cookie.header("cookie", format!("access_token={token}"));
        let of_another_scheme = door.request(Method::GET, path);
        let of_another_scheme = of_another_scheme.header("authorization", format!("JWT {token}"));
        for request in [in_query, in_cookie, of_another_scheme] {
            let answer = Client::send(request).await;
            // Who sent no token is not told that one is bad.
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
            answer.expect_problem(401, "unauthenticated");
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_kind_of_token_passes_for_the_other() {
    let shop = Shop::open().await;
    let visitor = shop.visitor();
    let credentials = json!({
        "email": crate::common::shop::ADMIN_EMAIL, "password": crate::common::shop::ADMIN_PASSWORD,
    });
    let tokens = visitor
        .post("/v1/auth/login", credentials)
        .await
        .expect(200);
    let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    let (access, refresh) = (text("access_token"), text("refresh_token"));
    for (door, path) in doors(&shop) {
        let answer = door.with_token(&refresh).get(path).await;
        assert_eq!(
            answer.header("www-authenticate"),
            Some(INVALID_TOKEN),
            "{path}"
        );
        answer.expect_problem(401, "unauthenticated");
    }
    let body = json!({"refresh_token": access});
    let answer = visitor.post("/v1/auth/refresh", body).await;
    answer.expect_problem(401, "invalid-refresh-token");
    // Neither try has spent them.
    let body = json!({"refresh_token": refresh});
    visitor.post("/v1/auth/refresh", body).await.expect(200);
    visitor.with_token(&access).get("/v1/me").await.expect(200);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_are_published_and_nothing_private_with_them() {
    let shop = Shop::open().await;
    let set = shop
        .visitor()
        .get("/.well-known/jwks.json")
        .await
        .expect(200);
    let forge = Forge::of(&shop).await;
    let keys = set["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["kid"], forge.kid);
    assert_eq!(
        keys[0]["x"],
        URL_SAFE_NO_PAD.encode(forge.key.verifying_key())
    );
    assert_eq!(keys[0].get("d"), None::<&Value>);
    shop.close().await;
}
