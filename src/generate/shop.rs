//! Who orders in a generated shop, and what.

use chrono::{DateTime, Days, NaiveTime, Utc};
use inventory_svc::generate::Goods;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};
use uuid::{Builder, Uuid};

use crate::zipf::Zipf;

/// How long the shop has been open.
const DAYS: Days = Days::new(730);
/// 2020-01-01, from when on ids of customers tell of a time: milliseconds.
const FIRST_CUSTOMER: u64 = 1_577_836_800_000;
/// The first comes up `k` times as often as the `k`th.
const EXPONENT: f64 = 1.0;

const COLOURS: [&str; 12] = [
    "WHITE", "RED", "BLUE", "PINK", "GREEN", "IVORY", "BLACK", "SILVER", "AMBER", "TEAL", "GREY",
    "PLUM",
];
const MATERIALS: [&str; 8] = [
    "GLASS", "METAL", "WOODEN", "CERAMIC", "PAPER", "WOOLLEN", "ENAMEL", "WICKER",
];
const THINGS: [&str; 20] = [
    "LANTERN",
    "MUG",
    "T-LIGHT HOLDER",
    "BASKET",
    "BUNTING",
    "CLOCK",
    "PARASOL",
    "TEAPOT",
    "FRAME",
    "COASTER",
    "CUSHION",
    "DOORMAT",
    "BOWL",
    "CANDLE",
    "TRAY",
    "HOOK",
    "STOOL",
    "VASE",
    "NAPKIN",
    "BELL",
];

/// What is to be generated.
#[derive(Debug, Clone)]
pub struct Plan {
    pub orders: u64,
    pub customers: usize,
    pub products: usize,
    pub seed: u64,
    /// Of an order, at most.
    pub lines: usize,
    /// Somebody who is known elsewhere, and orders most of all.
    pub best_customer: Option<Uuid>,
}

/// What all orders are drawn from.
pub struct Shop {
    pub opened: DateTime<Utc>,
    /// Nothing happened after this.
    pub today: DateTime<Utc>,
    /// As they are sold, the most wanted first.
    pub goods: Vec<Goods>,
    pub skus: Zipf,
    customers: Zipf,
    best_customer: Option<Uuid>,
    pub lines: usize,
}

impl Shop {
    /// `now` counts as of its day, so that two runs of one day are alike.
    pub fn new(plan: &Plan, goods: Vec<Goods>, now: DateTime<Utc>) -> Self {
        let today = today(now);
        Self {
            opened: opened(now),
            today,
            skus: Zipf::new(goods.len(), EXPONENT),
            goods,
            customers: Zipf::new(plan.customers, EXPONENT),
            best_customer: plan.best_customer,
            lines: plan.lines,
        }
    }

    pub fn customer(&self, rng: &mut SmallRng) -> Uuid {
        match (self.customers.sample(rng), self.best_customer) {
            (0, Some(known)) => known,
            (number, _) => customer(number),
        }
    }
}

fn today(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// When the first order was placed.
pub fn opened(now: DateTime<Utc>) -> DateTime<Utc> {
    let today = today(now);
    today.checked_sub_days(DAYS).unwrap_or(today)
}

/// The customer of a number from 0, whatever the seed.
fn customer(number: usize) -> Uuid {
    let random: [u8; 10] = SmallRng::seed_from_u64(number as u64).random();
    Builder::from_unix_timestamp_millis(FIRST_CUSTOMER + number as u64, &random).into_uuid()
}

/// The product of a number from 0, whatever the seed.
pub fn product(number: usize, currency: &str) -> Goods {
    let mut rng = SmallRng::seed_from_u64(number as u64);
    let mut word = |words: &[&'static str]| words.choose(&mut rng).copied().unwrap_or_default();
    let (colour, material, thing) = (word(&COLOURS), word(&MATERIALS), word(&THINGS));
    let number = number + 1;
    Goods {
        sku: format!("GEN-{number:05}"),
        name: format!("{colour} {material} {thing} {number}"),
        price: rng.random_range(50..5_000),
        currency: currency.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_customers_and_no_two_products_are_one() {
        let customers: BTreeSet<Uuid> = (0..10_000).map(customer).collect();
        let skus: BTreeSet<String> = (0..10_000).map(|n| product(n, "GBP").sku).collect();
        assert_eq!((customers.len(), skus.len()), (10_000, 10_000));
        assert_eq!(product(7, "GBP"), product(7, "GBP"));
    }
}
