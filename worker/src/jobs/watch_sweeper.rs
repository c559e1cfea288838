use std::time::Duration;

use anyhow::bail;
use async_trait::async_trait;
use chassis::grpc::{self, Channel};
use proto::inventory::v1::{
    ExpireReservationsRequest, inventory_service_client::InventoryServiceClient,
};

use crate::queue::{Job, Policy, Recurring, Tick};

const CALL_DEADLINE: Duration = Duration::from_secs(5);

/// Looks whether the sweeper of inventory-svc keeps up: stock that is held for nothing for long is a fault that nobody
/// else would see.
pub struct WatchSweeper {
    pub inventory: InventoryServiceClient<Channel>,
    /// How long a hold may be overdue before it is reported.
    pub tolerance: Duration,
}

impl Recurring for WatchSweeper {
    const SCHEDULE: &'static str = "0 * * * * *";
}

#[async_trait]
impl Job for WatchSweeper {
    const KIND: &'static str = "watch_sweeper";
    const POLICY: Policy = Policy {
        // The next tick is near.
        max_attempts: 3,
        first_pause: Duration::from_secs(5),
        timeout: Duration::from_secs(10),
        ..Policy::DEFAULT
    };
    type Payload = Tick;

    async fn run(&self, _: Tick) -> anyhow::Result<()> {
        let request = grpc::request(ExpireReservationsRequest { dry_run: true }, CALL_DEADLINE);
        let found = match self.inventory.clone().expire_reservations(request).await {
            Ok(response) => response.into_inner(),
            Err(status) => bail!("inventory-svc answered {:?}", status.code()),
        };
        let oldest = Duration::from_secs(found.oldest_overdue_seconds.try_into().unwrap_or(0));
        if found.overdue > 0 && oldest > self.tolerance {
            tracing::error!(
                holds.overdue = found.overdue,
                holds.oldest_overdue_seconds = found.oldest_overdue_seconds,
                "stock is held past its time: does the sweeper of inventory-svc run, and can it reach order-svc?"
            );
        }
        Ok(())
    }
}
