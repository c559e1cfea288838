use std::{sync::Arc, time::Duration};

use chassis::{
    Error, Result,
    idempotency::{self, Answer, IdempotencyKey},
    trace::TraceContext,
};
use uuid::Uuid;

use crate::{
    application::{
        OrderView,
        freshness::Freshness,
        now,
        ports::{
            Asked, Decisions, HoldRef, Inventory, LookUp, Orders, Placed, Placement, Reserved,
        },
    },
    domain::{Actor, Basket, Order, order_id},
};

/// Places an order: holds everything it needs, then commits it. Sending it again with the same key changes nothing.
pub struct CreateOrder {
    pub customer_id: Uuid,
    pub key: IdempotencyKey,
    pub basket: Basket,
}

/// What came of one hold.
enum Tried {
    Placed(Box<OrderView>),
    /// A twin request was first, or the hold was closed.
    Overtaken,
    /// Nobody knows whether the hold was taken.
    InventoryAway(Error),
}

pub struct CreateOrderHandler {
    orders: Arc<dyn Orders>,
    decisions: Arc<dyn Decisions>,
    inventory: Arc<dyn Inventory>,
    freshness: Freshness,
    hold_ttl: Duration,
}

impl CreateOrderHandler {
    /// Each further attempt means that a hold was closed under our hands, which takes a whole time to live.
    const ATTEMPTS: usize = 5;

    pub(crate) fn new(
        orders: Arc<dyn Orders>,
        decisions: Arc<dyn Decisions>,
        inventory: Arc<dyn Inventory>,
        freshness: Freshness,
        hold_ttl: Duration,
    ) -> Self {
        Self {
            orders,
            decisions,
            inventory,
            freshness,
            hold_ttl,
        }
    }

    /// # Errors
    /// `validation`, `insufficient-stock`, `idempotency-key-reused`; `unavailable` when inventory-svc or the database is
    /// away: a retry with the same key is safe.
    #[tracing::instrument(name = "create_order", skip_all, fields(order.id))]
    pub async fn handle(&self, command: CreateOrder) -> Result<Answer<OrderView>> {
        let order_id = order_id(command.customer_id, command.key.as_str());
        tracing::Span::current().record("order.id", tracing::field::display(order_id));
        let fingerprint = idempotency::fingerprint("create_order", &command.basket)?;
        // Most orders are new. One that is not has its first hold already: this takes nothing, and is looked up after it.
        let first = HoldRef {
            order_id,
            hold_no: 1,
        };
        let mut away = match self.try_place(&command, first, &fingerprint).await? {
            Tried::Placed(order) => return Ok(Answer::first(*order)),
            Tried::Overtaken => None,
            // A retry gets its answer whether inventory-svc is there or not.
            Tried::InventoryAway(error) => Some(error),
        };
        for _ in 0..Self::ATTEMPTS {
            let hold_no = match self.orders.look_up(order_id).await? {
                LookUp::Found {
                    fingerprint: known,
                    response,
                } if known == fingerprint => {
                    return Ok(Answer::again(*response));
                }
                LookUp::Found { .. } => return Err(idempotency::reused()),
                LookUp::Free { hold_no } => hold_no,
            };
            if let Some(error) = away.take() {
                return Err(error);
            }
            let hold = HoldRef { order_id, hold_no };
            match self.try_place(&command, hold, &fingerprint).await? {
                Tried::Placed(order) => return Ok(Answer::first(*order)),
                Tried::Overtaken => {}
                Tried::InventoryAway(error) => return Err(error),
            }
        }
        Err(Error::unavailable(anyhow::anyhow!(
            "the holds of order {order_id} were closed again and again"
        )))
    }

    /// Takes this hold and commits the order with it.
    async fn try_place(
        &self,
        command: &CreateOrder,
        hold: HoldRef,
        fingerprint: &[u8],
    ) -> Result<Tried> {
        let CreateOrder {
            customer_id,
            basket,
            ..
        } = command;
        fail::fail_point!("create-before-reserve", |_| Err(Error::unavailable(
            anyhow::anyhow!("failpoint")
        )));
        let asked = Asked::by_basket(*customer_id, basket);
        let pricing = match self.inventory.reserve(hold, &asked, self.hold_ttl).await {
            Ok(Reserved::Held { pricing, .. }) => pricing,
            Ok(Reserved::OtherContent) => return Err(idempotency::reused()),
            Ok(Reserved::Closed) => {
                // Whoever gave it back, our own decision must say so too, or the number would never move on.
                self.decisions.close_uncommitted(&[hold]).await?;
                return Ok(Tried::Overtaken);
            }
            Err(error) if error.is_transient() => return Ok(Tried::InventoryAway(error)),
            Err(error) => return Err(error),
        };
        fail::fail_point!("create-after-reserve", |_| Err(Error::unavailable(
            anyhow::anyhow!("failpoint")
        )));
        let (order, event) = Order::place(
            hold.order_id,
            *customer_id,
            hold.hold_no,
            pricing,
            basket.incentive().cloned(),
            now(),
        );
        let response = OrderView::from(&order);
        let version = order.version;
        let placement = Placement {
            order,
            event,
            actor: Actor::User(*customer_id),
            hold_no: hold.hold_no,
            fingerprint: fingerprint.to_vec(),
            response: response.clone(),
            traceparent: TraceContext::current().map(|context| context.traceparent()),
        };
        match self.orders.place(placement).await {
            Ok(Placed::Committed) => {
                metrics::counter!("orders_placed_total").increment(1);
                self.freshness.note(*customer_id, hold.order_id, version);
                Ok(Tried::Placed(Box::new(response)))
            }
            // A look finds the twin's order, or the next hold.
            Ok(Placed::ByTwin | Placed::HoldClosed) => Ok(Tried::Overtaken),
            // Overload of ours is no fault of the caller's.
            Err(error) if error.kind() == "orders-busy" => Err(Error::unavailable(error)),
            Err(error) => Err(error),
        }
    }
}
