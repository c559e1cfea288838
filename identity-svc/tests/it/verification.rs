use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, App, PASSWORD, access_token};

const EMAIL: &str = "ann@example.com";

async fn verify(app: &App, token: &str) -> Answer {
    app.post("/v1/auth/verify-email", json!({"token": token}))
        .await
}

/// Lets a minute, or more, pass.
async fn wait(app: &App, seconds: i32) {
    sqlx::query(
        "update mail_paces set last_at = last_at - make_interval(secs => $1),
                               ends_at = ends_at - make_interval(secs => $1)",
    )
    .bind(seconds)
    .execute(&app.db.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn an_address_is_verified_by_the_link_in_the_mail() {
    let app = App::start().await;
    let (id, token) = app.customer(EMAIL).await;
    assert_eq!(app.mails_to(&id).await, ["email_verification"]);
    let mail = app.prepare_mail(&id, "email_verification").await;
    assert_eq!(
        (mail.email.as_str(), mail.name.as_str()),
        (EMAIL, "Ann Lee")
    );
    assert_eq!((mail.token.len(), mail.token_minutes), (43, 48 * 60));
    assert!(!mail.obsolete);
    // The mail is written once more: both links are good.
    let again = app.prepare_mail(&id, "email_verification").await;
    assert_ne!(mail.token, again.token);
    let me = app.get(&token, "/v1/me").await.expect(200);
    assert_eq!(me["email_verified"], false);

    for token in [&mail.token, &mail.token, &again.token] {
        verify(&app, token).await.expect(204);
    }
    let me = app.get(&token, "/v1/me").await.expect(200);
    assert_eq!(me["email_verified"], true);
    let admin = app.admin().await;
    let user = app
        .get(&admin, &format!("/v1/users/{id}"))
        .await
        .expect(200);
    assert_eq!(user["email_verified"], true);
    let actions = app.actions_on(&id).await;
    let verified = actions.iter().filter(|action| *action == "email.verified");
    assert_eq!(verified.count(), 1, "{actions:?}");

    let late = app.prepare_mail(&id, "email_verification").await;
    assert!(late.obsolete && late.token.is_empty() && late.token_minutes == 0);
    let request = app.request(Method::POST, "/v1/me/email-verification");
    let sent = request.bearer_auth(&token).send().await.unwrap();
    Answer::of(sent).await.expect(202);
    assert_eq!(app.mails_to(&id).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_link_for_it_verifies_nothing() {
    let app = App::start().await;
    let (id, token) = app.customer(EMAIL).await;
    let reset = app.prepare_mail(&id, "password_reset").await.token;
    let old = app.prepare_mail(&id, "email_verification").await.token;
    app.execute("update one_time_tokens set expires_at = now() where purpose = 'verify_email'")
        .await;
    for token in ["", "nonsense", &"A".repeat(43), &reset, &old] {
        verify(&app, token).await.problem(422, "invalid-token");
    }
    let me = app.get(&token, "/v1/me").await.expect(200);
    assert_eq!(me["email_verified"], false);
    let counted: i32 =
        sqlx::query_scalar("select count from address_counts where counter = 'failures'")
            .fetch_one(&app.db.pool)
            .await
            .unwrap();
    assert_eq!(counted, 5);
}

#[tokio::test]
async fn the_mail_comes_again_at_most_once_a_minute() {
    let app = App::start().await;
    let (id, token) = app.customer(EMAIL).await;
    let ask = async || {
        let request = app.request(Method::POST, "/v1/me/email-verification");
        let sent = request.bearer_auth(&token).send().await.unwrap();
        Answer::of(sent).await.expect(202);
    };
    ask().await;
    assert_eq!(app.mails_to(&id).await.len(), 1, "the registration's");
    wait(&app, 61).await;
    join_all((0..8).map(|_| ask())).await;
    assert_eq!(app.mails_to(&id).await.len(), 2);
}

#[tokio::test]
async fn the_owner_of_a_taken_address_hears_of_it_once_an_hour() {
    let app = App::start().await;
    let (id, _) = app.customer(EMAIL).await;
    let before = app.events_about(&id).await.len();
    join_all((0..4).map(|_| app.register(EMAIL))).await;
    assert_eq!(
        app.mails_to(&id).await,
        ["email_verification", "already_registered"]
    );
    wait(&app, 3_500).await;
    app.register(EMAIL).await.expect(201);
    assert_eq!(app.mails_to(&id).await.len(), 2);
    wait(&app, 101).await;
    app.register(EMAIL).await.expect(201);
    assert_eq!(app.mails_to(&id).await.len(), 3);

    assert_eq!(app.events_about(&id).await.len(), before, "of nothing else");
    let traces: (i64, i64) = sqlx::query_as(
        "select (select count(*) from users), (select count(*) from outbox where kind = 'identity.user_registered.v1')",
    )
    .fetch_one(&app.db.pool)
    .await
    .unwrap();
    assert_eq!(traces, (2, 2), "the administrator's and hers");
    let mail = app.prepare_mail(&id, "already_registered").await;
    assert!(mail.token.is_empty() && !mail.obsolete);
}

#[tokio::test]
async fn who_runs_the_system_needs_no_verification() {
    let app = App::start().await;
    let admin = app.admin().await;
    let me = app.get(&admin, "/v1/me").await.expect(200);
    assert_eq!(me["email_verified"], true);
    // Nor does one from before there was any.
    app.execute("update users set email_verified_at = null")
        .await;
    identity_svc::open(app.db.pool.clone(), &crate::support::config())
        .await
        .unwrap();
    let me = app.get(&admin, "/v1/me").await.expect(200);
    assert_eq!(me["email_verified"], true);
}

#[tokio::test]
async fn an_unverified_user_signs_in() {
    let app = App::start().await;
    app.register(EMAIL).await.expect(201);
    let token = access_token(&app.login(EMAIL, PASSWORD).await.expect(200));
    app.get(&token, "/v1/me").await.expect(200);
}
