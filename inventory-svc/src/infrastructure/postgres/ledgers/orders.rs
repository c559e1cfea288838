//! What is kept for orders, for comparison with what the orders say.

use std::{collections::BTreeMap, time::Duration};

use chassis::{Error, Result};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    application::ports::{Kept, Range, Unclaimed},
    domain::{Hold, HoldKey, HoldLine, HoldState, Sku},
};

pub(super) async fn kept(tx: &mut PgConnection, orders: &[Uuid]) -> Result<Kept> {
    let followed = sqlx::query!(
        "select order_id, version from followed_orders where order_id = any($1)",
        orders
    )
    .fetch_all(&mut *tx)
    .await?
    .into_iter()
    .map(|row| (row.order_id, row.version))
    .collect();
    let lines = sqlx::query!(
        r#"select order_id, hold_no, sku, quantity - released as "quantity!", restocked
             from hold_lines where order_id = any($1)"#,
        orders
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut lines_of: BTreeMap<HoldKey, Vec<HoldLine>> = BTreeMap::new();
    for line in lines {
        let key = HoldKey {
            order_id: line.order_id,
            hold_no: line.hold_no,
        };
        lines_of.entry(key).or_default().push(HoldLine {
            sku: Sku::parse(&line.sku).map_err(Error::internal)?,
            quantity: line.quantity,
            restocked: line.restocked,
        });
    }
    let holds = sqlx::query!(
        "select order_id, hold_no, state, token from holds where order_id = any($1) order by order_id, hold_no",
        orders
    )
    .fetch_all(tx)
    .await?
    .into_iter()
    .map(|row| {
        let key = HoldKey {
            order_id: row.order_id,
            hold_no: row.hold_no,
        };
        Ok(Hold {
            key,
            state: HoldState::parse(&row.state).ok_or_else(|| {
                Error::internal(anyhow::anyhow!("no state of a hold: {}", row.state))
            })?,
            token: row.token,
            lines: lines_of.remove(&key).unwrap_or_default(),
        })
    })
    .collect::<Result<_>>()?;
    Ok(Kept { followed, holds })
}

pub(super) async fn unclaimed(
    tx: &mut PgConnection,
    range: &Range,
    known: &[HoldKey],
    settle: Duration,
) -> Result<Unclaimed> {
    let (orders, hold_nos): (Vec<Uuid>, Vec<i32>) =
        known.iter().map(|key| (key.order_id, key.hold_no)).unzip();
    let rows = sqlx::query!(
        r#"select order_id, hold_no, t.known is not null as "known!"
             from holds
             left join (select order_id, hold_no, true as known
                          from unnest($4::uuid[], $5::int[]) as t (order_id, hold_no)) t using (order_id, hold_no)
            where state in ('CONFIRMED', 'FULFILLED')
              and updated_at < clock_timestamp() - make_interval(secs => $3)
              and ($1::uuid is null or order_id > $1) and ($2::uuid is null or order_id <= $2)
            order by order_id, hold_no"#,
        range.after,
        range.until,
        settle.as_secs_f64(),
        &orders,
        &hold_nos,
    )
    .fetch_all(tx)
    .await?;
    Ok(Unclaimed {
        rows: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        keys: rows
            .into_iter()
            .filter(|row| !row.known)
            .map(|row| HoldKey {
                order_id: row.order_id,
                hold_no: row.hold_no,
            })
            .collect(),
    })
}
