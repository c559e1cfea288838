use chassis::{Result, idempotency::Answer};

use crate::application::{
    OrderView,
    changing::{Changing, Target},
    now,
};

/// Notes that the goods have left. Only what is confirmed leaves.
pub struct ShipOrder {
    pub target: Target,
}

pub struct ShipOrderHandler {
    changing: Changing,
}

impl ShipOrderHandler {
    pub(crate) fn new(changing: Changing) -> Self {
        Self { changing }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`, `illegal-transition`.
    #[tracing::instrument(name = "ship_order", skip_all, fields(order.id = %command.target.order_id))]
    pub async fn handle(&self, command: ShipOrder) -> Result<Answer<OrderView>> {
        self.changing
            .make(&command.target, |order| Ok(order.ship(now())?))
            .await
    }
}
