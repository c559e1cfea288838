//! Placing orders: any number in one transaction, each with the decision that its hold is its own.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use async_trait::async_trait;
use chassis::{Result, batch::Batches};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::LineColumns;
use crate::{
    application::ports::{Change, Placed, Placement},
    infrastructure::postgres::event_log,
};

/// Orders to be placed, as a batch.
pub struct Placements {
    pub(super) pool: PgPool,
}

type HoldKey = (Uuid, i32);

#[async_trait]
impl Batches for Placements {
    type Request = Placement;
    type Answer = Placed;

    const NAME: &'static str = "orders";
    const BUSY: &'static str = "orders-busy";

    fn rows(placement: &Placement) -> usize {
        placement.order.lines.len()
    }

    fn deadline(_: &Placement) -> Option<Instant> {
        // Its stock is held: whoever asked for it will ask again, and had better find it placed.
        None
    }

    async fn write(&self, batch: &[Placement]) -> Result<Vec<Result<Placed>>> {
        let mut tx = self.pool.begin().await?;
        let committed = commit_holds(&mut tx, batch).await?;
        let mut fresh: Vec<&Placement> = Vec::with_capacity(batch.len());
        let mut placed = Vec::with_capacity(batch.len());
        let mut seen: HashSet<HoldKey> = HashSet::with_capacity(batch.len());
        let mut lost = Vec::new();
        for placement in batch {
            let key = key(placement);
            placed.push(if !seen.insert(key) {
                // A twin in this batch goes first.
                Some(Placed::ByTwin)
            } else if committed.contains(&key) {
                fresh.push(placement);
                Some(Placed::Committed)
            } else {
                lost.push(key);
                None
            });
        }
        let outcomes = outcomes(&mut tx, &lost).await?;
        insert(&mut tx, &fresh).await?;
        fail::fail_point!("place-before-commit", |_| Err(chassis::Error::unavailable(
            anyhow::anyhow!("failpoint")
        )));
        tx.commit().await?;
        fail::fail_point!("place-outcome-unknown", |_| Err(
            chassis::Error::unavailable(anyhow::anyhow!("failpoint"))
        ));
        Ok(batch
            .iter()
            .zip(placed)
            .map(|(placement, placed)| {
                Ok(
                    placed.unwrap_or_else(|| match outcomes.get(&key(placement)) {
                        Some(outcome) if outcome == "committed" => Placed::ByTwin,
                        Some(_) | None => Placed::HoldClosed,
                    }),
                )
            })
            .collect())
    }
}

fn key(placement: &Placement) -> HoldKey {
    (placement.order.id, placement.hold_no)
}

/// Inserts `committed` for each hold, and answers for which it was the first. Waits for inserts of the same keys that are in
/// flight; in the order of the keys, so that two transactions do not wait for each other in a ring.
async fn commit_holds(tx: &mut PgConnection, batch: &[Placement]) -> Result<HashSet<HoldKey>> {
    let mut keys: Vec<HoldKey> = batch.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    let (orders, hold_nos): (Vec<Uuid>, Vec<i32>) = keys.into_iter().unzip();
    let committed = sqlx::query!(
        "insert into decisions (order_id, hold_no, outcome)
         select order_id, hold_no, 'committed' from unnest($1::uuid[], $2::int[]) as t (order_id, hold_no)
         on conflict do nothing
         returning order_id, hold_no",
        &orders,
        &hold_nos,
    )
    .fetch_all(tx)
    .await?;
    Ok(committed
        .into_iter()
        .map(|row| (row.order_id, row.hold_no))
        .collect())
}

/// What was decided about holds before. A statement of its own: it sees what the inserts have waited for.
async fn outcomes(tx: &mut PgConnection, keys: &[HoldKey]) -> Result<HashMap<HoldKey, String>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let (orders, hold_nos): (Vec<Uuid>, Vec<i32>) = keys.iter().copied().unzip();
    let rows = sqlx::query!(
        "select order_id, hold_no, outcome
           from decisions join unnest($1::uuid[], $2::int[]) as t (order_id, hold_no) using (order_id, hold_no)",
        &orders,
        &hold_nos,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.order_id, row.hold_no), row.outcome))
        .collect())
}

async fn insert(tx: &mut PgConnection, placements: &[&Placement]) -> Result<()> {
    if placements.is_empty() {
        return Ok(());
    }
    let orders = || placements.iter().map(|placement| &placement.order);
    let ids: Vec<Uuid> = orders().map(|order| order.id).collect();
    let customers: Vec<Uuid> = orders().map(|order| order.customer_id).collect();
    let statuses: Vec<String> = orders()
        .map(|order| order.status.as_str().to_owned())
        .collect();
    let currencies: Vec<String> = orders().map(|order| order.currency.clone()).collect();
    let points: Vec<i64> = orders().map(|order| order.points_redeemed).collect();
    let point_values: Vec<i64> = orders().map(|order| order.point_value).collect();
    let codes: Vec<Option<String>> = orders()
        .map(|order| order.incentive.clone()?.discount_code)
        .collect();
    let redeem: Vec<Option<i64>> = orders()
        .map(|order| order.incentive.clone()?.redeem_points)
        .collect();
    let hold_nos: Vec<i32> = placements
        .iter()
        .map(|placement| placement.hold_no)
        .collect();
    let fingerprints: Vec<Vec<u8>> = placements
        .iter()
        .map(|placement| placement.fingerprint.clone())
        .collect();
    let responses = placements
        .iter()
        .map(|placement| serde_json::to_value(&placement.response))
        .collect::<Result<Vec<_>, _>>()?;
    let times: Vec<_> = orders().map(|order| order.placed_at).collect();
    let lines = LineColumns::of(orders());
    sqlx::query!(
        "with placed as (
             insert into orders (id, customer_id, status, version, currency, points_redeemed, point_value, discount_code,
                                 redeem_points, holds, fingerprint, response, placed_at, updated_at)
             select id, customer_id, status, 1, currency, points, point_value, code, redeem, array[hold_no], fingerprint,
                    response, placed_at, placed_at
               from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
                           $8::bigint[], $9::int[], $10::bytea[], $11::jsonb[], $12::timestamptz[])
                 as t (id, customer_id, status, currency, points, point_value, code, redeem, hold_no, fingerprint,
                       response, placed_at)
         )
         insert into order_lines (order_id, line_no, sku, name, quantity, unit_price, discount, points_value)
         select * from unnest($13::uuid[], $14::int[], $15::text[], $16::text[], $17::bigint[], $18::bigint[],
                              $19::bigint[], $20::bigint[])",
        &ids,
        &customers,
        &statuses,
        &currencies,
        &points,
        &point_values,
        &codes as &[Option<String>],
        &redeem as &[Option<i64>],
        &hold_nos,
        &fingerprints,
        &responses,
        &times,
        &lines.orders,
        &lines.line_nos,
        &lines.skus,
        &lines.names,
        &lines.quantities,
        &lines.prices,
        &lines.discounts,
        &lines.points_values,
    )
    .execute(&mut *tx)
    .await?;
    let changes: Vec<Change<'_>> = placements
        .iter()
        .map(|placement| Change {
            order: &placement.order,
            event: &placement.event,
            actor: placement.actor,
            traceparent: placement.traceparent.as_deref(),
        })
        .collect();
    event_log::append(tx, &changes).await
}
