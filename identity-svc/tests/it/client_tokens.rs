//! The client credentials grant, as clients of OAuth know it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chassis::grpc::Channel;
use proto::identity::v1::{ExchangeApiKeyRequest, trust_service_client::TrustServiceClient};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, App, access_token, text};

const GRANT: &str = "grant_type=client_credentials";

/// A service account's id and secret.
async fn account(app: &App) -> (String, String) {
    let admin = app.admin().await;
    let body = json!({"name": "till", "roles": ["staff"]});
    let path = "/v1/service-accounts";
    let made = app.send(&admin, Method::POST, path, body).await.expect(201);
    (text(&made, "client_id"), text(&made, "client_secret"))
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

async fn ask(app: &App, authorization: Option<&str>, fields: &str) -> Response {
    let mut request = app.token_request(fields);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.send().await.unwrap()
}

async fn refused(response: Response, status: u16, error: &str) -> Value {
    let headers = response.headers().clone();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["content-type"], "application/problem+json");
    if status == 401 {
        assert_eq!(headers["www-authenticate"], "Basic realm=\"easyorder\"");
    }
    let answer = Answer::of(response).await;
    let body = answer.problem(status, &error.replace('_', "-"));
    assert_eq!(body["error"], error);
    body
}

async fn claims(app: &App, token: &str) -> chassis::auth::Claims {
    let auth = app.auth();
    (*auth.verify(token).await.unwrap()).clone()
}

#[tokio::test]
async fn a_client_gets_a_token_by_its_secret_in_the_header_or_in_the_body() {
    let app = App::start().await;
    let (id, secret) = account(&app).await;
    // Form-encoded first, and the scheme in any case.
    let encoded = secret.replace("eos_", "%65os%5F");
    let header = basic(&id, &encoded).replace("Basic", "bAsIc");
    let body = format!("{GRANT}&client_id={id}&client_secret={secret}&scope=&more=1");
    let same = format!("{GRANT}&client_id={id}");
    for (authorization, fields) in [
        (None, body.as_str()),
        (Some(basic(&id, &secret)), GRANT),
        (Some(header), same.as_str()),
    ] {
        let response = ask(&app, authorization.as_deref(), fields).await;
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body = Answer::of(response).await.expect(200);
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 900);
        assert_eq!(body.get("scope"), None, "all that it may do");
        let claims = claims(&app, &access_token(&body)).await;
        assert_eq!(claims.sub.to_string(), id);
        assert_eq!(claims.client_id, id);
        assert!(claims.sid.is_some_and(|sid| sid != claims.sub));
        assert_eq!(claims.scope, None);
        assert!(claims.entitlements.is_empty());
    }
}

