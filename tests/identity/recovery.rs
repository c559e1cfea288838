use std::{net::IpAddr, time::Duration};

use futures::future::join_all;
use serde_json::json;
use tokio::task::JoinSet;

use crate::common::{Client, Shop, mailed_token};

const EMAIL: &str = "ann@shop.example";
const PASSWORD: &str = "correct horse battery";
const NEW: &str = "staple battery horse correct";

/// Addresses of this machine to come from.
fn addresses() -> impl Iterator<Item = IpAddr> {
    (2..=51).map(|host| IpAddr::from([127, 0, 0, host]))
}

async fn guess(client: &Client, guess: usize) -> u16 {
    let password = format!("guess number {guess} of many");
    let credentials = json!({"email": EMAIL, "password": password});
    client
        .post("/v1/auth/login", credentials)
        .await
        .status
        .as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_from_everywhere_are_stopped_and_the_owner_gets_in() {
    let shop = Shop::open().await;
    let visitor = shop.visitor();
    let account = json!({"email": EMAIL, "password": PASSWORD, "name": "Ann"});
    visitor.post("/v1/auth/register", account).await.expect(201);
    let clients: Vec<Client> = addresses()
        .map(|address| shop.visitor_from(address))
        .collect();

    let guesses = (0..200).map(|i| guess(&clients[i % clients.len()], i));
    let answers = join_all(guesses).await;
    let heard = answers.iter().filter(|status| **status == 401).count();
    let refused = answers.iter().filter(|status| **status == 429).count();
    assert_eq!(heard + refused, 200, "{answers:?}");
    // Ten, as many as are hashed at once, and one for each pause that may have ended on a machine that is busy.
    assert!((11..=16).contains(&heard), "{heard} were heard");

    let mut hammers = JoinSet::new();
    for client in clients {
        hammers.spawn(async move {
            for i in 0.. {
                guess(&client, i).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
    let knocks = visitor
        .post(
            "/v1/auth/login",
            json!({"email": EMAIL, "password": PASSWORD}),
        )
        .await;
    assert!(knocks.header("retry-after").is_some(), "{knocks:?}");
    knocks.expect_problem(429, "too-many-attempts");

    let asked = json!({"email": EMAIL});
    visitor
        .post("/v1/auth/password-reset", asked)
        .await
        .expect(202);
    let token = mailed_token(&shop, EMAIL, "Subject: Set a new password").await;
    let reset = json!({"token": token, "password": NEW});
    let tokens = visitor
        .post("/v1/auth/password-reset/confirm", reset)
        .await
        .expect(200);
    let ann = visitor.with_token(tokens["access_token"].as_str().expect("a token"));
    let me = ann.get("/v1/me").await.expect(200);
    assert_eq!(me["email_verified"], true);

    hammers.shutdown().await;
    // The owner hears of it.
    crate::common::until("the mail about it arrives", async || {
        let mails = crate::common::mails(&shop, "account-mail");
        mails
            .iter()
            .any(|mail| mail.contains("Subject: Your password was changed"))
    })
    .await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_what_the_old_one_opened_everywhere() {
    let shop = Shop::open().await;
    let visitor = shop.visitor();
    let account = json!({"email": EMAIL, "password": PASSWORD, "name": "Ann"});
    visitor.post("/v1/auth/register", account).await.expect(201);
    let here = visitor.signed_in(EMAIL, PASSWORD).await;
    let elsewhere = visitor.signed_in(EMAIL, PASSWORD).await;
    for ann in [&here, &elsewhere] {
        ann.get("/v1/orders").await.expect(200);
    }
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    here.put("/v1/me/password", change).await.expect(204);
    crate::common::until("order-svc hears of it", async || {
        elsewhere.get("/v1/orders").await.status == 401
    })
    .await;
    here.get("/v1/orders").await.expect(200);
    shop.close().await;
}
