use std::sync::Arc;

use anyhow::Context as _;
use tonic::transport;

use super::{Channel, connect};
use crate::{
    Service,
    auth::{self, service_token::ServiceToken},
    tls::Tls,
};

/// How a service calls others: under its own name, which identity-svc vouches for.
#[derive(Clone)]
pub struct Peers {
    identity: transport::Channel,
    token: Arc<ServiceToken>,
    tls: Option<Tls>,
}

impl Peers {
    /// For a service that runs: its certificates are renewed as long as it does.
    ///
    /// # Errors
    /// When identity-svc's address is malformed, the service has no secret, or its certificates cannot be used.
    pub fn of(service: &Service, config: &auth::Config) -> anyhow::Result<Self> {
        let tls = Tls::following(&config.tls, service)?;
        Self::with_tls(service.name(), config, tls)
    }

    /// For whoever goes by this name for a while.
    ///
    /// # Errors
    /// As [`Peers::of`].
    pub fn new(service: &'static str, config: &auth::Config) -> anyhow::Result<Self> {
        Self::with_tls(service, config, Tls::load(&config.tls)?)
    }

    fn with_tls(
        service: &'static str,
        config: &auth::Config,
        tls: Option<Tls>,
    ) -> anyhow::Result<Self> {
        let identity =
            connect(&config.identity_grpc_url, tls.as_ref()).context("IDENTITY_GRPC_URL")?;
        let secret = config.secret_of(service)?;
        Ok(Self {
            token: Arc::new(ServiceToken::new(service, secret, identity.clone())),
            identity,
            tls,
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
    /// When `url` is malformed, or is of plain text and there is TLS, or the other way round.
    pub fn channel(&self, url: &str) -> anyhow::Result<Channel> {
        let inner = connect(url, self.tls.as_ref())?;
        Ok(Channel::of_service(inner, self.token.clone()))
    }

    /// By which certificates, if by any.
    #[must_use]
    pub fn tls(&self) -> Option<Tls> {
        self.tls.clone()
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
