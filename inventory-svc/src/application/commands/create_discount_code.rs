use std::sync::Arc;

use chassis::{
    Result,
    idempotency::{Answer, Once},
};

use crate::{
    application::ports::{DiscountCodeView, DiscountCodes},
    domain::{Code, Terms},
};

/// Adds a discount code.
pub struct CreateDiscountCode {
    pub code: Code,
    pub terms: Terms,
    pub once: Option<Once>,
}

pub struct CreateDiscountCodeHandler {
    codes: Arc<dyn DiscountCodes>,
}

impl CreateDiscountCodeHandler {
    pub(crate) fn new(codes: Arc<dyn DiscountCodes>) -> Self {
        Self { codes }
    }

    /// # Errors
    /// `code-exists`, `idempotency-key-reused`.
    #[tracing::instrument(name = "create_discount_code", skip_all, fields(discount.code = %command.code))]
    pub async fn handle(&self, command: CreateDiscountCode) -> Result<Answer<DiscountCodeView>> {
        self.codes
            .create(&command.code, &command.terms, command.once.as_ref())
            .await
    }
}
