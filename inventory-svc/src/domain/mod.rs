//! What stock and holds are, and what may happen to them. No I/O, no clock.

mod agreement;
mod hold;
mod product;
mod reservation;
mod stock;

pub use hold::{
    Changes, Hold, HoldError, HoldKey, HoldLine, HoldState, OrderTarget, Settlement, Stage, Verdict,
};
pub use product::{InvalidProduct, Money, Product, ProductName, Sku};
pub use reservation::{
    Incentive, Offer, PricedLine, Quantity, RefusedReservation, Request, RequestLine, Shortage,
    price,
};
pub use stock::{InvalidMovement, Levels, ManualMovement, MovementKind};