#[tokio::test]
async fn a_scope_narrows_and_must_exist() {
    let app = App::start().await;
    let (id, secret) = account(&app).await;
    let ask = async |scope: &str| {
        let fields = format!("{GRANT}&scope={scope}");
        ask(&app, Some(&basic(&id, &secret)), &fields).await
    };
    let body = Answer::of(ask("stock:manage+orders:manage").await)
        .await
        .expect(200);
    assert_eq!(body["scope"], "orders:manage stock:manage");
    let claims = claims(&app, &access_token(&body)).await;
    assert!(claims.is_in_scope("stock:manage"));
    assert!(!claims.is_in_scope("catalogue:manage"));
    refused(ask("stock:mange").await, 400, "invalid_scope").await;
    // What it does not hold it may ask for; it does not get it by that.
    let body = Answer::of(ask("users:manage").await).await.expect(200);
    app.get(&access_token(&body), "/v1/users")
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn no_other_secret_passes_and_nobody_learns_why() {
    let app = App::start().await;
    let (id, secret) = account(&app).await;
    let (_, other) = {
        let admin = app.admin().await;
        let body = json!({"name": "other", "roles": []});
        let path = "/v1/service-accounts";
        let made = app.send(&admin, Method::POST, path, body).await.expect(201);
        (text(&made, "client_id"), text(&made, "client_secret"))
    };
    let stranger = Uuid::now_v7().to_string();
    let mut told = Vec::new();
    for (client, secret) in [
        (id.as_str(), other.as_str()),
        (&id, &secret[..secret.len() - 1]),
        (&id, &secret.to_lowercase()),
        (&id, "eos_"),
        (&id, "hunter2"),
        (&stranger, &secret),
        ("worker", &secret),
        ("not-a-client", "x"),
    ] {
        let response = ask(&app, Some(&basic(client, secret)), GRANT).await;
        told.push(refused(response, 401, "invalid_client").await["detail"].clone());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        app.audited(&id).await,
        [
            "service_account.added",
            "client.refused",
            "client.refused",
            "client.refused",
            "client.refused",
            "client.refused",
        ]
    );
    let unknown: i64 = sqlx::query_scalar(
        "select count(*) from audit_log where action = 'client.refused' and subject is null",
    )
    .fetch_one(&app.db.pool)
    .await
    .unwrap();
    assert_eq!(unknown, 3);
    let log: String = sqlx::query_scalar("select string_agg(audit_log::text, ' ') from audit_log")
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    for hidden in [&secret[4..], "hunter2", "not-a-client"] {
        assert!(!log.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn a_request_that_is_no_such_grant_is_refused_as_the_standard_wants_it() {
    let app = App::start().await;
    let (id, secret) = account(&app).await;
    let header = basic(&id, &secret);
    let body = format!("{GRANT}&client_id={id}&client_secret={secret}");
    let other = format!("{GRANT}&client_id={}", Uuid::now_v7());
    let twice = format!("{GRANT}&{GRANT}");
    for (authorization, fields, status, error) in [
        (Some(header.as_str()), "", 400, "invalid_request"),
        (Some(&header), "grant_type=", 400, "invalid_request"),
        (Some(&header), &twice, 400, "invalid_request"),
        (Some(&header), &body, 400, "invalid_request"),
        (Some(&header), &other, 400, "invalid_request"),
        (
            Some(&header),
            "grant_type=password",
            400,
            "unsupported_grant_type",
        ),
        (None, GRANT, 401, "invalid_client"),
        (Some("Basic x"), GRANT, 401, "invalid_client"),
        (Some("Basic eA=="), GRANT, 401, "invalid_client"),
        (Some("Bearer x"), GRANT, 401, "invalid_client"),
    ] {
        refused(ask(&app, authorization, fields).await, status, error).await;
    }
    let json = app
        .request(Method::POST, "/v1/auth/token")
        .header("authorization", &header)
        .json(&json!({"grant_type": "client_credentials"}));
    refused(json.send().await.unwrap(), 400, "invalid_request").await;
}

#[tokio::test]
async fn the_gateway_alone_exchanges_keys_and_tells_where_the_client_is() {
    let app = App::start().await;
    let (id, secret) = account(&app).await;
    let request = ExchangeApiKeyRequest {
        key_id: id.clone(),
        key_secret: secret,
        address: "203.0.113.9".to_owned(),
        user_agent: "till/1".to_owned(),
    };
    // Who else would be believed where a client is?
    let stranger = Channel::without_token(&app.grpc).unwrap();
    let refused = TrustServiceClient::new(stranger)
        .exchange_api_key(request.clone())
        .await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::Unauthenticated);

    let mut trust = TrustServiceClient::new(app.peers().to_identity());
    let given = trust.exchange_api_key(request.clone()).await.unwrap();
    let given = given.into_inner();
    assert_eq!(given.expires_in_seconds, 900);
    assert_eq!(claims(&app, &given.access_token).await.client_id, id);
    let wrong = ExchangeApiKeyRequest {
        key_secret: "wrong".to_owned(),
        ..request
    };
    let nothing = trust.exchange_api_key(wrong).await.unwrap().into_inner();
    assert_eq!(nothing.access_token, "");
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select action, host(address), user_agent from audit_log where action like 'client%' order by id",
    )
    .fetch_all(&app.db.pool)
    .await
    .unwrap();
    let from = |action: &str| {
        (
            action.to_owned(),
            "203.0.113.9".to_owned(),
            "till/1".to_owned(),
        )
    };
    assert_eq!(rows, [from("client_token.issued"), from("client.refused")]);
}
