//! Writes what was decided about points: entries and balances, then what goes with the entries that were new.

use std::{collections::BTreeMap, time::Duration};

use chassis::Result;
use chrono::Utc;
use proto::{
    cloudevents::CloudEvent,
    events::{
        incentive::{POINTS_EARNED, POINTS_REDEEMED, POINTS_REVERSED, PointsData, Reversal},
        inventory::SOURCE,
    },
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Booking, Entry, LotChange, PointsEvent};

/// Books all of it, and answers the events. `life` is that of new lots. The accounts are locked.
pub(super) async fn book(
    tx: &mut PgConnection,
    bookings: Vec<Booking>,
    life: Duration,
) -> Result<Vec<CloudEvent>> {
    if bookings.is_empty() {
        return Ok(Vec::new());
    }
    let new = write_entries(tx, &bookings).await?;
    // What is delivered twice is booked once: nothing goes with an entry that was there.
    let written: Vec<(i64, Booking)> = bookings
        .into_iter()
        .filter_map(|booking| Some((*new.get(&key(&booking.entry))?, booking)))
        .collect();
    write_lots(tx, written.iter().map(|(_, booking)| booking), life).await?;
    written
        .iter()
        .filter_map(|(id, booking)| Some(event(*id, &booking.entry, booking.event?)))
        .collect()
}

/// What an entry is unique by.
type Key = (Uuid, String, i64);

fn key(entry: &Entry) -> Key {
    (entry.order_id, entry.reason.as_str().to_owned(), entry.no)
}

/// Writes the entries that are new, and their balances. Answers the ids of these.
async fn write_entries(tx: &mut PgConnection, bookings: &[Booking]) -> Result<BTreeMap<Key, i64>> {
    let entries = || bookings.iter().map(|booking| &booking.entry);
    let customers: Vec<Uuid> = entries().map(|entry| entry.customer_id).collect();
    let orders: Vec<Uuid> = entries().map(|entry| entry.order_id).collect();
    let text = |of: fn(&Entry) -> &'static str| -> Vec<String> {
        entries().map(|entry| of(entry).to_owned()).collect()
    };
    let points: Vec<i64> = entries().map(|entry| entry.points).collect();
    let nos: Vec<i64> = entries().map(|entry| entry.no).collect();
    let rates: Vec<Option<i64>> = entries().map(|entry| entry.rate).collect();
    let rows = sqlx::query!(
        r#"with booked as (
             insert into loyalty_entries (customer_id, order_id, from_account, to_account, reason, points, no, rate)
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[])
             on conflict on constraint loyalty_entries_once do nothing
             returning id, customer_id, order_id, from_account, to_account, reason, points, no
         ), moved as (
             select customer_id, to_account as account, points from booked
             union all
             select customer_id, from_account, -points from booked
         ), balanced as (
             update loyalty_accounts account
                set pending = account.pending + total.pending, available = account.available + total.available,
                    held = account.held + total.held
               from (select customer_id,
                            coalesce(sum(points) filter (where account = 'pending'), 0)::bigint as pending,
                            coalesce(sum(points) filter (where account = 'available'), 0)::bigint as available,
                            coalesce(sum(points) filter (where account = 'held'), 0)::bigint as held
                       from moved group by customer_id) as total
              where account.customer_id = total.customer_id
         )
         select id, order_id as "order_id!", reason, no from booked"#,
        &customers,
        &orders,
        &text(|entry| entry.from.as_str()),
        &text(|entry| entry.to.as_str()),
        &text(|entry| entry.reason.as_str()),
        &points,
        &nos,
        &rates as &[Option<i64>],
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.order_id, row.reason, row.no), row.id))
        .collect())
}

#[derive(Default)]
struct Changes {
    /// By lot, how many points come (or, negative, go).
    moved: Vec<(i64, i64)>,
    /// Customer, order and points of each new lot.
    new: Vec<(Uuid, Option<Uuid>, i64)>,
}

