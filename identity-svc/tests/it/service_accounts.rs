//! Programs of the shop's owner: made, given roles, given new secrets, deleted.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, App, access_token, text};

const PATH: &str = "/v1/service-accounts";

async fn make(app: &App, admin: &str, name: &str, roles: &[&str]) -> Value {
    let body = json!({"name": name, "roles": roles});
    app.send(admin, Method::POST, PATH, body).await.expect(201)
}

async fn add_secret(app: &App, admin: &str, id: &str) -> Answer {
    let path = format!("{PATH}/{id}/secrets");
    app.send(admin, Method::POST, &path, Value::Null).await
}

async fn delete(app: &App, admin: &str, path: &str) -> Answer {
    app.send(admin, Method::DELETE, path, Value::Null).await
}

/// Whose secret it is may do what users:manage permits.
async fn token(app: &App, id: &str, secret: &str) -> String {
    access_token(&app.client_token(id, secret).await.expect(200))
}

#[tokio::test]
async fn an_account_is_made_seen_and_may_do_what_its_roles_permit() {
    let app = App::start().await;
    let admin = app.admin().await;
    let made = make(&app, &admin, "till", &["staff"]).await;
    let (id, secret) = (text(&made, "id"), text(&made, "client_secret"));
    assert_eq!(made["name"], "till");
    assert_eq!(made["roles"], json!(["staff"]));
    assert_eq!(made["client_id"], id);
    assert!(secret.starts_with("eos_"), "it is known for what it is");
    assert!(app.allowed(&id, "stock:manage").await);
    assert!(!app.allowed(&id, "users:manage").await);

    let path = format!("{PATH}/{id}");
    let seen = app.get(&admin, &path).await.expect(200);
    assert_eq!(seen["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(
        app.get(&admin, PATH).await.expect(200)["items"],
        json!([seen])
    );
    assert!(!seen.to_string().contains(&secret[4..]), "once is once");
    let kept: Vec<u8> = sqlx::query_scalar("select hash from service_account_secrets")
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    assert_eq!(kept.len(), 32);

    let till = token(&app, &id, &secret).await;
    app.get(&till, "/v1/users").await.problem(403, "forbidden");
    let roles = format!("{path}/roles");
    let admins = json!({"roles": ["staff", "admin"]});
    for _ in 0..2 {
        let changed = app.send(&admin, Method::PUT, &roles, admins.clone()).await;
        assert_eq!(changed.expect(200)["roles"], json!(["admin", "staff"]));
    }
    app.get(&till, "/v1/users").await.expect(200);
    app.get(&till, "/v1/me")
        .await
        .problem(403, "session-required");
    let told = app.events_about(&id).await;
    assert_eq!(told.len(), 1, "the same roles are no event: {told:?}");
    assert_eq!(told[0]["type"], "identity.user_changed.v1");
    let data = json!({"user_id": id, "roles": ["admin", "staff"], "disabled": false});
    assert_eq!(told[0]["data"], data);
    assert_eq!(told[0]["aggregateversion"], 2);
    let acts = ["service_account.added", "service_account.roles_set"];
    assert_eq!(app.audited(&id).await, acts);
}

#[tokio::test]
async fn accounts_are_listed_in_pages() {
    let app = App::start().await;
    let admin = app.admin().await;
    for name in ["a", "b", "c"] {
        make(&app, &admin, name, &[]).await;
    }
    let first = app
        .get(&admin, &format!("{PATH}?limit=2"))
        .await
        .expect(200);
    let next = text(&first, "next");
    let path = format!("{PATH}?limit=2&after={next}");
    let second = app.get(&admin, &path).await.expect(200);
    let pages = [&first, &second].map(|page| page["items"].as_array().unwrap());
    let names: Vec<_> = pages
        .into_iter()
        .flatten()
        .map(|item| &item["name"])
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn what_is_not_acceptable_is_named() {
    let app = App::start().await;
    let admin = app.admin().await;
    let post = async |body: Value| app.send(&admin, Method::POST, PATH, body).await;
    post(json!({"name": "No name", "roles": ["Staff"]}))
        .await
        .invalid(&["name", "roles[0]"]);
    post(json!({"name": "till", "roles": ["staff", "pirate"]}))
        .await
        .invalid(&["roles[1]"]);
    post(json!({"name": "till"})).await.invalid(&["roles"]);
    let made = make(&app, &admin, "till", &[]).await;
    post(json!({"name": "till", "roles": []}))
        .await
        .problem(409, "account-exists");
    let path = format!("{PATH}/{}/roles", text(&made, "id"));
    let pirates = json!({"roles": ["pirate"]});
    app.send(&admin, Method::PUT, &path, pirates)
        .await
        .invalid(&["roles[0]"]);

    let nobody = format!("{PATH}/{}", Uuid::now_v7());
    app.get(&admin, &nobody).await.problem(404, "not-found");
    delete(&app, &admin, &nobody)
        .await
        .problem(404, "not-found");
    let none = json!({"roles": []});
    app.send(&admin, Method::PUT, &format!("{nobody}/roles"), none)
        .await
        .problem(404, "not-found");
    add_secret(&app, &admin, &Uuid::now_v7().to_string())
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_role_that_an_account_holds_stays() {
    let app = App::start().await;
    let admin = app.admin().await;
    let role = json!({"name": "robots", "permissions": ["reports:read"]});
    app.send(&admin, Method::POST, "/v1/roles", role)
        .await
        .expect(201);
    let made = make(&app, &admin, "till", &["robots"]).await;
    delete(&app, &admin, "/v1/roles/robots")
        .await
        .problem(409, "role-in-use");
    let path = format!("{PATH}/{}", text(&made, "id"));
    delete(&app, &admin, &path).await.expect(204);
    delete(&app, &admin, "/v1/roles/robots").await.expect(204);
}

#[tokio::test]
async fn a_secret_is_replaced_without_a_pause() {
    let app = App::start().await;
    let admin = app.admin().await;
    let made = make(&app, &admin, "till", &["admin"]).await;
    let (id, old) = (text(&made, "id"), text(&made, "client_secret"));
    let seen = app.get(&admin, &format!("{PATH}/{id}")).await.expect(200);
    let old_id = text(&seen["secrets"][0], "id");

    let new = add_secret(&app, &admin, &id).await.expect(201);
    let new = text(&new, "client_secret");
    let (by_old, by_new) = (token(&app, &id, &old).await, token(&app, &id, &new).await);
    for token in [&by_old, &by_new] {
        app.get(token, "/v1/users").await.expect(200);
    }
    add_secret(&app, &admin, &id)
        .await
        .problem(409, "too-many-secrets");

    let path = format!("{PATH}/{id}/secrets/{old_id}");
    for _ in 0..2 {
        delete(&app, &admin, &path).await.expect(204);
    }
    app.client_token(&id, &old)
        .await
        .problem(401, "invalid-client");
    app.get(&by_old, "/v1/users")
        .await
        .problem(401, "unauthenticated");
    app.get(&by_new, "/v1/users").await.expect(200);
    let told = app.events_about(&id).await;
    let ended: Vec<_> = told
        .iter()
        .filter(|event| event["type"] == "identity.sessions_ended.v1")
        .map(|event| &event["data"]["session_ids"])
        .collect();
    assert_eq!(ended, [&json!([old_id])]);
    add_secret(&app, &admin, &id).await.expect(201);
    let unknown = format!("{PATH}/{id}/secrets/{}", Uuid::now_v7());
    delete(&app, &admin, &unknown)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn however_many_are_asked_for_at_once_there_are_two_secrets() {
    let app = App::start().await;
    let admin = app.admin().await;
    let id = text(&make(&app, &admin, "till", &[]).await, "id");
    let answers = join_all((0..6).map(|_| add_secret(&app, &admin, &id))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1, "{answers:?}");
}

#[tokio::test]
async fn a_deleted_account_is_worth_nothing_and_its_name_is_free() {
    let app = App::start().await;
    let admin = app.admin().await;
    let made = make(&app, &admin, "till", &["admin"]).await;
    let (id, secret) = (text(&made, "id"), text(&made, "client_secret"));
    let till = token(&app, &id, &secret).await;
    let path = format!("{PATH}/{id}");
    delete(&app, &admin, &path).await.expect(204);

    app.get(&till, "/v1/users")
        .await
        .problem(401, "unauthenticated");
    app.client_token(&id, &secret)
        .await
        .problem(401, "invalid-client");
    assert!(!app.allowed(&id, "users:manage").await);
    app.get(&admin, &path).await.problem(404, "not-found");
    delete(&app, &admin, &path).await.problem(404, "not-found");
    add_secret(&app, &admin, &id)
        .await
        .problem(404, "not-found");
    assert_eq!(app.get(&admin, PATH).await.expect(200)["items"], json!([]));
    let told = app.events_about(&id).await;
    let kinds: Vec<_> = told.iter().map(|event| &event["type"]).collect();
    assert_eq!(
        kinds,
        ["identity.user_changed.v1", "identity.sessions_ended.v1"]
    );
    assert_eq!(told[0]["data"]["disabled"], true);
    assert_eq!(told[0]["data"]["roles"], json!([]));
    make(&app, &admin, "till", &[]).await;
}
