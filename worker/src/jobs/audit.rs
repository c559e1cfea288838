use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use chassis::grpc::{self, Channel};
use proto::audit::v1::{
    AuditRequest, Violation, audit_event::Event, audit_service_client::AuditServiceClient,
};

use crate::queue::{Job, Policy, Recurring, Tick, permanent};

const CALL_DEADLINE: Duration = Duration::from_secs(1_800);
/// Whoever reads the errors has learnt by then that something is wrong.
const LOGGED: usize = 100;

/// Looks every night whether everything that must hold does, in and between the services, and changes nothing. Each
/// violation is logged as an error, and the job fails for good: a further try would find the same.
pub struct Audit {
    pub services: Vec<(&'static str, AuditServiceClient<Channel>)>,
    /// What changed within this time may still be on its way from one service to the other.
    pub settle: Duration,
}

impl Recurring for Audit {
    const SCHEDULE: &'static str = "0 30 3 * * *";
}

#[async_trait]
impl Job for Audit {
    const KIND: &'static str = "audit";
    const POLICY: Policy = Policy {
        max_attempts: 5,
        first_pause: Duration::from_secs(60),
        timeout: Duration::from_secs(3_600),
        ..Policy::DEFAULT
    };
    type Payload = Tick;

    async fn run(&self, _: Tick) -> anyhow::Result<()> {
        let mut found = Found::default();
        for (service, client) in &self.services {
            found.ask(service, client.clone(), self.settle).await?;
        }
        // Not before every service has answered: another try would log them again.
        for (service, violation) in &found.violations {
            tracing::error!(
                audit.service = service,
                audit.invariant = violation.invariant,
                audit.row = violation.row,
                audit.detail = violation.detail,
                "what must hold does not"
            );
        }
        if found.total == 0 {
            tracing::info!(invariants = found.invariants, "audited: all is well");
            return Ok(());
        }
        Err(permanent(anyhow!(
            "{} violations of what must hold; `easyorder audit` names them",
            found.total
        )))
    }
}

#[derive(Default)]
struct Found {
    invariants: u32,
    total: i64,
    /// The first of them.
    violations: Vec<(&'static str, Violation)>,
}

impl Found {
    async fn ask(
        &mut self,
        service: &'static str,
        mut client: AuditServiceClient<Channel>,
        settle: Duration,
    ) -> anyhow::Result<()> {
        let request = AuditRequest {
            repair: false,
            settle_seconds: i32::try_from(settle.as_secs()).unwrap_or(i32::MAX),
        };
        let failed = |status: tonic::Status| anyhow!("{service} answered {:?}", status.code());
        let mut events = client
            .audit(grpc::request(request, CALL_DEADLINE))
            .await
            .map_err(failed)?
            .into_inner();
        while let Some(event) = events.message().await.map_err(failed)? {
            match event.event {
                Some(Event::Checked(checked)) => {
                    self.invariants += 1;
                    self.total += checked.violations;
                }
                Some(Event::Violation(violation)) if self.violations.len() < LOGGED => {
                    self.violations.push((service, violation));
                }
                Some(Event::Violation(_)) | None => {}
            }
        }
        Ok(())
    }
}
