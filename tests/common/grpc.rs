//! The services as other services call them.

use std::{net::SocketAddr, time::Duration};

use chassis::{
    Error,
    grpc::{self, Channel, Peers},
};
use proto::{
    inventory::v1::{
        ConfirmRequest, Line, ReleaseRequest, ReserveRequest, ReserveResponse,
        inventory_service_client::InventoryServiceClient,
    },
    order::v1::{
        ConfirmAvailabilityRequest, HoldRef, Outcome, order_service_client::OrderServiceClient,
    },
};
use uuid::Uuid;

use super::Shop;

const DEADLINE: Duration = Duration::from_secs(30);

/// A call's answer, or the error as its caller understands it.
pub type Answer<T> = Result<T, Error>;

/// inventory-svc.
#[derive(Clone)]
pub struct Inventory(InventoryServiceClient<Channel>);

impl Inventory {
    pub fn of(shop: &Shop) -> Self {
        Self(InventoryServiceClient::new(channel(
            shop,
            shop.configs.inventory.grpc_addr,
        )))
    }

    pub fn raw(&self) -> InventoryServiceClient<Channel> {
        self.0.clone()
    }

    pub async fn reserve(&self, request: ReserveRequest) -> Answer<ReserveResponse> {
        let request = grpc::request(request, DEADLINE);
        Ok(self.raw().reserve(request).await?.into_inner())
    }

    pub async fn release(&self, order_id: Uuid, hold_no: i32, token: &str) -> Answer<()> {
        let request = ReleaseRequest {
            order_id: order_id.to_string(),
            hold_no,
            confirmation_token: token.to_owned(),
        };
        self.raw().release(grpc::request(request, DEADLINE)).await?;
        Ok(())
    }

    pub async fn confirm(&self, order_id: Uuid, hold_no: i32, token: &str) -> Answer<()> {
        let request = ConfirmRequest {
            order_id: order_id.to_string(),
            hold_no,
            confirmation_token: token.to_owned(),
        };
        self.raw().confirm(grpc::request(request, DEADLINE)).await?;
        Ok(())
    }
}

/// A hold of `(sku, quantity)` lines, for somebody, for an hour.
pub fn hold(order_id: Uuid, hold_no: i32, lines: &[(&str, i64)]) -> ReserveRequest {
    ReserveRequest {
        order_id: order_id.to_string(),
        hold_no,
        customer_id: Uuid::nil().to_string(),
        lines: lines
            .iter()
            .map(|(sku, quantity)| Line {
                sku: (*sku).to_owned(),
                quantity: *quantity,
            })
            .collect(),
        incentive: None,
        ttl_seconds: 3_600,
        context: None,
    }
}

/// order-svc.
#[derive(Clone)]
pub struct Orders(OrderServiceClient<Channel>);

impl Orders {
    pub fn of(shop: &Shop) -> Self {
        Self(OrderServiceClient::new(channel(
            shop,
            shop.configs.order.grpc_addr,
        )))
    }

    pub fn raw(&self) -> OrderServiceClient<Channel> {
        self.0.clone()
    }

    /// The outcome of each hold, in their order.
    pub async fn confirm_availability(&self, holds: &[(Uuid, i32)]) -> Answer<Vec<Outcome>> {
        let holds = holds
            .iter()
            .map(|(order_id, hold_no)| HoldRef {
                order_id: order_id.to_string(),
                hold_no: *hold_no,
            })
            .collect();
        let request = grpc::request(ConfirmAvailabilityRequest { holds }, DEADLINE);
        let response = self.raw().confirm_availability(request).await?.into_inner();
        Ok(response
            .decisions
            .iter()
            .map(proto::order::v1::Decision::outcome)
            .collect())
    }
}

/// A connection to a service of the shop, as its operators have it.
pub fn channel(shop: &Shop, addr: SocketAddr) -> Channel {
    let auth = &shop.configs.order.auth;
    Peers::new("easyorder", auth)
        .and_then(|peers| peers.channel(&format!("{}://{addr}", auth.tls.scheme())))
        .expect("an address")
}
