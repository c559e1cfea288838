//! What the audit log holds: each act leaves its row, and none holds a secret.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN_EMAIL, ADMIN_PASSWORD, App, PASSWORD, access_token, refresh_token};

const EMAIL: &str = "ann@example.com";

/// The audit log, of which some rows have been looked at.
struct Log<'a> {
    app: &'a App,
    seen: usize,
}

impl<'a> Log<'a> {
    fn of(app: &'a App) -> Self {
        Self { app, seen: 0 }
    }

    /// The rows since the last look, oldest first: action, actor, subject, details.
    async fn new_rows(&mut self) -> Vec<(String, Option<String>, Option<String>, Value)> {
        let rows: Vec<_> = sqlx::query_as(
            "select action, actor_id::text, subject, details from audit_log order by id",
        )
        .fetch_all(&self.app.db.pool)
        .await
        .unwrap();
        let new = rows[self.seen..].to_vec();
        self.seen = rows.len();
        new
    }

    /// Requires that what was done since the last look left these rows and no others.
    async fn tells(&mut self, expected: &[(&str, Option<&str>, Option<&str>, Value)]) {
        let rows = self.new_rows().await;
        let rows: Vec<_> = rows
            .iter()
            .map(|(action, actor, subject, details)| {
                (
                    action.as_str(),
                    actor.as_deref(),
                    subject.as_deref(),
                    details.clone(),
                )
            })
            .collect();
        assert_eq!(rows, expected);
    }
}

/// The session that an access token belongs to.
async fn session(app: &App, token: &str) -> String {
    let sessions = app.items(token, "/v1/me/sessions").await;
    let current = sessions.iter().find(|session| session["current"] == true);
    current.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_act_of_a_visitor_and_of_a_customer_leaves_its_row() {
    let app = App::start().await;
    let mut log = Log::of(&app);
    let rows = log.new_rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].0, "user.administrator_made");
    assert_eq!(rows[0].1, None);

    app.register(EMAIL).await.expect(201);
    let id: String = sqlx::query_scalar("select id::text from users where email = $1")
        .bind(EMAIL)
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    let ann = Some(id.as_str());
    log.tells(&[("user.registered", None, ann, json!({}))])
        .await;
    app.register(EMAIL).await.expect(201);
    log.tells(&[]).await;

    app.login(EMAIL, "not the password at all")
        .await
        .expect(401);
    log.tells(&[("sign_in.failed", None, ann, json!({}))]).await;
    app.login("nobody@example.com", PASSWORD).await.expect(401);
    app.login("no address", PASSWORD).await.expect(401);
    let unknown = ("sign_in.failed", None, None, json!({}));
    log.tells(&[unknown.clone(), unknown]).await;

    let tokens = app.login(EMAIL, PASSWORD).await.expect(200);
    let id = session(&app, &access_token(&tokens)).await;
    log.tells(&[("session.opened", ann, ann, json!({"session": id}))])
        .await;
    let next = app.refresh(&refresh_token(&tokens)).await.expect(200);
    app.refresh("never issued").await.expect(401);
    log.tells(&[]).await;
    let body = json!({"refresh_token": refresh_token(&next)});
    for _ in 0..2 {
        app.post("/v1/auth/logout", body.clone()).await.expect(204);
    }
    let ended = json!({"sessions": [id], "reason": "signed_out"});
    log.tells(&[("session.ended", ann, ann, ended)]).await;
}

