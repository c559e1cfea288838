use std::collections::BTreeMap;

use async_trait::async_trait;
use chassis::{Error, Result, amqp::EventHandler};
use proto::{
    cloudevents::CloudEvent,
    events::order::{OrderData, Status},
};
use sqlx::PgConnection;

use crate::{
    domain::{LoyaltyPolicy, OrderTarget, Sku, Stage},
    infrastructure::postgres::follow_orders,
};

/// Brings this service's side of each order to the order's own state.
pub struct FollowOrders {
    policy: LoyaltyPolicy,
}

impl FollowOrders {
    #[must_use]
    pub fn new(policy: LoyaltyPolicy) -> Self {
        Self { policy }
    }
}

#[async_trait]
impl EventHandler for FollowOrders {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        let targets = events
            .iter()
            .map(|event| target_of(event.data()?))
            .collect::<Result<_>>()?;
        follow_orders(tx, targets, &self.policy).await
    }
}

/// What an order means for its holds.
pub(crate) fn target_of(order: OrderData) -> Result<OrderTarget> {
    let mut wanted = BTreeMap::new();
    let mut restocked = BTreeMap::new();
    for line in &order.lines {
        let sku = Sku::parse(&line.sku).map_err(Error::internal)?;
        *restocked.entry(sku.clone()).or_default() += line.restocked_quantity;
        *wanted.entry(sku).or_default() += line.quantity - line.cancelled_quantity;
    }
    Ok(OrderTarget {
        order_id: order.order_id,
        customer_id: order.customer_id,
        version: order.version,
        stage: match order.status {
            Status::Placed | Status::Confirmed => Stage::Live,
            Status::Shipped => Stage::Shipped,
            Status::Delivered => Stage::Delivered,
            Status::Cancelled => Stage::Cancelled,
        },
        holds: order.holds,
        wanted,
        restocked,
        net: order.net.unwrap_or(order.total - order.refunded),
        points_spent: order.points_redeemed - order.points_returned,
        currency: order.currency,
    })
}
