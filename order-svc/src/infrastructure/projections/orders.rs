use std::collections::HashMap;

use async_trait::async_trait;
use chassis::{Result, amqp::EventHandler};
use proto::{
    cloudevents::CloudEvent,
    events::order::{OrderData, Status},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    application::{IncentiveView, LineView, OrderView},
    domain,
};

/// Feeds `read_model.orders`: each order as its newest event tells it.
pub struct ProjectOrders;

#[async_trait]
impl EventHandler for ProjectOrders {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        let mut newest: HashMap<Uuid, OrderView> = HashMap::new();
        for event in events {
            let order = view(event.data()?);
            match newest.get(&order.id) {
                Some(known) if known.version >= order.version => {}
                _ => {
                    newest.insert(order.id, order);
                }
            }
        }
        let mut orders: Vec<OrderView> = newest.into_values().collect();
        // Two replicas write in the same order, and do not wait for each other in a ring.
        orders.sort_unstable_by_key(|order| order.id);
        upsert(tx, &orders).await
    }
}

/// A late or repeated event loses against what is there: the view never goes backwards.
async fn upsert(tx: &mut PgConnection, orders: &[OrderView]) -> Result<()> {
    let ids: Vec<Uuid> = orders.iter().map(|order| order.id).collect();
    let customers: Vec<Uuid> = orders.iter().map(|order| order.customer_id).collect();
    let statuses: Vec<String> = orders.iter().map(|order| order.status.clone()).collect();
    let versions: Vec<i64> = orders.iter().map(|order| order.version).collect();
    let times: Vec<_> = orders.iter().map(|order| order.placed_at).collect();
    let documents = orders
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "insert into read_model.orders as shown (order_id, customer_id, status, version, placed_at, document)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], $6::jsonb[])
         on conflict (order_id) do update
            set status = excluded.status, version = excluded.version, document = excluded.document
          where shown.version < excluded.version",
        &ids,
        &customers,
        &statuses,
        &versions,
        &times,
        &documents,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Shows these orders as they are given, whatever was shown before, and no longer shows those of `gone`. Whoever calls
/// this has locked the orders: no newer version can exist.
pub(crate) async fn rewrite(
    tx: &mut PgConnection,
    orders: &[OrderView],
    gone: &[Uuid],
) -> Result<()> {
    let ids: Vec<Uuid> = orders.iter().map(|order| order.id).collect();
    sqlx::query!(
        "delete from read_model.orders where order_id = any($1) or order_id = any($2)",
        &ids,
        gone,
    )
    .execute(&mut *tx)
    .await?;
    upsert(tx, orders).await
}

/// The order as its owner sees it.
pub(crate) fn view(order: OrderData) -> OrderView {
    let status = match order.status {
        Status::Placed => domain::Status::Placed,
        Status::Confirmed => domain::Status::Confirmed,
        Status::Shipped => domain::Status::Shipped,
        Status::Delivered => domain::Status::Delivered,
        Status::Cancelled => domain::Status::Cancelled,
    };
    OrderView {
        id: order.order_id,
        customer_id: order.customer_id,
        status: status.as_str().to_owned(),
        version: order.version,
        currency: order.currency,
        lines: order
            .lines
            .into_iter()
            .map(|line| LineView {
                sku: line.sku,
                name: line.name,
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
                points_value: line.points_value,
                total: line.total,
                cancelled_quantity: line.cancelled_quantity,
                returned_quantity: line.returned_quantity,
            })
            .collect(),
        subtotal: order.subtotal,
        discount: order.discount,
        points_redeemed: order.points_redeemed,
        points_returned: order.points_returned,
        total: order.total,
        refunded: order.refunded,
        points_withheld: order.points_withheld,
        incentive: order.incentive.map(|incentive| IncentiveView {
            discount_code: incentive.discount_code,
            redeem_points: incentive.redeem_points,
        }),
        placed_at: order.placed_at,
        updated_at: order.updated_at,
    }
}
