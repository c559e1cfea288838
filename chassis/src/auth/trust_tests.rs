use std::sync::{Arc, atomic::AtomicUsize};

use proto::identity::v1::{
    EndedSession, ExchangeApiKeyRequest, ExchangeApiKeyResponse, GetTrustResponse,
    IssueTokenRequest, IssueTokenResponse, PublicKey,
    trust_service_server::{TrustService, TrustServiceServer},
};
use tonic::{
    Request, Response, Status,
    transport::{Endpoint, Server, server::TcpIncoming},
};

use super::*;

/// identity-svc, which counts who asks.
#[derive(Default)]
struct Identity {
    asked: AtomicUsize,
    away: std::sync::atomic::AtomicBool,
    ended: RwLock<Vec<Uuid>>,
}

struct Asked(Arc<Identity>);

#[tonic::async_trait]
impl TrustService for Asked {
    async fn issue_token(
        &self,
        _: Request<IssueTokenRequest>,
    ) -> Result<Response<IssueTokenResponse>, Status> {
        Err(Status::permission_denied("not here"))
    }

    async fn exchange_api_key(
        &self,
        _: Request<ExchangeApiKeyRequest>,
    ) -> Result<Response<ExchangeApiKeyResponse>, Status> {
        Err(Status::permission_denied("not here"))
    }

    async fn get_trust(
        &self,
        _: Request<GetTrustRequest>,
    ) -> Result<Response<GetTrustResponse>, Status> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        if self.0.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let ended = read(&self.0.ended);
        Ok(Response::new(GetTrustResponse {
            keys: vec![PublicKey {
                kid: "one".to_owned(),
                ed25519: vec![7; 32],
            }],
            ended: ended
                .iter()
                .map(|id| EndedSession {
                    id: id.as_bytes().to_vec(),
                    ended_at_ms: 0,
                })
                .collect(),
            as_of_ms: Utc::now().timestamp_millis(),
            access_token_seconds: 900,
        }))
    }
}

async fn trust() -> (Arc<Identity>, RemoteTrust) {
    let identity = Arc::new(Identity::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(
        Server::builder()
            .add_service(TrustServiceServer::new(Asked(identity.clone())))
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    let channel = Endpoint::from_shared(url).unwrap().connect_lazy();
    (identity, RemoteTrust::new(channel))
}

#[tokio::test]
async fn made_up_key_ids_do_not_make_it_ask_without_end() {
    let (identity, trust) = trust().await;
    let long = "k".repeat(5_000);
    for round in 0..50 {
        assert!(trust.key("one").await.unwrap().is_some());
        let made_up = ["", "../../etc/passwd", "' or true --", &long][round % 4];
        assert!(trust.key(made_up).await.unwrap().is_none());
    }
    // Once for the keys, and once because one of them might be new.
    assert_eq!(identity.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn before_the_first_answer_nobody_is_trusted_and_each_request_asks() {
    let (identity, trust) = trust().await;
    identity.away.store(true, Ordering::SeqCst);
    let session = Uuid::now_v7();
    for _ in 0..2 {
        assert!(trust.key("one").await.is_err());
        assert!(trust.has_ended(session).await.is_err());
    }
    assert_eq!(identity.asked.load(Ordering::SeqCst), 2);
    identity.away.store(false, Ordering::SeqCst);
    assert!(trust.key("one").await.unwrap().is_some());
    assert!(!trust.has_ended(session).await.unwrap());
}

#[tokio::test]
async fn what_ended_is_known_by_an_answer_or_by_an_event() {
    let (identity, trust) = trust().await;
    let (asked, heard, on) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    write(&identity.ended).push(asked);
    trust.key("one").await.unwrap();
    trust.sessions_ended([heard]);
    assert!(trust.has_ended(asked).await.unwrap());
    assert!(trust.has_ended(heard).await.unwrap());
    assert!(!trust.has_ended(on).await.unwrap());
}

#[tokio::test]
async fn who_neither_hears_nor_gets_an_answer_trusts_nobody_after_a_while() {
    let (identity, mut trust) = trust().await;
    trust.stale = Duration::from_millis(100);
    let session = Uuid::now_v7();
    trust.key("one").await.unwrap();
    identity.away.store(true, Ordering::SeqCst);
    assert!(!trust.has_ended(session).await.unwrap());
    tokio::time::sleep(trust.stale * 2).await;
    assert!(trust.has_ended(session).await.is_err());

    // It hears now, but what it missed before nobody has told.
    trust.set_hearing(true);
    assert!(trust.has_ended(session).await.is_err());
    identity.away.store(false, Ordering::SeqCst);
    trust.ask(&mut *trust.answered.lock().await).await.unwrap();
    identity.away.store(true, Ordering::SeqCst);
    tokio::time::sleep(trust.stale * 2).await;
    assert!(!trust.has_ended(session).await.unwrap());
    trust.set_hearing(false);
    assert!(trust.has_ended(session).await.is_err());
}
