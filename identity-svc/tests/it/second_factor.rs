use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::{
    factors::{
        EMAIL, FACTOR, begin, confirm, disable, forget_steps, guarded, post, recovery_codes, renew,
        reset, sign_in, state, steady,
    },
    support::{ADMIN_PASSWORD, App, PASSWORD, access_token, refresh_token},
};

const NEW: &str = "staple battery horse correct";

#[tokio::test]
async fn a_second_factor_guards_from_its_confirmation_until_it_is_disabled() {
    let app = App::start().await;
    let (id, token) = app.customer(EMAIL).await;
    assert_eq!(state(&app, &token).await, (false, 0));
    let wrong = json!({"password": "not the password at all"});
    app.send(&token, Method::POST, FACTOR, wrong)
        .await
        .problem(403, "invalid-credentials");
    confirm(&app, &token, "123456")
        .await
        .problem(404, "not-found");

    let replaced = begin(&app, &token).await;
    let authenticator = begin(&app, &token).await;
    confirm(&app, &token, &replaced.code(0))
        .await
        .problem(403, "invalid-code");
    // It guards nothing yet, and a code that nobody asked for is in nobody's way.
    assert_eq!(state(&app, &token).await, (false, 0));
    sign_in(&app, PASSWORD, "123456").await.expect(200);
    let elsewhere = app.login(EMAIL, PASSWORD).await.expect(200);

    let code = authenticator.code(0);
    let confirmed = confirm(&app, &token, &code).await.expect(200);
    let codes = recovery_codes(&confirmed);
    assert_eq!(codes.len(), 10);
    assert_eq!(state(&app, &token).await, (true, 10));
    app.get(&access_token(&elsewhere), "/v1/me")
        .await
        .expect(401);
    app.refresh(&refresh_token(&elsewhere)).await.expect(401);
    let body = json!({"password": PASSWORD});
    for answer in [
        app.send(&token, Method::POST, FACTOR, body).await,
        confirm(&app, &token, &code).await,
    ] {
        answer.problem(409, "second-factor-enabled");
    }

    for missing in [json!({}), json!({"code": null}), json!({"code": " "})] {
        let mut body = json!({"email": EMAIL, "password": PASSWORD});
        body.as_object_mut()
            .unwrap()
            .extend(missing.as_object().unwrap().clone());
        app.post("/v1/auth/login", body)
            .await
            .problem(401, "second-factor-required");
    }
    // What confirmed it is used up.
    sign_in(&app, PASSWORD, &code)
        .await
        .problem(401, "invalid-code");
    forget_steps(&app).await;
    sign_in(&app, PASSWORD, &code).await.expect(200);
    sign_in(&app, PASSWORD, &code)
        .await
        .problem(401, "invalid-code");

    forget_steps(&app).await;
    disable(&app, &token, PASSWORD, "000000")
        .await
        .problem(403, "invalid-code");
    disable(&app, &token, "not the password at all", &code)
        .await
        .problem(403, "invalid-credentials");
    disable(&app, &token, PASSWORD, &authenticator.code(0))
        .await
        .expect(204);
    assert_eq!(state(&app, &token).await, (false, 0));
    app.login(EMAIL, PASSWORD).await.expect(200);
    disable(&app, &token, PASSWORD, &authenticator.code(0))
        .await
        .problem(404, "not-found");
    sign_in(&app, PASSWORD, &codes[0]).await.expect(200);

    assert_eq!(
        app.mails_to(&id).await[1..],
        ["second_factor_enabled", "second_factor_disabled"]
    );
    let actions = app.actions_on(&id).await;
    let failed = actions
        .iter()
        .filter(|told| *told == "second_factor.failed");
    assert_eq!(failed.count(), 4, "{actions:?}");
    for action in ["second_factor.enabled", "second_factor.disabled"] {
        assert!(actions.iter().any(|told| told == action), "{actions:?}");
    }
}

#[tokio::test]
async fn what_was_shown_is_told_to_nobody() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    sign_in(&app, PASSWORD, &owner.recovery_codes[0])
        .await
        .expect(200);
    let told: Vec<String> = sqlx::query_scalar(
        "select convert_from(payload, 'utf8') from outbox
         union all select details::text from audit_log",
    )
    .fetch_all(&app.db.pool)
    .await
    .unwrap();
    let stored: Vec<String> =
        sqlx::query_scalar("select encode(hash, 'escape') from recovery_codes")
            .fetch_all(&app.db.pool)
            .await
            .unwrap();
    for secret in owner.recovery_codes.iter().chain([&owner.app.secret]) {
        for text in told.iter().chain(&stored) {
            assert!(!text.contains(secret.as_str()), "{text}");
            assert!(!text.contains(&secret.replace('-', "")), "{text}");
        }
    }
}

#[tokio::test]
async fn a_secret_is_confirmed_soon_or_not_at_all() {
    let app = App::start().await;
    let (_, token) = app.customer(EMAIL).await;
    let authenticator = begin(&app, &token).await;
    app.execute("update second_factors set created_at = now() - interval '15 minutes'")
        .await;
    confirm(&app, &token, &authenticator.code(0))
        .await
        .problem(404, "not-found");
    let authenticator = begin(&app, &token).await;
    confirm(&app, &token, &authenticator.code(0))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_clock_may_be_one_step_off_and_no_code_is_older_than_the_last() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    steady().await;
    for (fast, status) in [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401), (0, 401)] {
        let answer = sign_in(&app, PASSWORD, &owner.app.code(fast)).await;
        assert_eq!(answer.status, status, "{fast}: {}", answer.body);
    }
}

