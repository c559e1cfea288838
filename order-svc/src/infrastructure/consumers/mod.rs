//! What this service hears from the others, and what it changes of the write model.

mod points;
mod stock;

use std::collections::BTreeMap;

use chassis::{Error, Result};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::postgres::{load_many, save_many};
use crate::{
    application::{now, ports::Change},
    domain::{Actor, Order, OrderEvent},
};

pub use points::WithholdPoints;
pub use stock::ConfirmOrders;

/// Changes the orders that there is news of, in the caller's transaction. An order that is unknown is passed over.
async fn change_many<News: Sync>(
    tx: &mut PgConnection,
    news: &BTreeMap<Uuid, News>,
    change: impl Fn(&mut Order, &News, DateTime<Utc>) -> Option<OrderEvent>,
) -> Result<()> {
    let ids: Vec<Uuid> = news.keys().copied().collect();
    let at = now();
    let changed: Vec<_> = load_many(tx, &ids)
        .await?
        .into_iter()
        .filter_map(|mut order| {
            let news = news.get(&order.id)?;
            let event = change(&mut order, news, at)?;
            Some((order, event))
        })
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let changes: Vec<_> = changed
        .iter()
        .map(|(order, event)| Change {
            order,
            event,
            actor: Actor::System,
            traceparent: None,
        })
        .collect();
    if save_many(tx, &changes).await? {
        Ok(())
    } else {
        // The rows are locked: nobody else can have changed them.
        Err(Error::internal(anyhow::anyhow!("a locked order changed")))
    }
}
