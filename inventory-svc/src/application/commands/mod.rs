//! What changes something: one file each.

mod adjust_points;
mod audit;
mod book_movement;
mod change_discount_code;
mod change_product;
mod confirm;
mod create_code_batch;
mod create_discount_code;
mod create_product;
mod expire_points;
mod expire_reservations;
mod import_products;
mod release;
mod remove_discount_code;
mod remove_product;
mod reserve;

pub use adjust_points::{AdjustPoints, AdjustPointsHandler};
pub use audit::{Audit, AuditHandler};
pub use book_movement::{BookMovement, BookMovementHandler};
pub use change_discount_code::{ChangeDiscountCode, ChangeDiscountCodeHandler};
pub use change_product::{ChangeProduct, ChangeProductHandler};
pub use confirm::{Confirm, ConfirmHandler};
pub use create_code_batch::{CreateCodeBatch, CreateCodeBatchHandler};
pub use create_discount_code::{CreateDiscountCode, CreateDiscountCodeHandler};
pub use create_product::{CreateProduct, CreateProductHandler};
pub use expire_points::{ExpirePoints, ExpirePointsHandler};
pub use expire_reservations::{ExpireReservations, ExpireReservationsHandler, Swept};
pub use import_products::{ImportProducts, ImportProductsHandler};
pub use release::{Release, ReleaseHandler};
pub use remove_discount_code::{RemoveDiscountCode, RemoveDiscountCodeHandler};
pub use remove_product::{RemoveProduct, RemoveProductHandler};
pub use reserve::{Reserve, ReserveHandler};
