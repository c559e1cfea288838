use std::sync::Arc;

use chassis::{
    Result,
    http::{List, Page},
};

use crate::application::ports::{CodeFilter, DiscountCodeView, DiscountCodeViews};

/// The discount codes, by code.
pub struct ListDiscountCodes {
    pub filter: CodeFilter,
    pub page: Page,
}

pub struct ListDiscountCodesHandler {
    views: Arc<dyn DiscountCodeViews>,
}

impl ListDiscountCodesHandler {
    pub(crate) fn new(views: Arc<dyn DiscountCodeViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `validation` of the page.
    pub async fn handle(&self, query: ListDiscountCodes) -> Result<List<DiscountCodeView>> {
        let limit = query.page.limit()?;
        let after: Option<String> = query.page.after()?;
        let codes = self
            .views
            .codes(&query.filter, after.as_deref(), limit + 1)
            .await?;
        List::page(codes, limit, |code| code.code.clone())
    }
}
