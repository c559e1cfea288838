//! What a service that can check its own rows offers to whoever runs it: `audit.v1`.

use std::{pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{Stream, stream};
use proto::audit::v1::{
    self as pb, AuditEvent, AuditRequest,
    audit_event::Event,
    audit_service_server::{AuditService, AuditServiceServer},
};
use sqlx::PgConnection;
use tokio::sync::mpsc;
use tonic::{Response, Status};
use tracing::Instrument as _;

use crate::{Error, Result, trace::TraceContext};

/// So many violations of an invariant are named; of the others only the number is told.
pub const NAMED: usize = 1_000;

/// Findings that wait for a slow reader.
const BUFFER: usize = 64;

/// Checks what must hold in its service.
#[async_trait]
pub trait Auditor: Send + Sync + 'static {
    /// Tells one invariant after the other.
    async fn audit(&self, request: Request, findings: &Findings) -> Result<()>;
}

#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Also set right what can be.
    pub repair: bool,
    /// What changed within this time may still be on its way.
    pub settle: Duration,
}

/// One invariant that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// For programs: lower case, with dashes.
    pub invariant: &'static str,
    /// Rows that were looked at.
    pub rows: i64,
    /// All violations; `violations` names [`NAMED`] of them at most.
    pub total: i64,
    pub violations: Vec<Violation>,
}

/// A row that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub table: &'static str,
    /// Names the row in its table.
    pub key: String,
    pub detail: String,
    pub repaired: bool,
}

impl Checked {
    #[must_use]
    pub fn new(invariant: &'static str) -> Self {
        Self {
            invariant,
            rows: 0,
            total: 0,
            violations: Vec::new(),
        }
    }

    /// Counts a violation, and names it if there are not too many.
    pub fn found(&mut self, violation: Violation) {
        self.total += 1;
        if self.violations.len() < NAMED {
            self.violations.push(violation);
        }
    }

    /// What is left of these findings after a repair, by a look of the same kind after it: what is no longer found was
    /// repaired.
    #[must_use]
    pub fn after_repair(mut self, again: Self) -> Self {
        // Of too many, nobody knows which are left.
        if again.total > i64::try_from(again.violations.len()).unwrap_or(i64::MAX) {
            return again;
        }
        let is_left = |violation: &Violation| {
            again
                .violations
                .iter()
                .any(|left| left.key == violation.key)
        };
        self.violations.retain(|violation| !is_left(violation));
        for violation in &mut self.violations {
            violation.repaired = true;
        }
        let repaired = i64::try_from(self.violations.len()).unwrap_or(i64::MAX);
        self.violations.extend(again.violations);
        Self {
            rows: again.rows,
            total: repaired + again.total,
            ..self
        }
    }
}

/// Where findings go.
pub struct Findings(mpsc::Sender<Result<AuditEvent, Status>>);

impl Findings {
    /// # Errors
    /// When nobody listens any more.
    pub async fn tell(&self, checked: Checked) -> Result<()> {
        self.send(Event::Checked(pb::Checked {
            invariant: checked.invariant.to_owned(),
            rows: checked.rows,
            violations: checked.total,
        }))
        .await?;
        for violation in checked.violations {
            self.send(Event::Violation(pb::Violation {
                invariant: checked.invariant.to_owned(),
                row: format!("{} {}", violation.table, violation.key),
                detail: violation.detail,
                repaired: violation.repaired,
            }))
            .await?;
        }
        Ok(())
    }

    async fn send(&self, event: Event) -> Result<()> {
        let event = AuditEvent { event: Some(event) };
        self.0
            .send(Ok(event))
            .await
            .map_err(|_| Error::unavailable(anyhow::anyhow!("nobody listens to the audit")))
    }
}

/// To add to a service's gRPC routes.
#[must_use]
pub fn server(auditor: Arc<dyn Auditor>) -> AuditServiceServer<Audits> {
    AuditServiceServer::new(Audits(auditor))
}

/// See [`server`].
pub struct Audits(Arc<dyn Auditor>);

#[tonic::async_trait]
impl AuditService for Audits {
    type AuditStream = Pin<Box<dyn Stream<Item = Result<AuditEvent, Status>> + Send>>;

