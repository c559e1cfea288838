use async_trait::async_trait;
use chassis::{
    Result,
    idempotency::{Answer, Once},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    BatchPrefix, BatchSize, Code, DiscountCode, InvalidTerms, Terms, TermsChange, TermsDraft,
};

/// The discount codes, to change them. A code is found whatever the case.
#[async_trait]
pub trait DiscountCodes: Send + Sync {
    /// Adds a code. `Conflict` if its name is taken, be it by one that was removed.
    async fn create(
        &self,
        code: &Code,
        terms: &Terms,
        once: Option<&Once>,
    ) -> Result<Answer<DiscountCodeView>>;
    /// `VersionMismatch` if `expected` is another version than the present one.
    async fn change(
        &self,
        code: &Code,
        change: TermsChange,
        expected: Option<i64>,
    ) -> Result<DiscountCodeView>;
    /// Deletes a code that was never used; hides one that was, because orders speak of it.
    async fn remove(&self, code: &Code) -> Result<()>;
    /// Adds the batch with all its codes, which `draw` makes: another one with each call, until none of them was there
    /// before.
    async fn create_batch(
        &self,
        batch: &NewCodeBatch,
        draw: &(dyn Fn() -> Code + Sync),
        once: Option<&Once>,
    ) -> Result<Answer<CodeBatchView>>;
}

/// Codes to be made together.
#[derive(Debug, Clone)]
pub struct NewCodeBatch {
    pub id: Uuid,
    pub prefix: BatchPrefix,
    pub size: BatchSize,
    /// Of each code.
    pub terms: Terms,
    pub created_by: Uuid,
}

/// The discount codes, to look at. They are read from the write model, because `used` must not lag behind.
#[async_trait]
pub trait DiscountCodeViews: Send + Sync {
    async fn code(&self, code: &Code) -> Result<Option<DiscountCodeView>>;
    /// By code, after `after`.
    async fn codes(
        &self,
        filter: &CodeFilter,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DiscountCodeView>>;
    async fn batch(&self, id: Uuid) -> Result<Option<CodeBatchView>>;
    /// Newest first, before `before`.
    async fn batches(&self, before: Option<Uuid>, limit: i64) -> Result<Vec<CodeBatchView>>;
    /// All codes of a batch, by code.
    async fn codes_of_batch(&self, id: Uuid) -> Result<Vec<CodeUsage>>;
}

/// Which codes a list shows.
#[derive(Debug, Clone, Default)]
pub struct CodeFilter {
    /// Their beginning, in any case.
    pub beginning: Option<String>,
    pub active: Option<bool>,
    /// Without a batch: the codes that are of none.
    pub batch_id: Option<Uuid>,
}

/// A code, its terms and its uses. Amounts are minor units of the shop's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountCodeView {
    pub code: String,
    pub kind: String,
    pub value: i64,
    pub max_discount: Option<i64>,
    pub min_subtotal: i64,
    pub skus: Option<Vec<String>>,
    pub category: Option<String>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub max_uses: Option<i64>,
    pub max_uses_per_customer: Option<i64>,
    pub active: bool,
    pub used: i64,
    pub batch_id: Option<Uuid>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl TryFrom<DiscountCodeView> for DiscountCode {
    type Error = InvalidTerms;

    fn try_from(view: DiscountCodeView) -> Result<Self, InvalidTerms> {
        Ok(Self {
            code: Code::parse(&view.code)?,
            used: view.used,
            terms: Terms::parse(TermsDraft {
                kind: view.kind,
                value: view.value,
                max_discount: view.max_discount,
                min_subtotal: view.min_subtotal,
                skus: view.skus,
                category: view.category,
                starts_at: view.starts_at,
                ends_at: view.ends_at,
                max_uses: view.max_uses,
                max_uses_per_customer: view.max_uses_per_customer,
                active: view.active,
            })?,
        })
    }
}

/// Codes that were made together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeBatchView {
    pub id: Uuid,
    pub prefix: String,
    /// Codes that were made.
    pub size: i64,
    /// Codes of it that are used.
    pub used: i64,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeUsage {
    pub code: String,
    pub used: i64,
}
