use std::sync::Arc;

use chassis::Result;

use crate::application::ports::{Decision, Decisions, HoldRef};

/// Answers inventory-svc's sweeper. A hold that no order has committed is closed by this, for good.
pub struct DecideHolds {
    pub holds: Vec<HoldRef>,
}

pub struct DecideHoldsHandler {
    decisions: Arc<dyn Decisions>,
}

impl DecideHoldsHandler {
    pub(crate) fn new(decisions: Arc<dyn Decisions>) -> Self {
        Self { decisions }
    }

    /// One answer for each hold, in their order; None: ask again.
    ///
    /// # Errors
    /// `unavailable` when the database is away.
    #[tracing::instrument(name = "decide_holds", skip_all)]
    pub async fn handle(&self, command: DecideHolds) -> Result<Vec<Option<Decision>>> {
        self.decisions.close_uncommitted(&command.holds).await
    }
}
