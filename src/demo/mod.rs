//! `serve --demo`: some goods, one order, and everything that becomes of it, as anybody can watch it from outside.

mod goods;
mod watch;

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use anyhow::bail;
use chassis::{amqp, config::Secret};
use chrono::{DateTime, Utc};
use proto::events::{inventory::STOCK_RESERVED, order::CREATED};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use self::watch::Events;
use crate::{
    client::{Account, Answer, Api},
    say,
};

/// Each step is done well within a second; after this time something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct Order {
    id: Uuid,
    status: String,
    total: i64,
    currency: String,
    placed_at: DateTime<Utc>,
}

/// Makes the goods that are missing, places an order as a customer, and follows it to its confirmation mail.
///
/// # Errors
/// When a step does not happen.
pub async fn run(gateway: &str, admin: &Account, bus: &amqp::Config) -> anyhow::Result<()> {
    let api = Api::new(gateway, PATIENCE)?;
    goods::stock(&api, admin).await?;
    let customer = customer(&api, admin).await?;
    // Before the order, so that none of its events is missed.
    let mut events = Events::subscribe(bus).await?;

    say(format_args!("\nOne order's way (UTC):"));
    let lines = json!({"lines": [
        {"sku": goods::GOODS[0].sku, "quantity": 2},
        {"sku": goods::GOODS[1].sku, "quantity": 1},
    ]});
    let call = api
        .post("/v1/orders", lines)
        .by(&customer)
        .key(Uuid::now_v7().to_string());
    let answer = call.send().await?;
    answer.expect(StatusCode::CREATED, "placing an order")?;
    let order: Order = answer.read()?;

    let reserved = events.of(order.id, STOCK_RESERVED, PATIENCE).await?;
    step(
        reserved,
        "reserved",
        "inventory-svc holds the goods (event inventory.stock_reserved.v1)",
    );
    let total = format!(
        "{} {}.{:02}",
        order.currency,
        order.total / 100,
        order.total % 100
    );
    step(
        order.placed_at,
        "committed",
        format_args!("order {}, {total} (201 to the customer)", order.id),
    );
    events.of(order.id, CREATED, PATIENCE).await?;
    step(
        Utc::now(),
        "published",
        "a subscriber of its own has the event order.created.v1",
    );

    let path = format!("/v1/orders/{}", order.id);
    let shown = |answer: &Answer| answer.status == StatusCode::OK;
    until(|| api.get(&path).by(&customer), "the order is shown", shown).await?;
    step(Utc::now(), "projected", format_args!("GET {path} shows it"));
    let confirmed = |answer: &Answer| {
        answer
            .read::<Order>()
            .is_ok_and(|order| order.status == "confirmed")
    };
    until(
        || api.get(&path).by(&customer),
        "the order is confirmed",
        confirmed,
    )
    .await?;
    step(
        Utc::now(),
        "confirmed",
        "inventory-svc has confirmed the stock, order-svc the order",
    );

    let jobs = "/v1/jobs?kind=order_confirmation_mail&state=succeeded&limit=100";
    let key = format!("order-confirmation:{}", order.id);
    let mailed = |answer: &Answer| {
        let jobs = answer.body["items"].as_array();
        jobs.is_some_and(|jobs| jobs.iter().any(|job| job["key"] == *key))
    };
    until(
        || api.get(jobs).by(admin),
        "the confirmation mail is sent",
        mailed,
    )
    .await?;
    step(
        Utc::now(),
        "job done",
        "worker has sent the confirmation mail",
    );
    Ok(())
}

async fn customer(api: &Api, admin: &Account) -> anyhow::Result<Account> {
    let account = Account::new(
        "demo@easyorder.example".to_owned(),
        "Demonstration".to_owned(),
        Secret::from("easyorder-demo-customer"),
    );
    if !account.is_registered(api, admin).await? {
        account.register(api).await?;
    }
    account.sign_in(api).await?;
    Ok(account)
}

/// Asks until the answer is as wanted.
async fn until<'a>(
    call: impl Fn() -> crate::client::Call<'a>,
    what: &str,
    wanted: impl Fn(&Answer) -> bool,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let answer = call().send().await?;
        if wanted(&answer) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!(
                "{what}: not after {} s (the last answer: {answer})",
                PATIENCE.as_secs()
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn step(at: DateTime<Utc>, name: &str, what: impl Display) {
    say(format_args!(
        "  {}  {name:<10} {what}",
        at.format("%H:%M:%S%.3f")
    ));
}
