//! What an order is, and what may happen to it. No I/O, no clock: time comes in.

mod actor;
mod basket;
mod id;
mod line;
mod order;
mod pricing;
mod reason;
mod refusal;
mod status;

pub use actor::Actor;
pub use basket::{Basket, BasketLine, Incentive, InvalidBasket, Pieces};
pub use id::order_id;
pub use line::{Cost, Line};
pub use order::{Order, OrderEvent};
pub use pricing::{Allotment, Held, PricedLine, Pricing};
pub use reason::Reason;
pub use refusal::{IllegalTransition, Refusal};
pub use status::Status;
