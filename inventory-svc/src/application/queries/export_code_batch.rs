use std::sync::Arc;

use chassis::{Error, Result};
use uuid::Uuid;

use crate::application::ports::{CodeBatchView, CodeUsage, DiscountCodeViews};

/// All codes of a batch, to be handed out.
pub struct ExportCodeBatch {
    pub id: Uuid,
}

pub struct CodeBatchExport {
    pub batch: CodeBatchView,
    /// By code.
    pub codes: Vec<CodeUsage>,
}

pub struct ExportCodeBatchHandler {
    views: Arc<dyn DiscountCodeViews>,
}

impl ExportCodeBatchHandler {
    pub(crate) fn new(views: Arc<dyn DiscountCodeViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `not-found`.
    pub async fn handle(&self, query: ExportCodeBatch) -> Result<CodeBatchExport> {
        let batch = self
            .views
            .batch(query.id)
            .await?
            .ok_or_else(|| Error::not_found("no such batch of codes"))?;
        let codes = self.views.codes_of_batch(query.id).await?;
        Ok(CodeBatchExport { batch, codes })
    }
}
