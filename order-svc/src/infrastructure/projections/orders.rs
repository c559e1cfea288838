//! `read_model.orders`: each order as its owner sees it.

use std::collections::HashSet;

use chassis::Result;
use proto::events::order::OrderData;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{search, target::Schema};
use crate::{
    application::{IncentiveView, LineView, OrderView},
    infrastructure::postgres::status,
};

/// Shows orders, sorted by id. A late or repeated event loses against what is there: the view never goes backwards.
pub(super) async fn apply(
    tx: &mut PgConnection,
    schema: Schema,
    orders: &[OrderData],
) -> Result<()> {
    let views: Vec<OrderView> = orders.iter().map(view).collect();
    let ids: Vec<Uuid> = views.iter().map(|order| order.id).collect();
    let customers: Vec<Uuid> = views.iter().map(|order| order.customer_id).collect();
    let statuses: Vec<&str> = views.iter().map(|order| order.status.as_str()).collect();
    let versions: Vec<i64> = views.iter().map(|order| order.version).collect();
    let times: Vec<_> = views.iter().map(|order| order.placed_at).collect();
    let documents = views
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<Vec<_>, _>>()?;
    let written: Vec<Uuid> = sqlx::query_scalar(schema.sql(
        "insert into read_model.orders as shown (order_id, customer_id, status, version, placed_at, document)
         select id, customer, status, version, placed_at, document::jsonb
           from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[])
                as told (id, customer, status, version, placed_at, document)
         on conflict (order_id) do update
            set status = excluded.status, version = excluded.version, document = excluded.document
          where shown.version < excluded.version
         returning order_id",
    ))
    .bind(ids)
    .bind(customers)
    .bind(statuses)
    .bind(versions)
    .bind(times)
    .bind(documents)
    .fetch_all(&mut *tx)
    .await?;
    let written: HashSet<Uuid> = written.into_iter().collect();
    let changed = orders
        .iter()
        .filter(|order| written.contains(&order.order_id));
    search::write(tx, schema, changed).await
}

/// Shows orders as they are given, whatever was shown before, and no longer shows those of `gone`.
pub(super) async fn rewrite(
    tx: &mut PgConnection,
    schema: Schema,
    orders: &[OrderData],
    gone: &[Uuid],
) -> Result<()> {
    let ids: Vec<Uuid> = orders.iter().map(|order| order.order_id).collect();
    for statement in [
        "delete from read_model.orders where order_id = any($1) or order_id = any($2)",
        "delete from read_model.order_search where order_id = any($1) or order_id = any($2)",
    ] {
        sqlx::query(schema.sql(statement))
            .bind(&ids)
            .bind(gone)
            .execute(&mut *tx)
            .await?;
    }
    apply(tx, schema, orders).await
}

/// The order as its owner sees it.
pub(crate) fn view(order: &OrderData) -> OrderView {
    OrderView {
        id: order.order_id,
        customer_id: order.customer_id,
        status: status(order.status).as_str().to_owned(),
        version: order.version,
        currency: order.currency.clone(),
        lines: order
            .lines
            .iter()
            .map(|line| LineView {
                sku: line.sku.clone(),
                name: line.name.clone(),
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
        incentive: order.incentive.as_ref().map(|incentive| IncentiveView {
            discount_code: incentive.discount_code.clone(),
            redeem_points: incentive.redeem_points,
        }),
        placed_at: order.placed_at,
        updated_at: order.updated_at,
    }
}
