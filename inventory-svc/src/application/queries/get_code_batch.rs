use std::sync::Arc;

use chassis::{Error, Result};
use uuid::Uuid;

use crate::application::ports::{CodeBatchView, DiscountCodeViews};

/// A batch of codes and how many of them are used.
pub struct GetCodeBatch {
    pub id: Uuid,
}

pub struct GetCodeBatchHandler {
    views: Arc<dyn DiscountCodeViews>,
}

impl GetCodeBatchHandler {
    pub(crate) fn new(views: Arc<dyn DiscountCodeViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `not-found`.
    pub async fn handle(&self, query: GetCodeBatch) -> Result<CodeBatchView> {
        self.views
            .batch(query.id)
            .await?
            .ok_or_else(|| Error::not_found("no such batch of codes"))
    }
}
