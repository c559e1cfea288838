use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize},
};

use proto::identity::v1::{
    GetTrustResponse, IssueTokenRequest, IssueTokenResponse, PublicKey,
    trust_service_server::{TrustService, TrustServiceServer},
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Endpoint, Server, server::TcpIncoming},
};

use super::*;

/// identity-svc with one key, `known`; it counts how often it is asked.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

#[tonic::async_trait]
impl TrustService for Counting {
    async fn issue_token(
        &self,
        _: Request<IssueTokenRequest>,
    ) -> Result<Response<IssueTokenResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn get_trust(
        &self,
        _: Request<GetTrustRequest>,
    ) -> Result<Response<GetTrustResponse>, Status> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(GetTrustResponse {
            keys: vec![PublicKey {
                kid: "known".to_owned(),
                ed25519: vec![7; 32],
            }],
            ..GetTrustResponse::default()
        }))
    }
}

impl Counting {
    async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = Server::builder().add_service(TrustServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        addr
    }

    fn asked(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn made_up_key_ids_do_not_make_us_ask_again_and_again() {
    let identity = Counting::default();
    let url = format!("http://{}", identity.serve().await);
    let channel = Endpoint::from_shared(url).unwrap().connect_lazy();
    let trust = RemoteTrust::new(channel, Scope::Keys);

    let long = "k".repeat(5_000);
    for kid in [
        "",
        "2026-01",
        "../../etc/passwd",
        "' or true --",
        long.as_str(),
    ] {
        assert!(trust.key(kid).await.unwrap().is_none(), "{kid}");
    }
    assert_eq!(identity.asked(), 1);
    // All at once, too; and who has a key that is known does not wait for them.
    let kids: Vec<String> = (0..100).map(|kid| kid.to_string()).collect();
    let all = futures::future::join_all(kids.iter().map(|kid| trust.key(kid)));
    assert!(all.await.into_iter().all(|key| key.unwrap().is_none()));
    assert!(trust.key("known").await.unwrap().is_some());
    assert_eq!(identity.asked(), 1);
}
