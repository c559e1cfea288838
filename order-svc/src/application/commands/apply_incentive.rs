use chassis::{Result, idempotency::Answer};

use crate::{
    application::{
        OrderView,
        changing::{Holding, Needs, Target},
        now,
    },
    domain::Incentive,
};

/// Uses a discount code or points for an order that is placed. What it takes off is allotted over the lines as they are.
pub struct ApplyIncentive {
    pub target: Target,
    pub incentive: Incentive,
}

pub struct ApplyIncentiveHandler {
    holding: Holding,
}

impl ApplyIncentiveHandler {
    pub(crate) fn new(holding: Holding) -> Self {
        Self { holding }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`, `illegal-transition` once the goods have left, `incentive-already-applied`,
    /// `validation` naming a code or points that cannot be used.
    #[tracing::instrument(name = "apply_incentive", skip_all, fields(order.id = %command.target.order_id))]
    pub async fn handle(&self, command: ApplyIncentive) -> Result<Answer<OrderView>> {
        let ApplyIncentive { target, incentive } = command;
        self.holding
            .make(
                &target,
                |order| {
                    Ok(Needs {
                        incentive: order.missing_of(&incentive)?,
                        ..Needs::default()
                    })
                },
                |order, held| match (order.missing_of(&incentive)?, held) {
                    (Some(missing), Some(held)) => {
                        Ok(Some(order.apply_incentive(missing, held, now())?))
                    }
                    (None, _) | (_, None) => Ok(None),
                },
            )
            .await
    }
}
