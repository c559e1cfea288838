//! How an order is changed: loaded, looked at, changed, and written over the version that was loaded. If another change
//! came in between, again.

use std::{sync::Arc, time::Duration};

use chassis::{
    Error, Result,
    idempotency::{Answer, Once},
};
use uuid::Uuid;

use super::{
    OrderView,
    errors::{stale, unknown_order},
    freshness::Freshness,
    ports::{Asked, Change, Decision, Decisions, HoldRef, Inventory, Orders, Reserved, Saved},
};
use crate::domain::{Actor, BasketLine, Held, Incentive, Order, OrderEvent};

/// A confirmation, or another request, may come between reading and writing, but not without end.
const ATTEMPTS: usize = 8;
/// Before a hold that another request has taken, and not committed, is taken from it.
const PAUSE: Duration = Duration::from_millis(50);

/// Which order is changed, by whom, and on which condition.
#[derive(Debug, Clone)]
pub struct Target {
    pub order_id: Uuid,
    pub actor: Actor,
    /// None for who may change every order.
    pub owner: Option<Uuid>,
    /// The version that the caller saw.
    pub expected_version: Option<i64>,
    /// So that a repetition takes no effect.
    pub once: Option<Once>,
}

/// What a change needs that the order does not hold yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub lines: Vec<BasketLine>,
    /// Where each of them stands in what the caller wrote.
    pub places: Vec<usize>,
    pub incentive: Option<Incentive>,
}

impl Needs {
    pub fn is_nothing(&self) -> bool {
        self.lines.is_empty() && self.incentive.is_none()
    }

    /// Of this order.
    pub fn of<'a>(&'a self, order: &'a Order) -> Asked<'a> {
        Asked {
            customer_id: order.customer_id,
            lines: &self.lines,
            incentive: self.incentive.as_ref(),
            order: Some(order),
        }
    }

    /// An error of the hold, with the fields as the caller wrote them.
    pub fn as_asked(&self, error: Error) -> Error {
        error.with_fields_renamed(|field| {
            let place = field
                .strip_prefix("lines[")
                .and_then(|rest| rest.split_once(']'))
                .and_then(|(line, rest)| {
                    Some((self.places.get(line.parse::<usize>().ok()?)?, rest))
                });
            match place {
                Some((place, rest)) => format!("lines[{place}]{rest}"),
                None => field.trim_start_matches("incentive.").to_owned(),
            }
        })
    }
}

/// Changes that take no hold.
#[derive(Clone)]
pub(crate) struct Changing {
    orders: Arc<dyn Orders>,
    freshness: Freshness,
}

impl Changing {
    pub fn new(orders: Arc<dyn Orders>, freshness: Freshness) -> Self {
        Self { orders, freshness }
    }

    /// Makes a change; None from `change` is a no-op, which is answered like a change.
    ///
    /// # Errors
    /// `not-found`, `version-mismatch`, and those of `change`.
    pub async fn make(
        &self,
        target: &Target,
        change: impl Fn(&mut Order) -> Result<Option<OrderEvent>> + Send + Sync,
    ) -> Result<Answer<OrderView>> {
        for _ in 0..ATTEMPTS {
            let mut order = match self.load(target).await? {
                Loaded::Order(order) => order,
                Loaded::Answered(answer) => return Ok(Answer::again(*answer)),
            };
            let Some(event) = change(&mut order)? else {
                return Ok(Answer::first(OrderView::from(&*order)));
            };
            match self.save(target, &order, &event, None).await? {
                Saved::Committed => return Ok(Answer::first(OrderView::from(&*order))),
                Saved::ByTwin(answer) => return Ok(Answer::again(*answer)),
                Saved::Stale | Saved::HoldClosed => {}
            }
        }
        Err(too_quick(target.order_id))
    }

    /// The order, if its caller may change it as they saw it; or the answer that the same request got before.
    pub async fn load(&self, target: &Target) -> Result<Loaded> {
        if let Some(once) = &target.once
            && let Some(answer) = self.orders.answered(once).await?
        {
            return Ok(Loaded::Answered(Box::new(answer)));
        }
        let order = self
            .orders
            .load(target.order_id)
            .await?
            .filter(|order| target.owner.is_none_or(|owner| owner == order.customer_id))
            .ok_or_else(unknown_order)?;
        match target.expected_version {
            Some(expected) if expected != order.version => Err(stale(order.version)),
            Some(_) | None => Ok(Loaded::Order(Box::new(order))),
        }
    }

    async fn save(
        &self,
        target: &Target,
        order: &Order,
        event: &OrderEvent,
        hold_no: Option<i32>,
    ) -> Result<Saved> {
        let change = Change {
            order,
            event,
            actor: target.actor,
            traceparent: None,
        };
        let saved = self
            .orders
            .save(change, hold_no, target.once.as_ref())
            .await?;
        if saved == Saved::Committed {
            self.freshness
                .note(order.customer_id, order.id, order.version);
        }
        Ok(saved)
    }
}

pub(crate) enum Loaded {
    Order(Box<Order>),
    Answered(Box<OrderView>),
}

