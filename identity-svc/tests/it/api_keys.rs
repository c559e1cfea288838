//! Keys by which programs act for a person, with less than the person may do.

use chassis::auth::ApiKey;
use chrono::{DateTime, Days, TimeDelta, Utc};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, App, PASSWORD, access_token, text};

const PATH: &str = "/v1/me/api-keys";

fn in_days(days: u64) -> String {
    (Utc::now() + Days::new(days)).to_rfc3339()
}

async fn make(app: &App, token: &str, scopes: &[&str]) -> Answer {
    let body = json!({"name": "till 3", "scopes": scopes, "expires_at": in_days(30)});
    app.send(token, Method::POST, PATH, body).await
}

/// Exchanges a key as the gateway does.
async fn exchange(app: &App, key: &Value) -> Answer {
    let key = ApiKey::parse(&text(key, "key")).unwrap();
    app.client_token(&key.id.to_string(), &key.secret.encode())
        .await
}

async fn token(app: &App, key: &Value) -> String {
    access_token(&exchange(app, key).await.expect(200))
}

async fn delete(app: &App, token: &str, path: &str) -> Answer {
    app.send(token, Method::DELETE, path, Value::Null).await
}

#[tokio::test]
async fn a_key_is_made_used_seen_and_ended_by_its_owner() {
    let app = App::start().await;
    let (id, ann) = app.customer("ann@example.com").await;
    let made = make(&app, &ann, &["stock:manage", "orders:manage"]).await;
    let made = made.expect(201);
    let scopes = json!(["orders:manage", "stock:manage"]);
    assert_eq!(made["scopes"], scopes);
    let key_id = text(&made, "id");
    let key = ApiKey::parse(&text(&made, "key")).unwrap();
    assert_eq!(key.id.to_string(), key_id);

    let listed = app.get(&ann, PATH).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let seen = &listed["items"][0];
    assert_eq!(
        (&seen["name"], &seen["scopes"]),
        (&json!("till 3"), &scopes)
    );
    assert_eq!(seen["last_used_at"], Value::Null);
    assert_eq!(seen.get("key"), None, "once is once");

    let issued = exchange(&app, &made).await.expect(200);
    assert_eq!(issued["scope"], "orders:manage stock:manage");
    let by_key = access_token(&issued);
    assert_eq!(app.get(&by_key, "/v1/me").await.expect(200)["id"], id);
    let listed = app.get(&ann, PATH).await.expect(200);
    let used = text(&listed["items"][0], "last_used_at");
    let used: DateTime<Utc> = used.parse().unwrap();
    assert_eq!(used.timestamp() % 60, 0, "to the minute");
    assert!(Utc::now() - used < TimeDelta::minutes(2));

    let path = format!("{PATH}/{key_id}");
    for _ in 0..2 {
        delete(&app, &ann, &path).await.expect(204);
    }
    app.get(&by_key, "/v1/me")
        .await
        .problem(401, "unauthenticated");
    exchange(&app, &made).await.problem(401, "invalid-client");
    assert_eq!(app.get(&ann, PATH).await.expect(200)["items"], json!([]));
    let ended: Vec<_> = app.events_about(&id).await;
    let ended: Vec<_> = ended
        .iter()
        .filter(|event| event["type"] == "identity.sessions_ended.v1")
        .map(|event| &event["data"]["session_ids"])
        .collect();
    assert_eq!(ended, [&json!([key_id])]);
    let acts = ["api_key.added", "client_token.issued", "api_key.ended"];
    assert_eq!(app.audited(&key_id).await, acts);
}

#[tokio::test]
async fn a_key_may_do_what_both_its_scopes_and_its_owners_roles_permit() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (id, ann) = app.customer("ann@example.com").await;
    let wide = make(&app, &ann, &["users:manage"]).await.expect(201);
    let narrow = make(&app, &ann, &[]).await.expect(201);
    let (wide, narrow) = (token(&app, &wide).await, token(&app, &narrow).await);
    let may = async |token: &str| app.get(token, "/v1/users").await.status == 200;
    assert!(!may(&wide).await && !may(&narrow).await);
    app.set_roles(&admin, &id, &["admin"]).await.expect(200);
    assert!(may(&wide).await && !may(&narrow).await);
    app.set_roles(&admin, &id, &["customer"]).await.expect(200);
    assert!(!may(&wide).await && !may(&narrow).await);
}

#[tokio::test]
async fn a_token_of_a_key_is_narrowed_further_but_never_widened() {
    let app = App::start().await;
    let (_, ann) = app.customer("ann@example.com").await;
    let made = make(&app, &ann, &["orders:manage", "stock:manage"]).await;
    let key = ApiKey::parse(&text(&made.expect(201), "key")).unwrap();
    let ask = async |scope: &str| {
        let fields = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={scope}",
            key.id,
            key.secret.encode()
        );
        Answer::of(app.token_request(&fields).send().await.unwrap()).await
    };
    let narrowed = ask("stock:manage").await.expect(200);
    assert_eq!(narrowed["scope"], "stock:manage");
    ask("stock:manage+users:manage")
        .await
        .problem(400, "invalid-scope");
}

