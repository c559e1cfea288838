use std::collections::BTreeMap;

use async_trait::async_trait;
use chassis::Error;

use super::*;
use crate::{
    application::ports::Unclaimed,
    domain::{HoldLine, HoldState, Sku, Stage},
};

/// Orders and holds in memory.
#[derive(Default)]
struct World {
    /// With whether it is settled; ordered by id.
    orders: Vec<(OrderTarget, bool)>,
    followed: BTreeMap<Uuid, i64>,
    holds: BTreeMap<HoldKey, HoldState>,
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn key(number: u128, hold_no: i32) -> HoldKey {
    HoldKey {
        order_id: id(number),
        hold_no,
    }
}

fn sku() -> Sku {
    Sku::parse("A").unwrap()
}

impl World {
    /// Orders 10, 20, 30 ..., each at version 2, followed, with its hold.
    fn of(orders: usize) -> Self {
        let mut world = Self::default();
        for number in (10..).step_by(10).take(orders) {
            let target = OrderTarget {
                order_id: id(number),
                version: 2,
                stage: Stage::Live,
                holds: vec![1],
                wanted: [(sku(), 1)].into(),
                customer_id: Uuid::nil(),
                restocked: BTreeMap::new(),
                currency: "GBP".to_owned(),
                net: 0,
                points_spent: 0,
            };
            world.orders.push((target, true));
            world.followed.insert(id(number), 2);
            world.holds.insert(key(number, 1), HoldState::Confirmed);
        }
        world
    }

    async fn audit(self, repair: bool) -> [Vec<(String, bool)>; 3] {
        let world = Arc::new(self);
        let handler = AuditHandler::new(world.clone(), world);
        let found = handler
            .with_orders(repair, Duration::from_secs(10))
            .await
            .unwrap();
        [found.not_followed, found.lines, found.without_order].map(|checked| {
            assert!(checked.rows > 0);
            checked
                .violations
                .into_iter()
                .map(|violation| (violation.key, violation.repaired))
                .collect()
        })
    }
}

#[async_trait]
impl Keepings for World {
    async fn page(&self, after: Option<Uuid>, settle: Duration) -> Result<Vec<OrderTarget>> {
        Ok(self
            .orders
            .iter()
            .filter(|(order, settled)| {
                Some(order.order_id) > after && (*settled || settle.is_zero())
            })
            .map(|(order, _)| order.clone())
            .take(KEEPINGS)
            .collect())
    }
}

#[async_trait]
impl Ledgers for World {
    async fn check(&self, _: Duration) -> Result<Vec<Checked>> {
        Ok(Vec::new())
    }

    async fn repair(&self, _: &[Checked]) -> Result<()> {
        Ok(())
    }

    async fn kept(&self, orders: &[Uuid]) -> Result<Kept> {
        let holds = self
            .holds
            .iter()
            .filter(|(key, _)| orders.contains(&key.order_id))
            .map(|(key, state)| Hold {
                key: *key,
                state: *state,
                token: None,
                lines: vec![HoldLine {
                    sku: sku(),
                    quantity: 1,
                    restocked: 0,
                }],
            })
            .collect();
        let followed = self.followed.clone();
        Ok(Kept { followed, holds })
    }

    async fn unclaimed(&self, range: &Range, known: &[HoldKey], _: Duration) -> Result<Unclaimed> {
        let inside = self.holds.keys().filter(|key| {
            Some(key.order_id) > range.after
                && range.until.is_none_or(|until| key.order_id <= until)
        });
        let inside: Vec<HoldKey> = inside.copied().collect();
        Ok(Unclaimed {
            rows: i64::try_from(inside.len()).unwrap(),
            keys: inside
                .into_iter()
                .filter(|key| !known.contains(key))
                .collect(),
        })
    }

    async fn follow(&self, target: &OrderTarget) -> Result<()> {
        if target.order_id == id(20) {
            return Err(Error::not_found("a hold"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn every_page_is_compared() {
    for orders in [1, KEEPINGS - 1, KEEPINGS, KEEPINGS + 1, 2 * KEEPINGS + 1] {
        let mut world = World::of(orders);
        assert_eq!(
            World::of(orders).audit(false).await,
            [vec![], vec![], vec![]]
        );
        let last = orders as u128 * 10;
        // Before the first order, within, between two pages, and after the last.
        let strays = [5, last - 5, KEEPINGS as u128 * 10 + 5, last + 500];
        for stray in strays {
            world.holds.insert(key(stray, 1), HoldState::Confirmed);
        }
        // Of an order that is there, but has not committed it.
        world.holds.insert(key(last, 2), HoldState::Confirmed);
        let mut expected: Vec<_> = strays.map(|stray| key(stray, 1)).into();
        expected.push(key(last, 2));
        expected.sort_unstable();
        expected.dedup();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|key| (format!("{}/{}", key.order_id, key.hold_no), false))
            .collect();
        assert_eq!(
            world.audit(false).await,
            [vec![], vec![], expected],
            "{orders}"
        );
    }
}

#[tokio::test]
async fn an_order_that_is_not_settled_claims_its_holds_and_is_not_compared() {
    let mut world = World::of(3 * KEEPINGS);
    for (order, settled) in &mut world.orders {
        if order.order_id != id(10) {
            *settled = false;
            order.version = 9;
        }
    }
    assert_eq!(world.audit(false).await, [vec![], vec![], vec![]]);
}

#[tokio::test]
async fn an_order_that_was_not_followed_is_followed_and_one_that_moves_is_left() {
    let behind = || {
        let mut world = World::of(4);
        world.followed.insert(id(10), 1);
        world.followed.insert(id(20), 1);
        // Newer than order-svc said; then its hold need not be what the old version wants.
        world.followed.insert(id(30), 3);
        world.holds.insert(key(30, 1), HoldState::Released);
        world.holds.insert(key(40, 1), HoldState::Held);
        world
    };
    let row = |number, repaired| (id(number).to_string(), repaired);
    let lines = vec![row(40, false)];
    assert_eq!(
        behind().audit(false).await,
        [vec![row(10, false), row(20, false)], lines.clone(), vec![]]
    );
    assert_eq!(
        behind().audit(true).await,
        [vec![row(10, true), row(20, false)], lines, vec![]]
    );
}
