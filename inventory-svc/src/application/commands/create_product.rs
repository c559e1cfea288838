use std::sync::Arc;

use chassis::{
    Result,
    idempotency::{Answer, Once},
};

use crate::{
    application::ports::{Catalogue, ProductView},
    domain::Product,
};

/// Adds a product to the catalogue.
pub struct CreateProduct {
    pub product: Product,
    pub once: Option<Once>,
}

pub struct CreateProductHandler {
    catalogue: Arc<dyn Catalogue>,
}

impl CreateProductHandler {
    pub(crate) fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        Self { catalogue }
    }

    /// # Errors
    /// `product-exists`, `idempotency-key-reused`; `stock-is-reserved` when a product comes back of which orders hold more
    /// than its `backorder_limit` allows.
    #[tracing::instrument(name = "create_product", skip_all, fields(product.sku = %command.product.sku))]
    pub async fn handle(&self, command: CreateProduct) -> Result<Answer<ProductView>> {
        self.catalogue
            .create(&command.product, command.once.as_ref())
            .await
    }
}
