use std::sync::Arc;

use chassis::{
    Result,
    idempotency::{Answer, Once},
};
use uuid::Uuid;

use crate::{
    application::ports::{LoyaltyBook, PointsView},
    domain::Adjustment,
};

/// Gives a customer points, or takes some away.
pub struct AdjustPoints {
    pub customer_id: Uuid,
    pub adjustment: Adjustment,
    pub actor: Uuid,
    pub once: Option<Once>,
}

pub struct AdjustPointsHandler {
    loyalty: Arc<dyn LoyaltyBook>,
}

impl AdjustPointsHandler {
    pub(crate) fn new(loyalty: Arc<dyn LoyaltyBook>) -> Self {
        Self { loyalty }
    }

    /// # Errors
    /// `not-enough-points` when the customer has fewer than are to be taken away.
    #[tracing::instrument(name = "adjust_points", skip_all, fields(customer.id = %command.customer_id))]
    pub async fn handle(&self, command: AdjustPoints) -> Result<Answer<PointsView>> {
        self.loyalty
            .adjust(
                command.customer_id,
                &command.adjustment,
                command.actor,
                command.once.as_ref(),
            )
            .await
    }
}
