use super::*;

const ALL: [HoldState; 5] = [
    HoldState::Held,
    HoldState::Confirmed,
    HoldState::Fulfilled,
    HoldState::Released,
    HoldState::Expired,
];

fn token() -> Uuid {
    Uuid::from_u128(7)
}

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
        token: Some(token()),
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

fn target(stage: Stage, holds: &[i32], wanted: &[(&str, i64)]) -> OrderTarget {
    OrderTarget {
        order_id: Uuid::nil(),
        customer_id: Uuid::nil(),
        version: 1,
        stage,
        holds: holds.to_vec(),
        wanted: wanted
            .iter()
            .map(|(name, quantity)| (sku(name), *quantity))
            .collect(),
        restocked: BTreeMap::new(),
        currency: "GBP".to_owned(),
        net: 0,
        points_spent: 0,
    }
}

fn released(changes: &Changes) -> i64 {
    changes
        .moves
        .iter()
        .filter(|change| change.kind == MovementKind::Release)
        .map(|change| change.quantity)
        .sum()
}

#[test]
fn every_state_answers_every_settlement() {
    use HoldState::{Confirmed, Expired, Fulfilled, Held, Released};
    let settlements = [
        Settlement::Confirm { token: token() },
        Settlement::Release { token: token() },
        Settlement::Sweep(Verdict::Live),
        Settlement::Sweep(Verdict::Cancelled),
        Settlement::Sweep(Verdict::Closed),
    ];
    let expected = |state: HoldState| -> [Result<Option<HoldState>, HoldError>; 5] {
        match state {
            Held => [
                Ok(Some(Confirmed)),
                Ok(Some(Released)),
                Ok(Some(Confirmed)),
                Ok(Some(Released)),
                Ok(Some(Expired)),
            ],
            Confirmed => [Ok(None), Ok(Some(Released)), Ok(None), Ok(None), Ok(None)],
            Fulfilled => [
                Ok(None),
                Err(HoldError::Fulfilled),
                Ok(None),
                Ok(None),
                Ok(None),
            ],
            Released | Expired => [
                Err(HoldError::Closed),
                Ok(None),
                Ok(None),
                Ok(None),
                Ok(None),
            ],
        }
    };
    for state in ALL {
        for (settlement, expected) in settlements.into_iter().zip(expected(state)) {
            let outcome = hold(1, state, &[("A", 3)]).settle(settlement);
            let entered = outcome
                .as_ref()
                .map(|changes| changes.transitions.first().map(|(_, state)| *state))
                .map_err(|error| *error);
            assert_eq!(entered, expected, "{state:?} {settlement:?}");
            if let Ok(changes) = outcome {
                let gives_back = changes
                    .transitions
                    .iter()
                    .any(|(_, state)| state.is_closed());
                assert_eq!(
                    released(&changes),
                    if gives_back { 3 } else { 0 },
                    "{state:?} {settlement:?}"
                );
            }
        }
    }
}

#[test]
fn a_stray_call_cannot_touch_anothers_hold() {
    let stray = Uuid::from_u128(8);
    for settlement in [
        Settlement::Confirm { token: stray },
        Settlement::Release { token: stray },
    ] {
        let outcome = hold(1, HoldState::Held, &[("A", 3)]).settle(settlement);
        assert_eq!(outcome, Err(HoldError::WrongToken));
    }
}

#[test]
fn a_live_order_confirms_its_holds_and_gives_back_what_it_no_longer_wants() {
    let mut holds = [
        hold(1, HoldState::Confirmed, &[("A", 5), ("B", 1)]),
        hold(2, HoldState::Held, &[("A", 2)]),
    ];
    let changes = target(Stage::Live, &[1, 2], &[("A", 4), ("B", 1)])
        .reach(&mut holds)
        .unwrap();
    assert_eq!(changes.transitions, [(holds[1].key, HoldState::Confirmed)]);
    assert_eq!(released(&changes), 3);
    assert_eq!(holds[1].lines[0].quantity, 0, "the newest hold gives first");
    assert_eq!(holds[0].lines[0].quantity, 4);
}

#[test]
fn reaching_a_state_twice_changes_nothing() {
    for stage in [Stage::Live, Stage::Shipped, Stage::Cancelled] {
        let mut holds = [hold(1, HoldState::Held, &[("A", 5)])];
        let target = target(stage, &[1], &[("A", 3)]);
        assert!(!target.reach(&mut holds).unwrap().is_empty());
        assert!(target.reach(&mut holds).unwrap().is_empty(), "{stage:?}");
    }
}

#[test]
fn goods_that_leave_are_sold_once_even_if_the_confirmation_was_never_seen() {
    let mut holds = [hold(1, HoldState::Held, &[("A", 5)])];
    let changes = target(Stage::Shipped, &[1], &[("A", 3)])
        .reach(&mut holds)
        .unwrap();
    assert_eq!(changes.transitions, [(holds[0].key, HoldState::Fulfilled)]);
    let on_hand: i64 = changes.moves.iter().map(Move::on_hand_delta).sum();
    let reserved: i64 = changes.moves.iter().map(Move::reserved_delta).sum();
    assert_eq!((on_hand, reserved), (-3, -5));
}

#[test]
fn a_cancelled_order_gives_everything_back() {
    let mut holds = [
        hold(1, HoldState::Confirmed, &[("A", 5)]),
        hold(2, HoldState::Held, &[("B", 1)]),
    ];
    let changes = target(Stage::Cancelled, &[1, 2], &[])
        .reach(&mut holds)
        .unwrap();
    assert_eq!(released(&changes), 6);
    assert!(holds.iter().all(|hold| hold.state == HoldState::Released));
}

#[test]
fn a_hold_that_the_order_never_committed_is_not_touched() {
    let mut holds = [
        hold(1, HoldState::Held, &[("A", 5)]),
        hold(2, HoldState::Held, &[("A", 5)]),
    ];
    target(Stage::Live, &[2], &[("A", 5)])
        .reach(&mut holds)
        .unwrap();
    assert_eq!(holds[0].state, HoldState::Held);
    assert_eq!(holds[0].lines[0].quantity, 5);
}

#[test]
fn an_event_from_before_a_cancellation_that_the_sweeper_knows_of_changes_nothing() {
    let mut holds = [hold(1, HoldState::Released, &[])];
    let reached = target(Stage::Live, &[1], &[("A", 5)]).reach(&mut holds);
    assert_eq!(reached, Ok(Changes::default()));
}

#[test]
fn a_lost_hold_is_an_error_not_a_silence() {
    let mut holds = [hold(1, HoldState::Expired, &[("A", 5)])];
    let reached = target(Stage::Live, &[1], &[("A", 5)]).reach(&mut holds);
    assert_eq!(reached, Err(HoldError::LostHold { hold_no: 1 }));
    let reached = target(Stage::Live, &[1], &[]).reach(&mut []);
    assert_eq!(reached, Err(HoldError::UnknownHold { hold_no: 1 }));
}
