//! What stock and holds are, and what may happen to them. No I/O, no clock.

mod adjustment;
mod hold;
mod loyalty;
mod order_points;
mod product;
mod reservation;
mod stock;

pub use adjustment::{Adjustment, InvalidAdjustment};
pub use hold::{
    Changes, Hold, HoldError, HoldKey, HoldLine, HoldState, OrderTarget, Settlement, Stage, Verdict,
};
pub use loyalty::{
    Account, Booking, Entry, HeldPoints, Lot, LotChange, LotState, LotUse, Lots, LoyaltyPolicy,
    NotEnoughPoints, PointsEvent, PointsHold, Reason, ReturnedUse, Side,
};
pub use order_points::{OrderPoints, PointsStage, PointsTarget};
pub use product::{InvalidProduct, Money, Product, ProductName, Sku};
pub use reservation::{
    Incentive, Offer, PricedLine, Quantity, RefusedReservation, Request, RequestLine, Shortage,
    price,
};
pub use stock::{InvalidMovement, Levels, ManualMovement, MovementKind};
