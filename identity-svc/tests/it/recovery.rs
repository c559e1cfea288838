use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App, PASSWORD, access_token, refresh_token};

const EMAIL: &str = "ann@example.com";
const NEW: &str = "staple battery horse correct";

async fn ask(app: &App, email: &str) -> Answer {
    app.post("/v1/auth/password-reset", json!({"email": email}))
        .await
}

async fn confirm(app: &App, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password});
    app.post("/v1/auth/password-reset/confirm", body).await
}

async fn change(app: &App, token: &str, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    app.send(token, Method::PUT, "/v1/me/password", body).await
}

/// Lets time pass.
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

/// The sessions that ended, as the others hear of it.
async fn told_as_ended(app: &App, user: &str) -> Vec<Value> {
    let events = app.events_about(user).await;
    events
        .iter()
        .filter(|event| event["type"] == "identity.sessions_ended.v1")
        .flat_map(|event| event["data"]["session_ids"].as_array().unwrap().clone())
        .collect()
}

#[tokio::test]
async fn the_link_in_the_mail_sets_a_new_password_and_signs_in() {
    let app = App::start().await;
    let (id, old) = app.customer(EMAIL).await;
    let old_refresh = refresh_token(&app.login(EMAIL, PASSWORD).await.expect(200));
    ask(&app, " ANN@example.com").await.expect(202);
    assert_eq!(
        app.mails_to(&id).await,
        ["email_verification", "password_reset"]
    );
    let mail = app.prepare_mail(&id, "password_reset").await;
    assert_eq!((mail.token.len(), mail.token_minutes), (43, 30));
    let other = app.prepare_mail(&id, "password_reset").await.token;

    let tokens = confirm(&app, &mail.token, NEW).await.expect(200);
    let me = app.get(&access_token(&tokens), "/v1/me").await.expect(200);
    assert_eq!(me["email_verified"], true);
    app.refresh(&refresh_token(&tokens)).await.expect(200);
    app.login(EMAIL, NEW).await.expect(200);
    app.login(EMAIL, PASSWORD)
        .await
        .problem(401, "invalid-credentials");

    // Whoever was in is out.
    app.get(&old, "/v1/me").await.expect(401);
    app.refresh(&old_refresh).await.expect(401);
    assert_eq!(told_as_ended(&app, &id).await.len(), 2);
    // Neither this link nor another sets a further one.
    for token in [&mail.token, &other] {
        confirm(&app, token, PASSWORD)
            .await
            .problem(422, "invalid-token");
    }
    assert_eq!(app.mails_to(&id).await[2..], ["password_changed"]);
    let actions = app.actions_on(&id).await;
    for action in [
        "password.reset_requested",
        "password.reset",
        "email.verified",
    ] {
        assert!(actions.iter().any(|told| told == action), "{actions:?}");
    }
}

