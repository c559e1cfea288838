//! The adapters of the storage ports. All SQL of this service is here.

mod catalogue;
mod holds;
#[allow(dead_code, reason = "the holds are to call it")]
mod loyalty;
mod loyalty_book;
mod loyalty_views;
mod stock_book;
mod views;

pub use catalogue::PgCatalogue;
pub use holds::{PgHolds, follow_orders};
pub use loyalty_book::PgLoyaltyBook;
pub use loyalty_views::PgLoyaltyViews;
pub use stock_book::PgStockBook;
pub use views::PgCatalogueViews;
