//! The adapters of the storage ports. All SQL of this service is here.

mod catalogue;
mod holds;
mod ledgers;
mod stock_book;
mod views;

pub use catalogue::PgCatalogue;
pub use holds::{PgHolds, follow_orders};
pub use ledgers::PgLedgers;
pub use stock_book::PgStockBook;
pub use views::PgCatalogueViews;
