//! The gRPC interface: how inventory-svc learns whether a hold belongs to an order.

use std::{sync::Arc, time::Duration};

use chassis::{Error, Result};
use proto::order::v1::{
    self as pb,
    order_service_server::{OrderService, OrderServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use crate::application::{
    App,
    commands::DecideHolds,
    ports::{Decision, HoldRef},
    queries::{GetOrder, ListKeeping},
};

/// More holds in one call are refused.
const MAX_HOLDS: usize = 1_000;
/// So are more orders a page.
const MAX_KEEPINGS: i32 = 1_000;

pub fn routes(app: Arc<App>) -> Routes {
    Routes::new(OrderServiceServer::new(Orders { app }))
}

struct Orders {
    app: Arc<App>,
}

#[tonic::async_trait]
impl OrderService for Orders {
    async fn confirm_availability(
        &self,
        request: Request<pb::ConfirmAvailabilityRequest>,
    ) -> Result<Response<pb::ConfirmAvailabilityResponse>, Status> {
        let asked = request.into_inner().holds;
        if asked.len() > MAX_HOLDS {
            return Err(Error::invalid_field("holds", format!("at most {MAX_HOLDS}")).into());
        }
        let holds = asked
            .iter()
            .enumerate()
            .map(|(index, hold)| {
                let order_id = uuid(&format!("holds[{index}].order_id"), &hold.order_id)?;
                Ok(HoldRef {
                    order_id,
                    hold_no: hold.hold_no,
                })
            })
            .collect::<Result<_>>()?;
        let decided = self
            .app
            .commands
            .decide_holds
            .handle(DecideHolds { holds })
            .await?;
        let decisions = asked
            .into_iter()
            .zip(decided)
            .map(|(hold, decision)| {
                let outcome = match decision {
                    Some(Decision::Live) => pb::Outcome::Live,
                    Some(Decision::Cancelled) => pb::Outcome::Cancelled,
                    Some(Decision::Closed) => pb::Outcome::Closed,
                    None => pb::Outcome::Unspecified,
                };
                pb::Decision {
                    hold: Some(hold),
                    outcome: outcome.into(),
                }
            })
            .collect();
        Ok(Response::new(pb::ConfirmAvailabilityResponse { decisions }))
    }

    async fn list_keeping(
        &self,
        request: Request<pb::ListKeepingRequest>,
    ) -> Result<Response<pb::ListKeepingResponse>, Status> {
        let request = request.into_inner();
        let after = Some(request.after.as_str())
            .filter(|after| !after.is_empty())
            .map(|after| uuid("after", after))
            .transpose()?;
        if !(1..=MAX_KEEPINGS).contains(&request.limit) {
            return Err(Error::invalid_field("limit", format!("from 1 to {MAX_KEEPINGS}")).into());
        }
        let settle = u64::try_from(request.settle_seconds)
            .map_err(|_| Error::invalid_field("settle_seconds", "must not be negative"))?;
        let query = ListKeeping {
            after,
            limit: request.limit.into(),
            settle: Duration::from_secs(settle),
        };
        let orders = self.app.queries.list_keeping.handle(query).await?;
        Ok(Response::new(pb::ListKeepingResponse {
            orders: orders
                .into_iter()
                .map(|keeping| pb::Keeping {
                    order_id: keeping.order_id.to_string(),
                    order_data: keeping.order_data,
                })
                .collect(),
        }))
    }

    async fn get_order(
        &self,
        request: Request<pb::GetOrderRequest>,
    ) -> Result<Response<pb::GetOrderResponse>, Status> {
        let order_id = uuid("order_id", &request.into_inner().order_id)?;
        let order = self
            .app
            .queries
            .get_order
            .handle(GetOrder {
                order_id,
                owner: None,
            })
            .await?;
        Ok(Response::new(pb::GetOrderResponse {
            id: order.id.to_string(),
            customer_id: order.customer_id.to_string(),
            status: order.status,
            version: order.version,
            currency: order.currency,
            lines: order
                .lines
                .into_iter()
                .map(|line| pb::OrderLine {
                    sku: line.sku,
                    name: line.name,
                    quantity: line.quantity,
                    unit_price: line.unit_price,
                    total: line.total,
                    cancelled_quantity: line.cancelled_quantity,
                })
                .collect(),
            total: order.total,
            placed_at: order.placed_at.to_rfc3339(),
        }))
    }
}

fn uuid(field: &str, text: &str) -> Result<Uuid> {
    text.parse()
        .map_err(|_| Error::invalid_field(field, "must be a UUID"))
}
