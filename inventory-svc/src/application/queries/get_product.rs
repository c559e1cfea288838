use std::sync::Arc;

use chassis::{Error, Result};

use crate::{
    application::ports::{CatalogueViews, ProductView},
    domain::Sku,
};

/// One product with what is available of it.
pub struct GetProduct {
    pub sku: Sku,
}

pub struct GetProductHandler {
    views: Arc<dyn CatalogueViews>,
}

impl GetProductHandler {
    pub(crate) fn new(views: Arc<dyn CatalogueViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `not-found`.
    pub async fn handle(&self, query: GetProduct) -> Result<ProductView> {
        self.views
            .product(&query.sku)
            .await?
            .ok_or_else(|| Error::not_found("no product has this SKU"))
    }
}