/// How many of twenty that sign in at once with this code get in.
async fn let_in(app: &App, code: &str) -> usize {
    let answers = join_all((0..20).map(|_| sign_in(app, PASSWORD, code))).await;
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test]
async fn a_code_lets_one_of_many_in() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    assert_eq!(let_in(&app, &owner.app.code(0)).await, 1);
}

#[tokio::test]
async fn a_recovery_code_lets_one_of_many_in() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    let code = owner.recovery_codes[3].to_lowercase().replace('-', " ");
    assert_eq!(let_in(&app, &code).await, 1);
    assert_eq!(state(&app, &owner.token).await, (true, 9));
    assert_eq!(app.mails_to(&owner.id).await[2..], ["recovery_code_used"]);
    let actions = app.actions_on(&owner.id).await;
    let used = actions.iter().filter(|told| *told == "recovery_code.used");
    assert_eq!(used.count(), 1, "{actions:?}");
}

#[tokio::test]
async fn new_recovery_codes_make_the_old_ones_void() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    let [first, second, ..] = &owner.recovery_codes[..] else {
        panic!("ten codes");
    };
    renew(&app, &owner.token, "000000")
        .await
        .problem(403, "invalid-code");
    // Whoever has no app any more gets new ones by an old one.
    let renewed = renew(&app, &owner.token, first).await.expect(200);
    let renewed = recovery_codes(&renewed);
    assert_eq!(renewed.len(), 10);
    for void in [first, second] {
        sign_in(&app, PASSWORD, void)
            .await
            .problem(401, "invalid-code");
    }
    sign_in(&app, PASSWORD, &renewed[0]).await.expect(200);
    assert_eq!(state(&app, &owner.token).await, (true, 9));
    let actions = app.actions_on(&owner.id).await;
    assert!(actions.contains(&"recovery_codes.renewed".to_owned()));

    let admin = app.admin().await;
    let body = json!({"password": ADMIN_PASSWORD, "code": "000000"});
    post(&app, &admin, "recovery-codes", body)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_wrong_code_counts_like_a_wrong_password() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    for failed in 1..=3 {
        sign_in(&app, PASSWORD, "no code")
            .await
            .problem(401, "invalid-code");
        // This is no failure, and forgives none.
        app.login(EMAIL, PASSWORD)
            .await
            .problem(401, "second-factor-required");
        assert_eq!(failures(&app).await, [failed]);
    }
    app.execute("update account_failures set count = 30").await;
    let code = owner.app.code(0);
    sign_in(&app, PASSWORD, &code)
        .await
        .problem(429, "too-many-attempts");
    renew(&app, &owner.token, &code)
        .await
        .problem(429, "too-many-attempts");
    app.execute("update account_failures set last_at = now() - interval '1 hour'")
        .await;
    sign_in(&app, PASSWORD, &code).await.expect(200);
    assert!(
        failures(&app).await.is_empty(),
        "whoever got in begins anew"
    );

    let link = app.prepare_mail(&owner.id, "password_reset").await.token;
    reset(&app, &link, NEW, Some("no code"))
        .await
        .problem(401, "invalid-code");
    disable(&app, &owner.token, PASSWORD, "no code")
        .await
        .problem(403, "invalid-code");
    assert_eq!(failures(&app).await, [2]);
}

/// How many are counted, for each account that has any.
async fn failures(app: &App) -> Vec<i32> {
    sqlx::query_scalar("select count from account_failures")
        .fetch_all(&app.db.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn who_does_not_know_the_password_learns_of_no_second_factor() {
    let app = App::start().await;
    let owner = guarded(&app).await;
    let code = owner.app.code(0);
    for code in ["", "000000", &code, &owner.recovery_codes[0]] {
        sign_in(&app, "not the password at all", code)
            .await
            .problem(401, "invalid-credentials");
    }
    // And has used no code up.
    sign_in(&app, PASSWORD, &code).await.expect(200);
    sign_in(&app, PASSWORD, &owner.recovery_codes[0])
        .await
        .expect(200);
}

#[tokio::test]
async fn nobody_gets_in_past_a_second_factor_that_is_being_confirmed() {
    let app = App::start().await;
    let (_, token) = app.customer(EMAIL).await;
    let authenticator = begin(&app, &token).await;
    // Ten sign-ins by the password alone, while it is confirmed: whoever gets in did so before, and is out again.
    let sign_ins = join_all((0..10).map(|_| app.login(EMAIL, PASSWORD)));
    let code = authenticator.code(0);
    let (answers, confirmed) = tokio::join!(sign_ins, confirm(&app, &token, &code));
    confirmed.expect(200);
    for answer in answers {
        if answer.status == 200 {
            app.refresh(&refresh_token(&answer.body)).await.expect(401);
        }
    }
    app.get(&token, "/v1/me").await.expect(200);
}
