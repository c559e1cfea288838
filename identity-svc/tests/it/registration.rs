use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, App, PASSWORD, access_token};

#[tokio::test]
async fn registering_makes_a_customer_and_tells_of_it() {
    let app = App::start().await;
    let answer = app.register(" Ann@Example.com ").await.expect(201);
    assert_eq!(
        answer,
        json!({"email": "ann@example.com", "name": "Ann Lee"})
    );

    let token = access_token(&app.login("ann@example.com", PASSWORD).await.expect(200));
    let me = app.get(&token, "/v1/me").await.expect(200);
    let id = me["id"].as_str().unwrap();
    assert_eq!(
        me,
        json!({"id": id, "email": "ann@example.com", "name": "Ann Lee", "email_verified": false, "roles": ["customer"], "permissions": []})
    );

    let events = app.events_about(id).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "identity.user_registered.v1");
    assert_eq!(events[0]["source"], "/identity-svc");
    assert_eq!(events[0]["aggregateversion"], 1);
    assert_eq!(
        events[0]["data"],
        json!({"user_id": id, "roles": ["customer"], "disabled": false})
    );
}

#[tokio::test]
async fn registering_a_known_address_is_answered_the_same_and_changes_nothing() {
    let app = App::start().await;
    let body = |password| json!({"email": "ann@example.com", "password": password, "name": "Ann"});
    let register = async |password| {
        let request = app
            .request(Method::POST, "/v1/auth/register")
            .json(&body(password));
        let response = request.send().await.unwrap();
        let headers: Vec<_> = response.headers().keys().map(ToString::to_string).collect();
        (headers, Answer::of(response).await)
    };
    let first = register(PASSWORD).await;
    let second = register("another long password").await;
    assert_eq!(first.1.status, 201);
    assert_eq!(first, second);

    app.login("ann@example.com", PASSWORD).await.expect(200);
    app.login("ann@example.com", "another long password")
        .await
        .expect(401);
}

#[tokio::test]
async fn registrations_of_one_address_at_once_make_one_account() {
    let app = App::start().await;
    let answers = join_all((0..8).map(|_| app.register("ann@example.com"))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    answers.into_iter().next().unwrap().expect(201);

    let accounts: i64 =
        sqlx::query_scalar("select count(*) from users where email = 'ann@example.com'")
            .fetch_one(&app.db.pool)
            .await
            .unwrap();
    assert_eq!(accounts, 1);
}

#[tokio::test]
async fn all_that_is_not_acceptable_is_named() {
    let app = App::start().await;
    let post = async |body| app.post("/v1/auth/register", body).await;

    post(json!({"email": "ann", "password": "hunter2", "name": " "}))
        .await
        .invalid(&["email", "password", "name"]);
    post(json!({"email": "ann@example.com", "password": "x".repeat(129), "name": "Ann"}))
        .await
        .invalid(&["password"]);
    post(json!({"email": "ann@example.com", "password": PASSWORD, "name": 1}))
        .await
        .invalid(&["name"]);
    let unknown = post(
        json!({"email": "ann@example.com", "password": PASSWORD, "name": "Ann", "roles": ["admin"]}),
    );
    assert_eq!(unknown.await.status, 422);

    let request = app.request(Method::POST, "/v1/auth/register").body("{");
    Answer::of(request.send().await.unwrap()).await.expect(400);
}
