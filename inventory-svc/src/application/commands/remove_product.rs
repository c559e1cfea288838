use std::sync::Arc;

use chassis::Result;

use crate::{application::ports::Catalogue, domain::Sku};

/// Takes a product out of the catalogue. What was ordered stays ordered.
pub struct RemoveProduct {
    pub sku: Sku,
}

pub struct RemoveProductHandler {
    catalogue: Arc<dyn Catalogue>,
}

impl RemoveProductHandler {
    pub(crate) fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        Self { catalogue }
    }

    /// # Errors
    /// `not-found`.
    #[tracing::instrument(name = "remove_product", skip_all, fields(product.sku = %command.sku))]
    pub async fn handle(&self, command: RemoveProduct) -> Result<()> {
        self.catalogue.remove(&command.sku).await
    }
}
