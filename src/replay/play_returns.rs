//! The returns: an order of which something is given back is shipped and delivered first.

use std::collections::BTreeMap;

use anyhow::Context as _;
use futures::{StreamExt as _, stream};
use indicatif::ProgressBar;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    play::{Outcome, Placed},
    returns::Return,
};
use crate::client::{Account, Api, encode};

/// What became of a return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    Made {
        /// What the customer got back for it, in minor units.
        refund: i64,
        /// An earlier run made it.
        replayed: bool,
    },
    /// The shop had refused the order, so there is nothing to give back.
    NotSold,
    Failed(String),
}

/// Gives the goods back, the returns of an order in their turn, `concurrency` orders at a time. `orders` is what became
/// of the plan's. The answer is in the order of the returns.
pub async fn play(
    api: &Api,
    admin: &Account,
    returns: &[Return],
    orders: &[Outcome],
    concurrency: usize,
    progress: &ProgressBar,
) -> Vec<Returned> {
    let mut by_order = BTreeMap::<usize, Vec<usize>>::new();
    for (at, back) in returns.iter().enumerate() {
        by_order.entry(back.order).or_default().push(at);
    }
    let mut returned = vec![Returned::Failed("not played".to_owned()); returns.len()];
    let mut answers = stream::iter(by_order)
        .map(|(order, indices)| async move {
            let returns = indices.iter().map(|at| &returns[*at]);
            let outcomes = match &orders[order] {
                Outcome::Placed(placed) => give_back(api, admin, placed, returns).await,
                Outcome::Refused { .. } => vec![Returned::NotSold; indices.len()],
                Outcome::Failed(_) => {
                    vec![Returned::Failed("its order failed".to_owned()); indices.len()]
                }
            };
            (indices, outcomes)
        })
        .buffer_unordered(concurrency);
    while let Some((indices, outcomes)) = answers.next().await {
        progress.inc(indices.len() as u64);
        for (at, outcome) in indices.into_iter().zip(outcomes) {
            returned[at] = outcome;
        }
    }
    returned
}

/// All that is given back of an order. An answer tells what was refunded of the order until then, a replayed one what
/// it told the first time: so a return's own refund is the difference to the answer before.
async fn give_back(
    api: &Api,
    admin: &Account,
    order: &Placed,
    returns: impl Iterator<Item = &Return>,
) -> Vec<Returned> {
    let mut trouble = hand_over(api, admin, order).await.err();
    let mut refunded = 0;
    let mut outcomes = Vec::new();
    for back in returns {
        // Without an answer nobody knows the next one's difference: another run will.
        if let Some(trouble) = &trouble {
            outcomes.push(Returned::Failed(format!("{trouble:#}")));
            continue;
        }
        match ask(api, admin, order, back).await {
            Ok((until_now, replayed)) => {
                let refund = until_now - refunded;
                refunded = until_now;
                outcomes.push(Returned::Made { refund, replayed });
            }
            Err(error) => {
                outcomes.push(Returned::Failed(format!("{error:#}")));
                trouble = Some(error.context(format!("after credit note {}", back.note)));
            }
        }
    }
    outcomes
}

/// Only what has left can come back. An order that is delivered already, by an earlier run or by somebody else, cannot be
/// shipped again, but delivered: so the second answer decides.
async fn hand_over(api: &Api, admin: &Account, order: &Placed) -> anyhow::Result<()> {
    let step = |step| api.post(format!("/v1/orders/{}/{step}", order.id), json!({}));
    let answer = step("ship").by(admin).send().await?;
    if answer.status != StatusCode::CONFLICT {
        answer.expect(StatusCode::OK, "ship")?;
    }
    let answer = step("deliver").by(admin).send().await?;
    answer.expect(StatusCode::OK, "deliver")
}

/// Returns what was refunded of the order until then, and whether the answer was given before.
async fn ask(
    api: &Api,
    admin: &Account,
    order: &Placed,
    back: &Return,
) -> anyhow::Result<(i64, bool)> {
    #[derive(Deserialize)]
    struct Refunded {
        refunded: i64,
    }
    let line = |(sku, quantity)| json!({"sku": sku, "quantity": quantity});
    let body = json!({
        "lines": back.lines.iter().map(line).collect::<Vec<Value>>(),
        "reason": format!("credit note {}", back.note),
        "restock": true,
    });
    // A note may give back of several orders.
    let key = format!("return-{}-{}", encode(&back.note), order.id);
    let path = format!("/v1/orders/{}/returns", order.id);
    let answer = api.post(path, body).by(admin).key(key).send().await?;
    answer.expect(StatusCode::OK, "returning")?;
    let Refunded { refunded } = answer.read().context("returning")?;
    Ok((refunded, answer.replayed))
}

#[cfg(test)]
#[path = "play_returns_tests.rs"]
mod tests;
