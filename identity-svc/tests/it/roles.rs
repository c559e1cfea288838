use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Answer, App};

const ALL: [&str; 9] = [
    "audit:read",
    "catalogue:manage",
    "incentives:manage",
    "internal:call",
    "jobs:manage",
    "orders:manage",
    "reports:read",
    "stock:manage",
    "users:manage",
];

async fn create(app: &App, token: &str, key: Option<&str>, body: &Value) -> Answer {
    Answer::of(send_create(app, token, key, body).await).await
}

async fn send_create(app: &App, token: &str, key: Option<&str>, body: &Value) -> Response {
    let mut request = app
        .request(Method::POST, "/v1/roles")
        .bearer_auth(token)
        .json(body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn the_system_comes_with_three_roles() {
    let app = App::start().await;
    let admin = app.admin().await;
    let roles = app.get(&admin, "/v1/roles").await.expect(200);
    let staff = [
        "catalogue:manage",
        "incentives:manage",
        "orders:manage",
        "reports:read",
        "stock:manage",
    ];
    assert_eq!(
        roles,
        json!({
            "items": [
                {"name": "admin", "permissions": ALL},
                {"name": "customer", "permissions": []},
                {"name": "staff", "permissions": staff},
            ],
            "next": null,
        })
    );
    let first = app.get(&admin, "/v1/roles?limit=2").await.expect(200);
    let next = first["next"].as_str().unwrap();
    let second = app
        .get(&admin, &format!("/v1/roles?limit=2&after={next}"))
        .await
        .expect(200);
    assert_eq!(second["items"][0]["name"], "staff");
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn only_who_manages_users_comes_in() {
    let app = App::start().await;
    let (id, token) = app.customer("ann@example.com").await;
    // The body is not looked at before the caller is.
    for (method, path) in [
        (Method::GET, "/v1/users".to_owned()),
        (Method::GET, format!("/v1/users/{id}")),
        (Method::PUT, format!("/v1/users/{id}/roles")),
        (Method::GET, "/v1/roles".to_owned()),
        (Method::POST, "/v1/roles".to_owned()),
        (Method::PUT, "/v1/roles/staff".to_owned()),
        (Method::DELETE, "/v1/roles/staff".to_owned()),
    ] {
        let anonymous = app.request(method.clone(), &path).send().await.unwrap();
        Answer::of(anonymous).await.problem(401, "unauthenticated");
        app.send(&token, method, &path, json!("x"))
            .await
            .problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_role_is_made_changed_held_and_deleted() {
    let app = App::start().await;
    let (id, _) = app.customer("ann@example.com").await;
    let admin = app.admin().await;
    let shift = json!({"name": "night-shift", "permissions": ["stock:manage", "orders:manage"]});
    let made = create(&app, &admin, None, &shift).await.expect(201);
    assert_eq!(
        made,
        json!({"name": "night-shift", "permissions": ["orders:manage", "stock:manage"]})
    );
    create(&app, &admin, None, &shift)
        .await
        .problem(409, "role-exists");

    app.set_roles(&admin, &id, &["night-shift"])
        .await
        .expect(200);
    assert!(app.allowed(&id, "stock:manage").await);

    let path = "/v1/roles/night-shift";
    let changed = app
        .send(
            &admin,
            Method::PUT,
            path,
            json!({"permissions": ["reports:read"]}),
        )
        .await
        .expect(200);
    assert_eq!(
        changed,
        json!({"name": "night-shift", "permissions": ["reports:read"]})
    );
    assert!(!app.allowed(&id, "stock:manage").await);
    assert!(app.allowed(&id, "reports:read").await);

    app.send(&admin, Method::DELETE, path, json!(null))
        .await
        .problem(409, "role-in-use");
    app.set_roles(&admin, &id, &[]).await.expect(200);
    app.send(&admin, Method::DELETE, path, json!(null))
        .await
        .expect(204);
    app.send(&admin, Method::DELETE, path, json!(null))
        .await
        .problem(404, "not-found");
    app.send(&admin, Method::PUT, path, json!({"permissions": []}))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn another_permission_of_a_role_is_told_of_and_the_same_ones_are_no_event() {
    let app = App::start().await;
    let admin = app.admin().await;
    let put = async |permissions: &[&str]| {
        let body = json!({"permissions": permissions});
        app.send(&admin, Method::PUT, "/v1/roles/staff", body)
            .await
            .expect(200);
    };
    put(&["stock:manage", "orders:manage"]).await;
    put(&["orders:manage", "stock:manage"]).await;
    put(&["orders:manage", "reports:read"]).await;
    put(&[]).await;
    put(&[]).await;

    let events = app.events_about("staff").await;
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            assert_eq!(event["type"], "identity.role_changed.v1");
            (&event["aggregateversion"], &event["data"])
        })
        .collect();
    let staff = |permissions: &[&str]| json!({"role": "staff", "permissions": permissions});
    assert_eq!(
        told,
        [
            (&json!(2), &staff(&["orders:manage", "stock:manage"])),
            (&json!(3), &staff(&["orders:manage", "reports:read"])),
            (&json!(4), &staff(&[])),
        ]
    );
}

#[tokio::test]
async fn a_repeated_creation_is_answered_as_before() {
    let app = App::start().await;
    let admin = app.admin().await;
    let shift = json!({"name": "night-shift", "permissions": ["orders:manage"]});
    let first = create(&app, &admin, Some("k1"), &shift).await;
    let again = send_create(&app, &admin, Some("k1"), &shift).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(first.status, 201);
    assert_eq!(first, Answer::of(again).await);

    let other = json!({"name": "day-shift", "permissions": []});
    create(&app, &admin, Some("k1"), &other)
        .await
        .problem(422, "idempotency-key-reused");
    // Another key is another request; and a refusal keeps no key.
    create(&app, &admin, Some("k2"), &shift)
        .await
        .problem(409, "role-exists");
    create(&app, &admin, Some("k2"), &other).await.expect(201);
}

#[tokio::test]
async fn what_is_not_acceptable_is_named() {
    let app = App::start().await;
    let admin = app.admin().await;
    let bad = json!({"name": "Night shift", "permissions": ["orders:manage", "order:manage"]});
    create(&app, &admin, None, &bad)
        .await
        .invalid(&["name", "permissions[1]"]);
    let renamed = json!({"name": "crew", "permissions": ["x"]});
    let answer = app
        .send(&admin, Method::PUT, "/v1/roles/staff", renamed)
        .await;
    answer.invalid(&["name", "permissions[0]"]);
    let same_name = json!({"name": "staff", "permissions": ["reports:read"]});
    app.send(&admin, Method::PUT, "/v1/roles/staff", same_name)
        .await
        .expect(200);
}

#[tokio::test]
async fn the_built_in_roles_stay_and_admin_keeps_its_heart() {
    let app = App::start().await;
    let admin = app.admin().await;
    for name in ["admin", "customer", "staff"] {
        let path = format!("/v1/roles/{name}");
        app.send(&admin, Method::DELETE, &path, json!(null))
            .await
            .problem(409, "built-in-role");
    }
    let put = async |permissions: &[&str]| {
        app.send(
            &admin,
            Method::PUT,
            "/v1/roles/admin",
            json!({"permissions": permissions}),
        )
        .await
    };
    put(&["orders:manage"]).await.problem(409, "built-in-role");
    put(&["users:manage"]).await.expect(200);
    put(&ALL).await.expect(200);
}
