use uuid::Uuid;

use super::*;
use crate::domain::{HoldKey, HoldLine, HoldState};

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn hold(hold_no: i32, state: HoldState, lines: &[(&str, i64)]) -> Hold {
    Hold {
        key: HoldKey {
            order_id: Uuid::nil(),
            hold_no,
        },
        state,
        token: None,
        lines: lines
            .iter()
            .map(|(name, quantity)| HoldLine {
                sku: sku(name),
                quantity: *quantity,
                restocked: 0,
            })
            .collect(),
    }
}

fn disagreement(stage: Stage, holds: &[Hold]) -> Option<String> {
    OrderTarget {
        order_id: Uuid::nil(),
        version: 3,
        stage,
        holds: vec![1, 2],
        wanted: [(sku("A"), 5), (sku("B"), 1)].into(),
        customer_id: Uuid::nil(),
        restocked: BTreeMap::new(),
        currency: "GBP".to_owned(),
        net: 0,
        points_spent: 0,
    }
    .disagreement(holds)
}

use HoldState::{Confirmed, Expired, Fulfilled, Held, Released};

#[test]
fn holds_that_keep_what_the_order_wants_agree() {
    for (stage, state) in [(Stage::Live, Confirmed), (Stage::Shipped, Fulfilled)] {
        let holds = [
            hold(1, state, &[("A", 3)]),
            hold(2, state, &[("A", 2), ("B", 1)]),
            // Not decided yet, or closed: none of the order's business.
            hold(3, Held, &[("A", 9)]),
            hold(4, Expired, &[("A", 9)]),
        ];
        assert_eq!(disagreement(stage, &holds), None);
    }
    let released = [hold(1, Released, &[("A", 0)]), hold(2, Released, &[])];
    assert_eq!(disagreement(Stage::Cancelled, &released), None);
}

#[test]
fn whatever_differs_is_told() {
    let good = |state| [hold(1, state, &[("A", 5)]), hold(2, state, &[("B", 1)])];
    for (stage, holds, expected) in [
        // Less, more, something else.
        (
            Stage::Live,
            [
                hold(1, Confirmed, &[("A", 4)]),
                hold(2, Confirmed, &[("B", 1)]),
            ],
            "of A the holds keep 4",
        ),
        (
            Stage::Live,
            [
                hold(1, Confirmed, &[("A", 6)]),
                hold(2, Confirmed, &[("B", 1)]),
            ],
            "of A the holds keep 6",
        ),
        (
            Stage::Shipped,
            [hold(1, Fulfilled, &[("A", 5)]), hold(2, Fulfilled, &[])],
            "of B the holds keep 0",
        ),
        (
            Stage::Live,
            [
                hold(1, Confirmed, &[("A", 5), ("C", 1)]),
                hold(2, Confirmed, &[("B", 1)]),
            ],
            "of C the holds keep 1",
        ),
        // The wrong state.
        (Stage::Live, good(Held), "should be CONFIRMED"),
        (Stage::Shipped, good(Confirmed), "should be FULFILLED"),
        (Stage::Cancelled, good(Confirmed), "should be RELEASED"),
        (Stage::Live, good(Released), "was given back"),
    ] {
        let told = disagreement(stage, &holds).unwrap();
        assert!(told.contains(expected), "{told}");
    }
    let missing = disagreement(Stage::Live, &[hold(1, Confirmed, &[("A", 5)])]).unwrap();
    assert!(missing.contains("hold 2"), "{missing}");
}
