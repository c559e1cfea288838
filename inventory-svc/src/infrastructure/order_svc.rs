//! order-svc, over gRPC.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use chassis::{
    Result,
    grpc::{self, Channel},
};
use proto::order::v1::{
    ConfirmAvailabilityRequest, HoldRef, Outcome, order_service_client::OrderServiceClient,
};

use crate::{
    application::ports::Decisions,
    domain::{HoldKey, Verdict},
};

const DEADLINE: Duration = Duration::from_secs(10);

pub struct OrderSvc {
    client: OrderServiceClient<Channel>,
}

impl OrderSvc {
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            client: OrderServiceClient::new(channel),
        }
    }
}

#[async_trait]
impl Decisions for OrderSvc {
    async fn confirm_availability(&self, holds: &[HoldKey]) -> Result<Vec<Option<Verdict>>> {
        let request = ConfirmAvailabilityRequest {
            holds: holds
                .iter()
                .map(|key| HoldRef {
                    order_id: key.order_id.to_string(),
                    hold_no: key.hold_no,
                })
                .collect(),
        };
        let response = self
            .client
            .clone()
            .confirm_availability(grpc::request(request, DEADLINE))
            .await?
            .into_inner();
        // By name, not by position: a mix-up here would give another order's stock away.
        let verdicts: HashMap<(String, i32), Option<Verdict>> = response
            .decisions
            .into_iter()
            .filter_map(|decision| {
                let verdict = match decision.outcome() {
                    Outcome::Live => Some(Verdict::Live),
                    Outcome::Cancelled => Some(Verdict::Cancelled),
                    Outcome::Closed => Some(Verdict::Closed),
                    Outcome::Unspecified => None,
                };
                let hold = decision.hold?;
                Some(((hold.order_id, hold.hold_no), verdict))
            })
            .collect();
        Ok(holds
            .iter()
            .map(|key| {
                verdicts
                    .get(&(key.order_id.to_string(), key.hold_no))
                    .copied()
                    .flatten()
            })
            .collect())
    }
}
