//! What baskets are decided on, read from the database.

use std::collections::{BTreeMap, BTreeSet};

use chassis::{Error, Result};
use chrono::Utc;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    code_uses::{Asked, find_codes, lock_codes},
    loyalty::{find_accounts, lock_accounts},
};
use crate::domain::{Basket, Code, Levels, LoyaltyPolicy, Money, Offer, Shelf, Sku};

/// Locks everything that these baskets ask for: stock rows, then codes, then accounts, each in their order, so that two
/// transactions that want the same do not wait for each other in a ring.
pub(super) async fn lock_shelf<'a>(
    tx: &mut PgConnection,
    baskets: impl Iterator<Item = &'a Basket> + Clone,
    policy: &LoyaltyPolicy,
) -> Result<Shelf> {
    let rows = sqlx::query_as!(
        OfferRow,
        "select s.sku, p.name, p.category, p.price, p.currency, p.active, s.on_hand, s.reserved, s.backorder_limit,
                s.low_threshold, s.low
           from stock s join products p on p.sku = s.sku
          where s.sku = any($1)
          order by s.sku
            for no key update of s",
        &skus(baskets.clone()),
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Shelf {
        offers: offers(rows)?,
        codes: lock_codes(tx, &codes(baskets.clone())).await?,
        accounts: lock_accounts(tx, &spenders(baskets)).await?,
        policy: *policy,
        at: Utc::now(),
    })
}

/// Reads the same without a lock: for who only asks.
pub(super) async fn look_at_shelf(
    tx: &mut PgConnection,
    basket: &Basket,
    policy: &LoyaltyPolicy,
) -> Result<Shelf> {
    let baskets = std::iter::once(basket);
    let rows = sqlx::query_as!(
        OfferRow,
        "select s.sku, p.name, p.category, p.price, p.currency, p.active, s.on_hand, s.reserved, s.backorder_limit,
                s.low_threshold, s.low
           from stock s join products p on p.sku = s.sku
          where s.sku = any($1)",
        &skus(baskets.clone()),
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Shelf {
        offers: offers(rows)?,
        codes: find_codes(tx, &codes(baskets.clone())).await?,
        accounts: find_accounts(tx, &spenders(baskets)).await?,
        policy: *policy,
        at: Utc::now(),
    })
}

struct OfferRow {
    sku: String,
    name: String,
    category: Option<String>,
    price: i64,
    currency: String,
    active: bool,
    on_hand: i64,
    reserved: i64,
    backorder_limit: i64,
    low_threshold: Option<i64>,
    low: bool,
}

fn offers(rows: Vec<OfferRow>) -> Result<BTreeMap<Sku, Offer>> {
    rows.into_iter()
        .map(|row| {
            let levels = Levels {
                on_hand: row.on_hand,
                reserved: row.reserved,
                backorder_limit: row.backorder_limit,
                low_threshold: row.low_threshold,
                low: row.low,
            };
            let offer = Offer {
                name: row.name,
                category: row.category,
                price: Money::price(row.price, &row.currency).map_err(Error::internal)?,
                active: row.active,
                found: levels,
                levels,
            };
            Ok((Sku::parse(&row.sku).map_err(Error::internal)?, offer))
        })
        .collect()
}

fn skus<'a>(baskets: impl Iterator<Item = &'a Basket>) -> Vec<String> {
    // Of an order's lines, the categories count, for its code.
    let distinct: BTreeSet<&str> = baskets
        .flat_map(|basket| {
            let ordered = basket.ordered().iter().map(|line| line.sku.as_str());
            ordered.chain(basket.lines().iter().map(|line| line.sku.as_str()))
        })
        .collect();
    distinct.into_iter().map(ToOwned::to_owned).collect()
}

/// What is no code is not looked for.
fn codes<'a>(baskets: impl Iterator<Item = &'a Basket>) -> Asked {
    baskets
        .flat_map(|basket| {
            [basket.discount_code(), basket.continued_code()]
                .into_iter()
                .flatten()
                .filter_map(|text| Some((Code::parse(text).ok()?.lookup(), basket.customer_id)))
        })
        .collect()
}

fn spenders<'a>(baskets: impl Iterator<Item = &'a Basket>) -> Vec<Uuid> {
    let distinct: BTreeSet<Uuid> = baskets
        .filter(|basket| basket.points() > 0)
        .map(|basket| basket.customer_id)
        .collect();
    distinct.into_iter().collect()
}
