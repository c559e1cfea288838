//! New keys sign access tokens, while all goes on at every service.

use std::time::{Duration, Instant};

use chrono::{Days, Utc};
use clap::Parser as _;
use easyorder::Configs;
use futures::future::join_all;
use identity_svc::RotateKeys;
use serde_json::{Value, json};

use crate::common::{Client, Shop, shop, until};

/// More than the 10 s after which a service asks for the keys without being told of new ones.
const LEAD: Duration = Duration::from_secs(12);
/// Tokens that are tried are at most so old.
const LIFE: Duration = Duration::from_secs(5);

async fn rotate(shop: &Shop, options: &[&str]) {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: RotateKeys,
    }
    let cli = Cli::parse_from(["rotate-keys"].iter().chain(options));
    identity_svc::rotate_keys(&shop.configs.identity, cli.options)
        .await
        .expect("a new key");
}

/// A route of each service, through the gateway.
const DOORS: [&str; 4] = ["/v1/me", "/v1/loyalty", "/v1/orders", "/v1/jobs"];

fn kid(client: &Client) -> String {
    let token = client.token().expect("a token");
    let header = jsonwebtoken::decode_header(token).expect("a header");
    header.kid.expect("a kid")
}

async fn sign_in(shop: &Shop) -> Client {
    shop.visitor()
        .signed_in(shop::ADMIN_EMAIL, shop::ADMIN_PASSWORD)
        .await
}

/// Whether the client's token opens all doors, none, or (None) some.
async fn opens(client: &Client) -> Option<bool> {
    let answers = join_all(DOORS.map(|door| client.get(door))).await;
    let open = answers.iter().filter(|answer| answer.status == 200).count();
    match open {
        0 => Some(false),
        4 => Some(true),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_fails_at_any_door_while_keys_change() {
    let short = |configs: &mut Configs| {
        configs.identity.key_lead_seconds = LEAD.as_secs().cast_signed();
    };
    let shop = Shop::open_with(short).await;
    let first = kid(&sign_in(&shop).await);
    rotate(&shop, &[]).await;
    let rotated = Instant::now();
    let (mut last, mut tokens) = (first.clone(), Vec::new());
    while rotated.elapsed() < LEAD + Duration::from_secs(4) {
        let client = sign_in(&shop).await;
        last = kid(&client);
        tokens.push((Instant::now(), client));
        tokens.retain(|(issued, _)| issued.elapsed() < LIFE);
        for (_, client) in &tokens {
            assert_eq!(opens(client).await, Some(true), "{}", kid(client));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_ne!(first, last, "the new key signs");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_copied_opens_no_door_and_work_goes_on() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 10).await;
    let tomorrow = Utc::now() + Days::new(1);
    let wanted = json!({"name": "till", "scopes": ["jobs:manage"], "expires_at": tomorrow});
    let made = admin.post("/v1/me/api-keys", wanted).await.expect(201);
    let till = admin.with_token(made["key"].as_str().expect("a key"));
    let old = sign_in(&shop).await;
    assert_eq!(opens(&old).await, Some(true));
    assert_eq!(opens(&till).await, Some(true));

    rotate(&shop, &["--now"]).await;
    let copied = Instant::now();
    let behind = Client::new(&format!("http://{}", shop.configs.order.http_addr));
    let behind = behind.with_token(old.token().expect("a token"));
    until("the service refuses it", async || {
        behind.get("/v1/orders").await.status == 401
    })
    .await;
    assert!(copied.elapsed() < Duration::from_secs(5));
    until("no door opens", async || opens(&old).await == Some(false)).await;

    // Who signs in again, the bearer of a key, and the services themselves go on.
    let new = sign_in(&shop).await;
    assert_ne!(kid(&new), kid(&old));
    for client in [&new, &till] {
        until("it opens all doors", async || {
            opens(client).await == Some(true)
        })
        .await;
    }
    let order: Value = new.order_in_the_end("1", &[("HEART", 1)]).await.expect(201);
    assert_eq!(order["status"], "placed");
    shop.check_invariants().await;
    shop.close().await;
}
