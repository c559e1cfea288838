//! The model misses each rule that is taken out.

use std::collections::BTreeSet;

use stateright::{Checker as _, HasDiscoveries, Model as _};

use super::{
    CHANGING, PLACING, properties,
    scope::{Broken, Scope},
};

/// Shows how each of these properties breaks.
fn breaks(scope: Scope, broken: Broken, names: &[&'static str]) {
    let checker = Scope {
        broken: Some(broken),
        ..scope
    }
    .checker()
    .finish_when(HasDiscoveries::AllOf(BTreeSet::from_iter(
        names.iter().copied(),
    )))
    .spawn_bfs()
    .join();
    for name in names {
        let path = checker.assert_any_discovery(name);
        println!("{broken:?}: not \"{name}\":");
        for action in path.into_actions() {
            println!("  {action:?}");
        }
    }
}

#[test]
fn a_sweeper_that_only_reads_gives_back_what_an_order_then_commits() {
    breaks(
        PLACING,
        Broken::Closing,
        &[
            properties::NEVER_LOST,
            properties::NOT_OVERSOLD,
            properties::NO_DEAD_LETTER,
        ],
    );
}

#[test]
fn a_late_event_undoes_what_a_newer_one_did() {
    breaks(
        // Reduced to one piece, then enlarged again.
        Scope {
            pieces: 2,
            updates: &[1, 2],
            ..CHANGING
        },
        Broken::VersionGuard,
        &[properties::AT_REST],
    );
}

#[test]
fn a_late_reserve_takes_again_what_was_released() {
    breaks(
        Scope {
            updates: &[2, 3],
            ..CHANGING
        },
        Broken::Tombstone,
        &[properties::NEVER_REVIVED],
    );
}

#[test]
fn an_update_that_does_not_look_at_the_version_undoes_another() {
    breaks(
        // An enlargement and a reduction. Two enlargements would meet on the decision of their hold.
        Scope {
            pieces: 2,
            updates: &[3, 1],
            failures: 0,
            ..CHANGING
        },
        Broken::VersionCheck,
        &[
            properties::HOLDS_ADD_UP,
            properties::ONE_CHANGE,
            properties::AT_REST,
        ],
    );
}
