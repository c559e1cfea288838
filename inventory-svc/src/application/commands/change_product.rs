use std::sync::Arc;

use chassis::Result;

use crate::{
    application::ports::{Catalogue, ProductChange, ProductView},
    domain::Sku,
};

/// Changes what a product is called, costs, belongs to, or how it is sold. Orders keep the price at which they were placed.
pub struct ChangeProduct {
    pub sku: Sku,
    pub change: ProductChange,
    /// The version that the caller saw.
    pub expected_version: Option<i64>,
}

pub struct ChangeProductHandler {
    catalogue: Arc<dyn Catalogue>,
}

impl ChangeProductHandler {
    pub(crate) fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        Self { catalogue }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`; `stock-is-reserved` when orders hold more than the new `backorder_limit` allows.
    #[tracing::instrument(name = "change_product", skip_all, fields(product.sku = %command.sku))]
    pub async fn handle(&self, command: ChangeProduct) -> Result<ProductView> {
        self.catalogue
            .change(&command.sku, command.change, command.expected_version)
            .await
    }
}
