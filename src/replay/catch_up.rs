//! After the last sale: until the read models show every order, confirmed; after the last return: with its refunds.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, TimeDelta};
use indicatif::ProgressBar;
use reqwest::StatusCode;
use serde::Deserialize;

use super::play::Placed;
use crate::client::{Account, Api, encode};

const PAUSE: Duration = Duration::from_millis(250);

/// What the read models say about this run's orders.
#[derive(Debug, Default)]
pub struct CaughtUp {
    /// Since the last answer; `None` if some order never showed.
    pub visible: Option<Duration>,
    /// Since the last answer; `None` if some order stayed `placed`, or without a refund.
    pub settled: Option<Duration>,
    /// By the order's id.
    pub orders: HashMap<String, Seen>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Seen {
    /// In minor units.
    pub total: i64,
    /// In minor units.
    pub refunded: i64,
    status: String,
}

impl Seen {
    pub fn is_confirmed(&self) -> bool {
        self.status != "placed"
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(flatten)]
    seen: Seen,
}

/// Reads until everything is there, or nothing more has come for `patience`. `refunds` tells what was refunded of an
/// order, by its id; of others nothing was.
///
/// # Errors
/// When the administrator may not read orders.
pub async fn catch_up(
    api: &Api,
    admin: &Account,
    placed: &[&Placed],
    refunds: &HashMap<&str, i64>,
    patience: Duration,
    progress: &ProgressBar,
) -> anyhow::Result<CaughtUp> {
    let mut result = CaughtUp::default();
    let Some(first) = placed.iter().map(|order| order.placed_at).min() else {
        result.visible = Some(Duration::ZERO);
        result.settled = Some(Duration::ZERO);
        return Ok(result);
    };
    // A second earlier, since the database keeps fewer digits than an answer may have.
    let from = (first - TimeDelta::seconds(1)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let begun = Instant::now();
    let mut last_progress = Instant::now();
    let mut settled_before = 0;
    loop {
        let visible_before = result.orders.len();
        result.orders = read(api, admin, &from, placed).await?;
        let settled = result
            .orders
            .iter()
            .filter(|(id, seen)| {
                // An order of an earlier run may show more, for what was returned since.
                let refund = refunds.get(id.as_str()).copied().unwrap_or_default();
                seen.is_confirmed() && seen.refunded >= refund
            })
            .count();
        progress.set_position(settled as u64);
        if result.orders.len() == placed.len() {
            result.visible.get_or_insert_with(|| begun.elapsed());
            if settled == placed.len() {
                result.settled = Some(begun.elapsed());
                return Ok(result);
            }
        }
        if result.orders.len() > visible_before || settled > settled_before {
            settled_before = settled;
            last_progress = Instant::now();
        } else if last_progress.elapsed() >= patience {
            return Ok(result);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// This run's orders, as the list shows them now.
async fn read(
    api: &Api,
    admin: &Account,
    from: &str,
    placed: &[&Placed],
) -> anyhow::Result<HashMap<String, Seen>> {
    let ours: HashSet<&str> = placed.iter().map(|order| order.id.as_str()).collect();
    let first = format!("/v1/orders?limit=100&from={}", encode(from));
    let mut seen = HashMap::with_capacity(ours.len());
    let mut path = first.clone();
    loop {
        let answer = api.get(&path).by(admin).send().await?;
        answer.expect(StatusCode::OK, "reading the orders back")?;
        let page: Page = answer.read()?;
        let items = page
            .items
            .into_iter()
            .filter(|item| ours.contains(item.id.as_str()));
        seen.extend(items.map(|item| (item.id, item.seen)));
        match page.next {
            Some(next) if seen.len() < ours.len() => {
                path = format!("{first}&after={}", encode(&next))
            }
            _ => return Ok(seen),
        }
    }
}
