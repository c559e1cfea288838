//! Random commands to an order, beside a reference that counts pieces.

use proptest::prelude::*;
use proptest_state_machine::{StateMachineTest, prop_state_machine};

use self::reference::{Asked, Command, Expected, Reference, SKUS, of, price_of};
use super::*;
use crate::domain::{Allotment, PricedLine};

#[path = "order_machine_reference.rs"]
mod reference;

const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn pieces(asked: &Asked) -> Pieces {
    let lines = asked.iter().map(|(sku, quantity)| BasketLine {
        sku: SKUS[*sku].to_owned(),
        quantity: *quantity,
    });
    Pieces::new(lines.collect()).unwrap()
}

/// Pieces with a discount of so many percent, rounded down, as a hold would price them.
fn priced(sku: usize, quantity: i64, unit_price: i64, off: i64) -> PricedLine {
    PricedLine {
        sku: SKUS[sku].to_owned(),
        name: SKUS[sku].to_owned(),
        quantity,
        unit_price,
        discount: quantity * unit_price * off / 100,
        points_value: 0,
    }
}

fn pricing(lines: Vec<PricedLine>, point_value: i64) -> Pricing {
    Pricing {
        currency: "GBP".to_owned(),
        lines,
        points: 0,
        point_value,
        discount_code: None,
        allotments: Vec::new(),
    }
}

/// Lets points pay, one line after the other, until they are used up. Gives those that were of use.
fn pay<'a>(points: i64, point_value: i64, lines: impl Iterator<Item = (i64, &'a mut i64)>) -> i64 {
    let lines: Vec<_> = lines.collect();
    let payable: i64 = lines.iter().map(|(left, _)| *left).sum();
    let used = points.min(payable / point_value);
    let mut value = used * point_value;
    for (left, points_value) in lines {
        *points_value = left.min(value);
        value -= *points_value;
    }
    used
}

fn place(reference: &Reference) -> Order {
    let lines = reference.bought.iter();
    let lines = lines.map(|line| priced(line.sku, line.ordered, line.unit_price, reference.off));
    let mut pricing = pricing(lines.collect(), reference.point_value);
    pricing.points = pay(
        reference.points.unwrap_or_default(),
        reference.point_value,
        pricing.lines.iter_mut().map(|line| {
            let left = line.quantity * line.unit_price - line.discount;
            (left, &mut line.points_value)
        }),
    );
    let uses = reference.code.is_some() || reference.points.is_some();
    let incentive = uses.then(|| Incentive {
        discount_code: reference.code.map(str::to_owned),
        redeem_points: reference.points,
    });
    Order::place(Uuid::nil(), Uuid::nil(), 1, pricing, incentive, AT).0
}

/// What a hold for more of an order brings.
fn held(order: &Order, lines: &[BasketLine], dearer: i64, off: i64) -> Option<Held> {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            let sku = SKUS.iter().position(|sku| *sku == line.sku).unwrap();
            priced(sku, line.quantity, price_of(sku) + dearer, off)
        })
        .collect();
    (!lines.is_empty()).then(|| Held {
        hold_no: order.holds.len() as i32 + 1,
        pricing: pricing(lines, order.point_value),
    })
}

/// What a hold for an incentive brings: it is allotted over what is to be paid.
fn allotted(order: &Order, missing: &Incentive, off: i64) -> Held {
    let off = if missing.discount_code.is_some() {
        off
    } else {
        0
    };
    let totals: Vec<i64> = order.living_lines().map(Line::total).collect();
    let mut allotments: Vec<Allotment> = totals
        .iter()
        .map(|total| Allotment {
            discount: total * off / 100,
            points_value: 0,
        })
        .collect();
    let mut pricing = pricing(Vec::new(), order.point_value);
    pricing.points = pay(
        missing.redeem_points.unwrap_or_default(),
        order.point_value,
        totals
            .iter()
            .zip(&mut allotments)
            .map(|(total, allotment)| (total - allotment.discount, &mut allotment.points_value)),
    );
    pricing.allotments = allotments;
    Held {
        hold_no: order.holds.len() as i32 + 1,
        pricing,
    }
}

