//! What the services ask of each other by gRPC is for them alone, and for who may do everything.

use std::net::SocketAddr;

use chassis::{
    config::Secret,
    grpc::{self, Channel, Peers},
};
use proto::ops::v1::{GetOutboxRequest, ops_service_client::OpsServiceClient};
use tonic::{Code, Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use crate::{
    common::{Shop, grpc::channel, shop::PATIENCE},
    forgeries::{Forge, attacks},
};

/// Calls that need no token: how a service is, what it offers, and how a token is had and verified.
const OPEN: [&str; 2] = [
    "/identity.v1.TrustService/IssueToken",
    "/identity.v1.TrustService/GetTrust",
];

fn servers(shop: &Shop) -> [SocketAddr; 3] {
    [
        shop.configs.identity.grpc_addr,
        shop.configs.inventory.grpc_addr,
        shop.configs.order.grpc_addr,
    ]
}

/// Every call that there is, as `/package.Service/Method`.
fn calls() -> Vec<String> {
    let descriptors =
        <prost_types::FileDescriptorSet as prost::Message>::decode(proto::DESCRIPTORS);
    let mut calls = Vec::new();
    for file in descriptors.expect("descriptors").file {
        for service in &file.service {
            for method in &service.method {
                calls.push(format!(
                    "/{}.{}/{}",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    calls
}

/// Whether a call that says nothing is refused for want of a token.
async fn wants_token(channel: Channel, call: &str) -> bool {
    let mut client = Grpc::new(channel);
    client.ready().await.expect("a connection");
    let path = call.parse().expect("a path");
    let answer = client.unary(Request::new(()), path, ProstCodec::<(), ()>::default());
    answer.await.is_err_and(|status| {
        status.code() == Code::Unauthenticated && status.message().contains("access token")
    })
}

async fn outbox(channel: Channel) -> Result<(), Status> {
    let request = grpc::request(GetOutboxRequest {}, PATIENCE);
    let answer = OpsServiceClient::new(channel).get_outbox(request).await;
    answer.map(drop)
}

fn at(addr: SocketAddr) -> String {
    format!("http://{addr}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_heard_without_a_token() {
    let shop = Shop::open().await;
    let calls = calls();
    assert!(calls.len() > 15, "{calls:?}");
    for addr in servers(&shop) {
        let stranger = Channel::without_token(&at(addr)).unwrap();
        for call in &calls {
            // One that this service does not serve is refused as well: nobody learns what there is.
            let identity = addr == shop.configs.identity.grpc_addr;
            let open = identity && OPEN.contains(&call.as_str());
            let wanted = wants_token(stranger.clone(), call).await;
            assert_eq!(wanted, !open, "{addr}{call}");
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_token_opens_them_to_who_may_do_everything() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let (customer, staff) = (shop.customer().await, shop.staff(&admin).await);
    for addr in servers(&shop) {
        for (person, expected) in [
            (&customer, Code::PermissionDenied),
            (&staff, Code::PermissionDenied),
            (&admin, Code::Ok),
        ] {
            let token = person.token().expect("a token");
            let called = outbox(Channel::with_token(&at(addr), token).unwrap()).await;
            let code = called.map_or_else(|status| status.code(), |()| Code::Ok);
            assert_eq!(code, expected, "{addr}");
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_token_passes() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let (id, stranger) = (admin.id().await, shop.customer().await.id().await);
    let forge = Forge::of(&shop).await;
    for addr in servers(&shop) {
        for attack in attacks(&forge, id, stranger) {
            for (what, token) in attack.tokens {
                // Longer headers than HTTP/2 takes are refused before.
                if token.len() > 16 * 1024 {
                    continue;
                }
                // What is no header cannot be sent.
                let Ok(channel) = Channel::with_token(&at(addr), &token) else {
                    continue;
                };
                let code = outbox(channel).await.map_err(|status| status.code());
                assert_eq!(code, Err(Code::Unauthenticated), "{what} at {addr}");
            }
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_needs_its_own_secret() {
    let shop = Shop::open().await;
    let inventory = shop.configs.inventory.grpc_addr;
    outbox(channel(&shop, inventory)).await.unwrap();

    let own = shop.configs.identity.secrets.load().unwrap().of("worker");
    for (name, secret, served) in [
        ("worker", own.clone(), true),
        // The secret of one is of no use to another.
        ("order-svc", own.clone(), false),
        ("somebody", own, false),
        ("worker", Secret::from("a guess"), false),
    ] {
        let auth = chassis::auth::Config {
            service_secret: Some(secret),
            ..shop.configs.order.auth.clone()
        };
        let peers = Peers::new(name, &auth).unwrap();
        let called = outbox(peers.channel(&at(inventory)).unwrap()).await;
        assert_eq!(called.is_ok(), served, "{name}: {called:?}");
    }
    shop.close().await;
}
