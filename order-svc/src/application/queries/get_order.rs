use std::sync::Arc;

use chassis::{Error, Result};
use uuid::Uuid;

use crate::application::{
    OrderView,
    errors::unknown_order,
    freshness::Patience,
    ports::{OrderViews, Seen},
};

/// One order.
pub struct GetOrder {
    pub order_id: Uuid,
    /// None for who may see every order.
    pub owner: Option<Uuid>,
}

pub struct GetOrderHandler {
    views: Arc<dyn OrderViews>,
}

impl GetOrderHandler {
    pub(crate) fn new(views: Arc<dyn OrderViews>) -> Self {
        Self { views }
    }

    /// Waits, for a bounded time, until the read model shows what was written of the order, by whichever process.
    ///
    /// # Errors
    /// `not-found`; `unavailable` for an order that was placed a moment ago and that the read model does not show yet.
    pub async fn handle(&self, query: GetOrder) -> Result<OrderView> {
        let GetOrder { order_id, owner } = query;
        let mut patience = Patience::new();
        loop {
            let Seen { shown, written } = self.views.order(order_id, owner).await?;
            let version = shown.as_ref().map_or(0, |order| order.version);
            let behind = written.is_some_and(|written| written > version);
            if behind && patience.wait().await {
                continue;
            }
            return match shown {
                // Late is better than never.
                Some(order) => Ok(order),
                None if behind => Err(Error::unavailable(anyhow::anyhow!(
                    "order {order_id} is not in the read model yet"
                ))),
                None => Err(unknown_order()),
            };
        }
    }
}
