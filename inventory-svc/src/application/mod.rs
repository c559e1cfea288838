//! The use cases. [`App`] is their table of contents.

pub mod commands;
mod errors;
pub mod ports;
pub mod queries;

use std::{sync::Arc, time::Duration};

use commands::{
    AuditHandler, BookMovementHandler, ChangeProductHandler, ConfirmHandler, CreateProductHandler,
    ExpireReservationsHandler, ReleaseHandler, RemoveProductHandler, ReserveHandler,
};
use ports::{Catalogue, CatalogueViews, Decisions, Holds, Keepings, Ledgers, StockBook};
use queries::{GetAvailabilityHandler, GetProductHandler, GetStockHandler, ListProductsHandler};

/// Everything that this service does.
pub struct App {
    pub commands: Commands,
    pub queries: Queries,
}

pub struct Commands {
    pub create_product: CreateProductHandler,
    pub change_product: ChangeProductHandler,
    pub remove_product: RemoveProductHandler,
    pub book_movement: BookMovementHandler,
    pub reserve: ReserveHandler,
    pub confirm: ConfirmHandler,
    pub release: ReleaseHandler,
    pub expire_reservations: ExpireReservationsHandler,
    pub audit: AuditHandler,
}

pub struct Queries {
    pub get_product: GetProductHandler,
    pub list_products: ListProductsHandler,
    pub get_stock: GetStockHandler,
    pub get_availability: GetAvailabilityHandler,
}

/// The outside, as the use cases see it.
pub struct Ports {
    pub catalogue: Arc<dyn Catalogue>,
    pub stock: Arc<dyn StockBook>,
    pub holds: Arc<dyn Holds>,
    pub decisions: Arc<dyn Decisions>,
    pub views: Arc<dyn CatalogueViews>,
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
            ledgers,
            keepings,
        } = ports;
        Self {
            commands: Commands {
                create_product: CreateProductHandler::new(catalogue.clone()),
                change_product: ChangeProductHandler::new(catalogue.clone()),
                remove_product: RemoveProductHandler::new(catalogue),
                book_movement: BookMovementHandler::new(stock),
                reserve: ReserveHandler::new(holds.clone(), max_ttl),
                confirm: ConfirmHandler::new(holds.clone()),
                release: ReleaseHandler::new(holds.clone()),
                expire_reservations: ExpireReservationsHandler::new(holds, decisions),
                audit: AuditHandler::new(ledgers, keepings),
            },
            queries: Queries {
                get_product: GetProductHandler::new(views.clone()),
                list_products: ListProductsHandler::new(views.clone()),
                get_stock: GetStockHandler::new(views.clone()),
                get_availability: GetAvailabilityHandler::new(views),
            },
        }
    }
}
