//! Looks after holds that nobody decided. Several replicas may do so at once: each hold is settled by compare-and-set.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::application::{
    App,
    commands::{ExpireReservations, ExpireReservationsHandler},
};

const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        let more = turn(&app).await;
        if more && !stop.is_cancelled() {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// One turn; whether there is more to do at once.
async fn turn(app: &App) -> bool {
    let command = ExpireReservations { dry_run: false };
    match app.commands.expire_reservations.handle(command).await {
        Ok(swept) => {
            let overdue = i32::try_from(swept.overdue).unwrap_or(i32::MAX);
            metrics::gauge!("holds_overdue").set(f64::from(overdue));
            if swept.expired > 0 {
                tracing::info!(
                    expired = swept.expired,
                    "holds that no order has were given back"
                );
            }
            // Holds that are undecided just now are not worth a hurry.
            swept.overdue >= ExpireReservationsHandler::BATCH && swept.settled() > 0
        }
        Err(error) if error.is_transient() => {
            tracing::warn!(?error, "the sweeper could not ask; it will again");
            false
        }
        Err(error) => {
            tracing::error!(?error, "the sweeper failed");
            false
        }
    }
}
