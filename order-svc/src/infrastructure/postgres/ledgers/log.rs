//! Whether the log tells of each order how it stands.

use chassis::{Result, audit::Checked};
use sqlx::PgConnection;

use super::{Broken, LOGGED, checked};

/// The newest version in the log is the order's. Since the log exists an order is in it from its first version on, and then
/// without a gap.
pub(super) async fn versions(tx: &mut PgConnection) -> Result<Checked> {
    let rows = sqlx::query_scalar!(r#"select count(*) as "rows!" from order_events"#)
        .fetch_one(&mut *tx)
        .await?;
    let broken = sqlx::query_as!(
        Broken,
        r#"select order_id::text as "key!", count(*) over () as "total!", reason as "detail!"
             from (select order_id,
                          case when newest is null then 'is not in the log'
                               when version is null then 'is in the log, but there is no such order'
                               when newest <> version
                                    then format('is told as of version %s, and is at %s', newest, version)
                               when oldest = 1 and told <> newest
                                    then format('%s of its %s versions are told', told, newest)
                          end as reason
                     from (select id as order_id, version from orders) written
                     full join (select order_id, min(version) as oldest, max(version) as newest, count(*) as told
                                  from order_events group by order_id) log using (order_id)) judged
            where reason is not null
            order by order_id limit 1000"#
    )
    .fetch_all(tx)
    .await?;
    Ok(checked(LOGGED, "order_events", rows, broken))
}
