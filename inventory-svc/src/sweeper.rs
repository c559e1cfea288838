//! Looks after holds that nobody decided. Several replicas may do so at once: each hold is settled by compare-and-set.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::application::{App, commands::ExpireReservations};

const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        match app
            .commands
            .expire_reservations
            .handle(ExpireReservations { dry_run: false })
            .await
        {
            Ok(swept) => {
                metrics::gauge!("holds_overdue")
                    .set(f64::from(i32::try_from(swept.overdue).unwrap_or(i32::MAX)));
                if swept.expired > 0 {
                    tracing::info!(
                        expired = swept.expired,
                        "holds that no order has were given back"
                    );
                }
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(?error, "the sweeper could not ask; it will again");
            }
            Err(error) => tracing::error!(?error, "the sweeper failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => return,
        }
    }
}
