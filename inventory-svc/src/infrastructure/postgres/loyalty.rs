//! Points, in the caller's transaction. Accounts are locked by customer id, and whatever belongs to an account only
//! after it; so whoever has the account reads and writes its lots and entries alone.

use std::collections::BTreeMap;

use chassis::Result;
use proto::cloudevents::CloudEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use self::book::book;
use crate::domain::{
    Account, HeldPoints, HoldKey, HoldState, Lot, LotState, LotUse, Lots, LoyaltyPolicy,
    OrderPoints, PointsHold, PointsTarget,
};

mod book;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

/// Locks these customers' accounts and reads what they can spend. Who can spend nothing is not in the answer.
pub(super) async fn lock_accounts(
    tx: &mut PgConnection,
    customers: &[Uuid],
) -> Result<BTreeMap<Uuid, Account>> {
    if customers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let known = sqlx::query_scalar!(
        "select customer_id from loyalty_accounts where customer_id = any($1)
          order by customer_id for no key update",
        customers
    )
    .fetch_all(&mut *tx)
    .await?;
    if known.is_empty() {
        return Ok(BTreeMap::new());
    }
    // A statement of its own: one that has waited for a lock goes on with the lots that it saw before.
    find_accounts(tx, &known).await
}

/// Reads what these customers can spend. Who can spend nothing is not in the answer.
pub(super) async fn find_accounts(
    tx: &mut PgConnection,
    customers: &[Uuid],
) -> Result<BTreeMap<Uuid, Account>> {
    let lots = sqlx::query!(
        "select customer_id, id, remaining from loyalty_lots
          where customer_id = any($1) and remaining > 0 and expires_at > clock_timestamp()
          order by customer_id, expires_at, id",
        customers
    )
    .fetch_all(tx)
    .await?;
    let mut lots_of: BTreeMap<Uuid, Vec<Lot>> = BTreeMap::new();
    for row in lots {
        lots_of.entry(row.customer_id).or_default().push(Lot {
            id: row.id,
            remaining: row.remaining,
        });
    }
    Ok(lots_of
        .into_iter()
        .map(|(id, lots)| (id, Account::new(id, lots)))
        .collect())
}

