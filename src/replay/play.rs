//! The sales themselves: each invoice becomes an order.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{plan::Order, prepare::Accounts};
use crate::client::{Api, encode};

/// What became of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Placed(Placed),
    /// The shop said no, and will say so again.
    Refused {
        status: u16,
        problem: String,
        detail: String,
    },
    /// No answer, or one that is a fault of the system or of ours.
    Failed(String),
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Placed {
    pub id: String,
    /// In minor units.
    pub total: i64,
    pub placed_at: DateTime<Utc>,
    /// An earlier run placed it.
    #[serde(skip)]
    pub replayed: bool,
}

/// What became of all of them, in the plan's order.
#[derive(Debug)]
pub struct Played {
    pub outcomes: Vec<Outcome>,
    pub took: Duration,
    /// Microseconds from request to answer, of orders that were placed.
    pub latency: Histogram<u64>,
}

/// Plays the orders in turn, `concurrency` at a time.
///
/// # Errors
/// Never for an order's sake; only if a latency of hours cannot be recorded.
pub async fn play(
    api: &Api,
    accounts: &Accounts,
    orders: &[Order],
    concurrency: usize,
    progress: &ProgressBar,
) -> anyhow::Result<Played> {
    let begun = Instant::now();
    let mut latency = Histogram::<u64>::new(3)?;
    let mut outcomes = vec![Outcome::Failed("not played".to_owned()); orders.len()];
    let mut answers = stream::iter(orders.iter().enumerate())
        .map(|(at, order)| async move {
            let (outcome, took) = place(api, accounts, order).await;
            (at, outcome, took)
        })
        .buffer_unordered(concurrency);
    while let Some((at, outcome, took)) = answers.next().await {
        if let (Outcome::Placed(_), Some(took)) = (&outcome, took) {
            latency.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX))?;
        }
        outcomes[at] = outcome;
        progress.inc(1);
    }
    Ok(Played {
        outcomes,
        took: begun.elapsed(),
        latency,
    })
}

async fn place(api: &Api, accounts: &Accounts, order: &Order) -> (Outcome, Option<Duration>) {
    let Some(account) = accounts.get(&order.customer) else {
        return (
            Outcome::Failed(format!("{} has no account", order.customer)),
            None,
        );
    };
    let line = |(sku, quantity)| json!({"sku": sku, "quantity": quantity});
    let body = json!({"lines": order.lines.iter().map(line).collect::<Vec<Value>>()});
    let call = api
        .post("/v1/orders", body)
        .by(account)
        .key(encode(&order.invoice));
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) => return (Outcome::Failed(format!("{error:#}")), None),
    };
    let outcome = match answer.status {
        StatusCode::CREATED => match answer.read::<Placed>() {
            Ok(placed) => Outcome::Placed(Placed {
                replayed: answer.replayed,
                ..placed
            }),
            Err(error) => Outcome::Failed(format!("{error:#}")),
        },
        StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused {
            status: answer.status.as_u16(),
            problem: answer.problem().to_owned(),
            detail: answer.detail(),
        },
        // The rest says that the request, not the sale, is at fault: nobody may or nobody can.
        _ => Outcome::Failed(answer.to_string()),
    };
    (outcome, Some(answer.took))
}
