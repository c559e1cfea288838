//! What changes something: one file each.

mod audit;
mod book_movement;
mod change_product;
mod confirm;
mod create_product;
mod expire_reservations;
mod release;
mod remove_product;
mod reserve;

pub use audit::{Audit, AuditHandler};
pub use book_movement::{BookMovement, BookMovementHandler};
pub use change_product::{ChangeProduct, ChangeProductHandler};
pub use confirm::{Confirm, ConfirmHandler};
pub use create_product::{CreateProduct, CreateProductHandler};
pub use expire_reservations::{ExpireReservations, ExpireReservationsHandler, Swept};
pub use release::{Release, ReleaseHandler};
pub use remove_product::{RemoveProduct, RemoveProductHandler};
pub use reserve::{Reserve, ReserveHandler};
