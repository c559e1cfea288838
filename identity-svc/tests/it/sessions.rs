use std::collections::HashSet;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, App, PASSWORD, access_token, refresh_token};

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
async fn fifty_refreshes_of_one_token_at_once_yield_one_successor() {
    let app = App::start().await;
    let token = signed_in(&app).await;
    let answers = join_all((0..50).map(|_| app.refresh(&token))).await;
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

/// Signs in with a client that calls itself so.
async fn signed_in_with(app: &App, agent: &str, address: &str) -> Value {
    let request = app
        .request(Method::POST, "/v1/auth/login")
        .header("user-agent", agent)
        .header("x-forwarded-for", address)
        .json(&json!({"email": EMAIL, "password": PASSWORD}));
    Answer::of(request.send().await.unwrap()).await.expect(200)
}

fn ids(sessions: &[Value]) -> Vec<&str> {
    sessions
        .iter()
        .map(|session| session["id"].as_str().unwrap())
        .collect()
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

#[tokio::test]
async fn sessions_are_listed_so_that_their_owner_knows_them_again() {
    let app = App::start().await;
    signed_in(&app).await;
    let firefox = signed_in_with(&app, FIREFOX, "203.0.113.9").await;
    let token = access_token(&firefox);
    let sessions = app.items(&token, "/v1/me/sessions").await;
    assert_eq!(sessions.len(), 2);
    let newest = sessions[0].clone();
    let expected = json!({
        "id": newest["id"], "device": "Firefox on Linux", "user_agent": FIREFOX, "address": "203.0.113.9",
        "created_at": newest["created_at"], "last_used_at": newest["created_at"], "expires_at": newest["expires_at"],
        "current": true,
    });
    assert_eq!(newest, expected);
    assert_eq!(sessions[1]["device"], "unknown device");
    assert_eq!(sessions[1]["user_agent"], Value::Null);
    assert_eq!(sessions[1]["address"], "127.0.0.1");
    assert_eq!(sessions[1]["current"], false);

    // Refreshing tells where it is now.
    let request = app
        .request(Method::POST, "/v1/auth/refresh")
        .header("user-agent", "curl/8.14.1")
        .header("x-forwarded-for", "2001:db8::7")
        .json(&json!({"refresh_token": refresh_token(&firefox)}));
    let next = Answer::of(request.send().await.unwrap()).await.expect(200);
    let sessions = app.items(&access_token(&next), "/v1/me/sessions").await;
    assert_eq!(sessions[0]["id"], newest["id"]);
    assert_eq!(sessions[0]["device"], "unknown device");
    assert_eq!(sessions[0]["address"], "2001:db8::7");
    assert_eq!(sessions[0]["created_at"], newest["created_at"]);
    assert_eq!(sessions[0]["current"], true);
    let time = |of: &Value| of.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(time(&sessions[0]["last_used_at"]) > time(&newest["last_used_at"]));

    let first = app.get(&token, "/v1/me/sessions?limit=1").await.expect(200);
    assert_eq!(first["items"][0]["id"], newest["id"]);
    let path = format!(
        "/v1/me/sessions?limit=1&after={}",
        first["next"].as_str().unwrap()
    );
    assert_eq!(ids(&app.items(&token, &path).await), ids(&sessions[1..]));
}

#[tokio::test]
async fn an_owner_ends_one_session_and_it_alone() {
    let app = App::start().await;
    app.register(EMAIL).await.expect(201);
    let here = app.login(EMAIL, PASSWORD).await.expect(200);
    let there = app.login(EMAIL, PASSWORD).await.expect(200);
    let (bob, bobs) = app.customer("bob@example.com").await;
    let sessions = app.items(&access_token(&there), "/v1/me/sessions").await;
    let path = format!("/v1/me/sessions/{}", ids(&sessions)[0]);

    app.delete(&bobs, &path).await.problem(404, "not-found");
    app.refresh(&refresh_token(&there)).await.expect(200);
    app.delete(&access_token(&here), &path).await.expect(204);
    app.delete(&access_token(&here), &path).await.expect(204);
    app.refresh(&refresh_token(&there)).await.expect(401);
    app.get(&access_token(&there), "/v1/me").await.expect(401);
    app.get(&access_token(&here), "/v1/me").await.expect(200);
    let left = app.items(&access_token(&here), "/v1/me/sessions").await;
    assert_eq!(ids(&left), ids(&sessions[1..]));
    for unknown in [Uuid::now_v7().to_string(), bob, "x".to_owned()] {
        let path = format!("/v1/me/sessions/{unknown}");
        app.delete(&access_token(&here), &path)
            .await
            .problem(404, "not-found");
    }
}

#[tokio::test]
async fn an_owner_ends_all_sessions_or_all_others() {
    let app = App::start().await;
    signed_in(&app).await;
    let mut access = Vec::new();
    for _ in 0..3 {
        access.push(access_token(&app.login(EMAIL, PASSWORD).await.expect(200)));
    }
    let (_, bob) = app.customer("bob@example.com").await;
    let works = async |token: &str| app.get(token, "/v1/me").await.status == 200;

    app.delete(&access[0], "/v1/me/sessions?keep_current=maybe")
        .await
        .problem(422, "validation");
    app.delete(&access[1], "/v1/me/sessions?keep_current=true")
        .await
        .expect(204);
    assert!(!works(&access[0]).await && works(&access[1]).await && !works(&access[2]).await);
    app.delete(&access[1], "/v1/me/sessions").await.expect(204);
    assert!(!works(&access[1]).await);
    assert!(works(&bob).await);
}

#[tokio::test]
async fn a_manager_sees_and_ends_the_sessions_of_anybody() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (bob, token) = app.customer("bob@example.com").await;
    let path = format!("/v1/users/{bob}/sessions");
    let sessions = app.items(&admin, &path).await;
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["current"], false);
    app.get(&token, &path).await.problem(403, "forbidden");
    app.delete(&token, &path).await.problem(403, "forbidden");

    app.delete(&admin, &path).await.expect(204);
    app.get(&token, "/v1/me").await.expect(401);
    assert!(app.items(&admin, &path).await.is_empty());
    app.get(&admin, "/v1/me").await.expect(200);
    let nobody = format!("/v1/users/{}/sessions", Uuid::now_v7());
    app.get(&admin, &nobody).await.problem(404, "not-found");
    app.delete(&admin, &nobody).await.problem(404, "not-found");
}

