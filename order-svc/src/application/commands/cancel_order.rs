use chassis::{Result, idempotency::Answer};

use crate::{
    application::{
        OrderView,
        changing::{Changing, Target},
        now,
    },
    domain::{Pieces, Reason},
};

/// Cancels an order, or pieces of it. The stock goes back when inventory-svc hears of it.
pub struct CancelOrder {
    pub target: Target,
    pub reason: Option<Reason>,
    /// None: the whole order.
    pub pieces: Option<Pieces>,
}

pub struct CancelOrderHandler {
    changing: Changing,
}

impl CancelOrderHandler {
    pub(crate) fn new(changing: Changing) -> Self {
        Self { changing }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`, `illegal-transition` once the goods have left, `validation` naming a line of which
    /// the order has not as much.
    #[tracing::instrument(name = "cancel_order", skip_all, fields(order.id = %command.target.order_id))]
    pub async fn handle(&self, command: CancelOrder) -> Result<Answer<OrderView>> {
        let CancelOrder {
            target,
            reason,
            pieces,
        } = command;
        self.changing
            .make(&target, |order| match &pieces {
                None => Ok(order.cancel(reason.clone(), now())?),
                Some(pieces) => Ok(Some(order.cancel_pieces(pieces, reason.clone(), now())?)),
            })
            .await
    }
}
