//! What must hold in every state, and what the model must be able to reach.

use stateright::Property;

use super::{
    inventory_svc::HoldState,
    order_svc::{Decision, Order, Status, bit},
    request::{At, Outcome},
    scope::{HOLDS, Scope},
    world::World,
};

pub const STOCK_ADDS_UP: &str = "stock is what holds and others have of it, never negative";
pub const NOT_OVERSOLD: &str = "no more is promised than there is";
pub const NEVER_LOST: &str = "a committed hold of a living order is never given back";
pub const NEVER_REVIVED: &str = "what was given back is never taken again";
pub const ONE_ORDER: &str = "a key has one order";
pub const HOLDS_ADD_UP: &str = "an order's committed holds add up to its lines";
pub const ACKNOWLEDGED: &str = "an acknowledged order exists";
pub const ONE_CHANGE: &str = "a version is made by one change";
pub const NO_DEAD_LETTER: &str = "no event finds a committed hold missing or expired";
pub const AT_REST: &str = "at rest no hold is HELD and both sides agree";
pub const NEVER_STUCK: &str = "who is not at rest has a next step";

pub fn all() -> Vec<Property<Scope>> {
    vec![
        always(STOCK_ADDS_UP, |_, world| stock_adds_up(world)),
        always(NOT_OVERSOLD, not_oversold),
        always(NEVER_LOST, |_, world| keeps_its_holds(world)),
        always(NEVER_REVIVED, |_, world| never_revived(world)),
        always(ONE_ORDER, |_, world| !world.orders.placed_twice),
        always(HOLDS_ADD_UP, |_, world| holds_add_up(world)),
        always(ACKNOWLEDGED, |_, world| {
            world.orders.order.is_some()
                || !told(world, |outcome| {
                    matches!(outcome, Outcome::Created | Outcome::Replayed)
                })
        }),
        always(ONE_CHANGE, |_, world| one_change_a_version(world)),
        always(NO_DEAD_LETTER, |_, world| !world.inventory.lost_hold),
        always(AT_REST, |_, world| !world.is_at_rest() || agree(world)),
        always(NEVER_STUCK, |scope, world| {
            let mut actions = Vec::new();
            world.is_at_rest() || {
                stateright::Model::actions(scope, world, &mut actions);
                !actions.is_empty()
            }
        }),
    ]
}

fn always(name: &'static str, condition: fn(&Scope, &World) -> bool) -> Property<Scope> {
    Property::always(name, condition)
}

fn numbers() -> impl Iterator<Item = u8> {
    1..=HOLDS as u8
}

fn told(world: &World, is: fn(&Outcome) -> bool) -> bool {
    world
        .requests
        .iter()
        .any(|request| matches!(&request.at, At::Told(outcome) if is(outcome)))
}

fn living(world: &World) -> Option<Order> {
    world.orders.order.filter(Order::lives)
}

fn stock_adds_up(world: &World) -> bool {
    let inventory = &world.inventory;
    let holds: u8 = inventory
        .holds
        .iter()
        .filter(|hold| hold.state.reserves())
        .map(|hold| hold.pieces)
        .sum();
    inventory.reserved == inventory.others + holds as i8
        && (0..=inventory.on_hand).contains(&inventory.reserved)
}

fn not_oversold(scope: &Scope, world: &World) -> bool {
    let wanted = living(world).map_or(0, |order| order.wanted());
    wanted as i8 + world.inventory.others <= scope.on_hand
}

fn keeps_its_holds(world: &World) -> bool {
    living(world).is_none_or(|order| {
        numbers()
            .filter(|hold_no| order.has(*hold_no))
            .all(|hold_no| match world.inventory.hold(hold_no).state {
                HoldState::Held | HoldState::Confirmed | HoldState::Fulfilled => true,
                HoldState::Absent | HoldState::Released | HoldState::Expired => false,
            })
    })
}

fn never_revived(world: &World) -> bool {
    numbers().all(|hold_no| match world.inventory.hold(hold_no).state {
        HoldState::Held | HoldState::Confirmed | HoldState::Fulfilled => {
            world.inventory.given_back & bit(hold_no) == 0
        }
        HoldState::Absent | HoldState::Released | HoldState::Expired => true,
    })
}

fn holds_add_up(world: &World) -> bool {
    let committed: Vec<u8> = numbers()
        .filter(|hold_no| world.orders.decision(*hold_no) == Some(Decision::Committed))
        .collect();
    let taken: u8 = committed
        .iter()
        .map(|hold_no| world.inventory.hold(*hold_no).taken)
        .sum();
    match world.orders.order {
        None => committed.is_empty(),
        Some(order) => {
            numbers().all(|hold_no| order.has(hold_no) == committed.contains(&hold_no))
                && taken == order.ordered
        }
    }
}

fn one_change_a_version(world: &World) -> bool {
    let mut versions: Vec<u8> = world
        .requests
        .iter()
        .filter_map(|request| match request.at {
            At::Told(Outcome::Changed { version })
            | At::Answering {
                outcome: Outcome::Changed { version },
                ..
            } => Some(version),
            _ => None,
        })
        .collect();
    let all = versions.len();
    versions.sort_unstable();
    versions.dedup();
    versions.len() == all
}

/// Whether inventory-svc keeps for the order what the order wants, and nothing else.
fn agree(world: &World) -> bool {
    let inventory = &world.inventory;
    let held = numbers().any(|hold_no| inventory.hold(hold_no).state == HoldState::Held);
    let kept = |state: HoldState| -> u8 {
        inventory
            .holds
            .iter()
            .filter(|hold| hold.state == state)
            .map(|hold| hold.pieces)
            .sum()
    };
    let (confirmed, fulfilled) = (kept(HoldState::Confirmed), kept(HoldState::Fulfilled));
    let as_the_order_says = match world.orders.order {
        None => (confirmed, fulfilled) == (0, 0),
        Some(order) => match order.status {
            // Once its stock is safe it is told so.
            Status::Placed => false,
            Status::Confirmed => (confirmed, fulfilled) == (order.wanted(), 0),
            Status::Shipped => (confirmed, fulfilled) == (0, order.wanted()),
            Status::Cancelled => (confirmed, fulfilled) == (0, 0),
        },
    };
    !held && as_the_order_says
}
