//! Writes what was made up, in portions: of each, the rows of both services are committed one right after the other.

use std::{
    fmt,
    str::FromStr as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chassis::{config::Secret, postgres, progress::Progress};
use chrono::Utc;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::HumanCount;
use inventory_svc::generate as inventory;
use order_svc::{View, generate as order};
use sqlx::{Executor as _, PgPool, postgres::PgConnectOptions};

use super::{
    shop::{Plan, Shop, opened, product},
    story::tell,
};
use crate::system::Configs;

/// Orders of one transaction.
const PORTION: u64 = 5_000;
/// While one portion is written, the next is made.
const AHEAD: usize = 2;

/// What was added.
#[derive(Debug, Clone, Copy)]
pub struct Generated {
    pub orders: u64,
    /// All that there are now.
    pub total: u64,
    pub wrote: Duration,
    /// Until the read models were built, too.
    pub took: Duration,
}

impl fmt::Display for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} orders in {:.1} s, and the read models of {} in {:.1} s",
            HumanCount(self.orders),
            self.wrote.as_secs_f64(),
            HumanCount(self.total),
            self.took.saturating_sub(self.wrote).as_secs_f64(),
        )
    }
}

/// Adds orders to the databases of order-svc and inventory-svc, which are migrated, and builds the read models anew.
///
/// # Errors
/// When a database cannot be used, or somebody else generates or rebuilds. What was written until then stays.
pub async fn fill(configs: &Configs, plan: &Plan) -> anyhow::Result<Generated> {
    let begun = Instant::now();
    let orders = postgres::connect(&configs.order.database_url, 2)
        .await
        .context("ORDER_DATABASE_URL")?;
    let stock = postgres::connect(&configs.inventory.database_url, 2)
        .await
        .context("INVENTORY_DATABASE_URL")?;
    let now = Utc::now();
    let currency = configs.inventory.loyalty.shop_currency.code();
    let goods: Vec<_> = (0..plan.products)
        .map(|number| product(number, currency))
        .collect();
    let goods = inventory::stock(&stock, &goods, opened(now)).await?;
    let shop = Arc::new(Shop::new(plan, goods, now));
    // Earlier runs are gone on from, so that no order is made twice.
    let first = order::count(&orders).await?;
    let bar = Progress::begin("orders", "orders", plan.orders);
    bar.says("writing");
    let ttl = Duration::from_secs(configs.order.hold_ttl_seconds);
    stream::iter((0..plan.orders).step_by(PORTION as usize))
        .map(|begin| {
            let (shop, plan) = (shop.clone(), plan.clone());
            let making = tokio::task::spawn_blocking(move || {
                let end = plan.orders.min(begin + PORTION);
                Portion::make(&shop, &plan, first, begin..end, ttl)
            });
            async { making.await? }
        })
        .buffered(AHEAD)
        .try_for_each(async |portion| {
            let count = portion.count;
            portion.write(&orders, &stock).await?;
            bar.bar().inc(count);
            Ok(())
        })
        .await?;
    let wrote = begun.elapsed();
    bar.says("vacuum analyze");
    for pool in [&orders, &stock] {
        look_at(pool).await?;
    }
    drop(bar);
    for view in View::ALL {
        order_svc::rebuild(&configs.order, view).await?;
    }
    Ok(Generated {
        orders: plan.orders,
        total: first + plan.orders,
        wrote,
        took: begun.elapsed(),
    })
}

/// Host and name of a database: its address without the password.
pub fn place(url: &Secret) -> anyhow::Result<String> {
    // Its error may quote the address.
    let options = PgConnectOptions::from_str(url.expose())
        .ok()
        .context("malformed database address")?;
    let (host, port) = (options.get_host(), options.get_port());
    Ok(format!(
        "{host}:{port}/{}",
        options.get_database().unwrap_or_default()
    ))
}

/// As autovacuum would within a while: plans that were made for empty tables are no plans for full ones.
pub async fn look_at(pool: &PgPool) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    for statement in ["set statement_timeout = 0", "vacuum analyze"] {
        connection.execute(statement).await?;
    }
    Ok(())
}

/// Rows that are written together.
struct Portion {
    count: u64,
    orders: order::Rows,
    holds: inventory::Rows,
}

impl Portion {
    /// Those orders of the plan; the first of its orders has the number `first`.
    fn make(
        shop: &Shop,
        plan: &Plan,
        first: u64,
        range: std::ops::Range<u64>,
        ttl: Duration,
    ) -> anyhow::Result<Self> {
        let count = range.end - range.start;
        let lives = range
            .map(|nth| tell(shop, plan, first + nth, nth))
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self {
            count,
            orders: order::Rows::of(&lives)?,
            holds: inventory::Rows::of(lives.iter().map(order::Life::told), ttl)?,
        })
    }

    async fn write(self, orders: &PgPool, stock: &PgPool) -> anyhow::Result<()> {
        let mut order_tx = orders.begin().await?;
        let mut stock_tx = stock.begin().await?;
        tokio::try_join!(
            self.orders.write(&mut order_tx),
            self.holds.write(&mut stock_tx)
        )?;
        // Nothing is left that could fail but the commits themselves.
        stock_tx.commit().await?;
        order_tx.commit().await?;
        Ok(())
    }
}
