use super::*;
use crate::domain::{Allotment, PricedLine};

const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn priced(sku: &str, quantity: i64, unit_price: i64) -> PricedLine {
    PricedLine {
        sku: sku.to_owned(),
        name: sku.to_owned(),
        quantity,
        unit_price,
        discount: 0,
        points_value: 0,
    }
}

fn pricing(lines: Vec<PricedLine>) -> Pricing {
    Pricing {
        currency: "GBP".to_owned(),
        lines,
        points: 0,
        point_value: 1,
        discount_code: None,
        allotments: Vec::new(),
    }
}

fn pieces(of: &[(&str, i64)]) -> Pieces {
    let lines = of.iter().map(|(sku, quantity)| BasketLine {
        sku: (*sku).to_owned(),
        quantity: *quantity,
    });
    Pieces::new(lines.collect()).unwrap()
}

/// Six of A for 2.55 each and one B for 3.39.
fn order(status: Status) -> Order {
    let pricing = pricing(vec![priced("A", 6, 255), priced("B", 1, 339)]);
    let (mut order, event) = Order::place(Uuid::nil(), Uuid::nil(), 1, pricing, None, AT);
    assert_eq!(event, OrderEvent::Created);
    if status == Status::Cancelled {
        order.cancel(None, AT).unwrap();
        order.version = 1;
    }
    order.status = status;
    order
}

fn held(lines: Vec<PricedLine>) -> Held {
    Held {
        hold_no: 2,
        pricing: pricing(lines),
    }
}

fn code(text: &str) -> Incentive {
    Incentive {
        discount_code: Some(text.to_owned()),
        redeem_points: None,
    }
}

/// What an order can be told to do.
#[derive(Debug, Clone, Copy)]
enum Command {
    Confirm,
    Cancel,
    CancelPieces,
    Update,
    ApplyIncentive,
    Ship,
    Deliver,
    Return,
    Withhold,
}

impl Command {
    const ALL: [Self; 9] = [
        Self::Confirm,
        Self::Cancel,
        Self::CancelPieces,
        Self::Update,
        Self::ApplyIncentive,
        Self::Ship,
        Self::Deliver,
        Self::Return,
        Self::Withhold,
    ];

    fn give(self, order: &mut Order) -> Result<Option<OrderEvent>, Refusal> {
        match self {
            Self::Confirm => Ok(order.confirm(&[1], AT)),
            Self::Cancel => Ok(order.cancel(None, AT)?),
            Self::CancelPieces => order
                .cancel_pieces(&pieces(&[("A", 1)]), None, AT)
                .map(Some),
            Self::Update => {
                let wanted = pieces(&[("A", 5), ("B", 1)]);
                order.missing_for(&wanted)?;
                Ok(order.update(&wanted, None, AT)?)
            }
            Self::ApplyIncentive => {
                let asked = code("SAVE");
                order.missing_of(&asked)?;
                Ok(Some(order.apply_incentive(asked, held(vec![]), AT)?))
            }
            Self::Ship => Ok(order.ship(AT)?),
            Self::Deliver => Ok(order.deliver(AT)?),
            Self::Return => order
                .return_pieces(&pieces(&[("A", 1)]), true, None, AT)
                .map(Some),
            Self::Withhold => Ok(order.withhold(3, AT)),
        }
    }
}

/// What a command does to an order of a status.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It is in this status now, and one version further.
    Now(Status),
    Nothing,
    Illegal,
}

