//! What changes something: one file each.

mod apply_incentive;
mod audit;
mod cancel_order;
mod create_order;
mod decide_holds;
mod deliver_order;
mod return_lines;
mod ship_order;
mod update_order;

pub use apply_incentive::{ApplyIncentive, ApplyIncentiveHandler};
pub use audit::{Audit, AuditHandler};
pub use cancel_order::{CancelOrder, CancelOrderHandler};
pub use create_order::{CreateOrder, CreateOrderHandler};
pub use decide_holds::{DecideHolds, DecideHoldsHandler};
pub use deliver_order::{DeliverOrder, DeliverOrderHandler};
pub use return_lines::{ReturnLines, ReturnLinesHandler};
pub use ship_order::{ShipOrder, ShipOrderHandler};
pub use update_order::{Preview, UpdateOrder, UpdateOrderHandler};
