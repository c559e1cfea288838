use std::{io, net::SocketAddr, time::Duration};

use futures::{Stream, stream};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::Tls;

/// Who takes longer to show a certificate is cut off.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that wait to be served; further ones wait in their handshakes' tasks.
const WAITING: usize = 64;

type Connection = TlsStream<TcpStream>;

impl Tls {
    /// Connections of clients that the authority vouches for. It is listened for as long as the stream is there.
    pub(crate) fn incoming(
        self,
        listener: TcpListener,
    ) -> impl Stream<Item = io::Result<Connection>> + use<> {
        let (sender, mut receiver) = mpsc::channel(WAITING);
        tokio::spawn(self.accept(listener, sender));
        stream::poll_fn(move |cx| receiver.poll_recv(cx))
    }

    async fn accept(
        self,
        listener: TcpListener,
        connections: mpsc::Sender<io::Result<Connection>>,
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = connections.closed() => return,
            };
            match accepted {
                // In a task of its own: who is slow, or says nothing, holds up nobody else.
                Ok((stream, peer)) => {
                    tokio::spawn(self.clone().shake_hands(stream, peer, connections.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: some will be given back.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn shake_hands(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        connections: mpsc::Sender<io::Result<Connection>>,
    ) {
        let _ = stream.set_nodelay(true);
        let handshake = TlsAcceptor::from(self.server()).accept(stream);
        let shaken = timeout(HANDSHAKE, handshake).await;
        match shaken.unwrap_or_else(|elapsed| Err(elapsed.into())) {
            Ok(connection) => {
                let _ = connections.send(Ok(connection)).await;
            }
            Err(error) => tracing::info!(%peer, %error, "a client was refused: no mutual TLS"),
        }
    }
}