async fn write_lots<'a>(
    tx: &mut PgConnection,
    bookings: impl Iterator<Item = &'a Booking> + Clone,
    life: Duration,
) -> Result<()> {
    let mut changes = Changes::default();
    for booking in bookings.clone() {
        for change in &booking.lots {
            match *change {
                LotChange::Take { lot_id, points } => changes.moved.push((lot_id, -points)),
                LotChange::Return { lot_id, points } => changes.moved.push((lot_id, points)),
                LotChange::New { order_id, points } => {
                    let customer_id = booking.entry.customer_id;
                    changes.new.push((customer_id, order_id, points));
                }
            }
        }
    }
    let returned: Vec<_> = bookings.flat_map(|booking| &booking.returned).collect();
    if changes.moved.is_empty() && changes.new.is_empty() && returned.is_empty() {
        return Ok(());
    }
    let (lots, moved): (Vec<i64>, Vec<i64>) = changes.moved.into_iter().unzip();
    let customers: Vec<Uuid> = changes.new.iter().map(|(customer, ..)| *customer).collect();
    let earned_by: Vec<Option<Uuid>> = changes.new.iter().map(|(_, order, _)| *order).collect();
    let granted: Vec<i64> = changes.new.iter().map(|(.., points)| *points).collect();
    let orders: Vec<Uuid> = returned.iter().map(|back| back.key.order_id).collect();
    let hold_nos: Vec<i32> = returned.iter().map(|back| back.key.hold_no).collect();
    let used_lots: Vec<i64> = returned.iter().map(|back| back.lot_id).collect();
    let back: Vec<i64> = returned.iter().map(|back| back.points).collect();
    sqlx::query!(
        "with moved as (
             update loyalty_lots lot set remaining = lot.remaining + total.points
               from (select lot_id, sum(points)::bigint as points
                       from unnest($1::bigint[], $2::bigint[]) as t (lot_id, points) group by lot_id) as total
              where lot.id = total.lot_id
         ), granted as (
             insert into loyalty_lots (customer_id, order_id, points, remaining, expires_at)
             select customer_id, order_id, points, points, clock_timestamp() + make_interval(secs => $3)
               from unnest($4::uuid[], $5::uuid[], $6::bigint[]) as t (customer_id, order_id, points)
         )
         update loyalty_lot_uses used set returned = used.returned + t.points
           from unnest($7::uuid[], $8::int[], $9::bigint[], $10::bigint[]) as t (order_id, hold_no, lot_id, points)
          where used.order_id = t.order_id and used.hold_no = t.hold_no and used.lot_id = t.lot_id",
        &lots,
        &moved,
        life.as_secs_f64(),
        &customers,
        &earned_by as &[Option<Uuid>],
        &granted,
        &orders,
        &hold_nos,
        &used_lots,
        &back,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// `id` of the entry: it grows with each booking of a customer.
fn event(id: i64, entry: &Entry, event: PointsEvent) -> Result<CloudEvent> {
    let (kind, points, reversal, withheld, withheld_total) = match event {
        PointsEvent::Earned { points } => (POINTS_EARNED, points, None, 0, 0),
        PointsEvent::Redeemed { points } => (POINTS_REDEEMED, points, None, 0, 0),
        PointsEvent::EarnedReversed {
            points,
            withheld,
            withheld_total,
        } => {
            let reversal = Some(Reversal::Earned);
            (POINTS_REVERSED, points, reversal, withheld, withheld_total)
        }
        PointsEvent::RedeemedReversed { points } => {
            let reversal = Some(Reversal::Redeemed);
            (POINTS_REVERSED, points, reversal, 0, 0)
        }
    };
    let data = PointsData {
        customer_id: entry.customer_id,
        order_id: entry.order_id,
        points,
        reversal,
        withheld: (withheld > 0).then_some(withheld),
        withheld_total: (withheld_total > 0).then_some(withheld_total),
    };
    Ok(CloudEvent::new(
        SOURCE,
        kind,
        entry.customer_id,
        Some(id),
        Utc::now(),
        &data,
    )?)
}
