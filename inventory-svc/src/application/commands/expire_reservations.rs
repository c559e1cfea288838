use std::{sync::Arc, time::Duration};

use chassis::Result;

use crate::{
    application::ports::{Decisions, Holds, Overdue},
    domain::{HoldKey, Settlement, Verdict},
};

/// One turn of the sweeper: settles holds that nobody has decided within their time to live. Time never decides;
/// order-svc does.
pub struct ExpireReservations {
    /// Only look.
    pub dry_run: bool,
}

/// What a turn found and did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    pub overdue: i64,
    pub oldest: Duration,
    pub confirmed: i64,
    pub released: i64,
    pub expired: i64,
}

impl Swept {
    /// Holds that are no longer HELD.
    pub(crate) fn settled(&self) -> i64 {
        self.confirmed + self.released + self.expired
    }
}

pub struct ExpireReservationsHandler {
    holds: Arc<dyn Holds>,
    decisions: Arc<dyn Decisions>,
}

impl ExpireReservationsHandler {
    /// Holds a turn.
    pub(crate) const BATCH: i64 = 200;

    pub(crate) fn new(holds: Arc<dyn Holds>, decisions: Arc<dyn Decisions>) -> Self {
        Self { holds, decisions }
    }

    /// # Errors
    /// `unavailable` when order-svc or the database is away: the next turn tries again.
    #[tracing::instrument(name = "expire_reservations", skip_all)]
    pub async fn handle(&self, command: ExpireReservations) -> Result<Swept> {
        let overdue = self.holds.overdue(Self::BATCH).await?;
        let mut swept = Swept {
            overdue: i64::try_from(overdue.len()).unwrap_or(i64::MAX),
            oldest: overdue.iter().map(|hold| hold.by).max().unwrap_or_default(),
            ..Swept::default()
        };
        if command.dry_run || overdue.is_empty() {
            return Ok(swept);
        }
        let keys: Vec<HoldKey> = overdue.iter().map(|Overdue { key, .. }| *key).collect();
        // No lock is held over this call: each hold is settled by a compare-and-set afterwards.
        let verdicts = self.decisions.confirm_availability(&keys).await?;
        for (key, verdict) in keys.into_iter().zip(verdicts) {
            let Some(verdict) = verdict else { continue };
            self.holds.settle(key, Settlement::Sweep(verdict)).await?;
            match verdict {
                Verdict::Live => swept.confirmed += 1,
                Verdict::Cancelled => swept.released += 1,
                Verdict::Closed => swept.expired += 1,
            }
        }
        metrics::counter!("holds_expired_total").increment(swept.expired.unsigned_abs());
        Ok(swept)
    }
}
