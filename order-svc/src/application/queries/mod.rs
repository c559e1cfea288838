//! What only looks: at the read models alone, but for [`GetHistory`], which looks at the log of events, the audit's
//! [`ListKeeping`], which looks at the orders, and [`QuoteOrder`], which asks inventory-svc. One file each.

mod get_history;
mod get_order;
mod list_keeping;
mod list_orders;
mod quote_order;

pub use get_history::{GetHistory, GetHistoryHandler};
pub use get_order::{GetOrder, GetOrderHandler};
pub use list_keeping::{ListKeeping, ListKeepingHandler};
pub use list_orders::{ListOrders, ListOrdersHandler};
pub use quote_order::{QuoteOrder, QuoteOrderHandler};
