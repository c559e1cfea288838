//! What every gRPC server answers beside its own calls.

use std::{collections::BTreeSet, net::SocketAddr};

use chassis::{grpc::Channel, testing::Line};
use futures::stream;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::common::{Shop, until};

#[tokio::test(flavor = "multi_thread")]
async fn each_grpc_server_tells_its_health_and_its_services() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let servers = [
        (
            shop.configs.identity.grpc_addr,
            "identity.v1.IdentityService",
        ),
        (
            shop.configs.inventory.grpc_addr,
            "inventory.v1.InventoryService",
        ),
        (shop.configs.order.grpc_addr, "order.v1.OrderService"),
    ];
    for (addr, service) in servers {
        until("it serves", async || {
            health(addr).await == ServingStatus::Serving
        })
        .await;
        let services = services(addr).await;
        for name in [service, "ops.v1.OpsService", "grpc.health.v1.Health"] {
            assert!(services.contains(name), "{services:?}");
        }
    }

    lines.rabbitmq.set(Line::Cut);
    for (addr, _) in servers {
        until("it says that it cannot serve", async || {
            health(addr).await == ServingStatus::NotServing
        })
        .await;
    }
    lines.rabbitmq.set(Line::Up);
    for (addr, _) in servers {
        until("it serves again", async || {
            health(addr).await == ServingStatus::Serving
        })
        .await;
    }
    shop.close().await;
}

/// As anybody may ask.
fn open(addr: SocketAddr) -> Channel {
    Channel::without_token(&format!("http://{addr}")).expect("an address")
}

async fn health(addr: SocketAddr) -> ServingStatus {
    let request = HealthCheckRequest {
        service: String::new(),
    };
    let response = HealthClient::new(open(addr)).check(request).await.unwrap();
    response.into_inner().status()
}

async fn services(addr: SocketAddr) -> BTreeSet<String> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(open(addr))
        .server_reflection_info(stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().expect("an answer");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    list.service
        .into_iter()
        .map(|service| service.name)
        .collect()
}
