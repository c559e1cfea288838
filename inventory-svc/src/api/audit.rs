//! The audit, over gRPC.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::{
    Result,
    audit::{Auditor, Findings, Request},
};

use crate::application::{App, commands::Audit};

/// Answers `audit.v1` with what the use case finds.
pub struct Audits(pub Arc<App>);

#[async_trait]
impl Auditor for Audits {
    async fn audit(&self, request: Request, findings: &Findings) -> Result<()> {
        let Request { repair, settle } = request;
        self.0
            .commands
            .audit
            .handle(Audit { repair, settle }, findings)
            .await
    }
}
