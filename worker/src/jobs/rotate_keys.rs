use std::time::Duration;

use anyhow::bail;
use async_trait::async_trait;
use chassis::grpc::{self, Channel};
use proto::identity::v1::{RotateKeysRequest, identity_service_client::IdentityServiceClient};

use crate::queue::{Job, Policy, Recurring, Tick};

const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Has identity-svc make a new key for access tokens when the newest is old.
pub struct RotateKeys {
    pub identity: IdentityServiceClient<Channel>,
    /// Age of the newest key; 0: no key is ever too old.
    pub after_days: u16,
}

impl Recurring for RotateKeys {
    // Not when the others begin.
    const SCHEDULE: &'static str = "0 40 3 * * *";
}

#[async_trait]
impl Job for RotateKeys {
    const KIND: &'static str = "rotate_keys";
    const POLICY: Policy = Policy {
        max_attempts: 4,
        first_pause: Duration::from_secs(30),
        timeout: Duration::from_secs(60),
        ..Policy::DEFAULT
    };
    type Payload = Tick;

    async fn run(&self, _: Tick) -> anyhow::Result<()> {
        if self.after_days == 0 {
            return Ok(());
        }
        let request = RotateKeysRequest {
            if_older_than_seconds: i64::from(self.after_days) * 86_400,
        };
        let request = grpc::request(request, CALL_DEADLINE);
        match self.identity.clone().rotate_keys(request).await {
            Ok(response) => {
                let newest = response.into_inner();
                tracing::info!(kid = newest.kid, rotated = newest.rotated, "the newest key");
                Ok(())
            }
            Err(status) => bail!("identity-svc answered {:?}", status.code()),
        }
    }
}