#[tokio::test]
async fn a_link_is_spent_by_one_of_many() {
    let app = App::start().await;
    let (id, _) = app.customer(EMAIL).await;
    let token = app.prepare_mail(&id, "password_reset").await.token;
    let answers = join_all((0..6).map(|_| confirm(&app, &token, NEW))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{answers:?}");
}

#[tokio::test]
async fn a_bad_password_spends_no_link() {
    let app = App::start().await;
    let (id, _) = app.customer(EMAIL).await;
    let token = app.prepare_mail(&id, "password_reset").await.token;
    for weak in ["short", "passwordpassword", "annleeannleeannlee", EMAIL] {
        confirm(&app, &token, weak).await.invalid(&["password"]);
    }
    confirm(&app, &token, NEW).await.expect(200);
}

#[tokio::test]
async fn what_is_no_link_for_it_resets_nothing() {
    let app = App::start().await;
    let (id, _) = app.customer(EMAIL).await;
    let verification = app.prepare_mail(&id, "email_verification").await.token;
    let old = app.prepare_mail(&id, "password_reset").await.token;
    app.execute("update one_time_tokens set expires_at = now() where purpose = 'reset_password'")
        .await;
    for token in ["", "nonsense", &"A".repeat(43), &verification, &old] {
        confirm(&app, token, NEW)
            .await
            .problem(422, "invalid-token");
    }
    app.login(EMAIL, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn mails_are_few_however_often_they_are_asked_for() {
    let app = App::start().await;
    let (id, _) = app.customer(EMAIL).await;
    let resets = async || {
        let mails = app.mails_to(&id).await;
        mails
            .iter()
            .filter(|kind| *kind == "password_reset")
            .count()
    };
    join_all((0..5).map(|_| ask(&app, EMAIL))).await;
    assert_eq!(resets().await, 1);
    for sent in [2, 3, 4, 5, 5] {
        wait(&app, 61).await;
        ask(&app, EMAIL).await.expect(202);
        assert_eq!(resets().await, sent);
    }
    wait(&app, 1_800).await;
    ask(&app, EMAIL).await.expect(202);
    assert_eq!(resets().await, 6);
}

#[tokio::test]
async fn nobody_learns_by_a_reset_whether_an_address_has_an_account() {
    let app = App::start().await;
    app.register(EMAIL).await.expect(201);
    let known = ask(&app, EMAIL).await;
    assert_eq!(known.status, 202);
    assert_eq!(known, ask(&app, "nobody@example.com").await);
    let traces: Vec<i64> = sqlx::query_scalar(
        "select count(*) from mail_paces where kind = 'password_reset'
         union all select count(*) from audit_log where action = 'password.reset_requested'",
    )
    .fetch_all(&app.db.pool)
    .await
    .unwrap();
    assert_eq!(traces, [2, 2]);
    ask(&app, "no address").await.invalid(&["email"]);

    app.execute("update address_counts set count = 30 where counter = 'password_resets'")
        .await;
    for email in [EMAIL, "nobody@example.com"] {
        ask(&app, email).await.problem(429, "too-many-attempts");
    }
}

#[tokio::test]
async fn a_known_and_an_unknown_address_take_as_long() {
    let app = App::start().await;
    app.register(EMAIL).await.expect(201);
    for (what, path, known, unknown) in [
        (
            "signing in",
            "/v1/auth/login",
            json!({"email": EMAIL, "password": "x"}),
            json!({"email": "nobody@example.com", "password": "x"}),
        ),
        (
            "a reset",
            "/v1/auth/password-reset",
            json!({"email": EMAIL}),
            json!({"email": "nobody@example.com"}),
        ),
        (
            "registering",
            "/v1/auth/register",
            json!({"email": EMAIL, "password": NEW, "name": "Ann"}),
            json!({"email": "{new}@example.com", "password": NEW, "name": "Ann"}),
        ),
    ] {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..21 {
            // Each time as if it were the first.
            app.execute("delete from account_failures").await;
            app.execute("delete from address_counts").await;
            app.execute("delete from mail_paces").await;
            let mut both = [(0, &known), (1, &unknown)];
            // Neither is always the first.
            both.rotate_left(round % 2);
            for (i, body) in both {
                let body = body.to_string().replace("{new}", &format!("new{round}"));
                let body: Value = serde_json::from_str(&body).unwrap();
                let started = Instant::now();
                app.post(path, body).await;
                times[i].push(started.elapsed());
            }
        }
        let [known, unknown] = times.map(median);
        let ratio = unknown.as_secs_f64() / known.as_secs_f64();
        // Printed, not required: it is the machine's load as much as ours.
        eprintln!("{what}: known {known:?}, unknown {unknown:?}, ratio {ratio:.3}");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn whoever_guesses_keeps_the_owner_from_nothing() {
    let app = App::start().await;
    let (id, _) = app.customer(EMAIL).await;
    for _ in 0..11 {
        app.login(EMAIL, "not the password at all")
            .await
            .expect(401);
    }
    app.login(EMAIL, PASSWORD)
        .await
        .problem(429, "too-many-attempts");
    let token = app.prepare_mail(&id, "password_reset").await.token;
    app.execute("update account_failures set count = 1000")
        .await;
    app.execute("update address_counts set count = 300 where counter = 'failures'")
        .await;
    confirm(&app, &token, NEW).await.expect(200);
    app.execute("delete from address_counts").await;
    app.login(EMAIL, NEW).await.expect(200);
}

#[tokio::test]
async fn changing_the_password_ends_all_other_sessions() {
    let app = App::start().await;
    let (id, token) = app.customer(EMAIL).await;
    let elsewhere = app.login(EMAIL, PASSWORD).await.expect(200);
    let link = app.prepare_mail(&id, "password_reset").await.token;
    change(&app, &token, PASSWORD, NEW).await.expect(204);

    app.get(&token, "/v1/me").await.expect(200);
    app.get(&access_token(&elsewhere), "/v1/me")
        .await
        .expect(401);
    app.refresh(&refresh_token(&elsewhere)).await.expect(401);
    assert_eq!(told_as_ended(&app, &id).await.len(), 1);
    confirm(&app, &link, PASSWORD)
        .await
        .problem(422, "invalid-token");
    app.login(EMAIL, NEW).await.expect(200);
    app.login(EMAIL, PASSWORD).await.expect(401);
    assert_eq!(app.mails_to(&id).await[1..], ["password_changed"]);
    assert!(
        app.actions_on(&id)
            .await
            .contains(&"password.changed".to_owned())
    );
}

#[tokio::test]
async fn who_does_not_know_the_password_does_not_change_it() {
    let app = App::start().await;
    let (_, token) = app.customer(EMAIL).await;
    for weak in ["short", "passwordpassword"] {
        change(&app, &token, PASSWORD, weak)
            .await
            .invalid(&["new_password"]);
    }
    app.request(Method::PUT, "/v1/me/password")
        .json(&json!({}))
        .send()
        .await
        .map(|response| assert_eq!(response.status(), 401))
        .unwrap();
    for _ in 0..11 {
        change(&app, &token, "not the password at all", NEW)
            .await
            .problem(403, "invalid-credentials");
    }
    // It counts as guessing at the account, wherever that is done.
    change(&app, &token, PASSWORD, NEW)
        .await
        .problem(429, "too-many-attempts");
    app.login(EMAIL, PASSWORD)
        .await
        .problem(429, "too-many-attempts");
}
