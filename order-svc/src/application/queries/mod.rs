//! What only looks, at the read models alone (the audit's [`ListKeeping`] looks at the orders): one file each.

mod get_order;
mod list_keeping;
mod list_orders;

pub use get_order::{GetOrder, GetOrderHandler};
pub use list_keeping::{ListKeeping, ListKeepingHandler};
pub use list_orders::{ListOrders, ListOrdersHandler};
