//! Holds in the database. Whoever changes holds that are there locks in one order: followed orders, holds, then stock
//! rows by SKU, discount codes, loyalty accounts. Whoever takes new ones locks all but the holds in that order, and then
//! inserts these. As the first never waits for a hold that is still being inserted while it has stock locked, no two of
//! them wait for each other in a ring.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;
use chassis::{Error, Result, amqp::outbox};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use self::events::EventsOf;
use super::{
    code_uses::return_codes,
    loyalty::{follow_points, lock_customers, settle_points},
    stock_watch::note_crossings,
};
use crate::{
    application::ports::{Holds, Overdue, TakenHold, Taking},
    domain::{
        Changes, Hold, HoldKey, HoldLine, HoldState, Levels, LoyaltyPolicy, OrderTarget,
        PointsStage, PointsTarget, Settlement, Sku, Stage,
    },
};

mod allotments;
mod events;
mod take;
mod writer;

pub(super) use take::fingerprint;
pub use writer::BatchedHolds;

pub struct PgHolds {
    pool: PgPool,
    policy: LoyaltyPolicy,
}

impl PgHolds {
    #[must_use]
    pub fn new(pool: PgPool, policy: LoyaltyPolicy) -> Self {
        Self { pool, policy }
    }
}

#[async_trait]
impl Holds for PgHolds {
    async fn take(&self, taking: Taking) -> Result<TakenHold> {
        take::take_one(&self.pool, &self.policy, taking).await
    }

    async fn settle(&self, key: HoldKey, settlement: Settlement) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        if let Settlement::Release { .. } = settlement {
            // The tombstone: a Reserve that is still on its way will be refused.
            sqlx::query!(
                "insert into holds (order_id, hold_no, state) values ($1, $2, 'RELEASED') on conflict do nothing",
                key.order_id,
                key.hold_no,
            )
            .execute(&mut *tx)
            .await?;
        }
        let mut holds = lock_holds(&mut tx, &[key.order_id]).await?;
        let Some(hold) = holds.iter().find(|hold| hold.key == key).cloned() else {
            return Err(Error::not_found("no such hold"));
        };
        let changes = hold.settle(settlement)?;
        for (changed, state) in &changes.transitions {
            if let Some(hold) = holds.iter_mut().find(|hold| hold.key == *changed) {
                hold.state = *state;
            }
        }
        write_stock(&mut tx, &changes, &holds).await?;
        let events = settle_points(&mut tx, &changes.transitions, &self.policy).await?;
        outbox::append(&mut tx, events).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn overdue(&self, limit: i64) -> Result<Vec<Overdue>> {
        let rows = sqlx::query!(
            r#"select order_id, hold_no,
                      extract(epoch from clock_timestamp() - expires_at)::float8 as "by!"
                 from holds where state = 'HELD' and expires_at < clock_timestamp()
                order by expires_at limit $1"#,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Overdue {
                key: HoldKey {
                    order_id: row.order_id,
                    hold_no: row.hold_no,
                },
                by: Duration::try_from_secs_f64(row.by).unwrap_or_default(),
            })
            .collect())
    }
}

