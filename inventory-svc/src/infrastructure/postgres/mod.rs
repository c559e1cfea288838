//! The adapters of the storage ports. All SQL of this service is here.

mod catalogue;
mod code_uses;
mod discount_code_views;
mod discount_codes;
pub mod generate;
mod holds;
mod ledgers;
mod loyalty;
mod loyalty_book;
mod loyalty_views;
mod quotes;
mod shelf;
mod stock_book;
mod stock_watch;
mod views;

pub use catalogue::PgCatalogue;
pub use discount_code_views::PgDiscountCodeViews;
pub use discount_codes::PgDiscountCodes;
pub use holds::{BatchedHolds, PgHolds, follow_orders};
pub use ledgers::PgLedgers;
pub use loyalty_book::PgLoyaltyBook;
pub use loyalty_views::PgLoyaltyViews;
pub use quotes::PgQuoteViews;
pub use stock_book::PgStockBook;
pub use views::PgCatalogueViews;
