//! Builds a view anew from the log of orders, beside the one that is read, while orders go on; then puts it in its place.
//!
//! From [`tables::begin`] to [`tables::swap`] every event is applied to both. What was told before is in the log, which is
//! copied after that; and whatever comes twice, in whatever order, is decided by its version.

mod copy;
mod indexes;
mod tables;

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chassis::progress::Progress;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::HumanCount;
use sqlx::PgPool;

/// What can be built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Lists of orders, and what they are searched by.
    Orders,
    /// What orders add up to: by day, by code, by customer.
    Figures,
}

impl View {
    pub const ALL: [Self; 2] = [Self::Orders, Self::Figures];
    /// What a view may be called: by its own name, or by that of a part of it.
    pub const NAMES: [&str; 5] = ["orders", "figures", "sales", "incentive-usage", "customers"];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Figures => "figures",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "orders" => Some(Self::Orders),
            "figures" | "sales" | "incentive-usage" | "customers" => Some(Self::Figures),
            _ => None,
        }
    }

    /// Reads a view's name on a command line.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(Self::NAMES)
            .try_map(|name| Self::parse(&name).ok_or("no such view"))
    }

    fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Orders => &["orders", "order_search"],
            Self::Figures => &[
                "order_figures",
                "sales_days",
                "incentive_usage",
                "customers",
            ],
        }
    }
}

/// Connections that a rebuild needs.
pub const CONNECTIONS: u32 = copy::WORKERS as u32 + 1;
/// Names the lock that whoever rebuilds holds for as long as it is connected.
const LOCK: i64 = 0x6561_7379_7669_6577;

/// How a rebuild went.
#[derive(Debug, Clone, Copy)]
pub struct Rebuilt {
    pub view: View,
    pub orders: u64,
    /// From its beginning to the end of the swap.
    pub lasted: Duration,
    /// For so long nobody could read or feed the view.
    pub locked: Duration,
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.lasted.as_secs_f64();
        let rate = self.orders as f64 / seconds.max(0.001);
        write!(
            f,
            "{}: {} orders in {seconds:.1} s, {} orders/s; the swap locked for {:.1} ms",
            self.view.name(),
            HumanCount(self.orders),
            HumanCount(rate as u64),
            self.locked.as_secs_f64() * 1_000.0,
        )
    }
}

/// Builds a view anew. What an earlier rebuild left unfinished is thrown away.
///
/// # Errors
/// When another rebuild is at work, or the database is away. The view stays as it was.
pub async fn rebuild(pool: &PgPool, view: View) -> anyhow::Result<Rebuilt> {
    let begun = Instant::now();
    let mut owner = pool.acquire().await?;
    // The lock goes with the connection, so nobody else should get it.
    owner.close_on_drop();
    let alone = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "alone!""#, LOCK)
        .fetch_one(&mut *owner)
        .await?;
    if !alone {
        bail!("another rebuild is at work");
    }
    tables::begin(&mut owner, view).await?;
    let bar = Progress::begin(view.name(), "orders", copy::count(&mut owner).await?);
    bar.says("copying");
    copy::copy(pool, view, bar.bar()).await.context("copying")?;
    let orders = bar.bar().position();
    bar.says("indexes");
    indexes::build(&mut owner, view).await.context("indexes")?;
    bar.says("swapping");
    let locked = tables::swap(&mut owner, view).await?;
    drop(bar);
    // The server takes a moment to see that a connection is gone, and the next rebuild may come at once. If this fails, it
    // goes with the connection all the same.
    let _ = sqlx::query("select pg_advisory_unlock($1)")
        .bind(LOCK)
        .execute(&mut *owner)
        .await;
    Ok(Rebuilt {
        view,
        orders,
        lasted: begun.elapsed(),
        locked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_that_of_a_view() {
        for name in View::NAMES {
            assert!(View::parse(name).is_some(), "{name}");
        }
        for view in View::ALL {
            assert_eq!(View::parse(view.name()), Some(view));
        }
        assert_eq!(View::parse("order_search"), None);
    }
}
