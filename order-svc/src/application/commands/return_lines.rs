use chassis::{Result, idempotency::Answer};

use crate::{
    application::{
        OrderView,
        changing::{Changing, Target},
        now,
    },
    domain::{Pieces, Reason},
};

/// Takes goods back, and refunds what they had cost.
pub struct ReturnLines {
    pub target: Target,
    pub pieces: Pieces,
    pub reason: Option<Reason>,
    /// Whether they can be sold again.
    pub restock: bool,
}

pub struct ReturnLinesHandler {
    changing: Changing,
}

impl ReturnLinesHandler {
    pub(crate) fn new(changing: Changing) -> Self {
        Self { changing }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`, `illegal-transition` before the goods have left, `validation` naming a line of which
    /// the customer has not as much.
    #[tracing::instrument(name = "return_lines", skip_all, fields(order.id = %command.target.order_id))]
    pub async fn handle(&self, command: ReturnLines) -> Result<Answer<OrderView>> {
        let ReturnLines {
            target,
            pieces,
            reason,
            restock,
        } = command;
        self.changing
            .make(&target, |order| {
                Ok(Some(order.return_pieces(
                    &pieces,
                    restock,
                    reason.clone(),
                    now(),
                )?))
            })
            .await
    }
}
