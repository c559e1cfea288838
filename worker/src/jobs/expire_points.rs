use std::time::Duration;

use anyhow::bail;
use async_trait::async_trait;
use chassis::grpc::{self, Channel};
use proto::incentive::v1::{ExpirePointsRequest, incentive_service_client::IncentiveServiceClient};

use crate::queue::{Job, Policy, Recurring, Tick};

const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// Books the loyalty points that are past their day as expired. No customer waits for it: such points count no more
/// from their day on.
pub struct ExpirePoints {
    pub incentives: IncentiveServiceClient<Channel>,
}

impl Recurring for ExpirePoints {
    // Not when the others begin.
    const SCHEDULE: &'static str = "0 20 * * * *";
}

#[async_trait]
impl Job for ExpirePoints {
    const KIND: &'static str = "expire_points";
    const POLICY: Policy = Policy {
        max_attempts: 4,
        first_pause: Duration::from_secs(30),
        timeout: Duration::from_secs(600),
        ..Policy::DEFAULT
    };
    type Payload = Tick;

    async fn run(&self, _: Tick) -> anyhow::Result<()> {
        let (mut lots, mut points) = (0, 0);
        loop {
            let request = grpc::request(ExpirePointsRequest { limit: 0 }, CALL_DEADLINE);
            let expired = match self.incentives.clone().expire_points(request).await {
                Ok(response) => response.into_inner(),
                Err(status) => bail!("inventory-svc answered {:?}", status.code()),
            };
            if expired.lots == 0 {
                break;
            }
            lots += expired.lots;
            points += expired.points;
        }
        tracing::info!(lots, points, "points expired");
        Ok(())
    }
}
