use std::collections::BTreeMap;

use async_trait::async_trait;
use chassis::{Result, amqp::EventHandler};
use proto::{cloudevents::CloudEvent, events::inventory::StockConfirmed};
use sqlx::PgConnection;
use uuid::Uuid;

use super::change_many;

/// Moves orders from placed to confirmed once inventory-svc has their stock safe.
pub struct ConfirmOrders;

#[async_trait]
impl EventHandler for ConfirmOrders {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        let mut confirmed: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for event in events {
            let stock: StockConfirmed = event.data()?;
            confirmed
                .entry(stock.order_id)
                .or_default()
                .extend(stock.holds);
        }
        change_many(tx, &confirmed, |order, holds, at| order.confirm(holds, at)).await
    }
}
