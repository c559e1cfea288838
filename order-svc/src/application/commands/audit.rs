use std::{sync::Arc, time::Duration};

use chassis::{Result, audit::Findings};

use crate::application::ports::Ledgers;

/// Checks everything that must hold in this service.
pub struct Audit {
    /// Also set right what follows from the orders.
    pub repair: bool,
    /// What changed within this time may still be on its way to the read model.
    pub settle: Duration,
}

pub struct AuditHandler {
    ledgers: Arc<dyn Ledgers>,
}

impl AuditHandler {
    pub(crate) fn new(ledgers: Arc<dyn Ledgers>) -> Self {
        Self { ledgers }
    }

    /// # Errors
    /// `unavailable` when the database is away.
    #[tracing::instrument(name = "audit", skip_all, fields(audit.repair = command.repair))]
    pub async fn handle(&self, command: Audit, findings: &Findings) -> Result<()> {
        let Audit { repair, settle } = command;
        let mut found = self.ledgers.check(settle).await?;
        if repair && found.iter().any(|checked| checked.total > 0) {
            self.ledgers.repair(&found).await?;
            let again = self.ledgers.check(settle).await?;
            found = found
                .into_iter()
                .zip(again)
                .map(|(before, after)| before.after_repair(after))
                .collect();
        }
        for checked in found {
            findings.tell(checked).await?;
        }
        Ok(())
    }
}