    async fn audit(
        &self,
        request: tonic::Request<AuditRequest>,
    ) -> Result<Response<Self::AuditStream>, Status> {
        let AuditRequest {
            repair,
            settle_seconds,
        } = request.into_inner();
        let settle = u64::try_from(settle_seconds)
            .map_err(|_| Error::invalid_field("settle_seconds", "must not be negative"))?;
        let request = Request {
            repair,
            settle: Duration::from_secs(settle),
        };
        let auditor = self.0.clone();
        let (sender, receiver) = mpsc::channel(BUFFER);
        let audit = async move {
            let findings = Findings(sender);
            if let Err(error) = auditor.audit(request, &findings).await {
                // Whoever has gone does not hear this either.
                let _ = findings.0.send(Err(error.into())).await;
            }
        };
        match TraceContext::current() {
            Some(context) => tokio::spawn(context.scope(audit).in_current_span()),
            None => tokio::spawn(audit.in_current_span()),
        };
        let events = stream::unfold(receiver, async |mut receiver| {
            Some((receiver.recv().await?, receiver))
        });
        Ok(Response::new(Box::pin(events)))
    }
}

/// Events that wait to be published for longer than that.
///
/// # Errors
/// When the database refuses.
pub async fn outbox_stuck(connection: &mut PgConnection, settle: Duration) -> Result<Checked> {
    let mut checked = Checked::new("outbox-stuck");
    checked.rows = sqlx::query_scalar("select count(*) from outbox where published_at is null")
        .fetch_one(&mut *connection)
        .await?;
    let stuck: Vec<(String, String, i64)> = sqlx::query_as(
        "select seq::text, format('%s was written %s s ago and is not published', kind,
                                  extract(epoch from clock_timestamp() - created_at)::bigint),
                count(*) over ()
           from outbox
          where published_at is null and created_at < clock_timestamp() - make_interval(secs => $1)
          order by seq limit $2",
    )
    .bind(settle.as_secs_f64())
    .bind(i64::try_from(NAMED).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    checked.total = stuck.first().map_or(0, |(.., total)| *total);
    checked.violations = stuck
        .into_iter()
        .map(|(key, detail, _)| Violation {
            table: "outbox",
            key,
            detail,
            repaired: false,
        })
        .collect();
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(keys: impl IntoIterator<Item = usize>) -> Checked {
        let mut checked = Checked::new("test");
        for key in keys {
            checked.found(Violation {
                table: "t",
                key: key.to_string(),
                detail: String::new(),
                repaired: false,
            });
        }
        checked
    }

    fn repaired(checked: &Checked) -> Vec<(&str, bool)> {
        checked
            .violations
            .iter()
            .map(|violation| (violation.key.as_str(), violation.repaired))
            .collect()
    }

    #[test]
    fn all_are_counted_and_the_first_thousand_named() {
        let checked = checked(0..1_234);
        assert_eq!((checked.total, checked.violations.len()), (1_234, NAMED));
    }

    #[test]
    fn what_is_not_found_again_was_repaired() {
        let after = checked([1, 2, 3]).after_repair(checked([2, 4]));
        assert_eq!(after.total, 4);
        assert_eq!(
            repaired(&after),
            [("1", true), ("3", true), ("2", false), ("4", false)]
        );
    }

    #[test]
    fn of_too_many_nobody_knows_which_were_repaired() {
        let after = checked(0..1_500).after_repair(checked(100..1_200));
        assert_eq!((after.total, after.violations.len()), (1_100, NAMED));
        assert!(repaired(&after).iter().all(|(_, repaired)| !repaired));
    }

    #[tokio::test]
    async fn findings_go_to_whoever_asked_and_an_error_ends_them() {
        struct Broken;
        #[async_trait]
        impl Auditor for Broken {
            async fn audit(&self, request: Request, findings: &Findings) -> Result<()> {
                assert!(request.repair && request.settle == Duration::from_secs(3));
                findings.tell(checked([7])).await?;
                Err(Error::unavailable(anyhow::anyhow!("gone")))
            }
        }
        let ask = async |settle_seconds| {
            let request = AuditRequest {
                repair: true,
                settle_seconds,
            };
            Audits(Arc::new(Broken))
                .audit(tonic::Request::new(request))
                .await
        };
        let events: Vec<_> = {
            use futures::StreamExt as _;
            ask(3).await.unwrap().into_inner().collect().await
        };
        let [Ok(first), Ok(second), Err(last)] = &*events else {
            panic!("{events:?}");
        };
        let Some(Event::Checked(checked)) = &first.event else {
            panic!("{first:?}");
        };
        assert_eq!(
            (checked.invariant.as_str(), checked.violations),
            ("test", 1)
        );
        let Some(Event::Violation(violation)) = &second.event else {
            panic!("{second:?}");
        };
        assert_eq!(violation.row, "t 7");
        assert_eq!(last.code(), tonic::Code::Unavailable);

        let refused = ask(-1).await.err().unwrap();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
}
