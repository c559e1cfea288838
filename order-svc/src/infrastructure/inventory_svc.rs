//! inventory-svc, over gRPC.

use std::time::Duration;

use async_trait::async_trait;
use chassis::{Error, Result, grpc};
use proto::{
    incentive::v1::{
        self as pb_incentive, QuoteRequest, incentive_service_client::IncentiveServiceClient,
    },
    inventory::v1::{self as pb, ReserveRequest, inventory_service_client::InventoryServiceClient},
};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::{
    application::ports::{HoldRef, Inventory, Quote, QuoteViews, Refusal, Reserved},
    domain::{Basket, PricedLine, Pricing},
};

const DEADLINE: Duration = Duration::from_secs(5);

pub struct InventorySvc {
    inventory: InventoryServiceClient<Channel>,
    incentives: IncentiveServiceClient<Channel>,
}

impl InventorySvc {
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            inventory: InventoryServiceClient::new(channel.clone()),
            incentives: IncentiveServiceClient::new(channel),
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
            lines: lines(basket),
            incentive: incentive(basket),
            ttl_seconds: i32::try_from(ttl.as_secs()).unwrap_or(i32::MAX),
        };
        match self
            .inventory
            .clone()
            .reserve(grpc::request(request, DEADLINE))
            .await
        {
            Ok(response) => Ok(Reserved::Held(taken(response.into_inner()))),
            Err(status) => match Error::from(status) {
                error if error.kind() == "hold-closed" => Ok(Reserved::Closed),
                error if error.kind() == "hold-mismatch" => Ok(Reserved::OtherBasket),
                // Overload over there is no fault of our caller's.
                error if error.kind() == "reservations-busy" => Err(Error::unavailable(error)),
                error => Err(error),
            },
        }
    }
}

#[async_trait]
impl QuoteViews for InventorySvc {
    async fn quote(&self, customer_id: Uuid, basket: &Basket) -> Result<Quote> {
        let request = QuoteRequest {
            customer_id: customer_id.to_string(),
            lines: lines(basket),
            incentive: incentive(basket),
        };
        let response = self
            .incentives
            .clone()
            .quote(grpc::request(request, DEADLINE))
            .await?
            .into_inner();
        let refusal = |refused: pb_incentive::Refusal| Refusal {
            kind: refused.kind,
            detail: refused.detail,
        };
        Ok(Quote {
            available: response.lines.iter().map(|line| line.available).collect(),
            pricing: Pricing {
                currency: response.currency,
                lines: response.lines.into_iter().map(priced).collect(),
                points: response.points,
                point_value: response.point_value,
                discount_code: code(response.discount_code),
            },
            code_refused: response.discount_code_refused.map(refusal),
            points_refused: response.points_refused.map(refusal),
            earns: response.earns,
        })
    }
}

/// As the customer wrote them, for who names a bad one by its place.
fn lines(basket: &Basket) -> Vec<pb::Line> {
    basket
        .asked()
        .iter()
        .map(|line| pb::Line {
            sku: line.sku.clone(),
            quantity: line.quantity,
        })
        .collect()
}

fn incentive(basket: &Basket) -> Option<pb::Incentive> {
    basket.incentive().map(|incentive| pb::Incentive {
        discount_code: incentive.discount_code.clone(),
        redeem_points: incentive.redeem_points,
    })
}

fn taken(response: pb::ReserveResponse) -> Pricing {
    Pricing {
        currency: response.currency,
        lines: response.lines.into_iter().map(priced).collect(),
        points: response.points,
        point_value: response.point_value,
        discount_code: code(response.discount_code),
    }
}

fn priced(line: pb::PricedLine) -> PricedLine {
    PricedLine {
        sku: line.sku,
        name: line.name,
        quantity: line.quantity,
        unit_price: line.unit_price,
        discount: line.discount,
        points_value: line.points_value,
    }
}

fn code(text: String) -> Option<String> {
    Some(text).filter(|code| !code.is_empty())
}
