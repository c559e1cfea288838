//! What holds take off lines that their orders had before.

use std::collections::HashMap;

use chassis::Result;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Allotment, HoldKey};

/// Those of holds that are there, in the order of the lines.
pub(super) async fn find(
    tx: &mut PgConnection,
    orders: &[Uuid],
    hold_nos: &[i32],
) -> Result<HashMap<HoldKey, Vec<Allotment>>> {
    let rows = sqlx::query!(
        "select order_id, hold_no, discount, points_value
           from hold_allotments join unnest($1::uuid[], $2::int[]) as t (order_id, hold_no) using (order_id, hold_no)
          order by order_id, hold_no, line_no",
        orders,
        hold_nos,
    )
    .fetch_all(tx)
    .await?;
    let mut allotments: HashMap<HoldKey, Vec<Allotment>> = HashMap::new();
    for row in rows {
        let key = HoldKey {
            order_id: row.order_id,
            hold_no: row.hold_no,
        };
        allotments.entry(key).or_default().push(Allotment {
            discount: row.discount,
            points_value: row.points_value,
        });
    }
    Ok(allotments)
}

/// Writes those of new holds.
pub(super) async fn write<'a>(
    tx: &mut PgConnection,
    holds: impl Iterator<Item = (HoldKey, &'a [Allotment])>,
) -> Result<()> {
    let allotments: Vec<(HoldKey, i32, Allotment)> = holds
        .flat_map(|(key, allotments)| {
            (1_i32..)
                .zip(allotments)
                .map(move |(line_no, allotment)| (key, line_no, *allotment))
        })
        .collect();
    if allotments.is_empty() {
        return Ok(());
    }
    let (orders, hold_nos): (Vec<Uuid>, Vec<i32>) = allotments
        .iter()
        .map(|(key, ..)| (key.order_id, key.hold_no))
        .unzip();
    let line_nos: Vec<i32> = allotments.iter().map(|(_, line_no, _)| *line_no).collect();
    let column = |value: fn(&Allotment) -> i64| -> Vec<i64> {
        allotments
            .iter()
            .map(|(.., allotment)| value(allotment))
            .collect()
    };
    sqlx::query!(
        "insert into hold_allotments (order_id, hold_no, line_no, discount, points_value)
         select * from unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[], $5::bigint[])",
        &orders,
        &hold_nos,
        &line_nos,
        &column(|allotment| allotment.discount),
        &column(|allotment| allotment.points_value),
    )
    .execute(tx)
    .await?;
    Ok(())
}
