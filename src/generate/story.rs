//! One order, from being placed to where it stands today.

use std::convert::Infallible;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use order_svc::{
    domain::{
        Actor, Basket, BasketLine, IllegalTransition, Pieces, PricedLine, Pricing, Reason, Refusal,
    },
    generate::Life,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use uuid::Uuid;

use super::shop::{Plan, Shop};

/// Pieces of a line, at most.
const MOST_PIECES: i64 = 6;
/// An order that is not that old by then is still being confirmed.
const CONFIRMED: TimeDelta = TimeDelta::seconds(3);
/// Who ships and takes back: nobody who can sign in.
const STAFF: Actor = Actor::User(Uuid::from_u128(0x6765_6e65_7261_7465_8000_7374_6166_6600));

/// What becomes of an order, if it has the time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Cancelled,
    /// One piece of it is.
    PartCancelled,
    /// Something of it comes back.
    Returned,
    Kept,
}

impl Fate {
    fn draw(rng: &mut SmallRng) -> Self {
        match rng.random_range(0..100) {
            0..6 => Self::Cancelled,
            6..8 => Self::PartCancelled,
            8..13 => Self::Returned,
            _ => Self::Kept,
        }
    }
}

/// The order with this number among all that there ever were, from 0; of those of the plan it is the `nth`.
pub fn tell(shop: &Shop, plan: &Plan, number: u64, nth: u64) -> anyhow::Result<Life> {
    // Each has a source of its own: however they are cut into portions, they are the same.
    let mut rng = SmallRng::seed_from_u64(plan.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let customer_id = shop.customer(&mut rng);
    let (basket, pricing) = basket(shop, &mut rng)?;
    let placed_at = placed_at(shop, plan, nth, &mut rng);
    let key = format!("generated-{}-{number}", plan.seed);
    let mut life = Life::begin(customer_id, &key, &basket, pricing, placed_at)?;
    let mut story = Story {
        shop,
        rng,
        now: placed_at,
        customer: Actor::User(customer_id),
    };
    story
        .go_on(&mut life)
        .with_context(|| format!("order {}", life.order().id))?;
    Ok(life)
}

/// One after the other, at times that are not quite regular.
fn placed_at(shop: &Shop, plan: &Plan, nth: u64, rng: &mut SmallRng) -> DateTime<Utc> {
    let open = (shop.today - CONFIRMED - shop.opened)
        .num_microseconds()
        .unwrap_or(i64::MAX);
    let place = (nth as f64 + rng.random::<f64>()) / plan.orders as f64;
    shop.opened + TimeDelta::microseconds((open as f64 * place) as i64)
}

fn basket(shop: &Shop, rng: &mut SmallRng) -> anyhow::Result<(Basket, Pricing)> {
    let count = rng.random_range(1..=shop.lines);
    let lines: Vec<PricedLine> = shop
        .skus
        .sample_distinct(count, rng)
        .into_iter()
        .map(|number| {
            let goods = &shop.goods[number];
            PricedLine {
                sku: goods.sku.clone(),
                name: goods.name.clone(),
                quantity: rng.random_range(1..=MOST_PIECES),
                unit_price: goods.price,
                discount: 0,
                points_value: 0,
            }
        })
        .collect();
    let asked = lines
        .iter()
        .map(|line| BasketLine {
            sku: line.sku.clone(),
            quantity: line.quantity,
        })
        .collect();
    let currency = &shop.goods.first().context("a shop without goods")?.currency;
    let pricing = Pricing {
        currency: currency.clone(),
        lines,
        points: 0,
        point_value: 0,
        discount_code: None,
        allotments: Vec::new(),
    };
    Ok((Basket::new(asked, None)?, pricing))
}

struct Story<'a> {
    shop: &'a Shop,
    rng: SmallRng,
    now: DateTime<Utc>,
    customer: Actor,
}

