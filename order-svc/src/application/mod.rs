//! The use cases. [`App`] is their table of contents.

mod changing;
pub mod commands;
mod errors;
mod freshness;
pub mod ports;
pub mod queries;
pub mod search;
mod view;

use std::{sync::Arc, time::Duration};

pub use changing::Target;
use changing::{Changing, Holding};
use chrono::{DateTime, SubsecRound as _, Utc};
use commands::{
    ApplyIncentiveHandler, AuditHandler, CancelOrderHandler, CreateOrderHandler,
    DecideHoldsHandler, DeliverOrderHandler, ReturnLinesHandler, ShipOrderHandler,
    UpdateOrderHandler,
};
use freshness::Freshness;
use ports::{
    Decisions, FigureViews, HistoryViews, Inventory, KeepingViews, Ledgers, OrderViews, Orders,
    QuoteViews,
};
use queries::{
    GetHistoryHandler, GetOrderHandler, ListKeepingHandler, ListOrdersHandler, QuoteOrderHandler,
    ReportCustomerHandler, ReportCustomersHandler, ReportIncentiveUsageHandler, ReportSalesHandler,
};
pub use view::{
    CustomerView, EventView, HistoryView, IncentiveView, LineView, OrderView, QuoteView, SalesView,
    UsageView,
};

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
    pub update_order: UpdateOrderHandler,
    pub apply_incentive: ApplyIncentiveHandler,
    pub cancel_order: CancelOrderHandler,
    pub ship_order: ShipOrderHandler,
    pub deliver_order: DeliverOrderHandler,
    pub return_lines: ReturnLinesHandler,
    pub decide_holds: DecideHoldsHandler,
    pub audit: AuditHandler,
}

pub struct Queries {
    pub get_order: GetOrderHandler,
    pub get_history: GetHistoryHandler,
    pub list_orders: ListOrdersHandler,
    pub quote_order: QuoteOrderHandler,
    pub list_keeping: ListKeepingHandler,
    pub report_sales: ReportSalesHandler,
    pub report_incentive_usage: ReportIncentiveUsageHandler,
    pub report_customers: ReportCustomersHandler,
    pub report_customer: ReportCustomerHandler,
}

/// The outside, as the use cases see it.
pub struct Ports {
    pub orders: Arc<dyn Orders>,
    pub decisions: Arc<dyn Decisions>,
    pub inventory: Arc<dyn Inventory>,
    pub quotes: Arc<dyn QuoteViews>,
    pub views: Arc<dyn OrderViews>,
    pub histories: Arc<dyn HistoryViews>,
    pub figures: Arc<dyn FigureViews>,
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
            histories,
            figures,
            keepings,
            ledgers,
        } = ports;
        let freshness = Freshness::default();
        let changing = Changing::new(orders.clone(), freshness.clone());
        let holding = Holding::new(
            changing.clone(),
            decisions.clone(),
            inventory.clone(),
            hold_ttl,
        );
        Self {
            commands: Commands {
                create_order: CreateOrderHandler::new(
                    orders,
                    decisions.clone(),
                    inventory.clone(),
                    freshness.clone(),
                    hold_ttl,
                ),
                update_order: UpdateOrderHandler::new(changing.clone(), holding.clone(), inventory),
                apply_incentive: ApplyIncentiveHandler::new(holding),
                cancel_order: CancelOrderHandler::new(changing.clone()),
                ship_order: ShipOrderHandler::new(changing.clone()),
                deliver_order: DeliverOrderHandler::new(changing.clone()),
                return_lines: ReturnLinesHandler::new(changing),
                decide_holds: DecideHoldsHandler::new(decisions),
                audit: AuditHandler::new(ledgers),
            },
            queries: Queries {
                get_order: GetOrderHandler::new(views.clone()),
                get_history: GetHistoryHandler::new(histories),
                list_orders: ListOrdersHandler::new(views, freshness),
                quote_order: QuoteOrderHandler::new(quotes),
                list_keeping: ListKeepingHandler::new(keepings),
                report_sales: ReportSalesHandler::new(figures.clone()),
                report_incentive_usage: ReportIncentiveUsageHandler::new(figures.clone()),
                report_customers: ReportCustomersHandler::new(figures.clone()),
                report_customer: ReportCustomerHandler::new(figures),
            },
        }
    }
}
