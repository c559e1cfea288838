//! Holds in the database. Every transaction locks in one order: followed orders, holds, then stock rows by SKU; so
//! no two of them wait for each other in a ring.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;
use chassis::{Code, Error, Result, amqp::outbox};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use self::events::EventsOf;
use crate::{
    application::ports::{Holds, Overdue, TakenHold},
    domain::{
        Changes, Hold, HoldKey, HoldLine, HoldState, Levels, Money, Offer, OrderTarget, PricedLine,
        Request, Settlement, Sku, price,
    },
};

mod events;

pub struct PgHolds {
    pool: PgPool,
}

impl PgHolds {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Holds for PgHolds {
    async fn take(&self, request: &Request, ttl: Duration) -> Result<TakenHold> {
        let token = Uuid::now_v7();
        let fingerprint = fingerprint(request);
        let mut tx = self.pool.begin().await?;
        // First, so that a twin waits here and then finds this one.
        let claimed = sqlx::query!(
            "insert into holds (order_id, hold_no, state, token, customer_id, fingerprint, expires_at)
             values ($1, $2, 'HELD', $3, $4, $5, now() + make_interval(secs => $6))
             on conflict do nothing",
            request.key.order_id,
            request.key.hold_no,
            token,
            request.customer_id,
            fingerprint,
            ttl.as_secs_f64(),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if claimed == 0 {
            return taken_before(&mut tx, request.key, &fingerprint).await;
        }
        let offers = lock_offers(&mut tx, request).await?;
        let lines = price(request, &offers)?;
        let currency = lines
            .first()
            .and_then(|line| offers.get(&line.sku))
            .map(|offer| offer.price.currency.code().to_owned())
            .unwrap_or_default();
        write_taken(&mut tx, request.key, &currency, &lines).await?;
        outbox::append(&mut tx, vec![events::reserved(request.key, &lines)?]).await?;
        fail::fail_point!("reserve-before-commit", |_| Err(Error::unavailable(
            anyhow::anyhow!("failpoint")
        )));
        tx.commit().await?;
        fail::fail_point!("reserve-reply-lost", |_| Err(Error::unavailable(
            anyhow::anyhow!("failpoint")
        )));
        Ok(TakenHold {
            token,
            currency,
            lines,
        })
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
        write(&mut tx, &changes, &holds).await?;
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
pub async fn follow_orders(tx: &mut PgConnection, targets: Vec<OrderTarget>) -> Result<()> {
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
    write(tx, &changes, &holds).await
}

/// What the hold asks for, as far as a repetition must be the same.
fn fingerprint(request: &Request) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(request.customer_id.as_bytes());
    for line in request.lines() {
        hash.update(line.sku.as_str());
        hash.update([0]);
        hash.update(line.quantity.get().to_be_bytes());
    }
    if let Some(incentive) = &request.incentive {
        hash.update(format!("{incentive:?}"));
    }
    hash.finalize().to_vec()
}

/// The answer to a hold that is there already.
async fn taken_before(
    tx: &mut PgConnection,
    key: HoldKey,
    fingerprint: &[u8],
) -> Result<TakenHold> {
    let hold = sqlx::query!(
        "select state, token, fingerprint, currency from holds where order_id = $1 and hold_no = $2",
        key.order_id,
        key.hold_no,
    )
    .fetch_one(&mut *tx)
    .await?;
    let state = parse_state(&hold.state)?;
    if state.is_closed() {
        return Err(crate::domain::HoldError::Closed.into());
    }
    if hold.fingerprint.as_deref() != Some(fingerprint) {
        return Err(Error::new(
            Code::Invalid,
            "hold-mismatch",
            "this hold was taken with other content",
        ));
    }
    let lines = sqlx::query!(
        "select sku, name, quantity, unit_price, discount, available
           from hold_lines where order_id = $1 and hold_no = $2 order by line_no",
        key.order_id,
        key.hold_no,
    )
    .fetch_all(tx)
    .await?;
    let lines = lines
        .into_iter()
        .map(|row| {
            Ok(PricedLine {
                sku: parse_sku(&row.sku)?,
                name: row.name,
                quantity: row.quantity,
                unit_price: row.unit_price,
                discount: row.discount,
                available: row.available,
            })
        })
        .collect::<Result<_>>()?;
    Ok(TakenHold {
        token: hold.token.unwrap_or_default(),
        currency: hold.currency.unwrap_or_default(),
        lines,
    })
}

/// Locks the stock rows in the order of their SKUs, so that two baskets with the same goods do not wait for each other.
async fn lock_offers(tx: &mut PgConnection, request: &Request) -> Result<BTreeMap<Sku, Offer>> {
    let skus: Vec<String> = request
        .lines()
        .iter()
        .map(|line| line.sku.to_string())
        .collect();
    let rows = sqlx::query!(
        "select s.sku, p.name, p.price, p.currency, p.active, s.on_hand, s.reserved, s.backorder_limit,
                s.low_threshold, s.low
           from stock s join products p on p.sku = s.sku
          where s.sku = any($1)
          order by s.sku
            for no key update of s",
        &skus,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let offer = Offer {
                name: row.name,
                price: Money::price(row.price, &row.currency).map_err(Error::internal)?,
                active: row.active,
                levels: Levels {
                    on_hand: row.on_hand,
                    reserved: row.reserved,
                    backorder_limit: row.backorder_limit,
                    low_threshold: row.low_threshold,
                    low: row.low,
                },
            };
            Ok((parse_sku(&row.sku)?, offer))
        })
        .collect()
}

/// Stock, lines, movements and currency of a new hold, in one statement.
async fn write_taken(
    tx: &mut PgConnection,
    key: HoldKey,
    currency: &str,
    lines: &[PricedLine],
) -> Result<()> {
    let line_nos: Vec<i32> = (1..).take(lines.len()).collect();
    let skus: Vec<String> = lines.iter().map(|line| line.sku.to_string()).collect();
    let names: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
    let column = |value: fn(&PricedLine) -> i64| lines.iter().map(value).collect::<Vec<i64>>();
    sqlx::query!(
        "with taken as (
             select * from unnest($4::int[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
                 as t (line_no, sku, name, quantity, unit_price, discount, available)
         ), hold as (
             update holds set currency = $3 where order_id = $1 and hold_no = $2
         ), stocked as (
             update stock set reserved = stock.reserved + taken.quantity from taken where stock.sku = taken.sku
         ), moved as (
             insert into stock_movements (sku, kind, on_hand_delta, reserved_delta, order_id, hold_no)
             select sku, 'reservation', 0, quantity, $1, $2 from taken
         )
         insert into hold_lines (order_id, hold_no, line_no, sku, name, quantity, unit_price, discount, available)
         select $1, $2, line_no, sku, name, quantity, unit_price, discount, available from taken",
        key.order_id,
        key.hold_no,
        currency,
        &line_nos,
        &skus,
        &names,
        &column(|line| line.quantity),
        &column(|line| line.unit_price),
        &column(|line| line.discount),
        &column(|line| line.available),
    )
    .execute(tx)
    .await?;
    Ok(())
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
        r#"select order_id, hold_no, sku, quantity - released as "quantity!"
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

/// Writes what was decided about locked holds: their states, their lines, stock, movements, events. `holds` are
/// they as they stand after the decision.
async fn write(tx: &mut PgConnection, changes: &Changes, holds: &[Hold]) -> Result<()> {
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
    outbox::append(
        tx,
        EventsOf {
            changes,
            holds,
            versions,
        }
        .build()?,
    )
    .await
}

async fn write_moves(tx: &mut PgConnection, changes: &Changes) -> Result<()> {
    if changes.moves.is_empty() {
        return Ok(());
    }
    let moves = &changes.moves;
    let skus: Vec<String> = moves.iter().map(|change| change.sku.to_string()).collect();
    sqlx::query!(
        "select sku from stock where sku = any($1) order by sku for no key update",
        &skus
    )
    .fetch_all(&mut *tx)
    .await?;
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
    .execute(tx)
    .await?;
    Ok(())
}

fn parse_sku(text: &str) -> Result<Sku> {
    Sku::parse(text).map_err(Error::internal)
}

fn parse_state(text: &str) -> Result<HoldState> {
    HoldState::parse(text)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("no state of a hold: {text}")))
}
