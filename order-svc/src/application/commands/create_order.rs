use std::{sync::Arc, time::Duration};

use chassis::{
    Error, Result,
    idempotency::{self, Answer, IdempotencyKey},
};
use uuid::Uuid;

use crate::{
    application::{
        OrderView,
        freshness::Freshness,
        now,
        ports::{
            Asked, Change, Decisions, HoldRef, Inventory, LookUp, Orders, Placed, Placement,
            Reserved,
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
        let CreateOrder {
            customer_id,
            key,
            basket,
        } = command;
        let order_id = order_id(customer_id, key.as_str());
        tracing::Span::current().record("order.id", tracing::field::display(order_id));
        let fingerprint = idempotency::fingerprint("create_order", &basket)?;
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
            let hold = HoldRef { order_id, hold_no };
            fail::fail_point!("create-before-reserve", |_| Err(Error::unavailable(
                anyhow::anyhow!("failpoint")
            )));
            let pricing = match self
                .inventory
                .reserve(hold, &Asked::by_basket(customer_id, &basket), self.hold_ttl)
                .await?
            {
                Reserved::Held { pricing, .. } => pricing,
                Reserved::OtherContent => return Err(idempotency::reused()),
                Reserved::Closed => {
                    // Whoever gave it back, our own decision must say so too, or the number would never move on.
                    self.decisions.close_uncommitted(&[hold]).await?;
                    continue;
                }
            };
            fail::fail_point!("create-after-reserve", |_| Err(Error::unavailable(
                anyhow::anyhow!("failpoint")
            )));
            let incentive = basket.incentive().cloned();
            let (order, event) =
                Order::place(order_id, customer_id, hold_no, pricing, incentive, now());
            let response = OrderView::from(&order);
            let placement = Placement {
                change: Change {
                    order: &order,
                    event: &event,
                    actor: Actor::User(customer_id),
                },
                hold_no,
                fingerprint: &fingerprint,
                response: &response,
            };
            match self.orders.place(&placement).await? {
                Placed::Committed => {
                    metrics::counter!("orders_placed_total").increment(1);
                    self.freshness.note(customer_id, order_id, order.version);
                    return Ok(Answer::first(response));
                }
                // The next look finds the twin's order, or the next hold.
                Placed::ByTwin | Placed::HoldClosed => {}
            }
        }
        Err(Error::unavailable(anyhow::anyhow!(
            "the holds of order {order_id} were closed again and again"
        )))
    }
}
