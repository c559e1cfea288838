//! The read models: one file each, with the SQL that feeds it. One consumer feeds all of them, each batch of events in
//! one transaction.

mod figures;
mod orders;
mod rebuild;
mod search;
mod target;

use std::collections::HashMap;

use async_trait::async_trait;
use chassis::{Result, amqp::EventHandler};
use chrono::Utc;
pub(crate) use figures::{Contribution, aggregates::recompute};
pub(crate) use orders::view;
use proto::{cloudevents::CloudEvent, events::order::OrderData};
pub use rebuild::{CONNECTIONS, Rebuilt, View, rebuild};
pub(crate) use search::words;
use sqlx::PgConnection;
use target::Targets;
use uuid::Uuid;

/// Feeds every view: each order as its newest event tells it.
pub struct ProjectOrders;

#[async_trait]
impl EventHandler for ProjectOrders {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        let mut newest: HashMap<Uuid, OrderData> = HashMap::new();
        for event in events {
            let order: OrderData = event.data()?;
            match newest.get(&order.order_id) {
                Some(known) if known.version >= order.version => {}
                _ => {
                    newest.insert(order.order_id, order);
                }
            }
        }
        let orders = sorted(newest.into_values().collect());
        let targets = Targets::read(tx).await?;
        for schema in targets.of(View::Orders) {
            orders::apply(tx, *schema, &orders).await?;
        }
        for schema in targets.of(View::Figures) {
            figures::apply(tx, *schema, &orders).await?;
        }
        let now = Utc::now();
        for event in events {
            let lag = (now - event.time).as_seconds_f64().max(0.0);
            for view in View::ALL {
                metrics::histogram!("projection_lag_seconds", "view" => view.name()).record(lag);
            }
        }
        Ok(())
    }

    /// Many orders cost little more than one: the figures of a day are moved once for all of them.
    fn batch(&self) -> u16 {
        500
    }
}

/// Two transactions write in the same order, and do not wait for each other in a ring.
fn sorted(mut orders: Vec<OrderData>) -> Vec<OrderData> {
    orders.sort_unstable_by_key(|order| order.order_id);
    orders
}

/// Shows these orders as they are given, whatever was shown before, and no longer shows those of `gone`. Whoever calls
/// this has locked the orders: no newer version can exist.
pub(crate) async fn rewrite(
    tx: &mut PgConnection,
    orders: Vec<OrderData>,
    gone: &[Uuid],
) -> Result<()> {
    let orders = sorted(orders);
    let targets = Targets::read(tx).await?;
    for schema in targets.of(View::Orders) {
        orders::rewrite(tx, *schema, &orders, gone).await?;
    }
    for schema in targets.of(View::Figures) {
        figures::rewrite(tx, *schema, &orders, gone).await?;
    }
    Ok(())
}
