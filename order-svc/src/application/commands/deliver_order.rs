use chassis::{Result, idempotency::Answer};

use crate::application::{
    OrderView,
    changing::{Changing, Target},
    now,
};

/// Notes that the customer has the goods.
pub struct DeliverOrder {
    pub target: Target,
}

pub struct DeliverOrderHandler {
    changing: Changing,
}

impl DeliverOrderHandler {
    pub(crate) fn new(changing: Changing) -> Self {
        Self { changing }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`, `illegal-transition`.
    #[tracing::instrument(name = "deliver_order", skip_all, fields(order.id = %command.target.order_id))]
    pub async fn handle(&self, command: DeliverOrder) -> Result<Answer<OrderView>> {
        self.changing
            .make(&command.target, |order| Ok(order.deliver(now())?))
            .await
    }
}
