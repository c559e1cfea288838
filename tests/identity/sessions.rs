use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Client, Shop};

const EMAIL: &str = "ann@shop.example";
const PASSWORD: &str = "correct horse battery";

fn account() -> Value {
    json!({"email": EMAIL, "password": PASSWORD, "name": "Ann"})
}

fn text(body: &Value, member: &str) -> String {
    body[member].as_str().expect(member).to_owned()
}

async fn refresh(visitor: &Client, token: &str) -> Answer {
    visitor
        .post("/v1/auth/refresh", json!({"refresh_token": token}))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_registers_signs_in_goes_on_and_signs_out() {
    let shop = Shop::open().await;
    let visitor = shop.visitor();
    let registered = visitor
        .post("/v1/auth/register", account())
        .await
        .expect(201);
    assert_eq!(registered, json!({"email": EMAIL, "name": "Ann"}));

    let login = json!({"email": EMAIL, "password": PASSWORD});
    let answer = visitor.post("/v1/auth/login", login).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.expect(200);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    let ann = visitor.with_token(&text(&tokens, "access_token"));
    let me = ann.get("/v1/me").await.expect(200);
    assert_eq!(me["email"], EMAIL);
    assert_eq!(me["name"], "Ann");
    assert_eq!(me["roles"], json!(["customer"]));
    assert_eq!(me["permissions"], json!([]));

    let first = text(&tokens, "refresh_token");
    let next = refresh(&visitor, &first).await.expect(200);
    let second = text(&next, "refresh_token");
    assert_ne!(first, second);
    let ann = visitor.with_token(&text(&next, "access_token"));
    assert_eq!(ann.get("/v1/me").await.expect(200), me);

    let logout = json!({"refresh_token": second});
    visitor.post("/v1/auth/logout", logout).await.expect(204);
    for spent in [first, second] {
        refresh(&visitor, &spent)
            .await
            .expect_problem(401, "invalid-refresh-token");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_expired_keeps_nobody_from_refreshing() {
    let shop = Shop::open_with(|configs| configs.identity.access_token_seconds = 1).await;
    let visitor = shop.visitor();
    visitor
        .post("/v1/auth/register", account())
        .await
        .expect(201);
    let login = json!({"email": EMAIL, "password": PASSWORD});
    let tokens = visitor.post("/v1/auth/login", login).await.expect(200);
    let stale = visitor.with_token(&text(&tokens, "access_token"));
    crate::common::until("the token expires", async || {
        stale.get("/v1/me").await.status == 401
    })
    .await;
    // As a client does that sends its token with every request.
    refresh(&stale, &text(&tokens, "refresh_token"))
        .await
        .expect(200);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_gets_the_same_answer() {
    let shop = Shop::open().await;
    let visitor = shop.visitor();
    let register = async |password: &str| {
        let body = json!({"email": EMAIL, "password": password, "name": "Ann"});
        let answer = visitor.post("/v1/auth/register", body).await;
        let mut headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        headers.sort();
        (answer.status, headers, answer.body)
    };
    let first = register(PASSWORD).await;
    assert_eq!(first.0, 201);
    assert_eq!(first, register("somebody else's guess").await);

    // And the account is whose it was.
    visitor.signed_in(EMAIL, PASSWORD).await;
    let guess = json!({"email": EMAIL, "password": "somebody else's guess"});
    visitor
        .post("/v1/auth/login", guess)
        .await
        .expect_problem(401, "invalid-credentials");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_and_a_wrong_password_look_the_same() {
    let shop = Shop::open().await;
    let visitor = shop.visitor();
    visitor
        .post("/v1/auth/register", account())
        .await
        .expect(201);
    let login = async |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        let mut problem = visitor
            .post("/v1/auth/login", body)
            .await
            .expect_problem(401, "invalid-credentials");
        problem["instance"].take();
        problem
    };
    let wrong_password = login(EMAIL, "not the password at all").await;
    assert_eq!(wrong_password, login("nobody@shop.example", PASSWORD).await);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered_is_told_field_by_field() {
    let shop = Shop::open().await;
    let body = json!({"email": "nobody", "password": "short", "name": ""});
    let problem = shop
        .visitor()
        .post("/v1/auth/register", body)
        .await
        .expect_problem(422, "validation");
    let errors = problem["errors"].as_array().expect("errors");
    let mut fields: Vec<_> = errors.iter().map(|error| error["field"].as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, [Some("email"), Some("name"), Some("password")]);
    // Nor does it repeat what was secret.
    assert!(!problem.to_string().contains("short\""), "{problem}");

    let request = shop.visitor().request(Method::POST, "/v1/auth/register");
    let unsent = Client::send(request.header("content-type", "application/json")).await;
    unsent.expect_problem(400, "bad-request");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_of_one_token_at_once_log_nobody_out_and_a_late_one_ends_the_session() {
    let shop = Shop::open().await;
    let visitor = shop.visitor();
    visitor
        .post("/v1/auth/register", account())
        .await
        .expect(201);
    let login = json!({"email": EMAIL, "password": PASSWORD});
    let tokens = visitor.post("/v1/auth/login", login).await.expect(200);
    let first = text(&tokens, "refresh_token");

    // Every other client loses its answer.
    let refreshes = (0..50).map(|i| {
        let (visitor, first) = (visitor.clone(), first.clone());
        async move {
            let patience = Duration::from_millis(if i % 2 == 0 { 60_000 } else { 5 });
            tokio::time::timeout(patience, refresh(&visitor, &first)).await
        }
    });
    let answers = join_all(refreshes).await;
    let pairs: Vec<Value> = answers
        .into_iter()
        .flatten()
        .map(|answer| answer.expect(200))
        .collect();
    assert!(pairs.len() >= 25, "{}", pairs.len());
    let second = text(&pairs[0], "refresh_token");
    for pair in &pairs {
        assert_eq!(text(pair, "refresh_token"), second);
        let ann = visitor.with_token(&text(pair, "access_token"));
        ann.get("/v1/me").await.expect(200);
    }
    // Whoever lost the answer asks again, and all go on from one and the same token.
    let again = refresh(&visitor, &first).await.expect(200);
    assert_eq!(text(&again, "refresh_token"), second);
    let next = refresh(&visitor, &second).await.expect(200);

    // After the grace the first one is a copy that somebody has.
    sqlx::query("update refresh_tokens set spent_at = spent_at - interval '11 s'")
        .execute(&shop.databases.identity.pool)
        .await
        .unwrap();
    refresh(&visitor, &first)
        .await
        .expect_problem(401, "invalid-refresh-token");
    refresh(&visitor, &text(&next, "refresh_token"))
        .await
        .expect_problem(401, "invalid-refresh-token");
    let ann = visitor.with_token(&text(&next, "access_token"));
    crate::common::until("its access tokens end with it", async || {
        ann.get("/v1/me").await.status == 401
    })
    .await;
    shop.close().await;
}
