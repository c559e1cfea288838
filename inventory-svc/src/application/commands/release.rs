use std::sync::Arc;

use chassis::Result;
use uuid::Uuid;

use crate::{
    application::ports::Holds,
    domain::{HoldKey, Settlement},
};

/// Gives a hold back. A hold that is not known yet will be refused when it comes.
pub struct Release {
    pub key: HoldKey,
    pub token: Uuid,
}

pub struct ReleaseHandler {
    holds: Arc<dyn Holds>,
}

impl ReleaseHandler {
    pub(crate) fn new(holds: Arc<dyn Holds>) -> Self {
        Self { holds }
    }

    /// # Errors
    /// `wrong-token`, `hold-fulfilled`.
    #[tracing::instrument(name = "release", skip_all, fields(
        order.id = %command.key.order_id, hold.no = command.key.hold_no
    ))]
    pub async fn handle(&self, command: Release) -> Result<()> {
        let token = command.token;
        self.holds
            .settle(command.key, Settlement::Release { token })
            .await
    }
}
