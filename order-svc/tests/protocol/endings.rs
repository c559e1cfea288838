//! No run goes on for ever. As the worlds are finite in number, each then ends; and what is true of every world that is at
//! rest, or has no next step, is true of every run in the end.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use stateright::Model as _;

use super::{CHANGING, PLACING, scope::Scope, world::World};

/// Looks depth first for a step back into a world that led here.
fn comes_back(scope: Scope) -> bool {
    let hasher = RandomState::new();
    let mut path: Vec<(u64, Vec<World>)> = Vec::new();
    // Whether the world is still on the path.
    let mut known: HashMap<u64, bool> = HashMap::new();
    for world in scope.init_states() {
        let id = hasher.hash_one(&world);
        known.insert(id, true);
        path.push((id, scope.next_states(&world)));
    }
    while let Some((id, next)) = path.last_mut() {
        let Some(world) = next.pop() else {
            known.insert(*id, false);
            path.pop();
            continue;
        };
        let id = hasher.hash_one(&world);
        match known.get(&id) {
            Some(true) => return true,
            Some(false) => {}
            None => {
                known.insert(id, true);
                path.push((id, scope.next_states(&world)));
            }
        }
    }
    false
}

#[test]
fn placing_ends() {
    assert!(!comes_back(PLACING));
}

#[test]
fn changing_ends() {
    assert!(!comes_back(Scope {
        updates: &[2, 3],
        repeats: 0,
        failures: 0,
        ..CHANGING
    }));
}