#[tokio::test]
async fn only_a_person_makes_keys_and_nobody_sees_anothers() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (_, ann) = app.customer("ann@example.com").await;
    let (_, bob) = app.customer("bob@example.com").await;
    let made = make(&app, &ann, &["users:manage"]).await.expect(201);
    let by_key = token(&app, &made).await;
    let account = json!({"name": "till", "roles": ["admin"]});
    let path = "/v1/service-accounts";
    let account = app.send(&admin, Method::POST, path, account).await;
    let account = account.expect(201);
    let (client, secret) = (text(&account, "id"), text(&account, "client_secret"));
    let by_account = access_token(&app.client_token(&client, &secret).await.expect(200));
    let path = format!("{PATH}/{}", text(&made, "id"));
    for program in [&by_key, &by_account] {
        make(&app, program, &[])
            .await
            .problem(403, "session-required");
        app.get(program, PATH)
            .await
            .problem(403, "session-required");
        delete(&app, program, &path)
            .await
            .problem(403, "session-required");
    }
    assert_eq!(app.get(&bob, PATH).await.expect(200)["items"], json!([]));
    delete(&app, &bob, &path).await.problem(404, "not-found");
    app.get(&by_key, "/v1/me").await.expect(200);
}

#[tokio::test]
async fn managers_see_and_end_the_keys_of_others() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (id, ann) = app.customer("ann@example.com").await;
    let made = make(&app, &ann, &[]).await.expect(201);
    let by_key = token(&app, &made).await;
    let path = format!("/v1/users/{id}/api-keys");
    let listed = app.get(&admin, &path).await.expect(200);
    assert_eq!(listed["items"][0]["id"], made["id"]);
    app.get(&ann, &path).await.problem(403, "forbidden");
    let nobody = format!("/v1/users/{}/api-keys", Uuid::now_v7());
    app.get(&admin, &nobody).await.problem(404, "not-found");
    let key = text(&made, "id");
    delete(&app, &admin, &format!("{nobody}/{key}"))
        .await
        .problem(404, "not-found");
    let path = format!("{path}/{key}");
    delete(&app, &ann, &path).await.problem(403, "forbidden");
    delete(&app, &admin, &path).await.expect(204);
    app.get(&by_key, "/v1/me")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_is_not_acceptable_is_named() {
    let app = App::start().await;
    let (_, ann) = app.customer("ann@example.com").await;
    let post = async |name: &str, scopes: Value, expires_at: String| {
        let body = json!({"name": name, "scopes": scopes, "expires_at": expires_at});
        app.send(&ann, Method::POST, PATH, body).await
    };
    post("", json!(["orders:manage", "order:manage"]), in_days(367))
        .await
        .invalid(&["name", "scopes[1]", "expires_at"]);
    post("till", json!([]), "2020-01-01T00:00:00Z".to_owned())
        .await
        .invalid(&["expires_at"]);
    post("till", json!([]), "tomorrow".to_owned())
        .await
        .invalid(&["expires_at"]);
    let body = json!({"name": "till", "scopes": []});
    app.send(&ann, Method::POST, PATH, body)
        .await
        .invalid(&["expires_at"]);
    post("till", json!([]), in_days(365)).await.expect(201);
}

#[tokio::test]
async fn an_expired_key_gets_no_token_and_none_outlives_its_key() {
    let app = App::start().await;
    let (_, ann) = app.customer("ann@example.com").await;
    let body = json!({
        "name": "till", "scopes": [], "expires_at": Utc::now() + TimeDelta::seconds(100),
    });
    let made = app.send(&ann, Method::POST, PATH, body).await.expect(201);
    let issued = exchange(&app, &made).await.expect(200);
    let life = issued["expires_in"].as_i64().unwrap();
    assert!((90..=100).contains(&life), "{life}");
    app.execute("update api_keys set expires_at = now()").await;
    exchange(&app, &made).await.problem(401, "invalid-client");
    assert_eq!(app.get(&ann, PATH).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_user_has_fifty_keys_at_most_however_they_are_asked_for() {
    let app = App::start().await;
    let (_, ann) = app.customer("ann@example.com").await;
    let answers = join_all((0..55).map(|_| make(&app, &ann, &[]))).await;
    let mut made = answers.iter().filter(|answer| answer.status == 201);
    let first = made.next().unwrap().body.clone();
    assert_eq!(made.count(), 49);
    make(&app, &ann, &[])
        .await
        .problem(409, "too-many-api-keys");
    let path = format!("{PATH}/{}", text(&first, "id"));
    delete(&app, &ann, &path).await.expect(204);
    make(&app, &ann, &[]).await.expect(201);
    // The keys outlive the session that they were made in.
    let tokens = app.login("ann@example.com", PASSWORD).await.expect(200);
    let (again, all) = (access_token(&tokens), format!("{PATH}?limit=100"));
    let listed = app.get(&again, &all).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 50);
}
