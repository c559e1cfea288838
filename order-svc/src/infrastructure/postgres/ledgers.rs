//! What is written twice, or follows from something else, compared. All of it sees the database as of one moment, so that
//! what goes on meanwhile is no violation.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;
use chassis::{
    Error, Result,
    audit::{Checked, Violation, outbox_stuck},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    events::order_data,
    keepings::{SNAPSHOT, settled_orders},
    load_many,
};
use crate::{
    application::{OrderView, ports::Ledgers},
    domain::Order,
    infrastructure::projections::{rewrite, view},
};

/// Orders that are held in memory at once.
const PAGE: usize = 500;

const SHOWN: &str = "order-read-model-agrees";

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
        Ok(vec![
            decisions(&mut tx).await?,
            totals(&mut tx).await?,
            shown(&mut tx, settle).await?,
            outbox_stuck(&mut tx, settle).await?,
        ])
    }

    async fn repair(&self, found: &[Checked]) -> Result<()> {
        let ids = found
            .iter()
            .filter(|checked| checked.invariant == SHOWN)
            .flat_map(|checked| &checked.violations)
            .map(|violation| violation.key.parse().map_err(Error::internal))
            .collect::<Result<Vec<Uuid>>>()?;
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
            let views: Vec<OrderView> = orders.iter().map(expected).collect();
            rewrite(&mut tx, &views, &gone).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// What the projection makes of the order as it stands.
fn expected(order: &Order) -> OrderView {
    view(order_data(order))
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

/// The read model shows each order as it stands, and no other.
async fn shown(tx: &mut PgConnection, settle: Duration) -> Result<Checked> {
    let mut found = Checked::new(SHOWN);
    let mut after = None;
    loop {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let orders = settled_orders(tx, after, limit, settle).await?;
        let ids: Vec<Uuid> = orders.iter().map(|order| order.id).collect();
        let documents: BTreeMap<Uuid, Shown> = sqlx::query_as!(
            Shown,
            "select order_id, customer_id, status, version, document from read_model.orders where order_id = any($1)",
            &ids
        )
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|shown| (shown.order_id, shown))
        .collect();
        for order in &orders {
            found.rows += 1;
            if let Some(detail) = difference(&expected(order), documents.get(&order.id)) {
                found.found(violation("read_model.orders", order.id.to_string(), detail));
            }
        }
        after = ids.last().copied();
        if orders.len() < PAGE {
            break;
        }
    }
    let orphans = sqlx::query_scalar!(
        "select order_id from read_model.orders v where not exists (select from orders o where o.id = v.order_id)
          order by order_id"
    )
    .fetch_all(tx)
    .await?;
    for id in orphans {
        let detail = "is shown, but there is no such order";
        found.found(violation("read_model.orders", id.to_string(), detail));
    }
    Ok(found)
}

struct Shown {
    order_id: Uuid,
    customer_id: Uuid,
    status: String,
    version: i64,
    document: serde_json::Value,
}

fn difference(order: &OrderView, shown: Option<&Shown>) -> Option<String> {
    let Some(shown) = shown else {
        return Some("is not shown".to_owned());
    };
    if shown.version != order.version {
        return Some(format!(
            "is shown as of version {}, and is at {}",
            shown.version, order.version
        ));
    }
    // Compared as orders, not as texts: a document may be older than a field that came to mean nothing by default.
    let document = serde_json::from_value::<OrderView>(shown.document.clone());
    let agrees = shown.customer_id == order.customer_id
        && shown.status == order.status
        && document.is_ok_and(|document| document == *order);
    (!agrees).then(|| "is shown with other content".to_owned())
}
