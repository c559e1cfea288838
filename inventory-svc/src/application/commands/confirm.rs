use std::sync::Arc;

use chassis::Result;
use uuid::Uuid;

use crate::{
    application::ports::Holds,
    domain::{HoldKey, Settlement},
};

/// Makes a hold safe from the sweeper: an order has it.
pub struct Confirm {
    pub key: HoldKey,
    pub token: Uuid,
}

pub struct ConfirmHandler {
    holds: Arc<dyn Holds>,
}

impl ConfirmHandler {
    pub(crate) fn new(holds: Arc<dyn Holds>) -> Self {
        Self { holds }
    }

    /// # Errors
    /// `not-found`, `wrong-token`, `hold-closed`.
    #[tracing::instrument(name = "confirm", skip_all, fields(
        order.id = %command.key.order_id, hold.no = command.key.hold_no
    ))]
    pub async fn handle(&self, command: Confirm) -> Result<()> {
        let token = command.token;
        self.holds
            .settle(command.key, Settlement::Confirm { token })
            .await
    }
}
