use std::{net::IpAddr, time::Duration};

use chassis::Result;
use serde_json::json;
use sqlx::PgConnection;

use super::{Repository, audit_log::record};
use crate::domain::{Action, Actor, Limit};

/// Whoever begins to count removes so many counts that are over.
const SWEPT: i64 = 100;

impl Repository {
    /// Counts one more from the actor's address. If that is too many: how long until there may be more.
    pub async fn count(&self, actor: &Actor, limit: &Limit) -> Result<Option<Duration>> {
        let mut tx = self.pool.begin().await?;
        let left = count(&mut tx, actor, limit).await?;
        tx.commit().await?;
        Ok(left)
    }

    /// How long until there may be more from the address, if it has reached the limit.
    pub async fn closed(&self, network: IpAddr, limit: &Limit) -> Result<Option<Duration>> {
        let mut conn = self.pool.acquire().await?;
        closed(&mut conn, network, limit).await
    }
}

/// [`Repository::count`] in a transaction. That the limit is reached is noted in the audit log, once.
pub(super) async fn count(
    tx: &mut PgConnection,
    actor: &Actor,
    limit: &Limit,
) -> Result<Option<Duration>> {
    // What the system does by itself comes from nowhere.
    let Some(network) = actor.origin.network() else {
        return Ok(None);
    };
    let counted = sqlx::query_scalar!(
        "insert into address_counts as c (network, counter, count, ends_at)
         values ($1::text::inet, $2, 1, now() + make_interval(secs => $3))
         on conflict (network, counter) do update
            set count = case when c.ends_at <= now() then 1 else c.count + 1 end,
                ends_at = case when c.ends_at <= now() then excluded.ends_at else c.ends_at end
          where c.ends_at <= now() or c.count < $4
         returning count",
        network.to_string(),
        limit.name,
        limit.within.as_secs_f64(),
        limit.most,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(counted) = counted else {
        return closed(tx, network, limit).await;
    };
    if counted == 1 {
        sweep(tx).await?;
    }
    if counted == limit.most {
        let details = json!({"limit": limit.name, "seconds": limit.within.as_secs()});
        record(tx, actor, Action::SignInThrottled, None, details).await?;
    }
    Ok(None)
}

async fn closed(
    conn: &mut PgConnection,
    network: IpAddr,
    limit: &Limit,
) -> Result<Option<Duration>> {
    let left = sqlx::query_scalar!(
        r#"select extract(epoch from ends_at - now())::float8 as "left!" from address_counts
            where network = $1::text::inet and counter = $2 and count >= $3 and ends_at > now()"#,
        network.to_string(),
        limit.name,
        limit.most,
    )
    .fetch_optional(conn)
    .await?;
    Ok(left.and_then(|left| Duration::try_from_secs_f64(left).ok()))
}

async fn sweep(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "delete from address_counts where (network, counter) in (
             select network, counter from address_counts where ends_at < now()
              limit $1 for update skip locked)",
        SWEPT,
    )
    .execute(tx)
    .await?;
    Ok(())
}
