//! The read models are built anew while the shop goes on.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use order_svc::{Rebuilt, View};

use super::{
    busy::{Busy, Cast, Outcome},
    lab::Lab,
    questions::{People, orders},
};
use crate::{
    audit,
    bench::{settle, shop::Open},
};

/// Who buy.
const BUYERS: usize = 8;
/// For so many times as long as a question is asked, the shop goes on undisturbed, before and after.
const QUIET: u32 = 5;
/// Orders that readers look at, beside lists and reports.
const ORDERS: usize = 20;

/// All that was seen of it.
pub struct Rebuilding {
    pub rate: u32,
    pub outcome: Outcome,
    /// From the first order until the last was answered.
    pub lasted: Duration,
    pub rebuilt: Vec<Rebuilt>,
    /// Of the orders that were acknowledged, those that are missing or stale in a read model.
    pub missing: i64,
    /// How long the audit of order-svc took.
    pub audited: Duration,
    pub amiss: Vec<String>,
}

pub async fn rebuild(lab: &Lab<'_>, open: &Open, people: &People) -> anyhow::Result<Rebuilding> {
    let rate = lab.options.rate.get();
    let pool = &lab.shop.order.pool;
    let mut paths = orders(pool).await?;
    paths.truncate(ORDERS);
    paths.extend(
        [
            "/v1/orders?limit=20",
            "/v1/orders?limit=20&status=confirmed",
            "/v1/orders?limit=20&sku=GEN-00001",
            "/v1/orders?limit=20&q=ivory%20wicker",
            "/v1/reports/orders?by=day",
            "/v1/reports/customers",
        ]
        .map(str::to_owned),
    );
    let cast = Cast {
        gateway_url: open.gateway_url.clone(),
        rate,
        buyers: open.customers(BUYERS).await?,
        staff: people.staff.token(&open.api()?).await?,
        paths,
    };
    let quiet = lab.options.seconds * QUIET;
    let begun = Instant::now();
    let busy = Busy::begin(cast, "before")?;
    tokio::time::sleep(quiet).await;
    let mut rebuilt = Vec::new();
    for view in View::ALL {
        busy.enter(view.name())?;
        let done = order_svc::rebuild(&lab.configs.order, view).await?;
        let _ = writeln!(std::io::stderr(), "{done}");
        rebuilt.push(done);
    }
    busy.enter("after")?;
    tokio::time::sleep(quiet).await;
    let outcome = busy.end().await?;
    let lasted = begun.elapsed();

    settle::confirm(lab.shop).await?;
    let shown: i64 = sqlx::query_scalar(
        "select count(*) from unnest($1::uuid[]) as placed (id)
           join orders o using (id)
           join read_model.orders v on v.order_id = id and v.version = o.version
           join read_model.order_search s on s.order_id = id
           join read_model.order_figures f on f.order_id = id and f.version = o.version",
    )
    .bind(&outcome.placed)
    .fetch_one(pool)
    .await?;
    let auditing = Instant::now();
    let auth = chassis::auth::Config {
        identity_grpc_url: open.identity_grpc_url.clone(),
        ..lab.configs.order.auth.clone()
    };
    let amiss = audit::of_orders(&open.order_grpc_url, &auth).await?;
    Ok(Rebuilding {
        rate,
        lasted,
        rebuilt,
        missing: i64::try_from(outcome.placed.len())? - shown,
        audited: auditing.elapsed(),
        amiss,
        outcome,
    })
}
