use std::sync::Arc;

use tonic::transport;

use super::{Channel, connect};
use crate::auth::{self, service_token::ServiceToken};

/// How a service calls others: under its own name, which identity-svc vouches for.
#[derive(Clone)]
pub struct Peers {
    identity: transport::Channel,
    token: Arc<ServiceToken>,
}

impl Peers {
    /// For the service of this name.
    ///
    /// # Errors
    /// When identity-svc's address is malformed, or the service has no secret.
    pub fn new(service: &'static str, config: &auth::Config) -> anyhow::Result<Self> {
        let identity = connect(&config.identity_grpc_url)?;
        let secret = config.secret_of(service)?;
        Ok(Self {
            token: Arc::new(ServiceToken::new(service, secret, identity.clone())),
            identity,
        })
    }

    /// Proves that identity-svc vouches for the service; calls do so by themselves, but with less to say if it does not.
    ///
    /// # Errors
    /// When it does not; says what to do.
    pub async fn prove(&self) -> anyhow::Result<()> {
        self.token.authorization().await.map(drop)
    }

    /// A connection to the service at `url`.
    ///
    /// # Errors
    /// When `url` is malformed.
    pub fn channel(&self, url: &str) -> anyhow::Result<Channel> {
        Ok(Channel::of_service(connect(url)?, self.token.clone()))
    }

    /// The connection to identity-svc.
    #[must_use]
    pub fn to_identity(&self) -> Channel {
        Channel::of_service(self.identity.clone(), self.token.clone())
    }

    /// The same, for calls that need no token.
    pub(crate) fn identity(&self) -> transport::Channel {
        self.identity.clone()
    }
}