fn expected(status: Status, command: Command) -> Outcome {
    use Command::{
        ApplyIncentive, Cancel, CancelPieces, Confirm, Deliver, Return, Ship, Update, Withhold,
    };
    use Outcome::{Illegal, Nothing, Now};
    use Status::{Cancelled, Confirmed, Delivered, Placed, Shipped};
    match (status, command) {
        (Placed, Confirm) => Now(Confirmed),
        (Confirmed | Shipped | Delivered | Cancelled, Confirm) => Nothing,
        (Placed | Confirmed, Cancel) => Now(Cancelled),
        (Cancelled, Cancel) => Nothing,
        (Shipped | Delivered, Cancel) => Illegal,
        (Placed | Confirmed, CancelPieces | Update | ApplyIncentive) => Now(status),
        (Shipped | Delivered | Cancelled, CancelPieces | Update | ApplyIncentive) => Illegal,
        (Confirmed, Ship) => Now(Shipped),
        (Shipped, Ship) => Nothing,
        (Placed | Delivered | Cancelled, Ship) => Illegal,
        (Shipped, Deliver) => Now(Delivered),
        (Delivered, Deliver) => Nothing,
        (Placed | Confirmed | Cancelled, Deliver) => Illegal,
        (Shipped | Delivered, Return) => Now(status),
        (Placed | Confirmed | Cancelled, Return) => Illegal,
        // News of points, which may be late: whatever the order has become meanwhile.
        (_, Withhold) => Now(status),
    }
}

#[test]
fn every_status_answers_every_command() {
    for status in Status::ALL {
        for command in Command::ALL {
            let before = order(status);
            let mut order = before.clone();
            let outcome = match command.give(&mut order) {
                Ok(Some(_)) => Outcome::Now(order.status),
                Ok(None) => Outcome::Nothing,
                Err(Refusal::Illegal(IllegalTransition { from, .. })) => {
                    assert_eq!(from, status, "{command:?}");
                    Outcome::Illegal
                }
                Err(other) => panic!("{command:?} of {status}: {other}"),
            };
            assert_eq!(
                outcome,
                expected(status, command),
                "{command:?} of {status}"
            );
            if let Outcome::Now(_) = outcome {
                assert_eq!(order.version, 2, "{command:?} of {status}");
            } else {
                assert_eq!(order, before, "{command:?} of {status}");
            }
        }
    }
}

#[test]
fn a_total_is_what_its_lines_cost() {
    assert_eq!(order(Status::Placed).total(), 6 * 255 + 339);
}

#[test]
fn a_confirmation_that_lacks_a_hold_is_none() {
    assert_eq!(order(Status::Placed).confirm(&[2], AT), None);
}

#[test]
fn a_cancelled_order_costs_nothing() {
    let mut order = order(Status::Placed);
    order.cancel(None, AT).unwrap();
    assert_eq!(order.total(), 0);
    assert!(order.lines.iter().all(|line| line.ordered() == 0));
}

#[test]
fn an_order_of_which_nothing_is_left_is_cancelled() {
    let mut order = order(Status::Confirmed);
    let event = order.cancel_pieces(&pieces(&[("A", 6)]), None, AT).unwrap();
    assert_eq!(event, OrderEvent::Updated { reason: None });
    assert_eq!((order.status, order.total()), (Status::Confirmed, 339));
    let event = order.cancel_pieces(&pieces(&[("B", 1)]), None, AT).unwrap();
    assert_eq!(event, OrderEvent::Cancelled { reason: None });
    assert_eq!((order.status, order.total()), (Status::Cancelled, 0));
}

#[test]
fn no_more_is_cancelled_or_returned_than_there_is() {
    let mut placed = order(Status::Placed);
    let refused = placed.cancel_pieces(&pieces(&[("B", 1), ("A", 7)]), None, AT);
    assert_eq!(refused, Err(Refusal::TooMany { line: 1, left: 6 }));
    let refused = placed.cancel_pieces(&pieces(&[("C", 1)]), None, AT);
    assert_eq!(refused, Err(Refusal::NotOrdered { line: 0 }));
    assert_eq!(placed, order(Status::Placed));

    let mut delivered = order(Status::Delivered);
    delivered
        .return_pieces(&pieces(&[("A", 4)]), false, None, AT)
        .unwrap();
    let refused = delivered.return_pieces(&pieces(&[("A", 3)]), true, None, AT);
    assert_eq!(refused, Err(Refusal::TooMany { line: 0, left: 2 }));
    assert_eq!(delivered.refunded, 4 * 255);
    assert_eq!(delivered.lines[0].restocked_quantity, 0);
}

