use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};

use crate::application::ports::{CatalogueViews, ProductView};

/// The catalogue by SKU.
pub struct ListProducts {
    /// Part of the name, or the SKU's beginning.
    pub search: Option<String>,
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
        let search = query
            .search
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        let products = self
            .views
            .products(search, after.as_deref(), limit + 1)
            .await?;
        List::page(products, limit, |product| product.sku.clone())
    }
}
