use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::{App, PASSWORD};

#[tokio::test]
async fn signing_in_gives_a_pair_of_tokens_that_no_cache_keeps() {
    let app = App::start().await;
    app.register("ann@example.com").await.expect(201);
    let response = app
        .request(Method::POST, "/v1/auth/login")
        .json(&json!({"email": " ANN@example.com", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let tokens: serde_json::Value = response.json().await.unwrap();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    assert_eq!(tokens["refresh_token"].as_str().unwrap().len(), 43);
    assert_eq!(tokens.as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn nobody_learns_whether_an_address_has_an_account() {
    let app = App::start().await;
    app.register("ann@example.com").await.expect(201);
    let attempt = async |email, password: &str| {
        let mut problem = app
            .login(email, password)
            .await
            .problem(401, "invalid-credentials");
        problem.as_object_mut().unwrap().remove("instance");
        problem
    };
    let wrong_password = attempt("ann@example.com", "not the password at all").await;
    for (email, password) in [
        ("bob@example.com", "not the password at all"),
        ("bob@example.com", ""),
        ("no address", PASSWORD),
        ("", ""),
        ("ann@example.com", &"x".repeat(10_000)),
    ] {
        assert_eq!(attempt(email, password).await, wrong_password, "{email}");
    }
}

#[tokio::test]
async fn an_unknown_address_takes_as_long_as_a_wrong_password() {
    let app = App::start().await;
    app.register("ann@example.com").await.expect(201);
    // The quickest of several: what the work takes when nothing else runs.
    let mut quickest = [Duration::MAX; 2];
    for _ in 0..7 {
        for (i, email) in ["ann@example.com", "bob@example.com"]
            .into_iter()
            .enumerate()
        {
            let started = Instant::now();
            app.login(email, "not the password at all")
                .await
                .expect(401);
            quickest[i] = quickest[i].min(started.elapsed());
        }
    }
    let [known, unknown] = quickest;
    assert!(
        unknown > known / 2 && known > unknown / 2,
        "{known:?}, {unknown:?}"
    );
}

#[tokio::test]
async fn a_missing_field_is_named() {
    let app = App::start().await;
    for path in ["/v1/auth/login", "/v1/auth/refresh", "/v1/auth/logout"] {
        app.post(path, json!({})).await.problem(422, "validation");
    }
}
