use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::application::ports::LoggedEvent;

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OrderHistory)]
pub struct HistoryView {
    /// Oldest first.
    pub items: Vec<EventView>,
}

/// One thing that happened, and how the order stood after it. Amounts are minor units of the order's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OrderHistoryEvent)]
pub struct EventView {
    /// The order's version after it.
    #[schema(example = 2)]
    pub version: i64,
    /// The type of the event that told of it.
    #[schema(example = "order.confirmed.v1")]
    pub r#type: String,
    pub at: DateTime<Utc>,
    /// customer, staff or system.
    #[schema(example = "customer")]
    pub by: String,
    /// The user; null for the system, and for staff where a customer looks.
    pub user_id: Option<Uuid>,
    pub reason: Option<String>,
    #[schema(example = "confirmed")]
    pub status: String,
    #[schema(example = 1530)]
    pub total: i64,
    pub refunded: i64,
}

impl EventView {
    pub(crate) fn new(event: LoggedEvent, shows_staff: bool) -> Self {
        let is_customer = event.actor == Some(event.customer_id);
        Self {
            version: event.version,
            r#type: event.kind,
            at: event.at,
            by: match event.actor {
                None => "system",
                Some(_) if is_customer => "customer",
                Some(_) => "staff",
            }
            .to_owned(),
            user_id: event.actor.filter(|_| is_customer || shows_staff),
            reason: event.reason,
            status: event.status,
            total: event.total,
            refunded: event.refunded,
        }
    }
}
