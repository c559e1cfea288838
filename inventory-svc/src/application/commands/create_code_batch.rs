use std::sync::Arc;

use chassis::{
    Result,
    idempotency::{Answer, Once},
};
use uuid::Uuid;

use crate::{
    application::ports::{CodeBatchView, DiscountCodes, NewCodeBatch},
    domain::{BatchPrefix, BatchSize, Terms},
};

/// Makes many codes that nobody can guess.
pub struct CreateCodeBatch {
    pub prefix: BatchPrefix,
    pub size: BatchSize,
    /// Of each code.
    pub terms: Terms,
    pub caller: Uuid,
    pub once: Option<Once>,
}

pub struct CreateCodeBatchHandler {
    codes: Arc<dyn DiscountCodes>,
}

impl CreateCodeBatchHandler {
    pub(crate) fn new(codes: Arc<dyn DiscountCodes>) -> Self {
        Self { codes }
    }

    /// # Errors
    /// `idempotency-key-reused`.
    #[tracing::instrument(name = "create_code_batch", skip_all, fields(batch.size = command.size.get()))]
    pub async fn handle(&self, command: CreateCodeBatch) -> Result<Answer<CodeBatchView>> {
        let batch = NewCodeBatch {
            id: Uuid::now_v7(),
            prefix: command.prefix,
            size: command.size,
            terms: command.terms,
            created_by: command.caller,
        };
        // The thread's generator is a cryptographic one, seeded by the operating system.
        let draw = || batch.prefix.code(rand::random());
        self.codes
            .create_batch(&batch, &draw, command.once.as_ref())
            .await
    }
}
