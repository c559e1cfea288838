use std::time::{Duration, Instant};

use futures::future::join_all;
use identity_svc::RateLimits;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Answer, App, PASSWORD, refresh_token};

const EMAIL: &str = "ann@example.com";
const WRONG: &str = "not the password at all";

async fn send(app: &App, address: &str, path: &str, body: Value) -> Response {
    // The test is a proxy that the service trusts.
    app.request(Method::POST, path)
        .header("x-forwarded-for", address)
        .json(&body)
        .send()
        .await
        .unwrap()
}

async fn login(app: &App, address: &str, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    send(app, address, "/v1/auth/login", body).await
}

/// Requires the refusal of who has to wait; for how many seconds.
async fn must_wait(response: Response) -> u64 {
    let seconds = response.headers()["retry-after"].to_str().unwrap().parse();
    Answer::of(response).await.problem(429, "too-many-attempts");
    seconds.unwrap()
}

async fn fail(app: &App, email: &str, times: usize) {
    for _ in 0..times {
        app.login(email, WRONG)
            .await
            .problem(401, "invalid-credentials");
    }
}

/// The audit log's notes that something was closed.
async fn closings(app: &App) -> Vec<Value> {
    sqlx::query_scalar(
        "select to_jsonb(l) from audit_log l where action = 'sign_in.throttled' order by id",
    )
    .fetch_all(&app.db.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn after_ten_failures_nobody_is_heard_for_a_while() {
    let app = App::start().await;
    let (id, _) = app.customer(EMAIL).await;
    fail(&app, EMAIL, 10).await;
    // The tenth cost nothing, and whoever gets in begins anew.
    app.login(EMAIL, PASSWORD).await.expect(200);
    fail(&app, EMAIL, 11).await;
    let heard = Instant::now();
    for password in [PASSWORD, WRONG] {
        assert_eq!(
            must_wait(login(&app, "192.0.2.1", EMAIL, password).await).await,
            1
        );
    }
    // Another account is no matter of it.
    app.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
    tokio::time::sleep(Duration::from_millis(1_100).saturating_sub(heard.elapsed())).await;
    fail(&app, EMAIL, 1).await;
    assert_eq!(
        must_wait(login(&app, "192.0.2.1", EMAIL, PASSWORD).await).await,
        2
    );
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    app.login(EMAIL, PASSWORD).await.expect(200);
    fail(&app, EMAIL, 10).await;
    app.login(EMAIL, PASSWORD).await.expect(200);

    let closings = closings(&app).await;
    assert_eq!(closings.len(), 2, "once a closing: {closings:#?}");
    assert!(
        closings
            .iter()
            .all(|closing| closing["subject"] == id.as_str())
    );
    assert_eq!(
        closings[1]["details"],
        json!({"failures": 12, "seconds": 2})
    );
}

#[tokio::test]
async fn an_address_without_an_account_is_throttled_as_any_other() {
    let app = App::start().await;
    for email in ["nobody@example.com", "no address at all"] {
        fail(&app, email, 11).await;
        assert_eq!(
            must_wait(login(&app, "192.0.2.1", email, PASSWORD).await).await,
            1
        );
        let shouted = email.to_uppercase();
        must_wait(login(&app, "192.0.2.1", &shouted, PASSWORD).await).await;
    }
}

#[tokio::test]
async fn of_guesses_at_once_few_are_heard() {
    let app = App::start().await;
    app.register(EMAIL).await.expect(201);
    let started = Instant::now();
    let guesses = (0..200).map(|i| {
        let app = &app;
        async move {
            let address = format!("192.0.2.{}", i % 50);
            login(app, &address, EMAIL, WRONG).await.status()
        }
    });
    let answers = join_all(guesses).await;
    let heard = answers.iter().filter(|status| **status == 401).count();
    let refused = answers.iter().filter(|status| **status == 429).count();
    assert_eq!(heard + refused, 200, "{answers:?}");
    // Two are hashed at once. On a machine that is busy, the first pause may end meanwhile.
    let pauses = usize::try_from(started.elapsed().as_secs()).unwrap();
    assert!((11..=12 + pauses).contains(&heard), "{heard} were heard");
}

#[tokio::test]
async fn right_passwords_at_once_all_get_in() {
    let app = App::start().await;
    app.register(EMAIL).await.expect(201);
    fail(&app, EMAIL, 10).await;
    let answers = join_all((0..24).map(|_| app.login(EMAIL, PASSWORD))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn an_address_that_failed_too_often_is_not_heard_until_its_time_is_over() {
    let app = App::start().await;
    let (_, token) = app.customer(EMAIL).await;
    let tokens = app.login(EMAIL, PASSWORD).await.expect(200);
    app.execute(
        "insert into address_counts (network, counter, count, ends_at)
         values ('2001:db8::', 'failures', 298, now() + interval '10 minutes')",
    )
    .await;
    let bad_token = json!({"refresh_token": "no token"});
    let status = send(&app, "2001:db8::1", "/v1/auth/refresh", bad_token.clone()).await;
    assert_eq!(status.status(), 401);
    assert_eq!(login(&app, "2001:db8::2", EMAIL, WRONG).await.status(), 401);

    for password in [PASSWORD, WRONG] {
        let seconds = must_wait(login(&app, "2001:db8::3", EMAIL, password).await).await;
        assert!((590..=600).contains(&seconds), "{seconds}");
    }
    must_wait(send(&app, "2001:db8::1", "/v1/auth/refresh", bad_token).await).await;
    // What cannot be guessed is taken all the same, and so is what comes from elsewhere.
    let good_token = json!({"refresh_token": refresh_token(&tokens)});
    let refreshed = send(&app, "2001:db8::1", "/v1/auth/refresh", good_token).await;
    assert_eq!(refreshed.status(), 200);
    app.get(&token, "/v1/me").await.expect(200);
    assert_eq!(
        login(&app, "2001:db8:0:1::1", EMAIL, PASSWORD)
            .await
            .status(),
        200
    );

    let closings = closings(&app).await;
    assert_eq!(closings.len(), 1, "{closings:#?}");
    assert_eq!(closings[0]["address"], "2001:db8::2");
    assert_eq!(
        closings[0]["details"],
        json!({"limit": "failures", "seconds": 600})
    );

    app.execute("update address_counts set ends_at = now()")
        .await;
    assert_eq!(
        login(&app, "2001:db8::1", EMAIL, PASSWORD).await.status(),
        200
    );
    assert_eq!(login(&app, "2001:db8::1", EMAIL, WRONG).await.status(), 401);
    assert_eq!(
        login(&app, "2001:db8::1", EMAIL, PASSWORD).await.status(),
        200
    );
}

#[tokio::test]
async fn a_token_that_was_spent_is_no_guess() {
    let app = App::start().await;
    app.register(EMAIL).await.expect(201);
    let tokens = app.login(EMAIL, PASSWORD).await.expect(200);
    let token = refresh_token(&tokens);
    app.post("/v1/auth/logout", json!({"refresh_token": token}))
        .await
        .expect(204);
    app.refresh(&token)
        .await
        .problem(401, "invalid-refresh-token");
    let counts: i64 =
        sqlx::query_scalar("select count(*) from address_counts where counter = 'failures'")
            .fetch_one(&app.db.pool)
            .await
            .unwrap();
    assert_eq!(counts, 0);
}

#[tokio::test]
async fn an_address_registers_so_many_people_an_hour() {
    let app = App::start().await;
    app.execute(
        "insert into address_counts (network, counter, count, ends_at)
         values ('127.0.0.1', 'registrations', 9999, now() + interval '1 hour')",
    )
    .await;
    app.register("ann@example.com").await.expect(201);
    app.register("bob@example.com")
        .await
        .problem(429, "too-many-attempts");
}

#[tokio::test]
async fn without_rate_limits_accounts_are_throttled_all_the_same() {
    let app = App::start_with(|config| config.rate_limits = RateLimits::Off).await;
    app.execute(
        "insert into address_counts (network, counter, count, ends_at)
         values ('127.0.0.1', 'registrations', 10000, now() + interval '1 hour'),
                ('127.0.0.1', 'failures', 300, now() + interval '1 hour')",
    )
    .await;
    app.register(EMAIL).await.expect(201);
    app.refresh("no token")
        .await
        .problem(401, "invalid-refresh-token");
    fail(&app, EMAIL, 11).await;
    app.login(EMAIL, PASSWORD)
        .await
        .problem(429, "too-many-attempts");
}

#[tokio::test]
async fn what_is_over_is_removed_on_the_way() {
    let app = App::start().await;
    app.execute(
        "insert into address_counts (network, counter, count, ends_at)
         select '192.0.2.0'::inet + i, 'failures', 7, now() - interval '1 second' from generate_series(1, 50) i",
    )
    .await;
    app.execute(
        "insert into account_failures (account, count, last_at)
         select sha256(i::text::bytea), 7, now() - interval '25 hours' from generate_series(1, 50) i",
    )
    .await;
    fail(&app, EMAIL, 1).await;
    let left: (i64, i64) = sqlx::query_as(
        "select (select count(*) from address_counts), (select count(*) from account_failures)",
    )
    .fetch_one(&app.db.pool)
    .await
    .unwrap();
    assert_eq!(left, (1, 1));
}