#[test]
fn an_update_adds_to_a_line_makes_a_line_and_takes_one_away() {
    let mut order = order(Status::Confirmed);
    let wanted = pieces(&[("A", 8), ("C", 2)]);
    let missing = order.missing_for(&wanted).unwrap();
    let named: Vec<_> = missing
        .iter()
        .map(|line| (line.sku.as_str(), line.quantity))
        .collect();
    assert_eq!(named, [("A", 2), ("C", 2)]);
    let added = held(vec![priced("A", 2, 255), priced("C", 2, 100)]);
    let event = order.update(&wanted, Some(added), AT).unwrap();
    assert_eq!(event, Some(OrderEvent::Updated { reason: None }));
    let lines: Vec<_> = order
        .lines
        .iter()
        .map(|line| (line.sku.as_str(), line.quantity, line.total()))
        .collect();
    assert_eq!(lines, [("A", 8, 8 * 255), ("C", 2, 200)]);
    assert_eq!((order.holds.as_slice(), order.version), (&[1, 2][..], 2));
    assert_eq!(order.update(&wanted, None, AT), Ok(None));
    assert_eq!(order.version, 2);
}

#[test]
fn more_of_a_sku_at_another_price_is_a_line_of_its_own_and_goes_first() {
    let mut order = order(Status::Placed);
    let wanted = pieces(&[("A", 8), ("B", 1)]);
    let added = held(vec![priced("A", 2, 300)]);
    order.update(&wanted, Some(added), AT).unwrap();
    assert_eq!(order.total(), 6 * 255 + 339 + 2 * 300);
    order
        .update(&pieces(&[("A", 7), ("B", 1)]), None, AT)
        .unwrap();
    assert_eq!(order.total(), 6 * 255 + 339 + 300);
    order.cancel_pieces(&pieces(&[("A", 2)]), None, AT).unwrap();
    assert_eq!(order.total(), 5 * 255 + 339);
}

#[test]
fn an_incentive_that_comes_later_is_on_what_is_left() {
    let mut order = order(Status::Confirmed);
    order
        .cancel_pieces(&pieces(&[("A", 2), ("B", 1)]), None, AT)
        .unwrap();
    let asked = Incentive {
        discount_code: Some("save".to_owned()),
        redeem_points: Some(20),
    };
    assert_eq!(order.missing_of(&asked).unwrap().as_ref(), Some(&asked));
    let mut brought = held(vec![]);
    brought.pricing.points = 20;
    brought.pricing.discount_code = Some("SAVE".to_owned());
    brought.pricing.allotments = vec![Allotment {
        discount: 101,
        points_value: 20,
    }];
    let event = order.apply_incentive(asked.clone(), brought, AT).unwrap();
    assert_eq!(event, OrderEvent::IncentiveApplied);
    assert_eq!(order.total(), 4 * 255 - 101 - 20);
    assert_eq!((order.points_redeemed, order.points_returned()), (20, 0));
    // The same again is there already; another one is refused.
    assert_eq!(order.missing_of(&asked), Ok(None));
    assert_eq!(order.missing_of(&code("OTHER")), Err(Refusal::HasCode));
    order.cancel(None, AT).unwrap();
    assert_eq!(order.points_returned(), 20);
}

#[test]
fn what_was_spent_of_the_points_earned_is_not_refunded() {
    let mut order = order(Status::Delivered);
    order
        .return_pieces(&pieces(&[("A", 6)]), true, None, AT)
        .unwrap();
    assert_eq!(order.refunded, 1530);
    order.withhold(15, AT).unwrap();
    assert_eq!(order.refunded, 1515);
    // Late news.
    assert_eq!(order.withhold(10, AT), None);
    order
        .return_pieces(&pieces(&[("B", 1)]), true, None, AT)
        .unwrap();
    assert_eq!(order.refunded, 1515 + 339);
    assert_eq!(order.version, 4);
}
