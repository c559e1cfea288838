use std::sync::Arc;

use chassis::{Error, Result};

use crate::{
    application::ports::{DiscountCodeView, DiscountCodeViews},
    domain::Code,
};

/// A discount code with its uses.
pub struct GetDiscountCode {
    pub code: Code,
}

pub struct GetDiscountCodeHandler {
    views: Arc<dyn DiscountCodeViews>,
}

impl GetDiscountCodeHandler {
    pub(crate) fn new(views: Arc<dyn DiscountCodeViews>) -> Self {
        Self { views }
    }

    /// # Errors
    /// `not-found`.
    pub async fn handle(&self, query: GetDiscountCode) -> Result<DiscountCodeView> {
        self.views
            .code(&query.code)
            .await?
            .ok_or_else(|| Error::not_found("no such discount code"))
    }
}
