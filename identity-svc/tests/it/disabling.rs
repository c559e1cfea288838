use futures::future::{join, join_all};
use proto::identity::v1::GetUserRequest;
use serde_json::json;
use uuid::Uuid;

use crate::support::{ADMIN_EMAIL, ADMIN_PASSWORD, App, PASSWORD, access_token, refresh_token};

const EMAIL: &str = "ann@example.com";

/// The administrator's access token and id.
async fn administrator(app: &App) -> (String, String) {
    let token = app.admin().await;
    let me = app.get(&token, "/v1/me").await.expect(200);
    (token, me["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn whoever_is_disabled_is_out_and_stays_out_until_enabled() {
    let app = App::start().await;
    let (admin, admin_id) = administrator(&app).await;
    let (ann, _) = app.customer(EMAIL).await;
    app.set_roles(&admin, &ann, &["customer", "staff"])
        .await
        .expect(200);
    let tokens = app.login(EMAIL, PASSWORD).await.expect(200);

    let user = app.disable(&admin, &ann).await.expect(200);
    assert_eq!(user["disabled"], true);
    assert_eq!(user["roles"], json!(["customer", "staff"]));
    assert_eq!(user["permissions"], json!([]));
    app.get(&access_token(&tokens), "/v1/me").await.expect(401);
    app.refresh(&refresh_token(&tokens))
        .await
        .problem(401, "invalid-refresh-token");
    assert!(!app.allowed(&ann, "orders:manage").await);
    let request = GetUserRequest {
        user_id: ann.clone(),
    };
    let told = app.grpc().get_user(request).await.unwrap().into_inner();
    assert!(told.permissions.is_empty());
    // As if the password were wrong.
    let refused = app.login(EMAIL, PASSWORD).await;
    let wrong = app.login(EMAIL, "not the password at all").await;
    let without_instance = |answer: crate::support::Answer| {
        let mut problem = answer.problem(401, "invalid-credentials");
        problem.as_object_mut().unwrap().remove("instance");
        problem
    };
    assert_eq!(without_instance(refused), without_instance(wrong));

    let path = format!("/v1/users/{ann}");
    assert_eq!(app.get(&admin, &path).await.expect(200)["disabled"], true);
    let disabled = app.items(&admin, "/v1/users?disabled=true").await;
    assert_eq!(disabled.len(), 1);
    assert_eq!(disabled[0]["id"], ann.as_str());
    let others = app.items(&admin, "/v1/users?disabled=false").await;
    assert_eq!(others.len(), 1);
    assert_eq!(others[0]["id"], admin_id.as_str());

    let user = app.enable(&admin, &ann).await.expect(200);
    assert_eq!(user["disabled"], false);
    assert!(app.allowed(&ann, "orders:manage").await);
    app.login(EMAIL, PASSWORD).await.expect(200);
    // What has ended does not come back.
    app.refresh(&refresh_token(&tokens)).await.expect(401);
    app.get(&access_token(&tokens), "/v1/me").await.expect(401);
}

#[tokio::test]
async fn disabling_is_told_once_however_often_it_is_asked_for() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (ann, _) = app.customer(EMAIL).await;
    for _ in 0..2 {
        app.enable(&admin, &ann).await.expect(200);
    }
    for _ in 0..2 {
        app.disable(&admin, &ann).await.expect(200);
    }
    for _ in 0..2 {
        app.enable(&admin, &ann).await.expect(200);
    }
    let told: Vec<_> = app
        .events_about(&ann)
        .await
        .into_iter()
        .filter(|event| event["type"] == "identity.user_changed.v1")
        .map(|event| {
            (
                event["data"]["disabled"].as_bool().unwrap(),
                event["aggregateversion"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [(true, 2), (false, 3)]);
}

#[tokio::test]
async fn a_reason_is_asked_for_and_strangers_are_not_found() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (ann, token) = app.customer(EMAIL).await;
    let path = format!("/v1/users/{ann}/disable");
    for reason in ["", "  ", "a\u{0}b", &"x".repeat(501)] {
        let body = json!({"reason": reason});
        let answer = app.send(&admin, reqwest::Method::POST, &path, body).await;
        answer.invalid(&["reason"]);
    }
    app.get(&token, "/v1/me").await.expect(200);
    let nobody = Uuid::now_v7().to_string();
    app.disable(&admin, &nobody).await.problem(404, "not-found");
    app.enable(&admin, &nobody).await.problem(404, "not-found");
    app.disable(&token, &ann).await.problem(403, "forbidden");
    app.enable(&token, &ann).await.problem(403, "forbidden");
}

#[tokio::test]
async fn the_last_administrator_who_can_sign_in_stays() {
    let app = App::start().await;
    let (admin, admin_id) = administrator(&app).await;
    let (ann, _) = app.customer(EMAIL).await;
    app.disable(&admin, &admin_id)
        .await
        .problem(409, "last-administrator");

    app.set_roles(&admin, &ann, &["admin"]).await.expect(200);
    app.disable(&admin, &ann).await.expect(200);
    // Ann is one still, but cannot help anybody.
    app.disable(&admin, &admin_id)
        .await
        .problem(409, "last-administrator");
    app.set_roles(&admin, &admin_id, &["customer"])
        .await
        .problem(409, "last-administrator");
    app.get(&admin, "/v1/users").await.expect(200);

    app.enable(&admin, &ann).await.expect(200);
    app.disable(&admin, &admin_id).await.expect(200);
    app.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(401);
    let ann_token = access_token(&app.login(EMAIL, PASSWORD).await.expect(200));
    app.get(&ann_token, "/v1/users").await.expect(200);
}

#[tokio::test]
async fn two_administrators_cannot_disable_each_other() {
    let app = App::start().await;
    for _ in 0..5 {
        let (admin, admin_id) = administrator(&app).await;
        let email = format!("{}@example.com", Uuid::now_v7().simple());
        let (ann_id, ann) = app.customer(&email).await;
        app.set_roles(&admin, &ann_id, &["admin"]).await.expect(200);
        join(app.disable(&admin, &ann_id), app.disable(&ann, &admin_id)).await;
        let left: i64 = sqlx::query_scalar(
            "select count(*) from user_roles join users on id = user_id
              where role = 'admin' and disabled_at is null",
        )
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
        assert_eq!(left, 1);
        app.execute("update users set disabled_at = null").await;
        app.execute(
            "delete from user_roles where user_id <> (select min(id::text)::uuid from users)",
        )
        .await;
    }
}

#[tokio::test]
async fn no_session_outlives_its_user_however_signing_in_and_disabling_meet() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (ann, _) = app.customer(EMAIL).await;
    let (mut before, mut after) = (0, 0);
    for round in 0..40 {
        let disable = async {
            // A password takes some 30 ms: now before, now while, now after the sessions are opened.
            tokio::time::sleep(std::time::Duration::from_millis(round * 3)).await;
            app.disable(&admin, &ann).await.expect(200);
        };
        let sign_ins = join_all((0..3).map(|_| app.login(EMAIL, PASSWORD)));
        let (answers, ()) = join(sign_ins, disable).await;
        for answer in answers {
            match answer.status.as_u16() {
                200 => before += 1,
                401 => after += 1,
                other => panic!("{other}: {}", answer.body),
            }
        }
        let open: i64 = sqlx::query_scalar(
            "select count(*) from refresh_families
              where user_id = (select id from users where email = $1) and revoked_at is null",
        )
        .bind(EMAIL)
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
        assert_eq!(open, 0, "round {round}");
        app.enable(&admin, &ann).await.expect(200);
        // Those who were refused are no guesses here.
        app.execute("delete from account_failures").await;
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
}