fn give(order: &mut Order, command: &Command) -> Result<Option<OrderEvent>, Refusal> {
    match command {
        Command::Confirm { of_all } => {
            let all = order.holds.clone();
            let named = if *of_all { &all[..] } else { &all[1..] };
            Ok(order.confirm(named, AT))
        }
        Command::Cancel => Ok(order.cancel(None, AT)?),
        Command::CancelPieces(asked) => order.cancel_pieces(&pieces(asked), None, AT).map(Some),
        Command::Update {
            wanted,
            dearer,
            off,
        } => {
            let wanted = pieces(wanted);
            let held = held(order, &order.missing_for(&wanted)?, *dearer, *off);
            Ok(order.update(&wanted, held, AT)?)
        }
        Command::ApplyIncentive { code, points, off } => {
            let asked = Incentive {
                discount_code: code.map(str::to_owned),
                redeem_points: *points,
            };
            let Some(missing) = order.missing_of(&asked)? else {
                return Ok(None);
            };
            let held = allotted(order, &missing, *off);
            Ok(Some(order.apply_incentive(missing, held, AT)?))
        }
        Command::Ship => Ok(order.ship(AT)?),
        Command::Deliver => Ok(order.deliver(AT)?),
        Command::Return {
            pieces: asked,
            restock,
        } => order
            .return_pieces(&pieces(asked), *restock, None, AT)
            .map(Some),
        Command::Withhold(points) => Ok(order.withhold(*points, AT)),
    }
}

/// What a command must leave as it was.
fn check_untouched(before: &Order, after: &Order, command: &Command) {
    let touched = |sku: &str| {
        let sku = SKUS.iter().position(|own| *own == sku).unwrap();
        match command {
            Command::CancelPieces(asked) | Command::Return { pieces: asked, .. } => {
                of(asked, sku) > 0
            }
            Command::Update { wanted, .. } => of(wanted, sku) != before.ordered(SKUS[sku]),
            Command::Cancel | Command::ApplyIncentive { .. } => true,
            Command::Confirm { .. } | Command::Ship | Command::Deliver | Command::Withhold(_) => {
                false
            }
        }
    };
    for line in &before.lines {
        if !touched(&line.sku) {
            assert!(after.lines.contains(line), "{} changed", line.sku);
        }
    }
}

/// What the pieces that stay cost, to the penny.
fn check_prices(before: &Order, after: &Order, command: &Command) {
    match command {
        Command::CancelPieces(_) | Command::Return { .. } => {
            for (before, after) in before.lines.iter().zip(&after.lines) {
                // What a piece costs was settled when it was bought.
                for pieces in 0..=before.kept() {
                    assert_eq!(before.cost_of(pieces), after.cost_of(pieces));
                }
            }
        }
        Command::Update { off, .. } => {
            let total = |line: &Line| {
                (
                    line.sku.clone(),
                    line.unit_price,
                    line.ordered(),
                    line.total(),
                )
            };
            for line in &after.lines {
                let same = before
                    .lines
                    .iter()
                    .find(|own| own.sku == line.sku && own.unit_price == line.unit_price);
                let (had, cost) = same.map_or((0, 0), |own| (own.ordered(), own.total()));
                let expected = if line.ordered() > had {
                    let added = (line.ordered() - had) * line.unit_price;
                    cost + added - added * off / 100
                } else {
                    same.map_or(0, |own| own.cost_of(line.ordered()).total)
                };
                assert_eq!(line.total(), expected, "{:?}", total(line));
            }
        }
        Command::ApplyIncentive { off, code, .. } => {
            let off = if code.is_some()
                && before
                    .incentive
                    .as_ref()
                    .is_none_or(|own| own.discount_code.is_none())
            {
                *off
            } else {
                0
            };
            let discount: i64 = before
                .living_lines()
                .map(|line| line.total() * off / 100)
                .sum();
            let points = (after.points_redeemed - before.points_redeemed) * before.point_value;
            assert_eq!(after.total(), before.total() - discount - points);
        }
        Command::Confirm { .. } | Command::Ship | Command::Deliver | Command::Withhold(_) => {
            assert_eq!(before.total(), after.total());
        }
        Command::Cancel => assert_eq!(after.total(), 0),
    }
}

