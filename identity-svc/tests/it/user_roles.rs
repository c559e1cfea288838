use futures::future::join;
use serde_json::json;
use uuid::Uuid;

use crate::support::App;

#[tokio::test]
async fn a_role_takes_effect_at_once_and_is_told_of() {
    let app = App::start().await;
    let (id, token) = app.customer("ann@example.com").await;
    let admin = app.admin().await;
    assert!(!app.allowed(&id, "orders:manage").await);

    let user = app
        .set_roles(&admin, &id, &["staff", "customer", "staff"])
        .await
        .expect(200);
    assert_eq!(user["roles"], json!(["customer", "staff"]));
    assert!(app.allowed(&id, "orders:manage").await);
    assert!(!app.allowed(&id, "users:manage").await);
    // The token says who, not what: it need not be renewed.
    let me = app.get(&token, "/v1/me").await.expect(200);
    assert_eq!(
        me["permissions"],
        json!([
            "catalogue:manage",
            "incentives:manage",
            "orders:manage",
            "reports:read",
            "stock:manage"
        ])
    );

    app.set_roles(&admin, &id, &["customer"]).await.expect(200);
    assert!(!app.allowed(&id, "orders:manage").await);

    let events = app.events_about(&id).await;
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["type"].as_str().unwrap(),
                &event["aggregateversion"],
                &event["data"]["roles"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "identity.user_registered.v1",
                &json!(1),
                &json!(["customer"])
            ),
            (
                "identity.user_changed.v1",
                &json!(2),
                &json!(["customer", "staff"])
            ),
            ("identity.user_changed.v1", &json!(3), &json!(["customer"])),
        ]
    );
}

#[tokio::test]
async fn the_same_roles_again_are_no_event() {
    let app = App::start().await;
    let (id, _) = app.customer("ann@example.com").await;
    let admin = app.admin().await;
    app.set_roles(&admin, &id, &["customer"]).await.expect(200);
    assert_eq!(app.events_about(&id).await.len(), 1);
}

#[tokio::test]
async fn unknown_roles_and_users_are_refused() {
    let app = App::start().await;
    let (id, _) = app.customer("ann@example.com").await;
    let admin = app.admin().await;
    app.set_roles(&admin, &id, &["staff", "king", "Not a name"])
        .await
        .invalid(&["roles[2]"]);
    app.set_roles(&admin, &id, &["staff", "king", "queen"])
        .await
        .invalid(&["roles[1]", "roles[2]"]);
    assert!(!app.allowed(&id, "orders:manage").await);
    let nobody = Uuid::now_v7().to_string();
    app.set_roles(&admin, &nobody, &["staff"])
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let app = App::start().await;
    let admin = app.admin().await;
    let me = app.get(&admin, "/v1/me").await.expect(200);
    let admin_id = me["id"].as_str().unwrap();
    app.set_roles(&admin, admin_id, &["customer"])
        .await
        .problem(409, "last-administrator");
    assert!(app.allowed(admin_id, "users:manage").await);

    let (ann, _) = app.customer("ann@example.com").await;
    app.set_roles(&admin, &ann, &["admin"]).await.expect(200);
    app.set_roles(&admin, admin_id, &["customer"])
        .await
        .expect(200);
    app.get(&admin, "/v1/users").await.problem(403, "forbidden");
}

#[tokio::test]
async fn two_administrators_cannot_dismiss_each_other() {
    let app = App::start().await;
    let admin = app.admin().await;
    let me = app.get(&admin, "/v1/me").await.expect(200);
    let admin_id = me["id"].as_str().unwrap();
    let (ann_id, ann) = app.customer("ann@example.com").await;
    for _ in 0..5 {
        app.set_roles(&admin, &ann_id, &["admin"]).await;
        app.set_roles(&ann, admin_id, &["admin"]).await;
        join(
            app.set_roles(&admin, &ann_id, &["customer"]),
            app.set_roles(&ann, admin_id, &["customer"]),
        )
        .await;
        let left: i64 = sqlx::query_scalar("select count(*) from user_roles where role = 'admin'")
            .fetch_one(&app.db.pool)
            .await
            .unwrap();
        assert_eq!(left, 1);
    }
}
