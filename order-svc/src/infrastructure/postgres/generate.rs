//! Orders of the past, by the thousand: for trials with as many as a shop has after years. Each is made by the methods
//! of the domain, and written as the commands would have left it. Its events were published long ago.

use anyhow::Context as _;
use chassis::{
    idempotency,
    postgres::{Copy, bytea},
};
use chrono::{DateTime, Utc};
use proto::events::order::OrderData;
use sqlx::{PgConnection, PgPool};
use uuid::{Builder, Uuid};

use super::events::{cloud_event, order_data};
use crate::{
    application::OrderView,
    domain::{Actor, Basket, Order, OrderEvent, Pricing, order_id},
};

/// The first hold of an order is the only one here.
const HOLD: i32 = 1;

/// What became of an order, from its first version to its newest.
pub struct Life {
    order: Order,
    fingerprint: Vec<u8>,
    /// What its customer was answered, as JSON.
    response: String,
    told: Vec<Told>,
}

/// An event of an order.
struct Told {
    data: OrderData,
    kind: String,
    /// `data` with the reason, as JSON.
    json: String,
    actor: Option<Uuid>,
}

impl Life {
    /// An order that a customer placed with this key. A retry with the same key and basket would get its answer.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn begin(
        customer_id: Uuid,
        key: &str,
        basket: &Basket,
        pricing: Pricing,
        at: DateTime<Utc>,
    ) -> anyhow::Result<Self> {
        let id = order_id(customer_id, key);
        let incentive = basket.incentive().cloned();
        let (order, event) = Order::place(id, customer_id, HOLD, pricing, incentive, at);
        let fingerprint = idempotency::fingerprint("create_order", basket)
            .context("the fingerprint of an order")?;
        let response = serde_json::to_string(&OrderView::from(&order))?;
        let mut life = Self {
            order,
            fingerprint,
            response,
            told: Vec::with_capacity(4),
        };
        life.tell(&event, Actor::User(customer_id))?;
        Ok(life)
    }

    /// Changes it. Where that changes nothing, nothing happened.
    ///
    /// # Errors
    /// When an order that stands like this cannot be changed so.
    pub fn change<E: std::error::Error + Send + Sync + 'static>(
        &mut self,
        actor: Actor,
        change: impl FnOnce(&mut Order) -> Result<Option<OrderEvent>, E>,
    ) -> anyhow::Result<()> {
        match change(&mut self.order)? {
            Some(event) => self.tell(&event, actor),
            None => Ok(()),
        }
    }

    /// As it stands.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The payloads of its events, oldest first, as other services got them.
    pub fn told(&self) -> impl Iterator<Item = &OrderData> {
        self.told.iter().map(|told| &told.data)
    }

    fn tell(&mut self, event: &OrderEvent, actor: Actor) -> anyhow::Result<()> {
        let told = cloud_event(&self.order, event).context("an event of an order")?;
        self.told.push(Told {
            data: order_data(&self.order),
            kind: told.kind,
            json: told.data.get().to_owned(),
            actor: actor.user(),
        });
        Ok(())
    }
}

impl Told {
    /// The same whenever it is generated.
    fn id(&self) -> Uuid {
        let mut random = [0; 10];
        random.copy_from_slice(&self.data.order_id.as_bytes()[..10]);
        for (byte, version) in random.iter_mut().zip(self.data.version.to_be_bytes()) {
            *byte ^= version;
        }
        let millis = self.data.updated_at.timestamp_millis().unsigned_abs();
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

/// The rows of some orders in the write model and the log. The read models are built from these: see [`crate::rebuild`].
pub struct Rows {
    /// Each before those that refer to it.
    tables: [Copy; 4],
}

impl Rows {
    /// # Errors
    /// When one cannot be written as text.
    pub fn of(lives: &[Life]) -> anyhow::Result<Self> {
        let mut decisions = Copy::into("decisions (order_id, hold_no, outcome, decided_at)");
        let mut orders = Copy::into(
            "orders (id, customer_id, status, version, currency, points_redeemed, refunded, holds, fingerprint, response,
                     placed_at, updated_at)",
        );
        let mut lines = Copy::into(
            "order_lines (order_id, line_no, sku, name, quantity, unit_price, discount, points_value, cancelled_quantity,
                          returned_quantity, restocked_quantity)",
        );
        let mut events = Copy::into(
            "order_events (order_id, version, event_id, kind, actor, occurred_at, data)",
        );
        for life in lives {
            let order = &life.order;
            decisions.row((order.id, HOLD, "committed", order.placed_at))?;
            orders.row((
                order.id,
                order.customer_id,
                order.status.as_str(),
                order.version,
                &order.currency,
                order.points_redeemed,
                order.refunded,
                format!("{{{HOLD}}}"),
                bytea(&life.fingerprint),
                &life.response,
                order.placed_at,
                order.updated_at,
            ))?;
            for (line_no, line) in (1..).zip(&order.lines) {
                let line_no: i32 = line_no;
                lines.row((
                    order.id,
                    line_no,
                    &line.sku,
                    &line.name,
                    line.quantity,
                    line.unit_price,
                    line.discount,
                    line.points_value,
                    line.cancelled_quantity,
                    line.returned_quantity,
                    line.restocked_quantity,
                ))?;
            }
            for told in &life.told {
                events.row((
                    order.id,
                    told.data.version,
                    told.id(),
                    &told.kind,
                    told.actor,
                    told.data.updated_at,
                    bytea(told.json.as_bytes()),
                ))?;
            }
        }
        Ok(Self {
            tables: [decisions, orders, lines, events],
        })
    }

    /// Writes them in the caller's transaction.
    ///
    /// # Errors
    /// When one is there already, or the database is away.
    pub async fn write(self, tx: &mut PgConnection) -> anyhow::Result<()> {
        for table in self.tables {
            table.write(tx).await?;
        }
        Ok(())
    }
}

/// How many orders there are.
///
/// # Errors
/// When the database is away.
pub async fn count(pool: &PgPool) -> anyhow::Result<u64> {
    let orders = sqlx::query_scalar!(r#"select count(*) as "count!" from orders"#)
        .fetch_one(pool)
        .await?;
    Ok(u64::try_from(orders)?)
}
