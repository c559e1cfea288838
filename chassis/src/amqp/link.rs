//! One connection to RabbitMQ that comes back by itself, for ever.

use std::{str::FromStr, sync::Arc, time::Duration};

use anyhow::Context as _;
use lapin::{Channel, Connection, ConnectionProperties, uri::AMQPUri};
use proto::topology::{QUEUES, STREAMS};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{backoff, topology::Topology};
use crate::config::Secret;

/// Connecting and declaring everything, together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection without a sign of life for twice as long is dead. In seconds.
const HEARTBEAT: u16 = 10;
/// How often a connection is looked at.
const LOOK: Duration = Duration::from_millis(200);

type Current = Option<Arc<Connection>>;

/// A connection whose broker has the topology declared; a new one whenever it is lost. It ends when this is dropped.
pub(super) struct Link {
    current: watch::Receiver<Current>,
}

impl Link {
    /// `name` is what RabbitMQ shows for the connection.
    pub fn open(url: Secret, name: String, topology: Topology) -> Self {
        let (sender, current) = watch::channel(None);
        tokio::spawn(keep(sender, url, name, topology));
        Self { current }
    }

    /// Whether there is a live connection, and the topology stands.
    pub fn is_up(&self) -> bool {
        self.current
            .borrow()
            .as_ref()
            .is_some_and(|connection| connection.status().connected())
    }

    /// A new channel; waits for the connection as long as it takes.
    pub async fn channel(&self) -> anyhow::Result<LiveChannel> {
        let connection = self
            .current
            .clone()
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|current| current.clone())
            .context("the link to RabbitMQ has ended")?;
        let channel = timeout(CHANNEL_TIMEOUT, connection.create_channel())
            .await
            .context("RabbitMQ opens no channel")?
            .context("opening a channel")?;
        Ok(LiveChannel {
            channel,
            connection,
        })
    }
}

/// A channel, and the connection that it lives with: a channel does not always hear of the connection's end.
pub(super) struct LiveChannel {
    channel: Channel,
    connection: Arc<Connection>,
}

impl LiveChannel {
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    pub fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }
}

async fn keep(sender: watch::Sender<Current>, url: Secret, name: String, topology: Topology) {
    let mut delays = backoff();
    let mut last_failure = String::new();
    loop {
        let connected = tokio::select! {
            () = sender.closed() => return,
            connected = timeout(CONNECT_TIMEOUT, connect(&url, &name, &topology)) => {
                connected.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in time")))
            }
        };
        match connected {
            Ok(connection) => {
                tracing::info!(connection = name, "connected to RabbitMQ");
                delays = backoff();
                last_failure.clear();
                let connection = Arc::new(connection);
                sender.send_replace(Some(connection.clone()));
                while connection.status().connected() {
                    tokio::select! {
                        () = sender.closed() => return,
                        () = sleep(LOOK) => {}
                    }
                }
                sender.send_replace(None);
                tracing::warn!(connection = name, "lost RabbitMQ; connecting again");
            }
            Err(error) => {
                let failure = format!("{error:#}");
                if failure != last_failure {
                    tracing::warn!(
                        connection = name,
                        error = failure,
                        "cannot use RabbitMQ; trying on"
                    );
                    last_failure = failure;
                }
            }
        }
        sleep(delays.next().unwrap_or_default()).await;
    }
}

async fn connect(url: &Secret, name: &str, topology: &Topology) -> anyhow::Result<Connection> {
    // The parser's error may quote the address, and with it the password.
    let mut uri =
        AMQPUri::from_str(url.expose()).map_err(|_| anyhow::anyhow!("malformed AMQP_URL"))?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect_uri(uri, properties)
        .await
        .context("connecting")?;
    let channel = connection
        .create_channel()
        .await
        .context("opening a channel")?;
    topology
        .declare(&channel, QUEUES)
        .await
        .context("declaring exchanges and queues")?;
    for &stream in STREAMS {
        // Its own channel, which a refusal ends. A broker without streams is no reason to publish nothing.
        let channel = connection.create_channel().await?;
        if let Err(error) = topology.declare_stream(&channel, stream).await {
            tracing::warn!(stream = stream.name, %error, "a stream cannot be declared");
        }
        channel.close(200, "".into()).await.ok();
    }
    Ok(connection)
}