struct OrderMachine;

impl StateMachineTest for OrderMachine {
    type SystemUnderTest = Order;
    type Reference = Reference;

    fn init_test(reference: &Reference) -> Order {
        place(reference)
    }

    fn apply(mut order: Order, reference: &Reference, command: Command) -> Order {
        let before = order.clone();
        let outcome = match give(&mut order, &command) {
            Ok(Some(_)) => Expected::Event,
            Ok(None) => Expected::Nothing,
            Err(_) => Expected::Refusal,
        };
        assert_eq!(outcome, reference.expected, "{command:?}");
        if outcome == Expected::Event {
            check_untouched(&before, &order, &command);
            check_prices(&before, &order, &command);
            assert!(order.refunded >= before.refunded || matches!(command, Command::Withhold(_)));
            assert!(order.points_returned() >= before.points_returned());
        } else {
            assert_eq!(order, before, "{command:?}");
        }
        order
    }

    fn check_invariants(order: &Order, reference: &Reference) {
        assert_eq!(
            (order.status, order.version),
            (reference.status, reference.version)
        );
        assert_eq!(order.holds.len(), reference.holds);
        for (sku, name) in SKUS.iter().enumerate() {
            assert_eq!(order.ordered(name), reference.ordered(sku));
        }
        let restocked: i64 = order.lines.iter().map(|line| line.restocked_quantity).sum();
        assert_eq!(restocked, reference.restocked);
        for line in &order.lines {
            assert!(
                0 <= line.restocked_quantity && line.restocked_quantity <= line.returned_quantity
            );
            assert!(0 <= line.cancelled_quantity);
            assert!(line.cancelled_quantity + line.returned_quantity <= line.quantity);
            for pieces in [line.kept(), line.ordered(), line.quantity] {
                let cost = line.cost_of(pieces);
                assert!(
                    cost.total >= 0 && cost.discount >= 0 && cost.points_value >= 0,
                    "{line:?}"
                );
                assert_eq!(
                    cost.total + cost.discount + cost.points_value,
                    pieces * line.unit_price
                );
            }
        }
        check_sums(order, reference);
    }
}

/// What is paid, what discount and points took off, and what was given back, are the price.
fn check_sums(order: &Order, reference: &Reference) {
    let bought = reference.bought.iter();
    let (mut price, mut kept_price) = (0, 0);
    for line in bought {
        price += line.ordered * line.unit_price;
        kept_price += (line.ordered - line.returned) * line.unit_price;
    }
    let costs = |pieces: fn(&Line) -> i64| {
        let costs = order.lines.iter().map(|line| line.cost_of(pieces(line)));
        costs.fold((0, 0), |(discount, points), cost| {
            (discount + cost.discount, points + cost.points_value)
        })
    };
    let (discount, points) = costs(Line::ordered);
    assert_eq!(order.total() + discount + points, price);
    let (kept_discount, kept_points) = costs(Line::kept);
    assert_eq!(order.net() + kept_discount + kept_points, kept_price);

    let withheld = reference.withheld * order.point_value;
    let given_back = order.total() - order.net();
    assert_eq!(order.refunded, (given_back - withheld).max(0));
    assert!(order.refunded <= order.total());

    assert!((0..=order.points_redeemed).contains(&order.points_returned()));
    // A point of which a part is still of use has not come back.
    let spent = (order.points_redeemed - order.points_returned()) * order.point_value;
    assert!(spent >= kept_points && spent < kept_points + order.point_value);
    if kept_price == 0 {
        assert_eq!(
            (order.net(), order.points_returned()),
            (0, order.points_redeemed)
        );
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn an_order_is_what_its_reference_says_whatever_it_is_told(sequential 1..24 => OrderMachine);
}
