use std::sync::Arc;

use chassis::{Error, Result};
use uuid::Uuid;

use crate::{
    application::{
        OrderView,
        errors::{stale, unknown_order},
        freshness::Freshness,
        now,
        ports::{Change, Orders},
    },
    domain::{Actor, Reason},
};

/// Cancels a whole order. The stock goes back when inventory-svc hears of it.
pub struct CancelOrder {
    pub order_id: Uuid,
    pub reason: Option<Reason>,
    pub actor: Actor,
    /// None for who may change every order.
    pub owner: Option<Uuid>,
    /// The version that the caller saw.
    pub expected_version: Option<i64>,
}

pub struct CancelOrderHandler {
    orders: Arc<dyn Orders>,
    freshness: Freshness,
}

impl CancelOrderHandler {
    /// A confirmation may come between reading and writing, but only once.
    const ATTEMPTS: usize = 5;

    pub(crate) fn new(orders: Arc<dyn Orders>, freshness: Freshness) -> Self {
        Self { orders, freshness }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`, `illegal-transition` once the goods have left.
    #[tracing::instrument(name = "cancel_order", skip_all, fields(order.id = %command.order_id))]
    pub async fn handle(&self, command: CancelOrder) -> Result<OrderView> {
        for _ in 0..Self::ATTEMPTS {
            let mut order = self
                .orders
                .load(command.order_id)
                .await?
                .ok_or_else(unknown_order)?;
            if command
                .owner
                .is_some_and(|owner| owner != order.customer_id)
            {
                return Err(unknown_order());
            }
            if command
                .expected_version
                .is_some_and(|expected| expected != order.version)
            {
                return Err(stale(order.version));
            }
            let Some(event) = order.cancel(command.reason.clone(), now())? else {
                return Ok(OrderView::from(&order));
            };
            let change = Change {
                order: &order,
                event: &event,
                actor: command.actor,
            };
            if self.orders.save(change).await? {
                metrics::counter!("orders_cancelled_total").increment(1);
                self.freshness
                    .note(order.customer_id, order.id, order.version);
                return Ok(OrderView::from(&order));
            }
        }
        Err(Error::unavailable(anyhow::anyhow!(
            "the order changes too quickly"
        )))
    }
}
