use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::builder::{OsStringValueParser, TypedValueParser};

pub(super) const CERT: &str = "GRPC_TLS_CERT";
pub(super) const KEY: &str = "GRPC_TLS_KEY";
pub(super) const CA: &str = "GRPC_TLS_CA";

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where the certificates are. All three variables are set, or none: then the services speak plain text with each other.
#[derive(Debug, Clone, clap::Args)]
// Flattened into parsers that are called `Config` too, and clap wants the names of its groups unique.
#[group(skip)]
pub struct Config {
    /// Mutual TLS between the services: the file of this service's certificate, and those between it and the authority's
    /// (PEM); by default there is no TLS
    #[arg(long, env = CERT, value_name = CERT, value_parser = path())]
    pub grpc_tls_cert: Option<PathBuf>,
    /// The file of the certificate's private key (PEM)
    #[arg(long, env = KEY, value_name = KEY, value_parser = path())]
    pub grpc_tls_key: Option<PathBuf>,
    /// The file of the authority's certificate (PEM; several while one follows the other): nobody else's are accepted
    #[arg(long, env = CA, value_name = CA, value_parser = path())]
    pub grpc_tls_ca: Option<PathBuf>,
    /// How often a running service looks whether the files have changed.
    #[arg(skip = LOOK_EVERY)]
    pub look_every: Duration,
}

impl Default for Config {
    /// Without TLS.
    fn default() -> Self {
        Self {
            grpc_tls_cert: None,
            grpc_tls_key: None,
            grpc_tls_ca: None,
            look_every: LOOK_EVERY,
        }
    }
}

/// An empty variable is none, which a path's own parser refuses.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

pub(super) struct Paths {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) ca: PathBuf,
}

impl Config {
    /// How the URL of a service begins that has this configuration.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.named().iter().any(|(_, path)| path.is_some()) {
            "https"
        } else {
            "http"
        }
    }

    fn named(&self) -> [(&'static str, Option<&Path>); 3] {
        [
            (CERT, &self.grpc_tls_cert),
            (KEY, &self.grpc_tls_key),
            (CA, &self.grpc_tls_ca),
        ]
        .map(|(variable, path)| {
            let path = path.as_deref().filter(|path| !path.as_os_str().is_empty());
            (variable, path)
        })
    }

    /// # Errors
    /// When only some are set; names one that is missing.
    pub(super) fn paths(&self) -> anyhow::Result<Option<Paths>> {
        let named = self.named();
        let Some((set, _)) = named.iter().find(|(_, path)| path.is_some()) else {
            return Ok(None);
        };
        let [cert, key, ca] = named.map(|(variable, path)| {
            path.map(Path::to_owned)
                .with_context(|| format!("bad configuration: {set} is set, but {variable} is not"))
        });
        Ok(Some(Paths {
            cert: cert?,
            key: key?,
            ca: ca?,
        }))
    }
}