/// Changes that may take a further hold.
#[derive(Clone)]
pub(crate) struct Holding {
    changing: Changing,
    decisions: Arc<dyn Decisions>,
    inventory: Arc<dyn Inventory>,
    hold_ttl: Duration,
}

impl Holding {
    pub fn new(
        changing: Changing,
        decisions: Arc<dyn Decisions>,
        inventory: Arc<dyn Inventory>,
        hold_ttl: Duration,
    ) -> Self {
        Self {
            changing,
            decisions,
            inventory,
            hold_ttl,
        }
    }

    /// Makes a change: `needs` says what it must hold, `change` gets that hold. A hold that comes to nothing is given back.
    ///
    /// # Errors
    /// `not-found`, `version-mismatch`, those of `needs` and `change`, and those of the hold: `insufficient-stock`,
    /// `validation`.
    pub async fn make(
        &self,
        target: &Target,
        needs: impl Fn(&Order) -> Result<Needs> + Send + Sync,
        change: impl Fn(&mut Order, Option<Held>) -> Result<Option<OrderEvent>> + Send + Sync,
    ) -> Result<Answer<OrderView>> {
        let mut taken = None;
        let outcome = self.try_make(target, needs, change, &mut taken).await;
        if let (Err(_), Some((hold, token))) = (&outcome, taken) {
            self.give_back(hold, &token).await;
        }
        outcome
    }

    async fn try_make(
        &self,
        target: &Target,
        needs: impl Fn(&Order) -> Result<Needs> + Send + Sync,
        change: impl Fn(&mut Order, Option<Held>) -> Result<Option<OrderEvent>> + Send + Sync,
        taken: &mut Option<(HoldRef, String)>,
    ) -> Result<Answer<OrderView>> {
        for _ in 0..ATTEMPTS {
            let mut order = match self.changing.load(target).await? {
                Loaded::Order(order) => order,
                Loaded::Answered(answer) => return Ok(Answer::again(*answer)),
            };
            let needs = needs(&order)?;
            let held = if needs.is_nothing() {
                None
            } else {
                match self.hold(&order, &needs, taken).await? {
                    Some(held) => Some(held),
                    None => continue,
                }
            };
            let hold_no = held.as_ref().map(|held| held.hold_no);
            let Some(event) = change(&mut order, held)? else {
                return Ok(Answer::first(OrderView::from(&*order)));
            };
            let save = self.changing.save(target, &order, &event, hold_no);
            match save.await? {
                Saved::Committed => return Ok(Answer::first(OrderView::from(&*order))),
                Saved::ByTwin(answer) => return Ok(Answer::again(*answer)),
                Saved::Stale | Saved::HoldClosed => {}
            }
        }
        Err(too_quick(target.order_id))
    }

    /// Takes the next hold of the order. None: look at the order again.
    async fn hold(
        &self,
        order: &Order,
        needs: &Needs,
        taken: &mut Option<(HoldRef, String)>,
    ) -> Result<Option<Held>> {
        let hold = self.decisions.next_hold(order.id).await?;
        fail::fail_point!("change-before-reserve", |_| Err(failpoint()));
        let reserved = self
            .inventory
            .reserve(hold, &needs.of(order), self.hold_ttl)
            .await
            .map_err(|error| needs.as_asked(error))?;
        fail::fail_point!("change-after-reserve", |_| Err(failpoint()));
        match reserved {
            Reserved::Held { pricing, token } => {
                *taken = Some((hold, token));
                Ok(Some(Held {
                    hold_no: hold.hold_no,
                    pricing,
                }))
            }
            // Whoever gave it back, our own decision must say so too, or the number would never move on.
            Reserved::Closed => {
                self.decisions.close_uncommitted(&[hold]).await?;
                Ok(None)
            }
            // Of another change of this order, which is under way or was given up. It may commit yet; if not, it is closed.
            Reserved::OtherContent => {
                tokio::time::sleep(PAUSE).await;
                self.decisions.close_uncommitted(&[hold]).await?;
                Ok(None)
            }
        }
    }

    /// Closes a hold, and if no change has committed it, hands it back at once. The sweeper does what fails here.
    async fn give_back(&self, hold: HoldRef, token: &str) {
        let given_back = async {
            match self.decisions.close_uncommitted(&[hold]).await?.first() {
                Some(Some(Decision::Closed)) => self.inventory.release(hold, token).await,
                Some(Some(Decision::Live | Decision::Cancelled) | None) | None => Ok(()),
            }
        };
        if let Err(error) = given_back.await {
            tracing::info!(order.id = %hold.order_id, hold.no = hold.hold_no, ?error, "a hold is left to the sweeper");
        }
    }
}

fn too_quick(order_id: Uuid) -> Error {
    Error::unavailable(anyhow::anyhow!("order {order_id} changes too quickly"))
}

#[cfg_attr(not(feature = "failpoints"), allow(dead_code))]
fn failpoint() -> Error {
    Error::unavailable(anyhow::anyhow!("failpoint"))
}
