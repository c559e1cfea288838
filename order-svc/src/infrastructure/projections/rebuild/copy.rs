//! Brings each order, as the log tells it last, into the tables that are being built.

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use proto::events::order::OrderData;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    super::{figures, orders, target::Schema},
    View,
};

/// Slices that are copied at a time. PostgreSQL works on one while we work on another.
pub const WORKERS: usize = 4;
/// Into so many slices the ids are cut, which are spread evenly: so no worker is left alone with the last.
const SLICES: u128 = 64;
/// Orders of one transaction. Events for the same figures wait that long.
const PAGE: i64 = 2_000;

/// How many there are, as far as that can be told now.
pub async fn count(connection: &mut PgConnection) -> anyhow::Result<u64> {
    let orders = sqlx::query_scalar!(r#"select count(*) as "count!" from orders"#)
        .fetch_one(connection)
        .await?;
    Ok(u64::try_from(orders)?)
}

pub async fn copy(pool: &PgPool, view: View, bar: &ProgressBar) -> anyhow::Result<()> {
    let width = u128::MAX / SLICES + 1;
    stream::iter(0..SLICES)
        .map(|slice| {
            let first = slice * width;
            let (pool, bar) = (pool.clone(), bar.clone());
            // In a task of its own: on several cores.
            let copying = tokio::spawn(async move {
                copy_slice(&pool, view, first, first + (width - 1), &bar).await
            });
            async { copying.await.context("a worker ended")? }
        })
        .buffer_unordered(WORKERS)
        .try_collect()
        .await
}

/// Orders whose ids are from `first` to `last`.
async fn copy_slice(
    pool: &PgPool,
    view: View,
    mut first: u128,
    last: u128,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    loop {
        let mut tx = pool.begin().await?;
        // If it is lost with the server, so is the swap, which comes later.
        sqlx::query("set local synchronous_commit = off")
            .execute(&mut *tx)
            .await?;
        let orders = page(&mut tx, first, last).await?;
        match view {
            View::Orders => orders::apply(&mut tx, Schema::Next, &orders).await?,
            View::Figures => figures::apply(&mut tx, Schema::Next, &orders).await?,
        }
        tx.commit().await?;
        bar.inc(orders.len() as u64);
        let Some(newest) = orders.last() else {
            return Ok(());
        };
        let done = newest.order_id.as_u128();
        if done == last {
            return Ok(());
        }
        first = done + 1;
    }
}

/// By id, each as its newest version.
async fn page(tx: &mut PgConnection, first: u128, last: u128) -> anyhow::Result<Vec<OrderData>> {
    // The newest versions are found in the index alone; only they are read.
    let rows = sqlx::query!(
        "select told.order_id, told.data
           from (select order_id, max(version) as version from order_events
                  where order_id between $1 and $2 group by order_id order by order_id limit $3) newest
           join order_events told using (order_id, version)
          order by told.order_id",
        Uuid::from_u128(first),
        Uuid::from_u128(last),
        PAGE,
    )
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            serde_json::from_slice(&row.data)
                .with_context(|| format!("the log of order {}", row.order_id))
        })
        .collect()
}
