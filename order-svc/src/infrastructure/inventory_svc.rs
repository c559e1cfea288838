//! inventory-svc, over gRPC.

use std::time::Duration;

use async_trait::async_trait;
use chassis::{Error, Result, grpc};
use proto::inventory::v1::{
    self as pb, ReserveRequest, inventory_service_client::InventoryServiceClient,
};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::{
    application::ports::{HoldRef, Inventory, Reserved},
    domain::{Basket, PricedLine, Pricing},
};

const DEADLINE: Duration = Duration::from_secs(5);

pub struct InventorySvc {
    client: InventoryServiceClient<Channel>,
}

impl InventorySvc {
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            client: InventoryServiceClient::new(channel),
        }
    }
}

#[async_trait]
impl Inventory for InventorySvc {
    async fn reserve(
        &self,
        hold: HoldRef,
        customer_id: Uuid,
        basket: &Basket,
        ttl: Duration,
    ) -> Result<Reserved> {
        let request = ReserveRequest {
            order_id: hold.order_id.to_string(),
            hold_no: hold.hold_no,
            customer_id: customer_id.to_string(),
            lines: basket
                .asked()
                .iter()
                .map(|line| pb::Line {
                    sku: line.sku.clone(),
                    quantity: line.quantity,
                })
                .collect(),
            incentive: basket.incentive().map(|incentive| pb::Incentive {
                discount_code: incentive.discount_code.clone(),
                redeem_points: incentive.redeem_points,
            }),
            ttl_seconds: i32::try_from(ttl.as_secs()).unwrap_or(i32::MAX),
        };
        match self
            .client
            .clone()
            .reserve(grpc::request(request, DEADLINE))
            .await
        {
            Ok(response) => Ok(Reserved::Held(pricing(response.into_inner()))),
            Err(status) => match Error::from(status) {
                error if error.kind() == "hold-closed" => Ok(Reserved::Closed),
                error if error.kind() == "hold-mismatch" => Ok(Reserved::OtherBasket),
                error => Err(error),
            },
        }
    }
}

fn pricing(response: pb::ReserveResponse) -> Pricing {
    Pricing {
        currency: response.currency,
        lines: response
            .lines
            .into_iter()
            .map(|line| PricedLine {
                sku: line.sku,
                name: line.name,
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
            })
            .collect(),
    }
}
