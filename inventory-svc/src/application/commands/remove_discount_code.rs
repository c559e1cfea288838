use std::sync::Arc;

use chassis::Result;

use crate::{application::ports::DiscountCodes, domain::Code};

/// Takes a discount code away. Orders that used it keep their discount.
pub struct RemoveDiscountCode {
    pub code: Code,
}

pub struct RemoveDiscountCodeHandler {
    codes: Arc<dyn DiscountCodes>,
}

impl RemoveDiscountCodeHandler {
    pub(crate) fn new(codes: Arc<dyn DiscountCodes>) -> Self {
        Self { codes }
    }

    /// # Errors
    /// `not-found`.
    #[tracing::instrument(name = "remove_discount_code", skip_all, fields(discount.code = %command.code))]
    pub async fn handle(&self, command: RemoveDiscountCode) -> Result<()> {
        self.codes.remove(&command.code).await
    }
}
