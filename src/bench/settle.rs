//! What follows from orders, until all of it is done.

use std::time::{Duration, Instant};

use anyhow::bail;
use sqlx::PgPool;

use super::shop::Shop;

/// Looking costs PostgreSQL something, too.
const PAUSE: Duration = Duration::from_millis(100);
/// Of a round.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long it took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settled {
    /// Until each order was confirmed and each read model complete.
    pub confirmed: Duration,
    /// Until each customer had a mail for each order, too.
    pub mailed: Duration,
}

/// Waits until nothing is on its way.
///
/// # Errors
/// When a database is away, or it takes too long; names what is missing then.
pub async fn settle(shop: &Shop) -> anyhow::Result<Settled> {
    let begun = Instant::now();
    let confirmed = confirm(shop).await?;
    wait(begun, async || unmailed(shop).await).await?;
    Ok(Settled {
        confirmed,
        mailed: begun.elapsed(),
    })
}

/// The same without mails; answers how long it took.
///
/// # Errors
/// As [`settle`].
pub async fn confirm(shop: &Shop) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    wait(begun, async || unconfirmed(shop).await).await?;
    Ok(begun.elapsed())
}

async fn wait(
    begun: Instant,
    missing: impl AsyncFn() -> anyhow::Result<Option<&'static str>>,
) -> anyhow::Result<()> {
    while let Some(missing) = missing().await? {
        if begun.elapsed() > PATIENCE {
            bail!("what follows from a round's orders is not done in time: {missing}");
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Something that is not as far as it will be. The cheap questions come first.
async fn unconfirmed(shop: &Shop) -> anyhow::Result<Option<&'static str>> {
    let (order, inventory) = (&shop.order.pool, &shop.inventory.pool);
    let unpublished = "select exists (select from outbox where published_at is null)";
    for (pool, missing, sql) in [
        (order, "events of order-svc to be published", unpublished),
        (
            inventory,
            "events of inventory-svc to be published",
            unpublished,
        ),
        (
            inventory,
            "holds to be confirmed",
            "select exists (select from holds where state = 'HELD')",
        ),
        (
            order,
            "orders to be confirmed",
            "select exists (select from orders where status = 'placed')",
        ),
        (
            order,
            "orders to be shown",
            "select exists (select from orders o left join read_model.orders v on v.order_id = o.id
              where v.version is distinct from o.version)",
        ),
    ] {
        if sqlx::query_scalar(sql).fetch_one(pool).await? {
            return Ok(Some(missing));
        }
    }
    let written = "select coalesce(sum(version), 0)::bigint from orders";
    let followed = "select coalesce(sum(version), 0)::bigint from followed_orders";
    let behind = number(order, written).await? != number(inventory, followed).await?;
    Ok(behind.then_some("orders to be followed by inventory-svc"))
}

async fn unmailed(shop: &Shop) -> anyhow::Result<Option<&'static str>> {
    let orders = number(&shop.order.pool, "select count(*) from orders").await?;
    // Accounts get mails, too.
    let mails = "select count(*) from mails where key like 'order-confirmation:%'";
    let mails = number(&shop.worker.pool, mails).await?;
    Ok((mails < orders).then_some("mails to be written"))
}

async fn number(pool: &PgPool, sql: &'static str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}
