//! Authorities, and folders with what a service has of one.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use http::Uri;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{
    Status,
    transport::{Channel, Endpoint, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::tls::{Config, Tls};

pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub(super) struct Pair {
    pub(super) cert: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "A test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            pem: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// One that is good for everything.
    pub(super) fn issue(&self) -> Pair {
        self.issue_with(|_| {})
    }

    pub(super) fn issue_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Pair {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub(super) fn issue_expired(&self) -> Pair {
        self.issue_with(|params| params.not_after = date_time_ymd(2020, 1, 1))
    }
}

/// The three files of a service.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn of(authority: &Authority) -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.put_pair(&authority.issue());
        folder.put("ca.pem", &authority.pem);
        folder
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn put(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(super) fn put_pair(&self, pair: &Pair) {
        self.put("cert.pem", &pair.cert);
        self.put("key.pem", &pair.key);
    }

    pub(super) fn config(&self) -> Config {
        Config {
            grpc_tls_cert: Some(self.path("cert.pem")),
            grpc_tls_key: Some(self.path("key.pem")),
            grpc_tls_ca: Some(self.path("ca.pem")),
            look_every: Duration::from_millis(20),
        }
    }

    pub(super) fn load(&self) -> Tls {
        Tls::load(&self.config()).unwrap().unwrap()
    }
}

/// A server that says how it is, to whom it lets in.
pub(super) async fn serve(tls: Tls) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().add_service(health);
    tokio::spawn(server.serve_with_incoming(tls.incoming(listener)));
    addr
}

/// A connection to what listens at this port, by this name.
pub(super) fn channel(tls: &Tls, host: &str, port: u16) -> Channel {
    let uri: Uri = format!("https://{host}:{port}").parse().unwrap();
    tls.channel(Endpoint::from, uri).unwrap()
}

pub(super) async fn call(channel: Channel) -> Result<(), Status> {
    let mut client = HealthClient::new(channel);
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    request.set_timeout(Duration::from_secs(20));
    client.check(request).await.map(drop)
}
