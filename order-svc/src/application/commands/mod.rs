//! What changes something: one file each.

mod audit;
mod cancel_order;
mod create_order;
mod decide_holds;

pub use audit::{Audit, AuditHandler};
pub use cancel_order::{CancelOrder, CancelOrderHandler};
pub use create_order::{CreateOrder, CreateOrderHandler};
pub use decide_holds::{DecideHolds, DecideHoldsHandler};
