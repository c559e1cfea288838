use std::collections::BTreeMap;

use async_trait::async_trait;
use chassis::{Error, Result, amqp::EventHandler};
use proto::{cloudevents::CloudEvent, events::inventory::StockConfirmed};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    application::{now, ports::Change},
    domain::Actor,
    infrastructure::postgres::{load_many, save_many},
};

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
        let ids: Vec<Uuid> = confirmed.keys().copied().collect();
        let at = now();
        let changed: Vec<_> = load_many(tx, &ids)
            .await?
            .into_iter()
            .filter_map(|mut order| {
                let event = order.confirm(confirmed.get(&order.id)?, at)?;
                Some((order, event))
            })
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let changed: Vec<_> = changed
            .iter()
            .map(|(order, event)| Change {
                order,
                event,
                actor: Actor::System,
            })
            .collect();
        if save_many(tx, &changed).await? {
            Ok(())
        } else {
            // The rows are locked: nobody else can have changed them.
            Err(Error::internal(anyhow::anyhow!("a locked order changed")))
        }
    }
}
