use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};

use crate::application::ports::{CatalogueViews, ProductFilter, ProductView};

/// The catalogue by SKU.
pub struct ListProducts {
    pub filter: ProductFilter,
    pub page: Page,
}

pub struct ListProductsHandler {
    views: Arc<dyn CatalogueViews>,
}

impl ListProductsHandler {
    pub(crate) fn new(views: Arc<dyn CatalogueViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `validation` of the page.
    pub async fn handle(&self, query: ListProducts) -> Result<List<ProductView>> {
        let limit = query.page.limit()?;
        let after: Option<String> = query.page.after()?;
        let products = self
            .views
            .products(&query.filter, after.as_deref(), limit + 1)
            .await?;
        List::page(products, limit, |product| product.sku.clone())
    }
}
