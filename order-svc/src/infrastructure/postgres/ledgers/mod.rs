//! What is written twice, or follows from something else, compared. All of it sees the database as of one moment, so that
//! what goes on meanwhile is no violation.

mod aggregates;
mod followed;
mod log;

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use chassis::{
    Error, Result,
    audit::{Checked, Violation, outbox_stuck},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{events::order_data, keepings::SNAPSHOT, load_many};
use crate::{
    application::ports::Ledgers,
    infrastructure::projections::{recompute, rewrite},
};

/// Orders that are held in memory at once.
const PAGE: usize = 1_000;

const SHOWN: &str = "order-read-model-agrees";
const COUNTED: &str = "order-figures-agree";
const ADDED_UP: &str = "order-aggregates-agree";
const LOGGED: &str = "order-log-agrees";

pub struct PgLedgers {
    pool: PgPool,
}

impl PgLedgers {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Ledgers for PgLedgers {
    async fn check(&self, settle: Duration) -> Result<Vec<Checked>> {
        let mut tx = self.pool.begin_with(SNAPSHOT).await?;
        let mut found = vec![decisions(&mut tx).await?, totals(&mut tx).await?];
        let mut logged = log::versions(&mut tx).await?;
        let (shown, counted) = followed::check(&mut tx, settle, &mut logged).await?;
        found.extend([shown, counted]);
        found.push(aggregates::check(&mut tx).await?);
        found.push(logged);
        found.push(outbox_stuck(&mut tx, settle).await?);
        Ok(found)
    }

    async fn repair(&self, found: &[Checked]) -> Result<()> {
        let ids = found
            .iter()
            .filter(|checked| [SHOWN, COUNTED].contains(&checked.invariant))
            .flat_map(|checked| &checked.violations)
            .map(|violation| violation.key.parse().map_err(Error::internal))
            .collect::<Result<BTreeSet<Uuid>>>()?;
        let ids: Vec<Uuid> = ids.into_iter().collect();
        for ids in ids.chunks(PAGE) {
            let mut tx = self.pool.begin().await?;
            // Locked, and read again: they may have changed since.
            let orders = load_many(&mut tx, ids).await?;
            let known: BTreeSet<Uuid> = orders.iter().map(|order| order.id).collect();
            let gone: Vec<Uuid> = ids
                .iter()
                .copied()
                .filter(|id| !known.contains(id))
                .collect();
            let orders = orders.iter().map(order_data).collect();
            rewrite(&mut tx, orders, &gone).await?;
            tx.commit().await?;
        }
        // Also when a sum was wrong by what one order contributed wrongly: that has moved it by the difference.
        if found
            .iter()
            .any(|checked| [COUNTED, ADDED_UP].contains(&checked.invariant) && checked.total > 0)
        {
            let mut tx = self.pool.begin().await?;
            recompute(&mut tx).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

struct Broken {
    key: String,
    detail: String,
    total: i64,
}

fn checked(
    invariant: &'static str,
    table: &'static str,
    rows: i64,
    broken: Vec<Broken>,
) -> Checked {
    Checked {
        invariant,
        rows,
        total: broken.first().map_or(0, |first| first.total),
        violations: broken
            .into_iter()
            .map(|Broken { key, detail, .. }| violation(table, key, detail))
            .collect(),
    }
}

fn violation(table: &'static str, key: String, detail: impl Into<String>) -> Violation {
    Violation {
        table,
        key,
        detail: detail.into(),
        repaired: false,
    }
}

/// Each hold of an order is decided `committed`, and each hold decided so is one of its order's.
async fn decisions(tx: &mut PgConnection) -> Result<Checked> {
    let rows = sqlx::query_scalar!(r#"select count(*) as "rows!" from decisions"#)
        .fetch_one(&mut *tx)
        .await?;
    let broken = sqlx::query_as!(
        Broken,
        r#"select format('%s/%s', order_id, hold_no) as "key!", count(*) over () as "total!",
                  case when kept.order_id is null then 'is committed, but no order has it'
                       else format('is kept by its order, and decided: %s', coalesce(outcome, 'nothing'))
                  end as "detail!"
             from (select id as order_id, unnest(holds) as hold_no from orders) kept
             full join decisions d using (order_id, hold_no)
            where kept.order_id is not null and outcome is distinct from 'committed'
               or kept.order_id is null and outcome = 'committed'
            order by order_id, hold_no limit 1000"#
    )
    .fetch_all(tx)
    .await?;
    Ok(checked(
        "order-committed-decision",
        "decisions",
        rows,
        broken,
    ))
}

/// An order has lines, and nothing is taken off them that was not on them.
async fn totals(tx: &mut PgConnection) -> Result<Checked> {
    let rows = sqlx::query_scalar!(r#"select count(*) as "rows!" from orders"#)
        .fetch_one(&mut *tx)
        .await?;
    let broken = sqlx::query_as!(
        Broken,
        r#"select id::text as "key!", count(*) over () as "total!", reason as "detail!"
             from (select o.id,
                          case when count(l.sku) = 0 then 'has no lines'
                               when not bool_and(l.quantity > 0 and l.cancelled_quantity >= 0
                                                 and l.returned_quantity >= 0
                                                 and l.cancelled_quantity + l.returned_quantity <= l.quantity)
                                    then 'more is cancelled and returned than was ordered'
                               when not bool_and(l.discount between 0 and l.quantity * l.unit_price)
                                    then 'a discount is greater than its line'
                               when o.status = 'cancelled' and sum(l.quantity) > sum(l.cancelled_quantity)
                                    then 'is cancelled, and not all of its lines are'
                               when o.status not in ('shipped', 'delivered') and sum(l.returned_quantity) > 0
                                    then 'was returned before it left'
                               when o.refunded < 0 or o.refunded > sum(l.returned_quantity * l.unit_price)
                                    then 'more is refunded than what was returned had cost'
                          end as reason
                     from orders o left join order_lines l on l.order_id = o.id
                    group by o.id) judged
            where reason is not null
            order by id limit 1000"#
    )
    .fetch_all(tx)
    .await?;
    Ok(checked("order-totals", "orders", rows, broken))
}
