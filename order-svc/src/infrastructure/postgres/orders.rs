use async_trait::async_trait;
use chassis::Result;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    event_log,
    rows::{LineRow, OrderRow, assemble},
};
use crate::{
    application::ports::{Change, LookUp, Orders, Placed, Placement},
    domain::Order,
};

pub struct PgOrders {
    pool: PgPool,
}

impl PgOrders {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Orders for PgOrders {
    async fn look_up(&self, id: Uuid) -> Result<LookUp> {
        let row = sqlx::query!(
            r#"select o.fingerprint as "fingerprint?", o.response as "response?",
                      (select count(*)::int from decisions d
                        where d.order_id = $1 and d.outcome = 'closed') as "closed!"
                 from (select) as always left join orders o on o.id = $1"#,
            id
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(match (row.fingerprint, row.response) {
            (Some(fingerprint), Some(response)) => LookUp::Found {
                fingerprint,
                response: Box::new(serde_json::from_value(response)?),
            },
            _ => LookUp::Free {
                hold_no: row.closed + 1,
            },
        })
    }

    async fn place(&self, placement: &Placement<'_>) -> Result<Placed> {
        let order = placement.change.order;
        let mut tx = self.pool.begin().await?;
        let committed = sqlx::query!(
            "insert into decisions (order_id, hold_no, outcome) values ($1, $2, 'committed') on conflict do nothing",
            order.id,
            placement.hold_no,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if committed == 0 {
            let outcome = sqlx::query_scalar!(
                "select outcome from decisions where order_id = $1 and hold_no = $2",
                order.id,
                placement.hold_no,
            )
            .fetch_one(&mut *tx)
            .await?;
            return Ok(if outcome == "committed" {
                Placed::ByTwin
            } else {
                Placed::HoldClosed
            });
        }
        insert(&mut tx, placement).await?;
        event_log::append(&mut tx, &[placement.change]).await?;
        fail::fail_point!("place-before-commit", |_| Err(chassis::Error::unavailable(
            anyhow::anyhow!("failpoint")
        )));
        tx.commit().await?;
        fail::fail_point!("place-outcome-unknown", |_| Err(
            chassis::Error::unavailable(anyhow::anyhow!("failpoint"))
        ));
        Ok(Placed::Committed)
    }

    async fn load(&self, id: Uuid) -> Result<Option<Order>> {
        let mut connection = self.pool.acquire().await?;
        Ok(load(&mut connection, &[id]).await?.pop())
    }

    async fn save(&self, change: Change<'_>) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        if !save_many(&mut tx, &[change]).await? {
            return Ok(false);
        }
        fail::fail_point!("save-before-commit", |_| Err(chassis::Error::unavailable(
            anyhow::anyhow!("failpoint")
        )));
        tx.commit().await?;
        fail::fail_point!("save-outcome-unknown", |_| Err(
            chassis::Error::unavailable(anyhow::anyhow!("failpoint"))
        ));
        Ok(true)
    }
}

async fn insert(tx: &mut PgConnection, placement: &Placement<'_>) -> Result<()> {
    let order = placement.change.order;
    let incentive = order.incentive.as_ref();
    let line_nos: Vec<i32> = (1..).take(order.lines.len()).collect();
    let skus: Vec<String> = order.lines.iter().map(|line| line.sku.clone()).collect();
    let names: Vec<String> = order.lines.iter().map(|line| line.name.clone()).collect();
    let quantities: Vec<i64> = order.lines.iter().map(|line| line.quantity).collect();
    let prices: Vec<i64> = order.lines.iter().map(|line| line.unit_price).collect();
    let discounts: Vec<i64> = order.lines.iter().map(|line| line.discount).collect();
    let points_values: Vec<i64> = order.lines.iter().map(|line| line.points_value).collect();
    sqlx::query!(
        "with placed as (
             insert into orders (id, customer_id, status, version, currency, points_redeemed, discount_code,
                                 redeem_points, holds, fingerprint, response, placed_at, updated_at, point_value)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $20)
         )
         insert into order_lines (order_id, line_no, sku, name, quantity, unit_price, discount, points_value)
         select $1, * from unnest($13::int[], $14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::bigint[],
                                  $19::bigint[])",
        order.id,
        order.customer_id,
        order.status.as_str(),
        order.version,
        order.currency,
        order.points_redeemed,
        incentive.and_then(|incentive| incentive.discount_code.as_deref()),
        incentive.and_then(|incentive| incentive.redeem_points),
        &order.holds,
        placement.fingerprint,
        serde_json::to_value(placement.response)?,
        order.placed_at,
        &line_nos,
        &skus,
        &names,
        &quantities,
        &prices,
        &discounts,
        &points_values,
        order.point_value,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Loads orders and locks them, ordered by id.
pub(crate) async fn load_many(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Order>> {
    sqlx::query!(
        "select id from orders where id = any($1) order by id for no key update",
        ids
    )
    .fetch_all(&mut *tx)
    .await?;
    load(tx, ids).await
}

pub(super) async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Order>> {
    let orders = sqlx::query_as!(
        OrderRow,
        "select id, customer_id, status, version, currency, points_redeemed, point_value, refunded, discount_code,
                redeem_points, holds, placed_at, updated_at
           from orders where id = any($1) order by id",
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let lines = sqlx::query_as!(
        LineRow,
        "select order_id, sku, name, quantity, unit_price, discount, points_value, cancelled_quantity,
                returned_quantity, restocked_quantity
           from order_lines where order_id = any($1) order by order_id, line_no",
        ids
    )
    .fetch_all(connection)
    .await?;
    assemble(orders, lines)
}

/// Writes changed orders, each over the version before it, with their events. False, and the transaction is to be
/// rolled back, if another change of one of them came first.
pub(crate) async fn save_many(tx: &mut PgConnection, changed: &[Change<'_>]) -> Result<bool> {
    let ids: Vec<Uuid> = changed.iter().map(|change| change.order.id).collect();
    let statuses: Vec<String> = changed
        .iter()
        .map(|change| change.order.status.as_str().to_owned())
        .collect();
    let versions: Vec<i64> = changed.iter().map(|change| change.order.version).collect();
    let times: Vec<_> = changed
        .iter()
        .map(|change| change.order.updated_at)
        .collect();
    let written = sqlx::query!(
        "update orders set status = t.status, version = t.version, updated_at = t.updated_at
           from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[]) as t (id, status, version, updated_at)
          where orders.id = t.id and orders.version = t.version - 1",
        &ids,
        &statuses,
        &versions,
        &times,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if usize::try_from(written) != Ok(changed.len()) {
        return Ok(false);
    }
    let cancelled: Vec<(Uuid, &str, i64)> = changed
        .iter()
        .flat_map(|change| {
            change
                .order
                .lines
                .iter()
                .map(|line| (change.order.id, line))
        })
        .filter(|(_, line)| line.cancelled_quantity > 0)
        .map(|(id, line)| (id, line.sku.as_str(), line.cancelled_quantity))
        .collect();
    if !cancelled.is_empty() {
        let ids: Vec<Uuid> = cancelled.iter().map(|(id, ..)| *id).collect();
        let skus: Vec<String> = cancelled
            .iter()
            .map(|(_, sku, _)| (*sku).to_owned())
            .collect();
        let quantities: Vec<i64> = cancelled.iter().map(|(.., quantity)| *quantity).collect();
        sqlx::query!(
            "update order_lines line set cancelled_quantity = t.quantity
               from unnest($1::uuid[], $2::text[], $3::bigint[]) as t (order_id, sku, quantity)
              where line.order_id = t.order_id and line.sku = t.sku and line.cancelled_quantity <> t.quantity",
            &ids,
            &skus,
            &quantities,
        )
        .execute(&mut *tx)
        .await?;
    }
    event_log::append(tx, changed).await?;
    Ok(true)
}
