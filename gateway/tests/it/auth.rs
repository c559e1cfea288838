use base64::{Engine as _, engine::general_purpose::STANDARD};
use chassis::testing::free_addr;
use http::Method;
use serde_json::Value;

use crate::{
    system::{System, assert_problem, header},
    tokens,
};

#[tokio::test]
async fn who_is_not_signed_in_is_refused_where_that_is_needed() {
    let system = System::start().await;
    let basic = format!("Basic {}", STANDARD.encode("user:password"));
    let missing = "Bearer";
    let invalid = r#"Bearer error="invalid_token""#;
    for (credentials, challenge) in [
        (None, missing),
        (Some("nonsense"), missing),
        (Some(basic.as_str()), missing),
        (Some("Bearer"), invalid),
    ] {
        let mut request = system.get("/v1/me");
        if let Some(credentials) = credentials {
            request = request.header("authorization", credentials);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(
            answer.headers()["www-authenticate"],
            challenge,
            "{credentials:?}"
        );
        assert_problem(answer, 401, "unauthenticated").await;
    }
    assert_eq!(system.seen(), 0);
}

#[tokio::test]
async fn a_bad_token_is_refused_everywhere() {
    let system = System::start().await;
    for path in ["/v1/me", "/v1/products", "/console"] {
        for (what, token) in tokens::bad() {
            let answer = system.get(path).bearer_auth(token).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path}: {what}");
            assert_eq!(
                answer.headers()["www-authenticate"],
                r#"Bearer error="invalid_token""#
            );
            assert_problem(answer, 401, "unauthenticated").await;
        }
    }
    assert_eq!(system.seen(), 0);
}

#[tokio::test]
async fn an_expired_token_does_not_keep_anybody_from_refreshing_it() {
    let system = System::start().await;
    for path in ["/v1/auth/login", "/v1/auth/refresh", "/v1/auth/logout"] {
        for (what, token) in tokens::bad() {
            let request = system.request(Method::POST, path).bearer_auth(token);
            assert_eq!(
                request.send().await.unwrap().status(),
                200,
                "{path}: {what}"
            );
        }
    }
}

#[tokio::test]
async fn a_valid_token_is_passed_on() {
    let system = System::start().await;
    for path in ["/v1/me", "/v1/products"] {
        let credentials = format!("bearer {}", tokens::valid());
        let answer = system
            .get(path)
            .header("authorization", &credentials)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let told: Value = answer.json().await.unwrap();
        assert_eq!(header(&told, "authorization"), [credentials]);
    }
}

#[tokio::test]
async fn anyone_may_make_the_open_calls() {
    let system = System::start().await;
    for (method, path) in [
        (Method::POST, "/v1/auth/login"),
        (Method::GET, "/v1/products"),
        (Method::GET, "/v1/products/x"),
        (Method::GET, "/console"),
        (Method::GET, "/console/"),
        (Method::GET, "/console/jobs"),
    ] {
        assert_eq!(
            system.request(method, path).send().await.unwrap().status(),
            200,
            "{path}"
        );
    }
    // What is no token of ours is for the service to judge.
    let answer = system
        .get("/console")
        .basic_auth("user", Some("password"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn nobody_is_let_in_while_the_keys_cannot_be_had() {
    let system = System::start_with(|config| {
        config.auth.identity_grpc_url = format!("http://{}", free_addr());
    })
    .await;
    let answer = system
        .signed_in(Method::GET, "/v1/orders")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_problem(answer, 503, "unavailable").await;
    assert_eq!(system.seen(), 0);
    assert_eq!(
        system.get("/v1/products").send().await.unwrap().status(),
        200
    );
}