impl Story<'_> {
    fn go_on(&mut self, life: &mut Life) -> anyhow::Result<()> {
        self.now +=
            TimeDelta::milliseconds(self.rng.random_range(300..CONFIRMED.num_milliseconds()));
        let holds = life.order().holds.clone();
        life.change(Actor::System, |order| {
            Ok::<_, Infallible>(order.confirm(&holds, self.now))
        })?;
        let fate = Fate::draw(&mut self.rng);
        if matches!(fate, Fate::Cancelled | Fate::PartCancelled) {
            if !self.later(10, 12 * 60) {
                return Ok(());
            }
            let reason = Reason::parse("changed my mind");
            if fate == Fate::Cancelled {
                return life.change(self.customer, |order| order.cancel(reason, self.now));
            }
            let pieces = self.some_of(life, 1)?;
            life.change(self.customer, |order| {
                order.cancel_pieces(&pieces, reason, self.now).map(Some)
            })?;
        }
        const DAY: i64 = 24 * 60;
        if life.order().living_lines().next().is_none() || !self.later(DAY / 4, 3 * DAY) {
            return Ok(());
        }
        life.change::<IllegalTransition>(STAFF, |order| order.ship(self.now))?;
        if !self.later(DAY, 6 * DAY) {
            return Ok(());
        }
        life.change::<IllegalTransition>(STAFF, |order| order.deliver(self.now))?;
        if fate == Fate::Returned && self.later(2 * DAY, 20 * DAY) {
            let pieces = self.some_of(life, MOST_PIECES)?;
            let restock = self.rng.random_bool(0.8);
            let reason = Reason::parse("does not fit");
            life.change::<Refusal>(STAFF, |order| {
                order
                    .return_pieces(&pieces, restock, reason, self.now)
                    .map(Some)
            })?;
        }
        Ok(())
    }

    /// Some minutes later; false if that is not yet.
    fn later(&mut self, least: i64, most: i64) -> bool {
        self.now += TimeDelta::seconds(self.rng.random_range(least * 60..most * 60));
        self.now < self.shop.today
    }

    /// At most so many pieces of one of the lines.
    fn some_of(&mut self, life: &Life, most: i64) -> anyhow::Result<Pieces> {
        let lines: Vec<_> = life.order().living_lines().collect();
        let line = lines[self.rng.random_range(0..lines.len())];
        let quantity = self.rng.random_range(1..=most.min(line.ordered()));
        let sku = line.sku.clone();
        Ok(Pieces::new(vec![BasketLine { sku, quantity }])?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::shop::product, *};

    const ORDERS: u64 = 5_000;

    fn shop(seed: u64) -> (Shop, Plan) {
        let plan = Plan {
            orders: ORDERS,
            customers: 100,
            products: 50,
            seed,
            lines: 4,
            best_customer: None,
        };
        let goods = (0..plan.products).map(|n| product(n, "GBP")).collect();
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        (Shop::new(&plan, goods, now), plan)
    }

    #[test]
    fn most_orders_are_delivered_and_some_are_elsewhere() {
        let (shop, plan) = shop(1);
        let mut statuses: BTreeMap<&str, u64> = BTreeMap::new();
        let mut last = shop.opened;
        for number in 0..ORDERS {
            let life = tell(&shop, &plan, number, number).unwrap();
            let order = life.order();
            assert!(
                order.placed_at >= last && order.updated_at < shop.today,
                "{order:?}"
            );
            last = order.placed_at;
            *statuses.entry(order.status.as_str()).or_default() += 1;
            if order.refunded > 0 {
                *statuses.entry("returned").or_default() += 1;
            }
            let versions: Vec<i64> = life.told().map(|told| told.version).collect();
            assert_eq!(versions, (1..=order.version).collect::<Vec<_>>());
        }
        assert!(statuses["delivered"] > ORDERS * 9 / 10, "{statuses:?}");
        for some in ["confirmed", "shipped", "cancelled", "returned"] {
            assert!(statuses[some] > 3, "{statuses:?}");
        }
        assert!(!statuses.contains_key("placed"), "{statuses:?}");
    }

    #[test]
    fn a_seed_makes_the_same_orders_again_and_another_makes_others() {
        let one = |seed, number| {
            let (shop, plan) = shop(seed);
            tell(&shop, &plan, number, 7).unwrap().order().clone()
        };
        assert_eq!(one(1, 7), one(1, 7));
        assert_ne!(one(1, 7).id, one(1, 8).id);
        assert_ne!(one(1, 7).id, one(2, 7).id);
    }
}