/// Brings the holds of these orders to the orders' state, in the caller's transaction. Of two states of one order
/// the newer counts; one that is older than what was seen before is passed over.
///
/// # Errors
/// When a committed hold is missing or was given back.
pub async fn follow_orders(
    tx: &mut PgConnection,
    targets: Vec<OrderTarget>,
    policy: &LoyaltyPolicy,
) -> Result<()> {
    let mut newest: BTreeMap<Uuid, OrderTarget> = BTreeMap::new();
    for target in targets {
        match newest.get(&target.order_id) {
            Some(known) if known.version >= target.version => {}
            _ => {
                newest.insert(target.order_id, target);
            }
        }
    }
    let (ids, versions): (Vec<Uuid>, Vec<i64>) = newest
        .values()
        .map(|target| (target.order_id, target.version))
        .unzip();
    let ahead = sqlx::query_scalar!(
        "insert into followed_orders as known (order_id, version)
         select * from unnest($1::uuid[], $2::bigint[])
         on conflict (order_id) do update set version = excluded.version where known.version < excluded.version
         returning order_id",
        &ids,
        &versions,
    )
    .fetch_all(&mut *tx)
    .await?;
    if ahead.is_empty() {
        return Ok(());
    }
    let mut holds = lock_holds(tx, &ahead).await?;
    let mut changes = Changes::default();
    for order_id in &ahead {
        let Some(target) = newest.get(order_id) else {
            continue;
        };
        let first = holds.partition_point(|hold| hold.key.order_id < *order_id);
        let end = holds.partition_point(|hold| hold.key.order_id <= *order_id);
        changes.extend(target.reach(&mut holds[first..end])?);
    }
    write_stock(tx, &changes, &holds).await?;
    let points: Vec<PointsTarget> = ahead
        .iter()
        .filter_map(|order_id| newest.get(order_id))
        .map(points_target)
        .collect();
    // At once, for the two statements that follow: in two rounds they could wait for each other in a ring.
    let customers: Vec<Uuid> = points.iter().map(|target| target.customer_id).collect();
    lock_customers(tx, &customers).await?;
    let mut events = settle_points(tx, &changes.transitions, policy).await?;
    events.extend(follow_points(tx, &points, policy).await?);
    outbox::append(tx, events).await
}

fn points_target(target: &OrderTarget) -> PointsTarget {
    PointsTarget {
        order_id: target.order_id,
        customer_id: target.customer_id,
        version: target.version,
        stage: match target.stage {
            Stage::Live | Stage::Shipped => PointsStage::Open,
            Stage::Delivered => PointsStage::Delivered,
            Stage::Cancelled => PointsStage::Cancelled,
        },
        currency: target.currency.clone(),
        net: target.net,
        points_spent: target.points_spent,
        holds: target.holds.clone(),
    }
}

/// Locks all holds of these orders, ordered by key.
async fn lock_holds(tx: &mut PgConnection, orders: &[Uuid]) -> Result<Vec<Hold>> {
    let rows = sqlx::query!(
        "select order_id, hold_no, state, token from holds where order_id = any($1)
          order by order_id, hold_no for no key update",
        orders
    )
    .fetch_all(&mut *tx)
    .await?;
    let lines = sqlx::query!(
        r#"select order_id, hold_no, sku, quantity - released as "quantity!", restocked
             from hold_lines where order_id = any($1)"#,
        orders
    )
    .fetch_all(tx)
    .await?;
    let mut lines_of: BTreeMap<HoldKey, Vec<HoldLine>> = BTreeMap::new();
    for line in lines {
        let key = HoldKey {
            order_id: line.order_id,
            hold_no: line.hold_no,
        };
        lines_of.entry(key).or_default().push(HoldLine {
            sku: parse_sku(&line.sku)?,
            quantity: line.quantity,
            restocked: line.restocked,
        });
    }
    rows.into_iter()
        .map(|row| {
            let key = HoldKey {
                order_id: row.order_id,
                hold_no: row.hold_no,
            };
            Ok(Hold {
                key,
                state: parse_state(&row.state)?,
                token: row.token,
                lines: lines_of.remove(&key).unwrap_or_default(),
            })
        })
        .collect()
}

/// Writes what was decided about locked holds, but for points: their states, their lines, stock, movements, uses of codes,
/// events. `holds` are
/// they as they stand after the decision.
async fn write_stock(tx: &mut PgConnection, changes: &Changes, holds: &[Hold]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    // A hold that gives back a part stays in its state, and is another version all the same.
    let entered = changes.transitions.iter().map(|(key, _)| *key);
    let touched: BTreeSet<HoldKey> = entered
        .chain(changes.moves.iter().map(|change| change.key))
        .collect();
    let touched: Vec<&Hold> = holds
        .iter()
        .filter(|hold| touched.contains(&hold.key))
        .collect();
    let orders: Vec<Uuid> = touched.iter().map(|hold| hold.key.order_id).collect();
    let hold_nos: Vec<i32> = touched.iter().map(|hold| hold.key.hold_no).collect();
    let states: Vec<String> = touched
        .iter()
        .map(|hold| hold.state.as_str().to_owned())
        .collect();
    let versions = sqlx::query!(
        "update holds set state = t.state, version = version + 1, updated_at = now()
           from unnest($1::uuid[], $2::int[], $3::text[]) as t (order_id, hold_no, state)
          where holds.order_id = t.order_id and holds.hold_no = t.hold_no
         returning holds.order_id, holds.hold_no, holds.version",
        &orders,
        &hold_nos,
        &states,
    )
    .fetch_all(&mut *tx)
    .await?;
    let versions = versions
        .into_iter()
        .map(|row| {
            (
                HoldKey {
                    order_id: row.order_id,
                    hold_no: row.hold_no,
                },
                row.version,
            )
        })
        .collect();
    write_moves(tx, changes).await?;
    return_codes(tx, &changes.transitions).await?;
    let events = EventsOf {
        changes,
        holds,
        versions,
    };
    outbox::append(tx, events.build()?).await
}

