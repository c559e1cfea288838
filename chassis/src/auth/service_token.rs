//! The access token by which a service proves to others who it is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use arc_swap::ArcSwapOption;
use http::HeaderValue;
use proto::identity::v1::{IssueTokenRequest, trust_service_client::TrustServiceClient};
use tokio::sync::Mutex;
use tonic::transport::Channel;

use super::CALL_DEADLINE;
use crate::{config::Secret, grpc};

/// After a failure nobody asks again for so long: who waits for the token hears of it at once.
const PAUSE: Duration = Duration::from_millis(500);

/// Asked of identity-svc with the service's own secret, and asked anew before it expires.
pub(crate) struct ServiceToken {
    service: &'static str,
    secret: Secret,
    client: TrustServiceClient<Channel>,
    current: ArcSwapOption<Current>,
    last_failure: Mutex<Option<Instant>>,
}

struct Current {
    header: HeaderValue,
    /// From now on it is worth asking for the next one.
    renew_at: Instant,
    expires_at: Instant,
}

impl ServiceToken {
    pub(crate) fn new(service: &'static str, secret: Secret, identity: Channel) -> Self {
        Self {
            service,
            secret,
            client: TrustServiceClient::new(identity),
            current: ArcSwapOption::empty(),
            last_failure: Mutex::default(),
        }
    }

    /// The value of an `authorization` header.
    ///
    /// # Errors
    /// When there is no token and none can be had.
    pub(crate) async fn authorization(self: &Arc<Self>) -> anyhow::Result<HeaderValue> {
        let now = Instant::now();
        match &*self.current.load() {
            Some(current) if now < current.renew_at => return Ok(current.header.clone()),
            Some(current) if now < current.expires_at => {
                // It is still good: nobody waits for the next.
                if let Ok(turn) = self.last_failure.try_lock() {
                    drop(turn);
                    let this = self.clone();
                    tokio::spawn(async move { this.renewed(now).await.ok() });
                }
                return Ok(current.header.clone());
            }
            _ => {}
        }
        self.renewed(now).await
    }

    /// Gives up the token: somebody refused it.
    pub(crate) fn forget(&self) {
        self.current.store(None);
    }

    /// The token that is asked for now, by whoever is the first to want it.
    async fn renewed(&self, wanted: Instant) -> anyhow::Result<HeaderValue> {
        let mut last_failure = self.last_failure.lock().await;
        if let Some(current) = &*self.current.load()
            && wanted < current.renew_at
        {
            return Ok(current.header.clone());
        }
        let again = last_failure.is_some_and(|at| at.elapsed() < PAUSE);
        let issued = if again {
            Err(anyhow!("identity-svc gave none a moment ago"))
        } else {
            self.issue().await
        };
        match issued {
            Ok(issued) => {
                *last_failure = None;
                let header = issued.header.clone();
                self.current.store(Some(Arc::new(issued)));
                Ok(header)
            }
            Err(error) => {
                if !again {
                    tracing::warn!(
                        service = self.service,
                        error = format!("{error:#}"),
                        "no service token"
                    );
                    *last_failure = Some(Instant::now());
                }
                Err(error.context("no service token"))
            }
        }
    }

    async fn issue(&self) -> anyhow::Result<Current> {
        let request = IssueTokenRequest {
            client_id: self.service.to_owned(),
            client_secret: self.secret.expose().to_owned(),
        };
        let asked_at = Instant::now();
        let answer = self
            .client
            .clone()
            .issue_token(grpc::request(request, CALL_DEADLINE))
            .await
            .map_err(|status| match status.code() {
                tonic::Code::Unauthenticated => anyhow!(
                    "identity-svc has another secret for {}: SERVICES_SECRET, or the file SERVICES_SECRET_FILE, must be \
                     the same for both",
                    self.service
                ),
                code => anyhow!("identity-svc was asked for a service token and answered {code:?}"),
            })?
            .into_inner();
        let mut header = HeaderValue::try_from(format!("Bearer {}", answer.access_token))
            .context("a token that is no header")?;
        header.set_sensitive(true);
        let life = Duration::from_secs(u64::try_from(answer.expires_in_seconds)?);
        Ok(Current {
            header,
            renew_at: asked_at + life * 2 / 3,
            expires_at: asked_at + life,
        })
    }
}
