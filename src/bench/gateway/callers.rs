//! Who asks. Straight on hyper: whatever a client above it does would cost more than some of the servers.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, sync::Mutex};

use crate::bench::load::{Clients, DEADLINE, Refusal};

/// Callers of one task, each with a connection that stays open.
pub struct Callers<F> {
    addr: SocketAddr,
    connections: Vec<Arc<Mutex<Option<Connection>>>>,
    next: F,
}

type Connection = SendRequest<Full<Bytes>>;
/// A request, and the status that grants it.
pub type Asked = (Request<Full<Bytes>>, StatusCode);

impl<F> Callers<F> {
    /// So many callers of this server, who ask what `next` says.
    pub fn new(addr: SocketAddr, count: usize, next: F) -> Self {
        Self {
            addr,
            connections: (0..count).map(|_| Arc::default()).collect(),
            next,
        }
    }
}

impl<F: FnMut() -> Asked + Send + 'static> Clients for Callers<F> {
    fn count(&self) -> usize {
        self.connections.len()
    }

    fn call(
        &mut self,
        client: usize,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + 'static + use<F> {
        let (addr, connection) = (self.addr, self.connections[client].clone());
        let (request, granted) = (self.next)();
        async move {
            let mut connection = connection.lock().await;
            let asking = ask(&mut connection, addr, request);
            let kind = match tokio::time::timeout(DEADLINE, asking).await {
                Ok(Ok((status, _))) if status == granted => return Ok(()),
                Ok(Ok((status, body))) => problem(status, &body),
                Ok(Err(error)) => format!("a broken connection: {error:#}"),
                Err(_) => {
                    *connection = None;
                    "no answer in time".to_owned()
                }
            };
            Err(Refusal {
                doubtful: !kind.starts_with('4'),
                kind,
            })
        }
    }
}

/// Reads the answer to its end, so that the connection is free for the next.
async fn ask(
    connection: &mut Option<Connection>,
    addr: SocketAddr,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let connection = match connection {
        Some(open) if !open.is_closed() => open,
        _ => connection.insert(connect(addr).await?),
    };
    connection.ready().await?;
    let answer = connection.send_request(request).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}

async fn connect(addr: SocketAddr) -> anyhow::Result<Connection> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Its end is the sender's.
    tokio::spawn(connection);
    Ok(sender)
}

fn problem(status: StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = problem["type"].as_str().unwrap_or_default();
    format!("{} {kind}", status.as_u16()).trim_end().to_owned()
}
