use std::collections::HashSet;

use futures::future::join_all;
use serde_json::json;

use crate::support::{App, PASSWORD, access_token, refresh_token};

const EMAIL: &str = "ann@example.com";

async fn signed_in(app: &App) -> String {
    app.register(EMAIL).await.expect(201);
    refresh_token(&app.login(EMAIL, PASSWORD).await.expect(200))
}

/// Lets 11 seconds pass for all tokens that are spent.
async fn grace_passes(app: &App) {
    app.execute("update refresh_tokens set spent_at = spent_at - interval '11 seconds'")
        .await;
}

#[tokio::test]
async fn refreshing_gives_the_next_pair() {
    let app = App::start().await;
    let mut token = signed_in(&app).await;
    let mut seen = HashSet::from([token.clone()]);
    for _ in 0..3 {
        let next = app.refresh(&token).await.expect(200);
        assert_eq!(next["token_type"], "Bearer");
        app.get(&access_token(&next), "/v1/me").await.expect(200);
        token = refresh_token(&next);
        assert!(seen.insert(token.clone()));
    }
}

#[tokio::test]
async fn a_lost_answer_is_given_again() {
    let app = App::start().await;
    let token = signed_in(&app).await;
    let lost = refresh_token(&app.refresh(&token).await.expect(200));
    let again = refresh_token(&app.refresh(&token).await.expect(200));
    assert_eq!(lost, again);
    app.refresh(&again).await.expect(200);
}

#[tokio::test]
async fn a_spent_token_that_comes_again_late_revokes_the_session() {
    let app = App::start().await;
    let stolen = signed_in(&app).await;
    let elsewhere = refresh_token(&app.login(EMAIL, PASSWORD).await.expect(200));
    let current = refresh_token(&app.refresh(&stolen).await.expect(200));
    grace_passes(&app).await;

    app.refresh(&stolen)
        .await
        .problem(401, "invalid-refresh-token");
    app.refresh(&current)
        .await
        .problem(401, "invalid-refresh-token");
    app.refresh(&stolen)
        .await
        .problem(401, "invalid-refresh-token");
    // Another sign-in of the same person is another session.
    app.refresh(&elsewhere).await.expect(200);
}

#[tokio::test]
async fn twenty_refreshes_of_one_token_at_once_yield_one_successor() {
    let app = App::start().await;
    let token = signed_in(&app).await;
    let answers = join_all((0..20).map(|_| app.refresh(&token))).await;
    let successors: HashSet<_> = answers
        .into_iter()
        .map(|answer| refresh_token(&answer.expect(200)))
        .collect();
    assert_eq!(successors.len(), 1);
    let stored: i64 = sqlx::query_scalar("select count(*) from refresh_tokens")
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    assert_eq!(stored, 2);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_no_other() {
    let app = App::start().await;
    let token = signed_in(&app).await;
    let elsewhere = refresh_token(&app.login(EMAIL, PASSWORD).await.expect(200));
    let current = refresh_token(&app.refresh(&token).await.expect(200));

    let logout = async |token: &str| {
        app.post("/v1/auth/logout", json!({"refresh_token": token}))
            .await
            .expect(204);
    };
    // Any token of the session will do, and twice is no error; nor is one that never was.
    logout(&token).await;
    logout(&current).await;
    logout("never issued").await;

    app.refresh(&current)
        .await
        .problem(401, "invalid-refresh-token");
    app.refresh(&token)
        .await
        .problem(401, "invalid-refresh-token");
    app.refresh(&elsewhere).await.expect(200);
}

#[tokio::test]
async fn no_session_outlives_its_thirty_days() {
    let app = App::start().await;
    let token = signed_in(&app).await;
    let days: f64 = sqlx::query_scalar(
        "select extract(epoch from expires_at - now())::float8 / 86400 from refresh_families",
    )
    .fetch_one(&app.db.pool)
    .await
    .unwrap();
    assert!((29.99..=30.0).contains(&days), "{days}");

    let current = refresh_token(&app.refresh(&token).await.expect(200));
    app.execute("update refresh_families set expires_at = now()")
        .await;
    app.refresh(&current)
        .await
        .problem(401, "invalid-refresh-token");
    app.refresh(&token)
        .await
        .problem(401, "invalid-refresh-token");
}

#[tokio::test]
async fn what_was_never_issued_is_refused() {
    let app = App::start().await;
    signed_in(&app).await;
    for token in ["", "abc", &"A".repeat(43), &"A".repeat(5_000)] {
        app.refresh(token)
            .await
            .problem(401, "invalid-refresh-token");
    }
}
