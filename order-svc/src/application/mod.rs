//! The use cases. [`App`] is their table of contents.

pub mod commands;
mod errors;
mod freshness;
pub mod ports;
pub mod queries;
mod view;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound as _, Utc};
use commands::{AuditHandler, CancelOrderHandler, CreateOrderHandler, DecideHoldsHandler};
use freshness::Freshness;
use ports::{Decisions, Inventory, KeepingViews, Ledgers, OrderViews, Orders, QuoteViews};
use queries::{GetOrderHandler, ListKeepingHandler, ListOrdersHandler, QuoteOrderHandler};
pub use view::{IncentiveView, LineView, OrderView, QuoteView};

/// The time, as PostgreSQL keeps it: what is answered now is what will be read later.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// Everything that this service does.
pub struct App {
    pub commands: Commands,
    pub queries: Queries,
}

pub struct Commands {
    pub create_order: CreateOrderHandler,
    pub cancel_order: CancelOrderHandler,
    pub decide_holds: DecideHoldsHandler,
    pub audit: AuditHandler,
}

pub struct Queries {
    pub get_order: GetOrderHandler,
    pub list_orders: ListOrdersHandler,
    pub quote_order: QuoteOrderHandler,
    pub list_keeping: ListKeepingHandler,
}

/// The outside, as the use cases see it.
pub struct Ports {
    pub orders: Arc<dyn Orders>,
    pub decisions: Arc<dyn Decisions>,
    pub inventory: Arc<dyn Inventory>,
    pub quotes: Arc<dyn QuoteViews>,
    pub views: Arc<dyn OrderViews>,
    pub keepings: Arc<dyn KeepingViews>,
    pub ledgers: Arc<dyn Ledgers>,
}

impl App {
    /// `hold_ttl` is how long stock may be held for an order that is not placed yet.
    #[must_use]
    pub fn new(ports: Ports, hold_ttl: Duration) -> Self {
        let Ports {
            orders,
            decisions,
            inventory,
            quotes,
            views,
            keepings,
            ledgers,
        } = ports;
        let freshness = Freshness::default();
        Self {
            commands: Commands {
                create_order: CreateOrderHandler::new(
                    orders.clone(),
                    decisions.clone(),
                    inventory,
                    freshness.clone(),
                    hold_ttl,
                ),
                cancel_order: CancelOrderHandler::new(orders, freshness.clone()),
                decide_holds: DecideHoldsHandler::new(decisions),
                audit: AuditHandler::new(ledgers),
            },
            queries: Queries {
                get_order: GetOrderHandler::new(views.clone(), freshness.clone()),
                list_orders: ListOrdersHandler::new(views, freshness),
                quote_order: QuoteOrderHandler::new(quotes),
                list_keeping: ListKeepingHandler::new(keepings),
            },
        }
    }
}