#[tokio::test]
async fn each_way_in_which_sessions_end_leaves_its_row() {
    let app = App::start().await;
    let (ann_id, access) = app.customer(EMAIL).await;
    let ann = Some(ann_id.as_str());
    let mut log = Log::of(&app);
    log.new_rows().await;

    let stolen = app.login(EMAIL, PASSWORD).await.expect(200);
    let id = session(&app, &access_token(&stolen)).await;
    app.refresh(&refresh_token(&stolen)).await.expect(200);
    app.execute("update refresh_tokens set spent_at = spent_at - interval '11 seconds'")
        .await;
    log.new_rows().await;
    for _ in 0..2 {
        app.refresh(&refresh_token(&stolen)).await.expect(401);
    }
    let ended = json!({"sessions": [id], "reason": "refresh_token_reused"});
    log.tells(&[
        ("refresh_token.reused", None, ann, json!({"session": id})),
        ("session.ended", None, ann, ended),
    ])
    .await;

    let other = app.login(EMAIL, PASSWORD).await.expect(200);
    let id = session(&app, &access_token(&other)).await;
    log.new_rows().await;
    let path = format!("/v1/me/sessions/{id}");
    for _ in 0..2 {
        app.delete(&access, &path).await.expect(204);
    }
    let ended = |ids: &[&str], reason| json!({"sessions": ids, "reason": reason});
    log.tells(&[("session.ended", ann, ann, ended(&[&id], "ended_by_owner"))])
        .await;

    let current = session(&app, &access).await;
    app.delete(&access, "/v1/me/sessions?keep_current=true")
        .await
        .expect(204);
    log.tells(&[]).await;
    app.delete(&access, "/v1/me/sessions").await.expect(204);
    log.tells(&[(
        "session.ended",
        ann,
        ann,
        ended(&[&current], "ended_by_owner"),
    )])
    .await;

    let again = access_token(&app.login(EMAIL, PASSWORD).await.expect(200));
    let id = session(&app, &again).await;
    let admin = app.admin().await;
    let me = app.get(&admin, "/v1/me").await.expect(200);
    log.new_rows().await;
    let path = format!("/v1/users/{ann_id}/sessions");
    for _ in 0..2 {
        app.delete(&admin, &path).await.expect(204);
    }
    log.tells(&[(
        "session.ended",
        me["id"].as_str(),
        ann,
        ended(&[&id], "ended_by_manager"),
    )])
    .await;
}

#[tokio::test]
async fn each_act_of_a_manager_leaves_its_row() {
    let app = App::start().await;
    let (ann, access) = app.customer(EMAIL).await;
    let session = session(&app, &access).await;
    let admin = app.admin().await;
    let me = app.get(&admin, "/v1/me").await.expect(200);
    let by = me["id"].as_str();
    let ann_id = Some(ann.as_str());
    let mut log = Log::of(&app);
    log.new_rows().await;

    for _ in 0..2 {
        app.set_roles(&admin, &ann, &["staff"]).await.expect(200);
    }
    let set = json!({"added": ["staff"], "removed": ["customer"]});
    log.tells(&[("user.roles_set", by, ann_id, set)]).await;

    for _ in 0..2 {
        app.disable(&admin, &ann).await.expect(200);
    }
    let ended = json!({"sessions": [session], "reason": "user_disabled"});
    log.tells(&[
        ("user.disabled", by, ann_id, json!({"reason": "stolen"})),
        ("session.ended", by, ann_id, ended),
    ])
    .await;
    app.login(EMAIL, PASSWORD).await.expect(401);
    log.tells(&[("sign_in.failed", None, ann_id, json!({}))])
        .await;
    for _ in 0..2 {
        app.enable(&admin, &ann).await.expect(200);
    }
    log.tells(&[("user.enabled", by, ann_id, json!({}))]).await;
}

#[tokio::test]
async fn each_change_of_a_role_leaves_its_row() {
    let app = App::start().await;
    let admin = app.admin().await;
    let me = app.get(&admin, "/v1/me").await.expect(200);
    let by = me["id"].as_str();
    let mut log = Log::of(&app);
    log.new_rows().await;

    let role = json!({"name": "night", "permissions": ["orders:manage"]});
    let add = async || {
        let request = app
            .request(Method::POST, "/v1/roles")
            .bearer_auth(&admin)
            .header("idempotency-key", "1")
            .json(&role);
        request.send().await.unwrap().status().as_u16()
    };
    // The second is the first one's answer again.
    assert_eq!([add().await, add().await], [201, 201]);
    app.send(&admin, Method::POST, "/v1/roles", role.clone())
        .await
        .expect(409);
    let added = json!({"permissions": ["orders:manage"]});
    log.tells(&[("role.added", by, Some("night"), added)]).await;

    let change = json!({"permissions": ["reports:read"]});
    for _ in 0..2 {
        app.send(&admin, Method::PUT, "/v1/roles/night", change.clone())
            .await
            .expect(200);
    }
    let changed = json!({"added": ["reports:read"], "removed": ["orders:manage"]});
    log.tells(&[("role.changed", by, Some("night"), changed)])
        .await;

    app.delete(&admin, "/v1/roles/night").await.expect(204);
    app.delete(&admin, "/v1/roles/night").await.expect(404);
    app.delete(&admin, "/v1/roles/staff").await.expect(409);
    log.tells(&[("role.deleted", by, Some("night"), json!({}))])
        .await;
}

