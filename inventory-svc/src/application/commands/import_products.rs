use std::sync::Arc;

use chassis::{Result, idempotency::Answer};

use crate::application::ports::{Catalogue, Import, ImportReport};

/// Adds and changes many products at once, and books what a count of their stock was: all of it or nothing.
pub struct ImportProducts(pub Import);

pub struct ImportProductsHandler {
    catalogue: Arc<dyn Catalogue>,
}

impl ImportProductsHandler {
    pub(crate) fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        Self { catalogue }
    }

    /// # Errors
    /// `validation` of each line that is at fault; `product-exists` when somebody else changed one of the products just
    /// now; `idempotency-key-reused`.
    #[tracing::instrument(name = "import_products", skip_all, fields(import.rows = command.0.rows.len(), import.dry_run = command.0.dry_run))]
    pub async fn handle(&self, command: ImportProducts) -> Result<Answer<ImportReport>> {
        self.catalogue.import(command.0).await
    }
}