/// Locks these customers' accounts, and makes those that are missing. A transaction that settles holds and follows
/// orders calls this first, with the customers of all of them: two rounds of locking could wait for each other in a
/// ring.
pub(super) async fn lock_customers(tx: &mut PgConnection, customers: &[Uuid]) -> Result<()> {
    // An update that changes nothing: it locks the row and writes none.
    sqlx::query!(
        "insert into loyalty_accounts as known (customer_id)
         select distinct customer_id from unnest($1::uuid[]) as t (customer_id) order by customer_id
         on conflict (customer_id) do update set pending = known.pending where false",
        customers
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes what holds use out of their lots and keeps it for them. The holds are there, and the accounts are locked.
pub(super) async fn hold_points(tx: &mut PgConnection, holds: &[PointsHold]) -> Result<()> {
    let uses: Vec<(&PointsHold, LotUse)> = holds
        .iter()
        .flat_map(|hold| hold.uses.iter().map(move |each| (hold, *each)))
        .collect();
    if uses.is_empty() {
        return Ok(());
    }
    let orders: Vec<Uuid> = uses.iter().map(|(hold, _)| hold.key.order_id).collect();
    let hold_nos: Vec<i32> = uses.iter().map(|(hold, _)| hold.key.hold_no).collect();
    let customers: Vec<Uuid> = uses.iter().map(|(hold, _)| hold.customer_id).collect();
    let lots: Vec<i64> = uses.iter().map(|(_, each)| each.lot_id).collect();
    let points: Vec<i64> = uses.iter().map(|(_, each)| each.points).collect();
    sqlx::query!(
        "with used as (
             select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::bigint[], $5::bigint[])
                 as t (order_id, hold_no, customer_id, lot_id, points)
         ), booked as (
             insert into loyalty_entries (customer_id, from_account, to_account, points, reason, order_id, no)
             select customer_id, 'available', 'held', sum(points), 'held', order_id, hold_no
               from used group by customer_id, order_id, hold_no order by order_id, hold_no
             on conflict on constraint loyalty_entries_once do nothing
             returning customer_id, order_id, no, points
         ), taken as (
             select used.* from used join booked on booked.order_id = used.order_id and booked.no = used.hold_no
         ), emptied as (
             update loyalty_lots lot set remaining = lot.remaining - total.points
               from (select lot_id, sum(points)::bigint as points from taken group by lot_id) as total
              where lot.id = total.lot_id
         ), noted as (
             insert into loyalty_lot_uses (order_id, hold_no, lot_id, points)
             select order_id, hold_no, lot_id, points from taken
         )
         update loyalty_accounts account
            set available = account.available - total.points, held = account.held + total.points
           from (select customer_id, sum(points)::bigint as points from booked group by customer_id) as total
          where account.customer_id = total.customer_id",
        &orders,
        &hold_nos,
        &customers,
        &lots,
        &points,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Brings the points of holds to the state that the holds have just entered: redeemed, or back where they came from.
/// Answers the events.
pub(super) async fn settle_points(
    tx: &mut PgConnection,
    entered: &[(HoldKey, HoldState)],
    policy: &LoyaltyPolicy,
) -> Result<Vec<CloudEvent>> {
    // The last state that a hold has entered counts.
    let states: BTreeMap<HoldKey, HoldState> = entered.iter().copied().collect();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<HoldKey> = states.keys().copied().collect();
    let customers = customers_of(tx, &keys).await?;
    if customers.is_empty() {
        return Ok(Vec::new());
    }
    lock_customers(tx, &customers).await?;
    let mut lots = Lots::new();
    let holds = held_points(tx, &keys, &mut lots).await?;
    let bookings = holds
        .iter()
        .filter_map(|hold| hold.settle(*states.get(&hold.key)?, &mut lots))
        .collect();
    book(tx, bookings, policy.life).await
}

/// Brings the points of orders to what the orders' state asks for, whatever was seen before. Answers the events. Holds
/// that have just changed must have been settled before, so that what they took counts as redeemed.
pub(super) async fn follow_points(
    tx: &mut PgConnection,
    targets: &[PointsTarget],
    policy: &LoyaltyPolicy,
) -> Result<Vec<CloudEvent>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let customers: Vec<Uuid> = targets.iter().map(|target| target.customer_id).collect();
    lock_customers(tx, &customers).await?;
    let mut lots = Lots::new();
    let found = order_points(tx, targets, &mut lots).await?;
    let none = OrderPoints::default();
    let of = |target: &PointsTarget| found.get(&target.order_id).unwrap_or(&none);
    // What comes back to a customer first, so that less of it counts as spent.
    let mut bookings = Vec::new();
    for target in targets {
        bookings.extend(target.return_redeemed(of(target), &mut lots));
    }
    for target in targets {
        bookings.extend(target.reach_earned(of(target), &mut lots, policy));
    }
    book(tx, bookings, policy.life).await
}

/// The customers whose points these holds took.
async fn customers_of(tx: &mut PgConnection, keys: &[HoldKey]) -> Result<Vec<Uuid>> {
    let (orders, hold_nos) = columns(keys);
    let customers = sqlx::query_scalar!(
        "select distinct lot.customer_id
           from unnest($1::uuid[], $2::int[]) as t (order_id, hold_no)
           join loyalty_lot_uses used on used.order_id = t.order_id and used.hold_no = t.hold_no
           join loyalty_lots lot on lot.id = used.lot_id",
        &orders,
        &hold_nos,
    )
    .fetch_all(tx)
    .await?;
    Ok(customers)
}

/// What these holds have taken and not given back; of each order the newest hold first, and of a hold what it took
/// last. Adds the lots that it came from to `lots`.
async fn held_points(
    tx: &mut PgConnection,
    keys: &[HoldKey],
    lots: &mut Lots,
) -> Result<Vec<HeldPoints>> {
    let (orders, hold_nos) = columns(keys);
    let rows = sqlx::query!(
        r#"select used.order_id, used.hold_no, used.lot_id, used.points - used.returned as "points!",
                  lot.customer_id, lot.remaining, lot.expired, lot.expires_at <= clock_timestamp() as "past!",
                  exists (select from loyalty_entries entry
                           where entry.order_id = used.order_id and entry.reason = 'redeemed'
                             and entry.no = used.hold_no) as "redeemed!"
             from unnest($1::uuid[], $2::int[]) as t (order_id, hold_no)
             join loyalty_lot_uses used on used.order_id = t.order_id and used.hold_no = t.hold_no
             join loyalty_lots lot on lot.id = used.lot_id
            where used.points > used.returned
            order by used.order_id, used.hold_no desc, lot.expires_at desc, lot.id desc"#,
        &orders,
        &hold_nos,
    )
    .fetch_all(tx)
    .await?;
    let mut holds: Vec<HeldPoints> = Vec::new();
    for row in rows {
        let key = HoldKey {
            order_id: row.order_id,
            hold_no: row.hold_no,
        };
        let state = LotState {
            remaining: row.remaining,
            expired: row.expired,
            past: row.past,
        };
        lots.insert(row.lot_id, state);
        let used = LotUse {
            lot_id: row.lot_id,
            points: row.points,
        };
        match holds.last_mut() {
            Some(hold) if hold.key == key => hold.uses.push(used),
            _ => holds.push(HeldPoints {
                key,
                customer_id: row.customer_id,
                redeemed: row.redeemed,
                uses: vec![used],
            }),
        }
    }
    Ok(holds)
}

/// How the points of these orders stand. Adds their lots, and those that their holds used, to `lots`.
async fn order_points(
    tx: &mut PgConnection,
    targets: &[PointsTarget],
    lots: &mut Lots,
) -> Result<BTreeMap<Uuid, OrderPoints>> {
    let orders: Vec<Uuid> = targets.iter().map(|target| target.order_id).collect();
    let rows = sqlx::query!(
        r#"select order_id as "order_id!",
                  coalesce(sum(points) filter (where to_account = 'pending'), 0)::bigint
                      - coalesce(sum(points) filter (where from_account = 'pending'), 0)::bigint as "pending!",
                  coalesce(sum(points) filter (where reason = 'matured'), 0)::bigint as "matured!",
                  coalesce(sum(points) filter (where from_account = 'available' and to_account = 'issued'), 0)::bigint
                      as "reversed!",
                  coalesce(sum(points) filter (where reason = 'withheld'), 0)::bigint as "withheld!",
                  max(rate) as rate,
                  bool_or(reason = 'redeemed') as "redeemed!"
             from loyalty_entries where order_id = any($1)
            group by order_id"#,
        &orders,
    )
    .fetch_all(&mut *tx)
    .await?;
    let matured: Vec<Uuid> = rows
        .iter()
        .filter(|row| row.matured > 0)
        .map(|row| row.order_id)
        .collect();
    let redeemed: Vec<Uuid> = rows
        .iter()
        .filter(|row| row.redeemed)
        .map(|row| row.order_id)
        .collect();
    let mut found: BTreeMap<Uuid, OrderPoints> = rows
        .into_iter()
        .map(|row| {
            let points = OrderPoints {
                pending: row.pending,
                matured: row.matured,
                reversed: row.reversed,
                withheld: row.withheld,
                rate: row.rate,
                ..OrderPoints::default()
            };
            (row.order_id, points)
        })
        .collect();
    if !matured.is_empty() {
        let earned = sqlx::query!(
            r#"select id, order_id as "order_id!", remaining, expired, expires_at <= clock_timestamp() as "past!"
                 from loyalty_lots where order_id = any($1) order by expires_at, id"#,
            &matured,
        )
        .fetch_all(&mut *tx)
        .await?;
        for row in earned {
            let state = LotState {
                remaining: row.remaining,
                expired: row.expired,
                past: row.past,
            };
            lots.insert(row.id, state);
            found.entry(row.order_id).or_default().lots.push(row.id);
        }
    }
    if !redeemed.is_empty() {
        let keys: Vec<HoldKey> = targets
            .iter()
            .filter(|target| redeemed.contains(&target.order_id))
            .flat_map(|target| {
                let key = |hold_no: &i32| HoldKey {
                    order_id: target.order_id,
                    hold_no: *hold_no,
                };
                target.holds.iter().map(key)
            })
            .collect();
        for hold in held_points(tx, &keys, lots).await? {
            found.entry(hold.key.order_id).or_default().holds.push(hold);
        }
    }
    Ok(found)
}

fn columns(keys: &[HoldKey]) -> (Vec<Uuid>, Vec<i32>) {
    keys.iter().map(|key| (key.order_id, key.hold_no)).unzip()
}
