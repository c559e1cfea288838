use std::sync::Arc;

use chassis::{Error, Result};
use uuid::Uuid;

use crate::application::{
    OrderView, errors::unknown_order, freshness::Freshness, ports::OrderViews,
};

/// One order.
pub struct GetOrder {
    pub order_id: Uuid,
    /// None for who may see every order.
    pub owner: Option<Uuid>,
}

pub struct GetOrderHandler {
    views: Arc<dyn OrderViews>,
    freshness: Freshness,
}

impl GetOrderHandler {
    pub(crate) fn new(views: Arc<dyn OrderViews>, freshness: Freshness) -> Self {
        Self { views, freshness }
    }

    /// # Errors
    /// `not-found`; `unavailable` for an order that was placed a moment ago and that the read model does not show yet.
    pub async fn handle(&self, query: GetOrder) -> Result<OrderView> {
        let GetOrder { order_id, owner } = query;
        let order = self.views.order(order_id, owner).await?;
        let shown = order.as_ref().map(|order| order.version);
        if !self.freshness.is_ahead_of(order_id, shown) {
            return order.ok_or_else(unknown_order);
        }
        let fresh = self.freshness.of_order(&self.views, order_id).await?;
        match self.views.order(order_id, owner).await? {
            Some(order) => Ok(order),
            None if fresh => Err(unknown_order()),
            None => Err(Error::unavailable(anyhow::anyhow!(
                "order {order_id} is not in the read model yet"
            ))),
        }
    }
}
