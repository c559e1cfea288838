//! What is asked.

use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::client::{Account, Api, encode};

/// Orders that are looked up, one after the other, at random.
const ORDERS: usize = 2_000;
/// How deep a deep page lies, in hundredths of the list. Several, so that it is not always the same page.
const DEPTHS: [i64; 10] = [85, 86, 87, 88, 89, 90, 91, 92, 93, 94];
/// An order must be read within this many times what it took among few orders.
const LIMIT: f64 = 1.5;
/// Two of the generated products: that which most orders have, and one that few have.
const HOT: &str = "GEN-00001";
const RARE: &str = "GEN-00100";

/// Something that is asked for again and again.
#[derive(Debug, Clone)]
pub struct Question {
    pub name: &'static str,
    pub who: Who,
    /// One of them each time.
    pub paths: Arc<[String]>,
    /// How many times as long it may take among many orders; None where nothing was promised.
    pub limit: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Sees every order.
    Staff,
    /// The one who has ordered most.
    Customer,
}

/// Those who ask.
pub struct People {
    pub staff: Account,
    pub customer: Account,
    pub customer_id: Uuid,
}

/// What can be asked of the orders that there are now.
///
/// # Errors
/// When the gateway does not answer, or there are hardly any orders.
pub async fn questions(api: &Api, pool: &PgPool, people: &People) -> anyhow::Result<Vec<Question>> {
    let all = deep(api, pool, &people.staff, None).await?;
    let own = deep(api, pool, &people.customer, Some(people.customer_id)).await?;
    let orders = orders(pool).await?;
    let question = |name, who, paths: Vec<String>, limit| Question {
        name,
        who,
        paths: paths.into(),
        limit,
    };
    let list = |filter: &str| vec![format!("/v1/orders?limit=20{filter}")];
    let (staff, customer) = (Who::Staff, Who::Customer);
    Ok(vec![
        question("an order", staff, orders, Some(LIMIT)),
        question("list, first page", staff, list(""), Some(LIMIT)),
        question("list, deep page", staff, all, Some(LIMIT)),
        question(
            "a customer's list, first page",
            customer,
            list(""),
            Some(LIMIT),
        ),
        question("a customer's list, deep page", customer, own, Some(LIMIT)),
        question("list, shipped", staff, list("&status=shipped"), None),
        question(
            "list, a SKU of many orders",
            staff,
            list(&format!("&sku={HOT}")),
            None,
        ),
        question(
            "list, a SKU of few orders",
            staff,
            list(&format!("&sku={RARE}")),
            None,
        ),
        question("list, two words", staff, list("&q=ivory%20wicker"), None),
    ])
}

/// Pages far down in a list.
async fn deep(
    api: &Api,
    pool: &PgPool,
    who: &Account,
    customer: Option<Uuid>,
) -> anyhow::Result<Vec<String>> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from read_model.orders where $1::uuid is null or customer_id = $1",
    )
    .bind(customer)
    .fetch_one(pool)
    .await?;
    let mut paths = Vec::new();
    for depth in DEPTHS {
        let at: Option<DateTime<Utc>> = sqlx::query_scalar(
            "select placed_at from read_model.orders where $1::uuid is null or customer_id = $1
              order by placed_at desc, order_id desc offset $2 limit 1",
        )
        .bind(customer)
        .bind(count * depth / 100)
        .fetch_optional(pool)
        .await?;
        let at = at.context("there are no orders")? + TimeDelta::microseconds(1);
        let to = encode(&at.to_rfc3339_opts(SecondsFormat::Micros, true));
        // Whoever walks there gets the same cursor, and waits longer.
        let path = format!("/v1/orders?limit=1&to={to}");
        let page = api.get(path).by(who).send().await?;
        if let Some(next) = page.body["next"].as_str() {
            paths.push(format!("/v1/orders?limit=20&after={next}"));
        }
    }
    anyhow::ensure!(
        !paths.is_empty(),
        "there are too few orders for a deep page"
    );
    Ok(paths)
}

/// Some of them, at random.
pub async fn orders(pool: &PgPool) -> anyhow::Result<Vec<String>> {
    let places: Vec<Uuid> = (0..ORDERS).map(|_| Uuid::new_v4()).collect();
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select distinct found.id from unnest($1::uuid[]) as t (place)
          cross join lateral (select id from orders where id >= place order by id limit 1) found",
    )
    .bind(places)
    .fetch_all(pool)
    .await?;
    anyhow::ensure!(!ids.is_empty(), "there are no orders");
    Ok(ids.iter().map(|id| format!("/v1/orders/{id}")).collect())
}
