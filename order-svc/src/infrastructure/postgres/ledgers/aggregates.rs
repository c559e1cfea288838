//! Whether the sums are those of what the orders contribute.

use chassis::{Result, audit::Checked};
use sqlx::PgConnection;

use super::{ADDED_UP, Broken, checked};

/// Compared as rows: with all that they have.
pub(super) async fn check(tx: &mut PgConnection) -> Result<Checked> {
    let mut found = Checked::new(ADDED_UP);
    for part in [days(tx).await?, codes(tx).await?, customers(tx).await?] {
        found.rows += part.rows;
        found.total += part.total;
        let room = chassis::audit::NAMED - found.violations.len();
        found
            .violations
            .extend(part.violations.into_iter().take(room));
    }
    Ok(found)
}

async fn days(tx: &mut PgConnection) -> Result<Checked> {
    let rows = sqlx::query_scalar!(r#"select count(*) as "rows!" from read_model.sales_days"#)
        .fetch_one(&mut *tx)
        .await?;
    let broken = sqlx::query_as!(
        Broken,
        r#"select format('%s %s', day, currency) as "key!", count(*) over () as "total!",
                  format('is %s, and the orders come to %s', coalesce(kept.sums::text, 'missing'),
                         coalesce(added.sums::text, 'nothing')) as "detail!"
             from (select day, currency, row(orders, cancelled, units, gross, discount, points_value, revenue, refunded,
                                             points) as sums
                     from read_model.sales_days) kept
             full join (select day, currency,
                               row(count(*), sum(cancelled)::bigint, sum(units)::bigint, sum(gross)::bigint,
                                   sum(discount)::bigint, sum(points_value)::bigint, sum(revenue)::bigint,
                                   sum(refunded)::bigint, sum(points)::bigint) as sums
                          from read_model.order_figures group by day, currency) added using (day, currency)
            where kept.sums is distinct from added.sums
            order by day, currency limit 1000"#
    )
    .fetch_all(tx)
    .await?;
    Ok(checked(ADDED_UP, "read_model.sales_days", rows, broken))
}

async fn codes(tx: &mut PgConnection) -> Result<Checked> {
    let rows = sqlx::query_scalar!(r#"select count(*) as "rows!" from read_model.incentive_usage"#)
        .fetch_one(&mut *tx)
        .await?;
    let broken = sqlx::query_as!(
        Broken,
        r#"select format('%L %s %s', code, day, currency) as "key!", count(*) over () as "total!",
                  format('is %s, and the orders come to %s', coalesce(kept.sums::text, 'missing'),
                         coalesce(added.sums::text, 'nothing')) as "detail!"
             from (select code, day, currency,
                          row(orders, cancelled, units, gross, discount, points_value, revenue, refunded, points) as sums
                     from read_model.incentive_usage) kept
             full join (select code, day, currency,
                               row(count(*), sum(cancelled)::bigint, sum(units)::bigint, sum(gross)::bigint,
                                   sum(discount)::bigint, sum(points_value)::bigint, sum(revenue)::bigint,
                                   sum(refunded)::bigint, sum(points)::bigint) as sums
                          from read_model.order_figures where code is not null
                         group by code, day, currency) added using (code, day, currency)
            where kept.sums is distinct from added.sums
            order by code, day, currency limit 1000"#
    )
    .fetch_all(tx)
    .await?;
    Ok(checked(
        ADDED_UP,
        "read_model.incentive_usage",
        rows,
        broken,
    ))
}

async fn customers(tx: &mut PgConnection) -> Result<Checked> {
    let rows = sqlx::query_scalar!(r#"select count(*) as "rows!" from read_model.customers"#)
        .fetch_one(&mut *tx)
        .await?;
    let broken = sqlx::query_as!(
        Broken,
        r#"select format('%s %s', customer_id, currency) as "key!", count(*) over () as "total!",
                  format('is %s, and the orders come to %s', coalesce(kept.sums::text, 'missing'),
                         coalesce(added.sums::text, 'nothing')) as "detail!"
             from (select customer_id, currency,
                          row(orders, cancelled, units, gross, discount, points_value, revenue, refunded, points,
                              first_order_at, last_order_at) as sums
                     from read_model.customers) kept
             full join (select customer_id, currency,
                               row(count(*), sum(cancelled)::bigint, sum(units)::bigint, sum(gross)::bigint,
                                   sum(discount)::bigint, sum(points_value)::bigint, sum(revenue)::bigint,
                                   sum(refunded)::bigint, sum(points)::bigint, min(placed_at), max(placed_at)) as sums
                          from read_model.order_figures group by customer_id, currency) added
                  using (customer_id, currency)
            where kept.sums is distinct from added.sums
            order by customer_id, currency limit 1000"#
    )
    .fetch_all(tx)
    .await?;
    Ok(checked(ADDED_UP, "read_model.customers", rows, broken))
}
