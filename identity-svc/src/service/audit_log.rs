use chassis::Result;
use uuid::Uuid;

use super::Identity;
use crate::{domain::AuditFilter, repository::AuditEntry};

impl Identity {
    /// At most `limit` rows of the audit log that fulfil the filter, newest first, before the one with the id `before`.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>> {
        self.repository.audit_log(filter, before, limit).await
    }
}
