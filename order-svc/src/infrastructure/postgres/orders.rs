mod place;

use async_trait::async_trait;
use chassis::{
    Result,
    batch::{Batcher, Writer},
    idempotency::Once,
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

pub use place::Placements;

use super::{
    event_log,
    rows::{LineRow, OrderRow, assemble},
};
use crate::{
    application::{
        OrderView,
        ports::{Change, LookUp, Orders, Placed, Placement, Saved},
    },
    domain::Order,
};

/// New orders are placed together; see [`chassis::batch`].
pub struct PgOrders {
    pool: PgPool,
    placing: Batcher<Placements>,
}

impl PgOrders {
    #[must_use]
    pub fn new(pool: PgPool) -> (Self, Writer<Placements>) {
        let (placing, writer) = Batcher::new(Placements { pool: pool.clone() });
        (Self { pool, placing }, writer)
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

    async fn place(&self, placement: Placement) -> Result<Placed> {
        self.placing.write(placement).await
    }

    async fn load(&self, id: Uuid) -> Result<Option<Order>> {
        let mut connection = self.pool.acquire().await?;
        Ok(load(&mut connection, &[id]).await?.pop())
    }

    async fn save(
        &self,
        change: Change<'_>,
        hold_no: Option<i32>,
        once: Option<&Once>,
    ) -> Result<Saved> {
        let order = change.order;
        let mut tx = self.pool.begin().await?;
        if let Some(once) = once {
            if let Some(answer) = once.claim::<OrderView>(&mut tx).await? {
                return Ok(Saved::ByTwin(Box::new(answer)));
            }
            once.keep(&mut tx, &OrderView::from(order)).await?;
        }
        if let Some(hold_no) = hold_no {
            match commit_hold(&mut tx, order.id, hold_no).await? {
                Decided::Now => {}
                // By a twin: it has changed the order.
                Decided::Committed => return Ok(Saved::Stale),
                Decided::Closed => return Ok(Saved::HoldClosed),
            }
        }
        if !save_many(&mut tx, &[change]).await? {
            return Ok(Saved::Stale);
        }
        fail::fail_point!("save-before-commit", |_| Err(chassis::Error::unavailable(
            anyhow::anyhow!("failpoint")
        )));
        tx.commit().await?;
        fail::fail_point!("save-outcome-unknown", |_| Err(
            chassis::Error::unavailable(anyhow::anyhow!("failpoint"))
        ));
        Ok(Saved::Committed)
    }

    async fn answered(&self, once: &Once) -> Result<Option<OrderView>> {
        once.answer(&mut *self.pool.acquire().await?).await
    }
}

/// What is decided about a hold.
enum Decided {
    /// It is the caller's, if the transaction commits.
    Now,
    Committed,
    Closed,
}

/// Inserts `committed`. Waits for an insert of the same key that is in flight.
async fn commit_hold(tx: &mut PgConnection, order_id: Uuid, hold_no: i32) -> Result<Decided> {
    let committed = sqlx::query!(
        "insert into decisions (order_id, hold_no, outcome) values ($1, $2, 'committed') on conflict do nothing",
        order_id,
        hold_no,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if committed == 1 {
        return Ok(Decided::Now);
    }
    let outcome = sqlx::query_scalar!(
        "select outcome from decisions where order_id = $1 and hold_no = $2",
        order_id,
        hold_no,
    )
    .fetch_one(tx)
    .await?;
    Ok(if outcome == "committed" {
        Decided::Committed
    } else {
        Decided::Closed
    })
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
                redeem_points, holds, points_withheld, placed_at, updated_at
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
    let orders: Vec<&Order> = changed.iter().map(|change| change.order).collect();
    let ids: Vec<Uuid> = orders.iter().map(|order| order.id).collect();
    let statuses: Vec<String> = orders
        .iter()
        .map(|order| order.status.as_str().to_owned())
        .collect();
    let versions: Vec<i64> = orders.iter().map(|order| order.version).collect();
    let times: Vec<_> = orders.iter().map(|order| order.updated_at).collect();
    let points: Vec<i64> = orders.iter().map(|order| order.points_redeemed).collect();
    let point_values: Vec<i64> = orders.iter().map(|order| order.point_value).collect();
    let withheld: Vec<i64> = orders.iter().map(|order| order.points_withheld).collect();
    let refunded: Vec<i64> = orders.iter().map(|order| order.refunded).collect();
    let incentive = |order: &Order| order.incentive.clone();
    let codes: Vec<Option<String>> = orders
        .iter()
        .map(|order| incentive(order)?.discount_code)
        .collect();
    let redeem: Vec<Option<i64>> = orders
        .iter()
        .map(|order| incentive(order)?.redeem_points)
        .collect();
    // Arrays of different lengths do not go into one array.
    let holds: Vec<serde_json::Value> = orders
        .iter()
        .map(|order| order.holds.clone().into())
        .collect();
    let written = sqlx::query!(
        "update orders
            set status = t.status, version = t.version, updated_at = t.updated_at, points_redeemed = t.points,
                point_value = t.point_value, points_withheld = t.withheld, refunded = t.refunded,
                discount_code = t.code, redeem_points = t.redeem,
                holds = array(select jsonb_array_elements(t.holds)::int)
           from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[],
                       $8::bigint[], $9::text[], $10::bigint[], $11::jsonb[])
             as t (id, status, version, updated_at, points, point_value, withheld, refunded, code, redeem, holds)
          where orders.id = t.id and orders.version = t.version - 1",
        &ids,
        &statuses,
        &versions,
        &times,
        &points,
        &point_values,
        &withheld,
        &refunded,
        &codes as &[Option<String>],
        &redeem as &[Option<i64>],
        &holds,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if usize::try_from(written) != Ok(changed.len()) {
        return Ok(false);
    }
    let relined: Vec<&Order> = changed
        .iter()
        .filter(|change| change.event.changes_lines())
        .map(|change| change.order)
        .collect();
    save_lines(tx, &relined).await?;
    event_log::append(tx, changed).await?;
    Ok(true)
}

/// Writes the lines of orders over those that are there.
async fn save_lines(tx: &mut PgConnection, orders: &[&Order]) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let (ids, counts): (Vec<Uuid>, Vec<i32>) = orders
        .iter()
        .map(|order| {
            (
                order.id,
                i32::try_from(order.lines.len()).unwrap_or(i32::MAX),
            )
        })
        .unzip();
    sqlx::query!(
        "delete from order_lines line using unnest($1::uuid[], $2::int[]) as t (order_id, count)
          where line.order_id = t.order_id and line.line_no > t.count",
        &ids,
        &counts,
    )
    .execute(&mut *tx)
    .await?;
    let columns = LineColumns::of(orders.iter().copied());
    sqlx::query!(
        "insert into order_lines as line (order_id, line_no, sku, name, quantity, unit_price, discount, points_value,
                                          cancelled_quantity, returned_quantity, restocked_quantity)
         select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                              $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
         on conflict (order_id, line_no) do update
            set sku = excluded.sku, name = excluded.name, quantity = excluded.quantity, unit_price = excluded.unit_price,
                discount = excluded.discount, points_value = excluded.points_value,
                cancelled_quantity = excluded.cancelled_quantity, returned_quantity = excluded.returned_quantity,
                restocked_quantity = excluded.restocked_quantity
          where line is distinct from excluded",
        &columns.orders,
        &columns.line_nos,
        &columns.skus,
        &columns.names,
        &columns.quantities,
        &columns.prices,
        &columns.discounts,
        &columns.points_values,
        &columns.cancelled,
        &columns.returned,
        &columns.restocked,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The lines of orders, column by column.
#[derive(Default)]
struct LineColumns {
    orders: Vec<Uuid>,
    line_nos: Vec<i32>,
    skus: Vec<String>,
    names: Vec<String>,
    quantities: Vec<i64>,
    prices: Vec<i64>,
    discounts: Vec<i64>,
    points_values: Vec<i64>,
    cancelled: Vec<i64>,
    returned: Vec<i64>,
    restocked: Vec<i64>,
}

impl LineColumns {
    fn of<'a>(orders: impl Iterator<Item = &'a Order>) -> Self {
        let mut columns = Self::default();
        for order in orders {
            for (line_no, line) in (1..).zip(&order.lines) {
                columns.orders.push(order.id);
                columns.line_nos.push(line_no);
                columns.skus.push(line.sku.clone());
                columns.names.push(line.name.clone());
                columns.quantities.push(line.quantity);
                columns.prices.push(line.unit_price);
                columns.discounts.push(line.discount);
                columns.points_values.push(line.points_value);
                columns.cancelled.push(line.cancelled_quantity);
                columns.returned.push(line.returned_quantity);
                columns.restocked.push(line.restocked_quantity);
            }
        }
        columns
    }
}
