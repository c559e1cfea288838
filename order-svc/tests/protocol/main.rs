//! A model of the protocol of holds and decisions, explored exhaustively: see docs/protocol.md.

#![allow(clippy::print_stdout)]

mod cases;
mod endings;
mod inventory_svc;
mod mutations;
mod order_svc;
mod properties;
mod request;
mod scope;
mod world;

use std::time::Instant;

use stateright::{Checker as _, Model as _};

use cases::*;
use scope::Scope;

fn explore(scope: Scope) {
    let started = Instant::now();
    let checker = scope.checker().spawn_bfs().join();
    println!(
        "{} states, {} steps, at most {} one after the other, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        started.elapsed().as_secs_f64()
    );
    assert!(checker.is_done());
    checker.assert_properties();
}

const PLACING: Scope = Scope {
    twins: 2,
    cancels: true,
    others: 1,
    retries: 1,
    failures: 1,
    repeats: 1,
    on_hand: 1,
    ..Scope::NONE
};

#[test]
fn twins_crashes_lost_answers_the_sweeper_and_a_cancellation_leave_one_order() {
    explore(Scope {
        reaches: &[
            TWIN_REPLAYS,
            LOST_ANSWER_IS_RETRIED,
            NEXT_HOLD_AFTER_SWEEPER,
            SWEEPER_FINDS_ORDER,
            SWEEPER_FINDS_CANCELLED,
            SOLD_OUT,
            LATE_RESERVE,
            CANCEL_OVERTAKES_CREATION,
            CANCEL_OVERTAKES_CONFIRMATION,
            EVENT_AFTER_SWEEPER,
        ],
        ..PLACING
    });
}

/// Two clients change a placed order; each of them names the version that it has seen.
const CHANGING: Scope = Scope {
    placed: true,
    failures: 1,
    repeats: 1,
    ..Scope::NONE
};

#[test]
fn of_two_updates_that_want_different_things_one_wins() {
    explore(Scope {
        updates: &[2, 3],
        repeats: 0,
        reaches: &[
            LOSER_IS_STALE,
            LOSER_RELEASES,
            UPDATE_MEETS_CLOSED,
            OTHER_CONTENT,
            LATE_RESERVE,
        ],
        ..CHANGING
    });
}

#[test]
fn of_two_updates_that_share_a_hold_one_wins() {
    explore(Scope {
        updates: &[2, 2],
        others: 1,
        on_hand: 2,
        reaches: &[LOSER_IS_STALE, SHARED_HOLD, SOLD_OUT],
        ..CHANGING
    });
}

#[test]
fn an_update_a_reduction_and_a_cancellation_meet() {
    explore(Scope {
        pieces: 2,
        updates: &[3, 1],
        cancels: true,
        failures: 0,
        reaches: &[
            REDUCED_WITH_TWO_HOLDS,
            LOSER_RELEASES,
            SWEEPER_FINDS_CANCELLED,
            CANCEL_OVERTAKES_CONFIRMATION,
        ],
        ..CHANGING
    });
}

#[test]
fn an_update_a_cancellation_and_the_shipping_meet() {
    explore(Scope {
        updates: &[2],
        cancels: true,
        ships: true,
        failures: 0,
        reaches: &[SHIPPED_FIRST],
        ..CHANGING
    });
}

#[test]
fn everything_at_once() {
    explore(Scope {
        twins: 2,
        updates: &[2],
        cancels: true,
        reaches: &[TWIN_REPLAYS, UPDATE_MEETS_CLOSED, CANCEL_OVERTAKES_CREATION],
        ..Scope::NONE
    });
}
