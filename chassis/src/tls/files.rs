use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use chrono::DateTime;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore, ServerConfig,
    client::{Resumption, verify_server_cert_signed_by_trust_anchor},
    crypto::{CryptoProvider, ring},
    server::{
        NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    version::TLS13,
};

use super::config::{CA, CERT, KEY, Paths};

/// gRPC is spoken in HTTP/2 alone.
const ALPN: &[u8] = b"h2";
/// Whatever is accepted for longer, in seconds, is accepted for good.
const HORIZON: u64 = 100 * 365 * 86_400;

/// What the three files had when they were read.
pub(super) struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    ca: Vec<u8>,
}

/// What follows from them.
pub(super) struct Loaded {
    /// Of the files, by which a change is noticed.
    pub(super) digest: [u8; 32],
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
    /// The last second, since 1970, at which others accept the certificate.
    pub(super) accepted_until: u64,
}

impl Loaded {
    pub(super) fn expires_at(&self) -> String {
        i64::try_from(self.accepted_until)
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map(|at| at.to_rfc3339())
            .unwrap_or_default()
    }
}

impl Files {
    pub(super) fn read(paths: &Paths) -> anyhow::Result<Self> {
        Ok(Self {
            cert: read(CERT, &paths.cert)?,
            key: read(KEY, &paths.key)?,
            ca: read(CA, &paths.ca)?,
        })
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        [&self.cert, &self.key, &self.ca]
            .iter()
            .fold(Sha256::new(), |sum, file| {
                sum.chain_update(Sha256::digest(file))
            })
            .finalize()
            .into()
    }

    /// # Errors
    /// When they do not belong together, or no other service would accept the certificate.
    pub(super) fn load(&self, paths: &Paths) -> anyhow::Result<Loaded> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&self.cert).with_context(|| at(CERT, &paths.cert))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            // The reason might quote a line of it.
            .ok()
            .context("no private key in PEM")
            .with_context(|| at(KEY, &paths.key))?;
        let roots = roots(&self.ca).with_context(|| at(CA, &paths.ca))?;
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build()?;
        let own = Own {
            chain: &chain,
            roots: &roots,
            clients: &*clients,
            provider: &provider,
        };
        let now = UnixTime::now();
        own.accepted_at(now)
            .with_context(|| format!("no service with the same {CA} would accept it"))
            .with_context(|| at(CERT, &paths.cert))?;
        let accepted_until = own.accepted_until(now);

        let pair = || {
            format!(
                "{} is not the key of {}",
                at(KEY, &paths.key),
                at(CERT, &paths.cert)
            )
        };
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain.clone(), key.clone_key())
            .with_context(pair)?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // Connections last: it is not worth it that a new one takes an old one's word for who the other side is.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .with_context(pair)?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = Resumption::disabled();
        Ok(Loaded {
            digest: self.digest(),
            server: Arc::new(server),
            client: Arc::new(client),
            accepted_until,
        })
    }
}

/// This service's certificate, as others judge it.
struct Own<'a> {
    chain: &'a [CertificateDer<'static>],
    roots: &'a RootCertStore,
    clients: &'a dyn ClientCertVerifier,
    provider: &'a CryptoProvider,
}

impl Own<'_> {
    /// Whether it is good for both sides of a connection.
    fn accepted_at(&self, at: UnixTime) -> Result<(), rustls::Error> {
        let (leaf, between) = self
            .chain
            .split_first()
            .ok_or(rustls::Error::NoCertificatesPresented)?;
        self.clients.verify_client_cert(leaf, between, at)?;
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(leaf)?,
            self.roots,
            between,
            at,
            self.provider.signature_verification_algorithms.all,
        )
    }

    /// rustls tells no dates, but answers for any: the last one is found by halving.
    fn accepted_until(&self, now: UnixTime) -> u64 {
        let mut accepted = now.as_secs();
        let mut refused = accepted + HORIZON;
        while refused - accepted > 1 {
            let middle = accepted + (refused - accepted) / 2;
            let at = UnixTime::since_unix_epoch(Duration::from_secs(middle));
            if self.accepted_at(at).is_ok() {
                accepted = middle;
            } else {
                refused = middle;
            }
        }
        accepted
    }
}

fn at(variable: &str, path: &Path) -> String {
    format!("{variable} ({})", path.display())
}

fn read(variable: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| at(variable, path))
}

fn certificates(pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .ok()
        .context("not PEM")?;
    ensure!(!certificates.is_empty(), "no certificate in PEM");
    Ok(certificates)
}

fn roots(pem: &[u8]) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate)?;
    }
    Ok(Arc::new(roots))
}
