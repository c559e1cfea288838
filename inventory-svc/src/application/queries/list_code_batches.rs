use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};
use uuid::Uuid;

use crate::application::ports::{CodeBatchView, DiscountCodeViews};

/// The batches of codes, newest first.
pub struct ListCodeBatches {
    pub page: Page,
}

pub struct ListCodeBatchesHandler {
    views: Arc<dyn DiscountCodeViews>,
}

impl ListCodeBatchesHandler {
    pub(crate) fn new(views: Arc<dyn DiscountCodeViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `validation` of the page.
    pub async fn handle(&self, query: ListCodeBatches) -> Result<List<CodeBatchView>> {
        let limit = query.page.limit()?;
        let before: Option<Uuid> = query.page.after()?;
        let batches = self.views.batches(before, limit + 1).await?;
        List::page(batches, limit, |batch| batch.id)
    }
}
