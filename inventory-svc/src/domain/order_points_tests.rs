use iso_currency::Currency;
use proptest::prelude::*;

use super::*;
use crate::domain::{Account, HoldState, Lot, LotUse, NotEnoughPoints};

#[path = "order_points_world.rs"]
mod world;

use PointsStage::{Cancelled, Delivered, Open};
use world::{ORDER, OTHER, POLICY, World};

fn earned(points: i64) -> PointsEvent {
    PointsEvent::Earned { points }
}

fn reversed(points: i64, withheld: i64, withheld_total: i64) -> PointsEvent {
    PointsEvent::EarnedReversed {
        points,
        withheld,
        withheld_total,
    }
}

#[test]
fn points_are_pending_until_the_order_is_delivered() {
    let mut world = World::default();
    assert_eq!(world.reach(Open, 1_099), [earned(10)]);
    assert_eq!(world.balance(Side::Pending), 10);
    assert_eq!(world.reach(Open, 799), [reversed(3, 0, 0)]);
    assert_eq!(world.reach(Open, 799), []);
    assert_eq!(world.reach(Delivered, 799), []);
    assert_eq!(world.balance(Side::Pending), 0);
    assert_eq!(world.balance(Side::Available), 7);
}

#[test]
fn what_was_missed_is_made_up() {
    let mut world = World::default();
    assert_eq!(world.reach(Delivered, 1_000), [earned(10)]);
    assert_eq!(world.balance(Side::Available), 10);

    let mut world = World::default();
    world.reach(Open, 1_000);
    // The return was seen, the delivery was not.
    assert_eq!(world.reach(Delivered, 600), [reversed(4, 0, 0)]);
    assert_eq!(world.balance(Side::Available), 6);
    assert_eq!(world.balance(Side::Pending), 0);
}

#[test]
fn a_cancelled_order_earns_nothing() {
    let mut world = World::default();
    world.reach(Open, 1_000);
    assert_eq!(world.reach(Cancelled, 1_000), [reversed(10, 0, 0)]);
    assert_eq!(world.balance(Side::Pending), 0);
    assert_eq!(world.reach(Cancelled, 0), []);
}

#[test]
fn an_order_in_another_currency_earns_nothing() {
    let mut world = World::default();
    let mut target = world.target(Delivered, 10_000, 0);
    target.currency = "EUR".to_owned();
    assert_eq!(world.follow(&target), []);
}

#[test]
fn an_order_keeps_the_rate_it_was_placed_at() {
    let mut world = World::default();
    world.reach(Delivered, 1_000);
    let target = world.target(Delivered, 500, 0);
    let doubled = LoyaltyPolicy {
        earn_rate: 2,
        currency: Currency::EUR,
        ..POLICY
    };
    let bookings = target.reach_earned(&world.found(), &mut world.lots, &doubled);
    let events: Vec<_> = bookings.iter().filter_map(|each| each.event).collect();
    assert_eq!(events, [reversed(5, 0, 0)]);
}

#[test]
fn of_returned_goods_the_points_already_spent_are_withheld() {
    let mut world = World::default();
    world.reach(Delivered, 10_000);
    world.grant(50);
    // From the oldest lot: the order's.
    assert!(world.spend(OTHER, 70, HoldState::Confirmed));
    assert_eq!(world.reach(Delivered, 8_000), [reversed(20, 0, 0)]);
    assert_eq!(world.reach(Delivered, 5_000), [reversed(30, 20, 20)]);
    assert_eq!(world.reach(Delivered, 0), [reversed(50, 50, 70)]);
    assert_eq!(world.reach(Delivered, 0), []);
    // The other lot is not touched.
    assert_eq!(world.balance(Side::Available), 50);
    assert_eq!(world.balance(Side::Withheld), -70);
}

