//! inventory-svc, over gRPC.

use std::time::Duration;

use async_trait::async_trait;
use chassis::{
    Code, Error, Result,
    grpc::{self, Channel},
};
use proto::{
    incentive::v1::{
        self as pb_incentive, QuoteRequest, incentive_service_client::IncentiveServiceClient,
    },
    inventory::v1::{
        self as pb, ReleaseRequest, ReserveRequest,
        inventory_service_client::InventoryServiceClient,
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    application::ports::{Asked, HoldRef, Inventory, Quote, QuoteViews, Refusal, Reserved},
    domain::{Allotment, Basket, BasketLine, Incentive, Order, PricedLine, Pricing},
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
    async fn reserve(&self, hold: HoldRef, asked: &Asked<'_>, ttl: Duration) -> Result<Reserved> {
        let request = ReserveRequest {
            order_id: hold.order_id.to_string(),
            hold_no: hold.hold_no,
            customer_id: asked.customer_id.to_string(),
            lines: lines(asked.lines),
            incentive: asked.incentive.map(incentive),
            context: asked.order.map(context),
            ttl_seconds: i32::try_from(ttl.as_secs()).unwrap_or(i32::MAX),
        };
        match self
            .inventory
            .clone()
            .reserve(grpc::request(request, DEADLINE))
            .await
        {
            Ok(response) => Ok(taken(response.into_inner())),
            Err(status) => match Error::from(status) {
                error if error.kind() == "hold-closed" => Ok(Reserved::Closed),
                error if error.kind() == "hold-mismatch" => Ok(Reserved::OtherContent),
                // Overload over there is no fault of our caller's.
                error if error.kind() == "reservations-busy" => Err(Error::unavailable(error)),
                error => Err(error),
            },
        }
    }

    async fn release(&self, hold: HoldRef, token: &str) -> Result<()> {
        let request = ReleaseRequest {
            order_id: hold.order_id.to_string(),
            hold_no: hold.hold_no,
            confirmation_token: token.to_owned(),
        };
        self.inventory
            .clone()
            .release(grpc::request(request, DEADLINE))
            .await?;
        Ok(())
    }

    async fn price(&self, asked: &Asked<'_>) -> Result<Pricing> {
        let quote = self.ask_quote(asked).await?;
        let short: Vec<_> = quote
            .pricing
            .lines
            .iter()
            .zip(&quote.available)
            .filter(|(line, available)| line.quantity > **available)
            .map(|(line, available)| (line.sku.as_str(), line.quantity, *available))
            .collect();
        if !short.is_empty() {
            return Err(insufficient_stock(&short));
        }
        for (field, refused) in [
            ("incentive.discount_code", quote.code_refused),
            ("incentive.redeem_points", quote.points_refused),
        ] {
            if let Some(refusal) = refused {
                return Err(Error::invalid_field(field, refusal.detail));
            }
        }
        Ok(quote.pricing)
    }
}

#[async_trait]
impl QuoteViews for InventorySvc {
    async fn quote(&self, customer_id: Uuid, basket: &Basket) -> Result<Quote> {
        self.ask_quote(&Asked::by_basket(customer_id, basket)).await
    }
}

impl InventorySvc {
    async fn ask_quote(&self, asked: &Asked<'_>) -> Result<Quote> {
        let request = QuoteRequest {
            customer_id: asked.customer_id.to_string(),
            lines: lines(asked.lines),
            incentive: asked.incentive.map(incentive),
            context: asked.order.map(context),
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
                allotments: response.allotments.iter().map(allotment).collect(),
            },
            code_refused: response.discount_code_refused.map(refusal),
            points_refused: response.points_refused.map(refusal),
            earns: response.earns,
        })
    }
}

fn lines(lines: &[BasketLine]) -> Vec<pb::Line> {
    lines
        .iter()
        .map(|line| pb::Line {
            sku: line.sku.clone(),
            quantity: line.quantity,
        })
        .collect()
}

fn incentive(incentive: &Incentive) -> pb::Incentive {
    pb::Incentive {
        discount_code: incentive.discount_code.clone(),
        redeem_points: incentive.redeem_points,
    }
}

/// What an order has, as far as it is still ordered.
fn context(order: &Order) -> pb::Context {
    let code = order
        .incentive
        .as_ref()
        .and_then(|incentive| incentive.discount_code.clone());
    pb::Context {
        currency: order.currency.clone(),
        lines: order
            .living_lines()
            .map(|line| {
                let cost = line.cost_of(line.ordered());
                pb::OrderedLine {
                    sku: line.sku.clone(),
                    quantity: line.ordered(),
                    unit_price: line.unit_price,
                    discount: cost.discount,
                    points_value: cost.points_value,
                }
            })
            .collect(),
        discount_code: code.unwrap_or_default(),
    }
}

fn taken(response: pb::ReserveResponse) -> Reserved {
    Reserved::Held {
        token: response.confirmation_token,
        pricing: Pricing {
            currency: response.currency,
            lines: response.lines.into_iter().map(priced).collect(),
            points: response.points,
            point_value: response.point_value,
            discount_code: code(response.discount_code),
            allotments: response.allotments.iter().map(allotment).collect(),
        },
    }
}

/// As inventory-svc refuses a hold: (SKU, requested, available).
fn insufficient_stock(short: &[(&str, i64, i64)]) -> Error {
    let items: Vec<_> = short
        .iter()
        .map(|(sku, requested, available)| {
            json!({"sku": sku, "requested": requested, "available": available})
        })
        .collect();
    let named: Vec<_> = short
        .iter()
        .map(|(sku, requested, available)| {
            format!("{sku} (asked for {requested}, available {available})")
        })
        .collect();
    let detail = format!("not enough stock: {}", named.join(", "));
    Error::new(Code::Conflict, "insufficient-stock", detail).with_extension("items", json!(items))
}

fn allotment(allotment: &pb::Allotment) -> Allotment {
    Allotment {
        discount: allotment.discount,
        points_value: allotment.points_value,
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
