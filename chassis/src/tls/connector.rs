use anyhow::Context as _;
use http::{Uri, uri::Scheme};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};
use tower::{BoxError, ServiceExt as _, service_fn};

use super::Tls;

impl Tls {
    /// A connection to the service at this `https` address, made at the first call and again whenever it is lost, each time
    /// with the certificates that are then in force.
    pub(crate) fn channel(
        &self,
        endpoint: impl FnOnce(Uri) -> Endpoint,
        uri: Uri,
    ) -> anyhow::Result<Channel> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned())
            .with_context(|| format!("`{host}` is no name that a certificate could have"))?;
        // tonic itself would speak TLS with an `https` address, by a configuration that it keeps.
        let mut parts = uri.clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        let endpoint = endpoint(Uri::from_parts(parts)?).origin(uri.clone());
        let tls = self.clone();
        let connector = service_fn(move |_: Uri| tls.clone().connect(uri.clone(), name.clone()));
        Ok(endpoint.connect_with_connector_lazy(connector))
    }

    async fn connect(
        self,
        uri: Uri,
        name: ServerName<'static>,
    ) -> Result<TokioIo<TlsStream<TcpStream>>, BoxError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let stream = tcp.oneshot(uri).await?.into_inner();
        let connector = TlsConnector::from(self.client());
        Ok(TokioIo::new(connector.connect(name, stream).await?))
    }
}
