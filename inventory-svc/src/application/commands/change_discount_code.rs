use std::sync::Arc;

use chassis::Result;

use crate::{
    application::ports::{DiscountCodeView, DiscountCodes},
    domain::{Code, TermsChange},
};

/// Changes what a code grants from now on. Orders keep the discount that they have.
pub struct ChangeDiscountCode {
    pub code: Code,
    pub change: TermsChange,
    /// The version that the caller saw.
    pub expected_version: Option<i64>,
}

pub struct ChangeDiscountCodeHandler {
    codes: Arc<dyn DiscountCodes>,
}

impl ChangeDiscountCodeHandler {
    pub(crate) fn new(codes: Arc<dyn DiscountCodes>) -> Self {
        Self { codes }
    }

    /// # Errors
    /// `not-found`, `version-mismatch`, `validation` of the terms as they would be.
    #[tracing::instrument(name = "change_discount_code", skip_all, fields(discount.code = %command.code))]
    pub async fn handle(&self, command: ChangeDiscountCode) -> Result<DiscountCodeView> {
        self.codes
            .change(&command.code, command.change, command.expected_version)
            .await
    }
}
