use std::sync::Arc;

use chassis::{
    Error, Result,
    http::{List, Page},
};

use crate::{
    application::ports::{CatalogueViews, MovementView},
    domain::{Levels, Sku},
};

/// The levels of one SKU and how they came about.
pub struct GetStock {
    pub sku: Sku,
    pub page: Page,
}

pub struct StockReport {
    pub levels: Levels,
    /// Newest first.
    pub movements: List<MovementView>,
}

pub struct GetStockHandler {
    views: Arc<dyn CatalogueViews>,
}

impl GetStockHandler {
    pub(crate) fn new(views: Arc<dyn CatalogueViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `not-found`, `validation` of the page.
    pub async fn handle(&self, query: GetStock) -> Result<StockReport> {
        let limit = query.page.limit()?;
        let before: Option<i64> = query.page.after()?;
        let levels = self
            .views
            .stock(&query.sku)
            .await?
            .ok_or_else(|| Error::not_found("no product has this SKU"))?;
        let movements = self.views.movements(&query.sku, before, limit + 1).await?;
        let movements = List::page(movements, limit, |movement| movement.id)?;
        Ok(StockReport { levels, movements })
    }
}
