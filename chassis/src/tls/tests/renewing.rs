use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::pki::{Authority, Folder, Pair, call, channel, serve};
use crate::{
    Service,
    tls::{Complaint, Config, Tls},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What runs and follows its files, until the service stops.
struct Running {
    service: Service,
    tls: Tls,
    port: u16,
}

impl Running {
    async fn start(config: &Config) -> Self {
        let service = Service::new("a service");
        let tls = Tls::following(config, &service).unwrap().unwrap();
        let port = serve(tls.clone()).await.port();
        Self { service, tls, port }
    }

    /// The certificate that a new connection is shown.
    async fn shows(&self, to: &Tls) -> CertificateDer<'static> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(to.client());
        let connection = connector.connect(name, stream).await.unwrap();
        let (_, session) = connection.get_ref();
        session.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// Waits until new connections are shown this one.
    async fn until_it_shows(&self, pair: &Pair, to: &Tls) {
        let expected = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
        let begun = Instant::now();
        while self.shows(to).await != expected {
            assert!(begun.elapsed() < PATIENCE, "the old one is still shown");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_connections_use_renewed_files_and_old_ones_go_on() {
    let authority = Authority::new();
    let folder = Folder::of(&authority);
    let running = Running::start(&folder.config()).await;
    let caller = Folder::of(&authority).load();
    let old = channel(&caller, "localhost", running.port);
    call(old.clone()).await.unwrap();

    let renewed = authority.issue();
    folder.put_pair(&renewed);
    running.until_it_shows(&renewed, &caller).await;
    call(old).await.unwrap();
    call(channel(&caller, "localhost", running.port))
        .await
        .unwrap();
    // As a client it shows the new one, too.
    let other = Running::start(&Folder::of(&authority).config()).await;
    call(channel(&running.tls, "localhost", other.port))
        .await
        .unwrap();
    running.service.stop().await;
    other.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_connects_again_with_renewed_files() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = Folder::of(&old);
    let service = Service::new("a service");
    let caller = Tls::following(&folder.config(), &service).unwrap().unwrap();
    let addr = serve(Folder::of(&new).load()).await;
    let channel = channel(&caller, "localhost", addr.port());
    call(channel.clone()).await.unwrap_err();

    folder.put("ca.pem", &new.pem);
    folder.put_pair(&new.issue());
    let begun = Instant::now();
    while call(channel.clone()).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the old ones are still used");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_files_leave_the_old_ones_in_force() {
    let authority = Authority::new();
    let folder = Folder::of(&authority);
    let running = Running::start(&folder.config()).await;
    let caller = Folder::of(&authority).load();
    let before = running.shows(&caller).await;

    let whole = authority.issue();
    let half = &whole.cert[..whole.cert.len() / 2];
    for (cert, key) in [
        // One file is renewed, the other not yet.
        (whole.cert.as_str(), authority.issue().key.as_str()),
        (half, &whole.key),
        ("", ""),
        (&authority.issue_expired().cert, &whole.key),
    ] {
        folder.put("cert.pem", cert);
        folder.put("key.pem", key);
        // Many looks.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(running.shows(&caller).await, before);
        call(channel(&caller, "localhost", running.port))
            .await
            .unwrap();
    }
    fs::remove_file(folder.path("ca.pem")).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(running.shows(&caller).await, before);

    folder.put("ca.pem", &authority.pem);
    folder.put_pair(&whole);
    running.until_it_shows(&whole, &caller).await;
    running.service.stop().await;
}

/// Makes `link` lead to `folder` from one moment to the next, as Kubernetes does with a secret that it mounts.
fn swing(link: &Path, folder: &Path) {
    let draft = link.with_extension("draft");
    symlink(folder, &draft).unwrap();
    fs::rename(draft, link).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_behind_a_link_are_followed_when_it_leads_elsewhere() {
    let authority = Authority::new();
    let (old, new) = (Folder::of(&authority), Folder::of(&authority));
    let renewed = authority.issue();
    new.put_pair(&renewed);
    let mount = tempfile::tempdir().unwrap();
    let link = mount.path().join("data");
    swing(&link, &old.path(""));
    let file = |name: &str| -> Option<PathBuf> { Some(link.join(name)) };
    let config = Config {
        grpc_tls_cert: file("cert.pem"),
        grpc_tls_key: file("key.pem"),
        grpc_tls_ca: file("ca.pem"),
        ..old.config()
    };
    let running = Running::start(&config).await;
    let caller = Folder::of(&authority).load();

    swing(&link, &new.path(""));
    running.until_it_shows(&renewed, &caller).await;
    running.service.stop().await;
}

#[test]
fn a_fault_is_told_once_and_only_if_it_lasts() {
    let mut complaint = Complaint::default();
    let told = ["a", "a", "a", "b", "a", "a", "a"].map(|error| complaint.is_due(error));
    assert_eq!(told, [false, true, false, false, false, true, false]);
}
