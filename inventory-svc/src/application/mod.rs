//! The use cases. [`App`] is their table of contents.

pub mod commands;
pub(crate) mod errors;
pub mod ports;
pub mod queries;

use std::{sync::Arc, time::Duration};

use commands::{
    AdjustPointsHandler, AuditHandler, BookMovementHandler, ChangeDiscountCodeHandler,
    ChangeProductHandler, ConfirmHandler, CreateCodeBatchHandler, CreateDiscountCodeHandler,
    CreateProductHandler, ExpirePointsHandler, ExpireReservationsHandler, ImportProductsHandler,
    ReleaseHandler, RemoveDiscountCodeHandler, RemoveProductHandler, ReserveHandler,
};
use ports::{
    Catalogue, CatalogueViews, Decisions, DiscountCodeViews, DiscountCodes, Holds, Keepings,
    Ledgers, LoyaltyBook, LoyaltyViews, QuoteViews, StockBook,
};
use queries::{
    ExportCodeBatchHandler, GetAvailabilityHandler, GetCodeBatchHandler, GetDiscountCodeHandler,
    GetLoyaltyHandler, GetProductHandler, GetStockHandler, ListCodeBatchesHandler,
    ListDiscountCodesHandler, ListProductsHandler, QuoteBasketHandler,
};

/// Everything that this service does.
pub struct App {
    pub commands: Commands,
    pub queries: Queries,
}

pub struct Commands {
    pub create_product: CreateProductHandler,
    pub change_product: ChangeProductHandler,
    pub remove_product: RemoveProductHandler,
    pub import_products: ImportProductsHandler,
    pub book_movement: BookMovementHandler,
    pub create_discount_code: CreateDiscountCodeHandler,
    pub change_discount_code: ChangeDiscountCodeHandler,
    pub remove_discount_code: RemoveDiscountCodeHandler,
    pub create_code_batch: CreateCodeBatchHandler,
    pub reserve: ReserveHandler,
    pub confirm: ConfirmHandler,
    pub release: ReleaseHandler,
    pub expire_reservations: ExpireReservationsHandler,
    pub adjust_points: AdjustPointsHandler,
    pub expire_points: ExpirePointsHandler,
    pub audit: AuditHandler,
}

pub struct Queries {
    pub get_product: GetProductHandler,
    pub list_products: ListProductsHandler,
    pub get_stock: GetStockHandler,
    pub get_availability: GetAvailabilityHandler,
    pub quote_basket: QuoteBasketHandler,
    pub get_discount_code: GetDiscountCodeHandler,
    pub list_discount_codes: ListDiscountCodesHandler,
    pub get_code_batch: GetCodeBatchHandler,
    pub list_code_batches: ListCodeBatchesHandler,
    pub export_code_batch: ExportCodeBatchHandler,
    pub get_loyalty: GetLoyaltyHandler,
}

/// The outside, as the use cases see it.
pub struct Ports {
    pub catalogue: Arc<dyn Catalogue>,
    pub stock: Arc<dyn StockBook>,
    pub holds: Arc<dyn Holds>,
    pub decisions: Arc<dyn Decisions>,
    pub views: Arc<dyn CatalogueViews>,
    pub quotes: Arc<dyn QuoteViews>,
    pub discount_codes: Arc<dyn DiscountCodes>,
    pub discount_code_views: Arc<dyn DiscountCodeViews>,
    pub loyalty: Arc<dyn LoyaltyBook>,
    pub loyalty_views: Arc<dyn LoyaltyViews>,
    pub ledgers: Arc<dyn Ledgers>,
    pub keepings: Arc<dyn Keepings>,
}

impl App {
    /// `max_ttl` bounds how long a hold may ask to stay undecided.
    #[must_use]
    pub fn new(ports: Ports, max_ttl: Duration) -> Self {
        let Ports {
            catalogue,
            stock,
            holds,
            decisions,
            views,
            quotes,
            discount_codes,
            discount_code_views,
            loyalty,
            loyalty_views,
            ledgers,
            keepings,
        } = ports;
        Self {
            commands: Commands {
                create_product: CreateProductHandler::new(catalogue.clone()),
                change_product: ChangeProductHandler::new(catalogue.clone()),
                remove_product: RemoveProductHandler::new(catalogue.clone()),
                import_products: ImportProductsHandler::new(catalogue),
                book_movement: BookMovementHandler::new(stock),
                create_discount_code: CreateDiscountCodeHandler::new(discount_codes.clone()),
                change_discount_code: ChangeDiscountCodeHandler::new(discount_codes.clone()),
                remove_discount_code: RemoveDiscountCodeHandler::new(discount_codes.clone()),
                create_code_batch: CreateCodeBatchHandler::new(discount_codes),
                reserve: ReserveHandler::new(holds.clone(), max_ttl),
                confirm: ConfirmHandler::new(holds.clone()),
                release: ReleaseHandler::new(holds.clone()),
                expire_reservations: ExpireReservationsHandler::new(holds, decisions),
                adjust_points: AdjustPointsHandler::new(loyalty.clone()),
                expire_points: ExpirePointsHandler::new(loyalty),
                audit: AuditHandler::new(ledgers, keepings),
            },
            queries: Queries {
                get_product: GetProductHandler::new(views.clone()),
                list_products: ListProductsHandler::new(views.clone()),
                get_stock: GetStockHandler::new(views.clone()),
                get_availability: GetAvailabilityHandler::new(views),
                quote_basket: QuoteBasketHandler::new(quotes),
                get_discount_code: GetDiscountCodeHandler::new(discount_code_views.clone()),
                list_discount_codes: ListDiscountCodesHandler::new(discount_code_views.clone()),
                get_code_batch: GetCodeBatchHandler::new(discount_code_views.clone()),
                list_code_batches: ListCodeBatchesHandler::new(discount_code_views.clone()),
                export_code_batch: ExportCodeBatchHandler::new(discount_code_views),
                get_loyalty: GetLoyaltyHandler::new(loyalty_views),
            },
        }
    }
}