#[test]
fn what_comes_back_after_some_was_withheld_can_be_taken_back() {
    let mut world = World::default();
    world.reach(Delivered, 10_000);
    world.spend(OTHER, 60, HoldState::Confirmed);
    assert_eq!(world.reach(Delivered, 5_000), [reversed(50, 10, 10)]);
    let (key, _) = world.uses[0];
    world.settle(key, HoldState::Released);
    assert_eq!(world.balance(Side::Available), 60);
    assert_eq!(world.reach(Delivered, 1_000), [reversed(40, 0, 10)]);
    assert_eq!(world.balance(Side::Available), 20);
}

#[test]
fn what_has_expired_is_neither_taken_nor_withheld() {
    let mut world = World::default();
    world.reach(Delivered, 10_000);
    world.spend(OTHER, 60, HoldState::Confirmed);
    world.expire(true);
    // 60 spent, 40 expired.
    assert_eq!(world.reach(Delivered, 7_000), []);
    assert_eq!(world.reach(Delivered, 5_000), [reversed(10, 10, 10)]);
    assert_eq!(world.reach(Delivered, 4_000), [reversed(10, 10, 20)]);
    assert_eq!(world.reach(Delivered, 0), [reversed(40, 40, 60)]);
}

#[test]
fn redeemed_points_come_back_from_the_newest_hold_and_the_last_lot() {
    let mut world = World::default();
    world.grant(100);
    world.grant(100);
    world.grant(100);
    world.spend(ORDER, 130, HoldState::Confirmed);
    world.spend(ORDER, 20, HoldState::Confirmed);
    let target = world.target(Open, 0, 110);
    let event = PointsEvent::RedeemedReversed { points: 40 };
    assert_eq!(world.follow(&target), [event]);
    // 20 of the second hold, 20 of what the first took of the second lot.
    let remaining: Vec<_> = world.lots.values().map(|lot| lot.remaining).collect();
    assert_eq!(remaining, [0, 90, 100]);
    let target = world.target(Open, 0, 0);
    world.follow(&target);
    let remaining: Vec<_> = world.lots.values().map(|lot| lot.remaining).collect();
    assert_eq!(remaining, [100, 100, 100]);
}

#[test]
fn a_hold_that_this_version_does_not_know_keeps_its_points() {
    let mut world = World::default();
    world.grant(100);
    let early = world.target(Open, 0, 0);
    world.spend(ORDER, 30, HoldState::Confirmed);
    assert_eq!(world.follow(&early), []);
    assert_eq!(world.balance(Side::Redeemed), 30);
}

#[test]
fn points_come_back_into_a_new_lot_when_their_own_is_over() {
    for job in [true, false] {
        let mut world = World::default();
        world.grant(100);
        world.spend(ORDER, 30, HoldState::Held);
        world.expire(job);
        let (key, _) = world.uses[0];
        world.settle(key, HoldState::Expired);
        assert_eq!(world.lots[&2].remaining, 30);
        assert!(!world.lots[&2].past);
        assert_eq!(world.balance(Side::Held), 0);
    }
}

#[test]
fn a_hold_settles_its_points_once() {
    let mut world = World::default();
    world.grant(100);
    world.spend(ORDER, 30, HoldState::Confirmed);
    let (key, _) = world.uses[0];
    world.settle(key, HoldState::Fulfilled);
    assert_eq!(world.balance(Side::Redeemed), 30);
    world.settle(key, HoldState::Released);
    world.settle(key, HoldState::Released);
    assert_eq!(world.balance(Side::Available), 100);
    assert_eq!(
        world.events,
        [
            PointsEvent::Redeemed { points: 30 },
            PointsEvent::RedeemedReversed { points: 30 }
        ]
    );
}

#[test]
fn the_oldest_points_are_spent_first_and_never_more_than_there_are() {
    let lot = |id, remaining| Lot { id, remaining };
    let mut account = Account::new(Uuid::nil(), vec![lot(1, 10), lot(2, 5)]);
    let used = |lot_id, points| LotUse { lot_id, points };
    assert_eq!(account.spend(12), Ok(vec![used(1, 10), used(2, 2)]));
    assert_eq!(account.spend(4), Err(NotEnoughPoints { balance: 3 }));
    assert_eq!(account.spend(3), Ok(vec![used(2, 3)]));
    assert_eq!(account.spendable(), 0);
}

