//! What only looks: one file each.

mod export_code_batch;
mod get_availability;
mod get_code_batch;
mod get_discount_code;
mod get_loyalty;
mod get_product;
mod get_stock;
mod list_code_batches;
mod list_discount_codes;
mod list_products;
mod quote_basket;

pub use export_code_batch::{CodeBatchExport, ExportCodeBatch, ExportCodeBatchHandler};
pub use get_availability::{GetAvailability, GetAvailabilityHandler};
pub use get_code_batch::{GetCodeBatch, GetCodeBatchHandler};
pub use get_discount_code::{GetDiscountCode, GetDiscountCodeHandler};
pub use get_loyalty::{GetLoyalty, GetLoyaltyHandler, LoyaltyReport};
pub use get_product::{GetProduct, GetProductHandler};
pub use get_stock::{GetStock, GetStockHandler, StockReport};
pub use list_code_batches::{ListCodeBatches, ListCodeBatchesHandler};
pub use list_discount_codes::{ListDiscountCodes, ListDiscountCodesHandler};
pub use list_products::{ListProducts, ListProductsHandler};
pub use quote_basket::{QuoteBasket, QuoteBasketHandler};
