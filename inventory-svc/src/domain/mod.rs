//! What stock and holds are, and what may happen to them. No I/O, no clock.

mod hold;
mod import;
mod product;
mod reservation;
mod stock;

pub use hold::{
    Changes, Hold, HoldError, HoldKey, HoldLine, HoldState, OrderTarget, Settlement, Stage, Verdict,
};
pub use import::{Column, Fault, ImportRow, Outcome, Planned, Standing};
pub use product::{Category, InvalidProduct, Money, Product, ProductName, Sku};
pub use reservation::{
    Incentive, Offer, PricedLine, Quantity, RefusedReservation, Request, RequestLine, Shortage,
    price,
};
pub use stock::{Crossing, InvalidMovement, Levels, ManualMovement, MovementKind, Pieces};