#[tokio::test]
async fn what_is_refused_leaves_no_row() {
    let app = App::start().await;
    let (ann, access) = app.customer(EMAIL).await;
    let admin = app.admin().await;
    let me = app.get(&admin, "/v1/me").await.expect(200);
    let admin_id = me["id"].as_str().unwrap();
    let mut log = Log::of(&app);
    log.new_rows().await;
    app.set_roles(&access, &ann, &["admin"]).await.expect(403);
    app.set_roles(&admin, &ann, &["king"]).await.expect(422);
    app.set_roles(&admin, admin_id, &["customer"])
        .await
        .expect(409);
    app.disable(&admin, admin_id).await.expect(409);
    log.tells(&[]).await;
}

#[tokio::test]
async fn a_row_tells_from_where_and_by_which_request() {
    let app = App::start().await;
    let admin = app.admin().await;
    let body = json!({"email": EMAIL, "password": "not the password at all"});
    let response = app
        .request(Method::POST, "/v1/auth/login")
        .header("user-agent", "Safe/1.0")
        .header("x-forwarded-for", "198.51.100.7, 203.0.113.9")
        .header("x-request-id", "the-request")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    let rows = app.items(&admin, "/v1/audit?action=sign_in.failed").await;
    assert_eq!(rows.len(), 1);
    let row = rows[0].clone();
    let expected = json!({
        "id": row["id"], "at": row["at"], "action": "sign_in.failed", "actor": {"id": null, "client_id": null},
        "subject": null, "address": "203.0.113.9", "user_agent": "Safe/1.0", "request_id": "the-request", "details": {},
    });
    assert_eq!(row, expected);

    let name = json!({"name": "night", "permissions": []});
    app.send(&admin, Method::POST, "/v1/roles", name)
        .await
        .expect(201);
    let rows = app.items(&admin, "/v1/audit?action=role.added").await;
    assert_eq!(rows[0]["actor"]["client_id"], "easyorder");
}

#[tokio::test]
async fn nothing_secret_is_in_the_log() {
    let app = App::start().await;
    let wrong = "not the password at all";
    app.register(EMAIL).await.expect(201);
    app.login(EMAIL, wrong).await.expect(401);
    app.login("nobody@example.com", wrong).await.expect(401);
    let tokens = app.login(EMAIL, PASSWORD).await.expect(200);
    let next = app.refresh(&refresh_token(&tokens)).await.expect(200);
    app.execute("update refresh_tokens set spent_at = spent_at - interval '11 seconds'")
        .await;
    app.refresh(&refresh_token(&tokens)).await.expect(401);
    let admin = app.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
    let me = app.get(&access_token(&admin), "/v1/me").await.expect(200);
    let id = me["id"].as_str().unwrap();
    app.set_roles(&access_token(&admin), id, &["admin", "staff"])
        .await
        .expect(200);

    let log: String = sqlx::query_scalar("select string_agg(audit_log::text, ' ') from audit_log")
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    let mut secrets = vec![
        "@example.com".to_owned(),
        wrong.to_owned(),
        PASSWORD.to_owned(),
        ADMIN_PASSWORD.to_owned(),
    ];
    for tokens in [&tokens, &next, &admin] {
        secrets.extend([access_token(tokens), refresh_token(tokens)]);
    }
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in {log}");
    }
}

#[tokio::test]
async fn nobody_changes_what_was_written() {
    let app = App::start().await;
    for statement in [
        "update audit_log set actor_id = null",
        "delete from audit_log",
        "truncate audit_log",
        "truncate audit_log cascade",
    ] {
        let error = sqlx::query(statement)
            .execute(&app.db.pool)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from audit_log")
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    assert_eq!(rows, 1);
}
