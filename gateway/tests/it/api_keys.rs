//! API keys end at the gateway: what goes on is the access token that identity-svc gave for them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use chassis::auth::{ApiKey, ClientSecret};
use ed25519_dalek::SigningKey;
use futures::future::join_all;
use http::Method;
use proto::identity::v1::{
    ExchangeApiKeyRequest, ExchangeApiKeyResponse, GetTrustRequest, GetTrustResponse,
    IssueTokenRequest, IssueTokenResponse, PublicKey,
    trust_service_server::{TrustService, TrustServiceServer},
};
use serde_json::Value;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};
use uuid::Uuid;

use crate::{
    system::{System, assert_problem, header},
    tokens,
};

/// identity-svc, which knows one key.
struct Identity {
    key: ApiKey,
    /// The next tokens that it gives; then valid ones.
    tokens: Mutex<Vec<String>>,
    away: AtomicBool,
    asked: AtomicUsize,
    last: Mutex<ExchangeApiKeyRequest>,
}

struct Asked(Arc<Identity>);

#[tonic::async_trait]
impl TrustService for Asked {
    async fn issue_token(
        &self,
        _: Request<IssueTokenRequest>,
    ) -> Result<Response<IssueTokenResponse>, Status> {
        Ok(Response::new(IssueTokenResponse {
            access_token: "the gateway's".to_owned(),
            expires_in_seconds: 300,
        }))
    }

    async fn exchange_api_key(
        &self,
        request: Request<ExchangeApiKeyRequest>,
    ) -> Result<Response<ExchangeApiKeyResponse>, Status> {
        let own = request.metadata().get("authorization");
        assert_eq!(own.unwrap(), "Bearer the gateway's");
        let (identity, request) = (&self.0, request.into_inner());
        identity.asked.fetch_add(1, Ordering::SeqCst);
        if identity.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        *identity.last.lock().unwrap() = request.clone();
        let secret = identity.key.secret.encode();
        if (request.key_id, request.key_secret) != (identity.key.id.to_string(), secret) {
            return Ok(Response::new(ExchangeApiKeyResponse::default()));
        }
        let token = identity.tokens.lock().unwrap().pop();
        Ok(Response::new(ExchangeApiKeyResponse {
            access_token: token.unwrap_or_else(tokens::valid),
            expires_in_seconds: 300,
        }))
    }

    async fn get_trust(
        &self,
        _: Request<GetTrustRequest>,
    ) -> Result<Response<GetTrustResponse>, Status> {
        Ok(Response::new(GetTrustResponse {
            keys: vec![PublicKey {
                kid: tokens::KID.to_owned(),
                ed25519: tokens::key().verifying_key().to_bytes().to_vec(),
            }],
            access_token_seconds: 900,
            ..GetTrustResponse::default()
        }))
    }
}

fn new_key() -> ApiKey {
    ApiKey {
        id: Uuid::now_v7(),
        secret: ClientSecret::random(),
    }
}

async fn start() -> (System, Arc<Identity>) {
    let identity = Arc::new(Identity {
        key: new_key(),
        tokens: Mutex::default(),
        away: AtomicBool::default(),
        asked: AtomicUsize::default(),
        last: Mutex::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let trust = TrustServiceServer::new(Asked(identity.clone()));
    tokio::spawn(
        Server::builder()
            .add_service(trust)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    let system = System::start_with(|config| config.auth.identity_grpc_url = url).await;
    (system, identity)
}

impl Identity {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_key_is_exchanged_once_and_does_not_leave_the_gateway() {
    let (system, identity) = start().await;
    let key = identity.key.encode();
    let send = || async {
        let request = system.get("/v1/orders").bearer_auth(&key);
        let answer = request.header("user-agent", "till/1").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()
    };
    for told in join_all((0..20).map(|_| send())).await {
        let credentials = header(&told, "authorization");
        assert_eq!(credentials.len(), 1);
        assert!(credentials[0].starts_with("Bearer eyJ"), "{credentials:?}");
        assert!(!told.to_string().contains("eo_"), "{told}");
    }
    send().await;
    assert_eq!(identity.asked(), 1);
    let last = identity.last.lock().unwrap().clone();
    assert_eq!(
        (last.address.as_str(), last.user_agent.as_str()),
        ("127.0.0.1", "till/1")
    );
    // Where a visitor may look, the bearer of a key may, too.
    let answer = system.get("/v1/products").bearer_auth(&key).send().await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn a_wrong_key_is_refused_everywhere_and_does_not_hammer_at_identity_svc() {
    let (system, identity) = start().await;
    let wrong = ApiKey {
        id: identity.key.id,
        secret: ClientSecret::random(),
    };
    for path in ["/v1/orders", "/v1/products"] {
        let refusals = (0..25).map(|_| async {
            let request = system.get(path).bearer_auth(wrong.encode());
            assert_problem(request.send().await.unwrap(), 401, "unauthenticated").await
        });
        join_all(refusals).await;
    }
    assert!(identity.asked() <= 2, "{}", identity.asked());
    let asked = identity.asked();
    let good = identity.key.encode();
    let flipped = if good.ends_with('0') { '1' } else { '0' };
    for malformed in [
        "eo_".to_owned(),
        good[..good.len() - 1].to_owned(),
        format!("{}{flipped}", &good[..good.len() - 1]),
        format!("{good}0"),
    ] {
        let request = system.get("/v1/orders").bearer_auth(malformed);
        assert_problem(request.send().await.unwrap(), 401, "unauthenticated").await;
    }
    assert_eq!(identity.asked(), asked, "a slip of the pen asks nobody");
    assert_eq!(system.seen(), 0);

    // Refused for a moment, not for ever; and who signs in has no use for a key.
    let request = system.request(Method::POST, "/v1/auth/login");
    let answer = request.bearer_auth(wrong.encode()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = system.get("/v1/orders").bearer_auth(good).send().await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn nobody_is_let_in_on_a_guess_while_identity_svc_is_away() {
    let (system, identity) = start().await;
    identity.away.store(true, Ordering::SeqCst);
    let send = || system.get("/v1/orders").bearer_auth(identity.key.encode());
    let answer = send().send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_problem(answer, 503, "unavailable").await;
    identity.away.store(false, Ordering::SeqCst);
    assert_eq!(send().send().await.unwrap().status(), 200);
    // It goes on with what it has.
    identity.away.store(true, Ordering::SeqCst);
    assert_eq!(send().send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_token_whose_key_was_given_up_is_asked_for_anew() {
    let (system, identity) = start().await;
    let given_up = SigningKey::from_bytes(&[9; 32]);
    let stale = tokens::sign(&tokens::header(), &tokens::claims(), &given_up);
    identity.tokens.lock().unwrap().push(stale);
    let send = || system.get("/v1/orders").bearer_auth(identity.key.encode());
    for _ in 0..2 {
        assert_eq!(send().send().await.unwrap().status(), 200);
    }
    assert_eq!(identity.asked(), 2);
}