#[tokio::test]
async fn whatever_ends_a_session_is_told_once() {
    let app = App::start().await;
    let (ann, access) = app.customer(EMAIL).await;
    let session = ids(&app.items(&access, "/v1/me/sessions").await)[0].to_owned();
    let other = app.login(EMAIL, PASSWORD).await.expect(200);
    let logout = json!({"refresh_token": refresh_token(&other)});
    for _ in 0..2 {
        app.post("/v1/auth/logout", logout.clone())
            .await
            .expect(204);
    }
    app.delete(&access, "/v1/me/sessions").await.expect(204);

    let events = app.events_about(&ann).await;
    let told: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "identity.sessions_ended.v1")
        .map(|event| &event["data"])
        .collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["owner_id"], ann.as_str());
    assert_ne!(told[0]["session_ids"], json!([session]));
    assert_eq!(told[1]["session_ids"], json!([session]));
    assert!(told[1]["ended_at"].is_string());
}

#[tokio::test]
async fn the_oldest_of_too_many_sessions_ends() {
    let app = App::start().await;
    let (ann, oldest) = app.customer(EMAIL).await;
    app.execute(
        "insert into refresh_families (id, user_id, expires_at, created_at)
         select gen_random_uuid(), id, now() + interval '1 day', now() + make_interval(secs => n)
           from users, generate_series(1, 98) n where email = 'ann@example.com'",
    )
    .await;
    let live = async || {
        sqlx::query_scalar::<_, i64>(
            "select count(*) from refresh_families where revoked_at is null and user_id = $1::uuid",
        )
        .bind(Uuid::parse_str(&ann).unwrap())
        .fetch_one(&app.db.pool)
        .await
        .unwrap()
    };
    assert_eq!(live().await, 99);
    app.login(EMAIL, PASSWORD).await.expect(200);
    assert_eq!(live().await, 100);
    app.get(&oldest, "/v1/me").await.expect(200);

    let answers = join_all((0..4).map(|_| app.login(EMAIL, PASSWORD))).await;
    answers.into_iter().for_each(|answer| {
        answer.expect(200);
    });
    assert_eq!(live().await, 100);
    app.get(&oldest, "/v1/me").await.expect(401);
    let events = app.events_about(&ann).await;
    let ended = events
        .iter()
        .filter(|event| event["type"] == "identity.sessions_ended.v1")
        .count();
    assert_eq!(ended, 4);
}

#[tokio::test]
async fn sessions_that_ended_long_ago_leave_nothing_behind() {
    let app = App::start().await;
    signed_in(&app).await;
    app.execute("update refresh_families set revoked_at = now() - interval '49 hours'")
        .await;
    app.login(EMAIL, PASSWORD).await.expect(200);
    let left: i64 = sqlx::query_scalar("select count(*) from refresh_families")
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    assert_eq!(left, 1);
}