#[test]
fn points_are_rounded_down_and_huge_amounts_are_no_trouble() {
    assert_eq!(POLICY.earns(99), 0);
    assert_eq!(POLICY.earns(199), 1);
    assert_eq!(POLICY.earns(-500), 0);
    let generous = LoyaltyPolicy {
        earn_rate: 10_000,
        ..POLICY
    };
    assert_eq!(generous.earns(i64::MAX), i64::MAX);
}

fn stage() -> impl Strategy<Value = PointsStage> {
    prop_oneof![Just(Open), Just(Delivered), Just(Cancelled)]
}

#[derive(Debug, Clone)]
enum Step {
    Order(PointsStage, i64),
    /// The order gives back what it redeemed, down to this share.
    Return(i64),
    Spend(Uuid, i64, HoldState),
    Release(usize),
    Expire(bool),
    Grant(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let order = prop_oneof![Just(ORDER), Just(OTHER)];
    let state = prop_oneof![
        Just(HoldState::Held),
        Just(HoldState::Confirmed),
        Just(HoldState::Released)
    ];
    prop_oneof![
        4 => (stage(), 0..20_000_i64).prop_map(|(stage, net)| Step::Order(stage, net)),
        1 => (0..=100_i64).prop_map(Step::Return),
        3 => (order, 1..150_i64, state).prop_map(|(order, points, state)| Step::Spend(order, points, state)),
        1 => (0..8_usize).prop_map(Step::Release),
        1 => any::<bool>().prop_map(Step::Expire),
        1 => (1..100_i64).prop_map(Step::Grant),
    ]
}

proptest! {
    #[test]
    fn whatever_was_seen_before_the_last_state_decides(
        states in prop::collection::vec((stage(), 0..100_000_i64), 1..12),
    ) {
        let mut world = World::default();
        for (stage, net) in &states {
            world.reach(*stage, *net);
        }
        let (stage, net) = states[states.len() - 1];
        let wanted = if stage == Cancelled { 0 } else { POLICY.earns(net) };
        prop_assert_eq!(world.earned(), wanted);
        prop_assert_eq!(world.balance(Side::Pending) + world.balance(Side::Available), wanted);
        if stage == Delivered {
            prop_assert_eq!(world.balance(Side::Pending), 0);
        }
        prop_assert_eq!(world.found().withheld, 0);
        prop_assert!(world.reach(stage, net).is_empty());
    }

    /// The balances are checked after each step.
    #[test]
    fn whatever_happens_the_books_are_in_order(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::default();
        for step in steps {
            match step {
                Step::Order(stage, net) => {
                    world.reach(stage, net);
                    let wanted = if stage == Cancelled { 0 } else { POLICY.earns(net) };
                    let found = world.found();
                    let expired: i64 = found.lots.iter().map(|id| world.lots[id].expired).sum();
                    let over = world.earned() - wanted;
                    prop_assert!((0..=expired).contains(&over), "{over} too much, {expired} expired");
                    prop_assert!(world.reach(stage, net).is_empty());
                }
                Step::Return(percent) => {
                    let held: i64 = world.holds(ORDER).iter().filter(|hold| hold.redeemed)
                        .map(HeldPoints::points).sum();
                    let target = world.target(Open, 0, held * percent / 100);
                    world.follow(&target);
                    let left: i64 = world.holds(ORDER).iter().filter(|hold| hold.redeemed)
                        .map(HeldPoints::points).sum();
                    prop_assert_eq!(left, held * percent / 100);
                }
                Step::Spend(order, points, state) => { world.spend(order, points, state); }
                Step::Release(which) => {
                    if let Some((key, _)) = world.uses.get(which) {
                        let key = *key;
                        world.settle(key, HoldState::Released);
                    }
                }
                Step::Expire(job) => world.expire(job),
                Step::Grant(points) => world.grant(points),
            }
        }
    }
}
