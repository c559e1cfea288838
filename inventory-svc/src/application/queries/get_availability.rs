use std::sync::Arc;

use chassis::Result;

use crate::application::ports::{CatalogueViews, ProductView};

/// Levels and prices of many SKUs at once; unknown ones are left out.
pub struct GetAvailability {
    pub skus: Vec<String>,
}

pub struct GetAvailabilityHandler {
    views: Arc<dyn CatalogueViews>,
}

impl GetAvailabilityHandler {
    pub(crate) fn new(views: Arc<dyn CatalogueViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `unavailable` when the database is away.
    pub async fn handle(&self, query: GetAvailability) -> Result<Vec<ProductView>> {
        self.views.availability(&query.skus).await
    }
}
