//! Mutual TLS between services: each shows the other a certificate of the one authority that both know. The files are looked
//! at again and again, so that certificates are renewed while the services run: connections that there are go on, new ones
//! use what the files say now.

mod config;
mod connector;
mod files;
mod incoming;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};
use tokio_util::sync::CancellationToken;

pub use self::config::Config;
use self::{
    config::Paths,
    files::{Files, Loaded},
};
use crate::Service;

/// The certificates in force; clones share them.
#[derive(Clone)]
pub struct Tls {
    paths: Arc<Paths>,
    current: Arc<ArcSwap<Loaded>>,
}

impl Tls {
    /// What the files have now; `None` when TLS is off.
    ///
    /// # Errors
    /// When a variable is missing, a file cannot be used, or no other service would accept the certificate; names the
    /// variable and the file.
    pub fn load(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(paths) = config.paths()? else {
            return Ok(None);
        };
        let loaded = Files::read(&paths)?.load(&paths)?;
        Ok(Some(Self {
            paths: Arc::new(paths),
            current: Arc::new(ArcSwap::from_pointee(loaded)),
        }))
    }

    /// The same, and what the files have later, as long as the service runs.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn following(config: &Config, service: &Service) -> anyhow::Result<Option<Self>> {
        let tls = Self::load(config)?;
        if let Some(tls) = tls.clone() {
            let (name, every) = (service.name(), config.look_every);
            service.background("certificates", async move |stop| {
                tls.follow(name, every, stop).await;
            });
        }
        Ok(tls)
    }

    async fn follow(&self, service: &'static str, every: Duration, stop: CancellationToken) {
        let mut complaint = Complaint::default();
        loop {
            // Whoever counts may have come only now.
            metrics::gauge!("tls_certificate_expiry_timestamp_seconds", "service" => service)
                .set(self.current.load().accepted_until as f64);
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stop.cancelled() => return,
            }
            let looking = self.clone();
            let looked = tokio::task::spawn_blocking(move || looking.look()).await;
            match looked.unwrap_or_else(|error| Err(error.into())) {
                Ok(false) => complaint = Complaint::default(),
                Ok(true) => {
                    complaint = Complaint::default();
                    let expires_at = self.current.load().expires_at();
                    tracing::info!(expires_at, "new certificates are in force");
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    if complaint.is_due(&error) {
                        tracing::error!(
                            error,
                            "the certificates cannot be renewed; the old ones stay in force"
                        );
                    }
                }
            }
        }
    }

    /// Puts into force what the files have, if that is something else than before; whether it was.
    fn look(&self) -> anyhow::Result<bool> {
        let files = Files::read(&self.paths)?;
        if files.digest() == self.current.load().digest {
            return Ok(false);
        }
        self.current.store(Arc::new(files.load(&self.paths)?));
        Ok(true)
    }

    fn server(&self) -> Arc<ServerConfig> {
        self.current.load().server.clone()
    }

    fn client(&self) -> Arc<ClientConfig> {
        self.current.load().client.clone()
    }
}

/// What is amiss with the files. It is told once, and only when it is seen for the second time: while one file is renewed
/// and the other is not yet, they do not belong together.
#[derive(Default)]
struct Complaint {
    seen: Option<String>,
    told: bool,
}

impl Complaint {
    fn is_due(&mut self, error: &str) -> bool {
        if self.seen.as_deref() != Some(error) {
            self.seen = Some(error.to_owned());
            self.told = false;
            return false;
        }
        !std::mem::replace(&mut self.told, true)
    }
}