async fn write_moves(tx: &mut PgConnection, changes: &Changes) -> Result<()> {
    if changes.moves.is_empty() {
        return Ok(());
    }
    let moves = &changes.moves;
    let skus: Vec<String> = moves.iter().map(|change| change.sku.to_string()).collect();
    let before = sqlx::query!(
        "select sku, on_hand, reserved, backorder_limit, low_threshold, low
           from stock where sku = any($1) order by sku for no key update",
        &skus
    )
    .fetch_all(&mut *tx)
    .await?;
    let crossed = before
        .into_iter()
        .map(|row| {
            let sku = parse_sku(&row.sku)?;
            let before = Levels {
                on_hand: row.on_hand,
                reserved: row.reserved,
                backorder_limit: row.backorder_limit,
                low_threshold: row.low_threshold,
                low: row.low,
            };
            let mut after = before;
            for change in moves.iter().filter(|change| change.sku == sku) {
                after.on_hand += change.on_hand_delta();
                after.reserved += change.reserved_delta();
            }
            Ok((sku, after, Levels::crossed(&before, &after)))
        })
        .collect::<Result<Vec<_>>>()?;
    let orders: Vec<Uuid> = moves.iter().map(|change| change.key.order_id).collect();
    let hold_nos: Vec<i32> = moves.iter().map(|change| change.key.hold_no).collect();
    let kinds: Vec<String> = moves
        .iter()
        .map(|change| change.kind.as_str().to_owned())
        .collect();
    let on_hand: Vec<i64> = moves.iter().map(|change| change.on_hand_delta()).collect();
    let reserved: Vec<i64> = moves.iter().map(|change| change.reserved_delta()).collect();
    sqlx::query!(
        "with moved as (
             select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
                 as t (order_id, hold_no, sku, kind, on_hand, reserved)
         ), stocked as (
             update stock
                set on_hand = stock.on_hand + total.on_hand, reserved = stock.reserved + total.reserved
               from (select sku, sum(on_hand)::bigint as on_hand, sum(reserved)::bigint as reserved
                       from moved group by sku) as total
              where stock.sku = total.sku
         ), given_back as (
             update hold_lines line set released = line.released - back.reserved
               from (select order_id, hold_no, sku, sum(reserved)::bigint as reserved
                       from moved where kind = 'release' group by order_id, hold_no, sku) as back
              where line.order_id = back.order_id and line.hold_no = back.hold_no and line.sku = back.sku
         ), returned as (
             update hold_lines line set restocked = line.restocked + back.on_hand
               from (select order_id, hold_no, sku, sum(on_hand)::bigint as on_hand
                       from moved where kind = 'return' group by order_id, hold_no, sku) as back
              where line.order_id = back.order_id and line.hold_no = back.hold_no and line.sku = back.sku
         )
         insert into stock_movements (sku, kind, on_hand_delta, reserved_delta, order_id, hold_no)
         select sku, kind, on_hand, reserved, order_id, hold_no from moved",
        &orders,
        &hold_nos,
        &skus,
        &kinds,
        &on_hand,
        &reserved,
    )
    .execute(&mut *tx)
    .await?;
    note_crossings(tx, &crossed).await
}

fn parse_sku(text: &str) -> Result<Sku> {
    Sku::parse(text).map_err(Error::internal)
}

fn parse_state(text: &str) -> Result<HoldState> {
    HoldState::parse(text)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("no state of a hold: {text}")))
}
