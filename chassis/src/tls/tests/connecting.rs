use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{io::AsyncReadExt as _, net::TcpListener, net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring},
};
use tonic::transport::{Endpoint, Server};

use super::pki::{Authority, Folder, Pair, call, channel, serve};

#[tokio::test]
async fn services_of_one_authority_reach_each_other_by_any_name_of_the_certificate() {
    let authority = Authority::new();
    let addr = serve(Folder::of(&authority).load()).await;
    let caller = Folder::of(&authority).load();
    for host in ["localhost", "127.0.0.1"] {
        call(channel(&caller, host, addr.port())).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_without_tls_is_refused() {
    let addr = serve(Folder::of(&Authority::new()).load()).await;
    let plain = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    call(plain.connect_lazy()).await.unwrap_err();
}

/// What a client that shows this certificate, or none, is told by a server: anything at all, or nothing.
async fn is_let_in(addr: SocketAddr, authority: &Authority, shown: Option<&Pair>) -> bool {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        Some(pair) => config
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap(),
            )
            .unwrap(),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(addr).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().unwrap();
    // A client of TLS 1.3 believes itself through before the server has looked at its certificate.
    let mut connection = connector.connect(name, stream).await.unwrap();
    let read = timeout(Duration::from_secs(20), connection.read_u8()).await;
    read.unwrap().is_ok()
}

#[tokio::test]
async fn only_a_certificate_of_the_authority_that_is_in_force_lets_a_client_in() {
    let authority = Authority::new();
    let addr = serve(Folder::of(&authority).load()).await;
    for (what, shown, expected) in [
        ("good", Some(authority.issue()), true),
        ("none", None, false),
        (
            "of another authority",
            Some(Authority::new().issue()),
            false,
        ),
        ("expired", Some(authority.issue_expired()), false),
    ] {
        let is_let_in = is_let_in(addr, &authority, shown.as_ref()).await;
        assert_eq!(is_let_in, expected, "{what}");
    }
}

/// A server that asks for no certificate and shows this one.
async fn serve_with(pair: &Pair) -> u16 {
    let chain = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let incoming = futures::stream::unfold(listener, move |listener| {
        let acceptor = acceptor.clone();
        async move {
            let (stream, _) = listener.accept().await.unwrap();
            Some((acceptor.accept(stream).await, listener))
        }
    });
    let (_, health) = tonic_health::server::health_reporter();
    tokio::spawn(
        Server::builder()
            .add_service(health)
            .serve_with_incoming(incoming),
    );
    port
}

#[tokio::test]
async fn only_a_server_that_the_authority_vouches_for_is_talked_to() {
    let authority = Authority::new();
    let caller = Folder::of(&authority).load();
    let elsewhere = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).try_into().unwrap());
        authority.issue_with(|params| {
            params.subject_alt_names = names.map(rcgen::SanType::DnsName).collect();
        })
    };
    for (what, pair, expected) in [
        ("good", authority.issue(), true),
        ("of another authority", Authority::new().issue(), false),
        ("expired", authority.issue_expired(), false),
        ("of another name", elsewhere(&["elsewhere"]), false),
        (
            "of several names",
            elsewhere(&["elsewhere", "localhost"]),
            true,
        ),
    ] {
        let port = serve_with(&pair).await;
        let called = call(channel(&caller, "localhost", port)).await;
        assert_eq!(called.is_ok(), expected, "{what}: {called:?}");
    }
}

#[tokio::test]
async fn who_says_nothing_holds_up_nobody_else() {
    let authority = Authority::new();
    let addr = serve(Folder::of(&authority).load()).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(addr).await.unwrap());
    }
    let caller = Folder::of(&authority).load();
    let called = call(channel(&caller, "localhost", addr.port()));
    // Well before the silent are cut off.
    let called = timeout(Duration::from_secs(5), called).await;
    called.unwrap().unwrap();

    let mut first = silent.remove(0);
    let cut_off = timeout(Duration::from_secs(30), first.read_u8()).await;
    cut_off.unwrap().unwrap_err();
}
