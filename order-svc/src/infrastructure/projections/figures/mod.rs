//! What orders add up to: by day, by discount code, by customer. Each order's whole contribution is kept, and the sums move
//! by the difference of the new one and the one that it replaces. A guard by version on the sums themselves would drop
//! what an earlier event, coming late, had to add.

pub(crate) mod aggregates;
mod contribution;

use std::collections::{HashMap, HashSet};

use aggregates::Moves;
use chassis::Result;
pub(crate) use contribution::Contribution;
use proto::events::order::OrderData;
use sqlx::PgConnection;
use uuid::Uuid;

use super::target::Schema;

/// Counts orders, sorted by id. A late or repeated event loses against what is counted.
pub(super) async fn apply(
    tx: &mut PgConnection,
    schema: Schema,
    orders: &[OrderData],
) -> Result<()> {
    let told: Vec<Contribution> = orders.iter().map(Contribution::of).collect();
    let new = insert(tx, schema, &told).await?;
    let (first, later): (Vec<_>, Vec<_>) = told
        .into_iter()
        .partition(|order| new.contains(&order.order_id));
    let mut moves = Moves::default();
    for order in &first {
        moves.add(order);
    }
    if !later.is_empty() {
        let known = lock(
            tx,
            schema,
            later.iter().map(|order| order.order_id).collect(),
        )
        .await?;
        let newer: Vec<Contribution> = later
            .into_iter()
            .filter(|order| {
                let before = known.get(&order.order_id);
                before.is_some_and(|before| before.version < order.version)
            })
            .collect();
        for order in &newer {
            if let Some(before) = known.get(&order.order_id) {
                moves.remove(before);
            }
            moves.add(order);
        }
        replace(tx, schema, &newer).await?;
    }
    moves.write(tx, schema).await
}

/// Counts orders as they are given, whatever was counted before, and no longer counts those of `gone`.
pub(super) async fn rewrite(
    tx: &mut PgConnection,
    schema: Schema,
    orders: &[OrderData],
    gone: &[Uuid],
) -> Result<()> {
    let mut ids: Vec<Uuid> = orders.iter().map(|order| order.order_id).collect();
    ids.extend(gone);
    ids.sort_unstable();
    let mut moves = Moves::default();
    for before in lock(tx, schema, ids.clone()).await?.values() {
        moves.remove(before);
    }
    sqlx::query(schema.sql("delete from read_model.order_figures where order_id = any($1)"))
        .bind(ids)
        .execute(&mut *tx)
        .await?;
    let told: Vec<Contribution> = orders.iter().map(Contribution::of).collect();
    insert(tx, schema, &told).await?;
    for order in &told {
        moves.add(order);
    }
    moves.write(tx, schema).await
}

/// Those that were not there, which they are now. A transaction that inserts one of them is waited for.
async fn insert(
    tx: &mut PgConnection,
    schema: Schema,
    orders: &[Contribution],
) -> Result<HashSet<Uuid>> {
    let columns = Columns::of(orders);
    let new: Vec<Uuid> = sqlx::query_scalar(schema.sql(
        "insert into read_model.order_figures
                (order_id, version, customer_id, currency, day, placed_at, code, cancelled, units, gross, discount,
                 points_value, revenue, refunded, points)
         select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::date[], $6::timestamptz[], $7::text[],
                              $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
                              $14::bigint[], $15::bigint[])
         on conflict do nothing returning order_id",
    ))
    .bind(columns.ids)
    .bind(columns.versions)
    .bind(orders.iter().map(|order| order.customer_id).collect::<Vec<_>>())
    .bind(columns.currencies)
    .bind(columns.days)
    .bind(orders.iter().map(|order| order.placed_at).collect::<Vec<_>>())
    .bind(columns.codes)
    .bind(columns.cancelled)
    .bind(columns.units)
    .bind(columns.gross)
    .bind(columns.discounts)
    .bind(columns.points_values)
    .bind(columns.revenues)
    .bind(columns.refunds)
    .bind(columns.points)
    .fetch_all(tx)
    .await?;
    Ok(new.into_iter().collect())
}

/// What is counted of these orders, locked.
async fn lock(
    tx: &mut PgConnection,
    schema: Schema,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, Contribution>> {
    let known: Vec<Contribution> = sqlx::query_as(schema.sql(
        "select order_id, version, customer_id, currency, day, placed_at, code, cancelled, units, gross, discount,
                points_value, revenue, refunded, points
           from read_model.order_figures where order_id = any($1) order by order_id for no key update",
    ))
    .bind(ids)
    .fetch_all(tx)
    .await?;
    Ok(known
        .into_iter()
        .map(|order| (order.order_id, order))
        .collect())
}

/// Customer and time of an order never change.
async fn replace(tx: &mut PgConnection, schema: Schema, orders: &[Contribution]) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(orders);
    sqlx::query(schema.sql(
        "update read_model.order_figures as known
            set version = told.version, currency = told.currency, day = told.day, code = told.code,
                cancelled = told.cancelled, units = told.units, gross = told.gross, discount = told.discount,
                points_value = told.points_value, revenue = told.revenue, refunded = told.refunded, points = told.points
           from unnest($1::uuid[], $2::bigint[], $3::text[], $4::date[], $5::text[], $6::bigint[], $7::bigint[],
                       $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
                as told (order_id, version, currency, day, code, cancelled, units, gross, discount, points_value,
                         revenue, refunded, points)
          where known.order_id = told.order_id",
    ))
    .bind(columns.ids)
    .bind(columns.versions)
    .bind(columns.currencies)
    .bind(columns.days)
    .bind(columns.codes)
    .bind(columns.cancelled)
    .bind(columns.units)
    .bind(columns.gross)
    .bind(columns.discounts)
    .bind(columns.points_values)
    .bind(columns.revenues)
    .bind(columns.refunds)
    .bind(columns.points)
    .execute(tx)
    .await?;
    Ok(())
}

/// Contributions, column by column.
struct Columns<'a> {
    ids: Vec<Uuid>,
    versions: Vec<i64>,
    currencies: Vec<&'a str>,
    days: Vec<chrono::NaiveDate>,
    codes: Vec<Option<&'a str>>,
    cancelled: Vec<i64>,
    units: Vec<i64>,
    gross: Vec<i64>,
    discounts: Vec<i64>,
    points_values: Vec<i64>,
    revenues: Vec<i64>,
    refunds: Vec<i64>,
    points: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(orders: &'a [Contribution]) -> Self {
        fn column<'a, T>(
            orders: &'a [Contribution],
            value: impl FnMut(&'a Contribution) -> T,
        ) -> Vec<T> {
            orders.iter().map(value).collect()
        }
        Self {
            ids: column(orders, |order| order.order_id),
            versions: column(orders, |order| order.version),
            currencies: column(orders, |order| order.currency.as_str()),
            days: column(orders, |order| order.day),
            codes: column(orders, |order| order.code.as_deref()),
            cancelled: column(orders, |order| order.cancelled),
            units: column(orders, |order| order.units),
            gross: column(orders, |order| order.gross),
            discounts: column(orders, |order| order.discount),
            points_values: column(orders, |order| order.points_value),
            revenues: column(orders, |order| order.revenue),
            refunds: column(orders, |order| order.refunded),
            points: column(orders, |order| order.points),
        }
    }
}
