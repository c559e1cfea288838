//! Events over RabbitMQ: written to an outbox with the change they tell of, published by a relay, and applied by each
//! consumer exactly once.

pub mod consumer;
mod inbox;
mod link;
pub mod listener;
pub mod outbox;
mod publisher;
pub mod relay;
mod retry;
pub mod stream;
mod subscription;
mod topology;

use std::{ffi::OsStr, str::FromStr, sync::Arc, sync::OnceLock, time::Duration};

use anyhow::{Context as _, bail};
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use clap::error::ErrorKind;
use lapin::{BasicProperties, types::ShortString, uri::AMQPUri};
use proto::{
    cloudevents::{CONTENT_TYPE, CloudEvent},
    topology::QUEUES,
};
use tokio::{sync::Mutex, time::timeout};

use crate::{Error, Result, config::Secret};
use link::{Link, LiveChannel};
use publisher::{Message, Publisher, Receipt};
use topology::Topology;

pub use consumer::EventHandler;
pub use listener::EventListener;
pub use stream::StreamReader;

/// One exchange with the broker; [`Bus::publish`] takes no longer.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where RabbitMQ is.
#[derive(Debug, Clone, clap::Args)]
// Flattened into parsers that are called `Config` too, and clap wants the names of its groups unique.
#[group(skip)]
pub struct Config {
    /// RabbitMQ: amqp://USER:PASSWORD@HOST:PORT/VHOST, the virtual host percent-encoded; amqps:// for TLS
    #[arg(
        long,
        env = "AMQP_URL",
        value_name = "AMQP_URL",
        hide_env_values = true
    )]
    #[arg(default_value = "amqp://guest:guest@127.0.0.1:5672/%2f", value_parser = Url)]
    pub amqp_url: Secret,
    /// Prefix of the exchanges' names; another one than the default also sets the queues apart
    #[arg(long, env = "AMQP_NAMESPACE", value_name = "AMQP_NAMESPACE")]
    #[arg(default_value = topology::SYSTEM, value_parser = namespace)]
    pub amqp_namespace: String,
}

/// Reads `AMQP_URL`. On its own, because clap's message for a bad value would quote it, and with it the password.
#[derive(Clone)]
struct Url;

impl clap::builder::TypedValueParser for Url {
    type Value = Secret;

    fn parse_ref(
        &self,
        _: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Secret, clap::Error> {
        value
            .to_str()
            .filter(|url| AMQPUri::from_str(url).is_ok())
            .map(Secret::from)
            .ok_or_else(|| {
                let reason = "AMQP_URL: expected amqp://USER:PASSWORD@HOST:PORT/VHOST\n";
                clap::Error::raw(ErrorKind::ValueValidation, reason)
            })
    }
}

fn namespace(value: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=64).contains(&value.len()) && value.bytes().all(plain) {
        Ok(value.to_owned())
    } else {
        Err("expected 1 to 64 letters, digits, dots, dashes or underscores")
    }
}

/// The way to RabbitMQ: one connection for publishing and, as soon as something consumes, one for that, so that a broker
/// that holds publishers back holds no consumer back. Each is replaced when lost, for ever, and declares the whole
/// topology before it is used.
pub struct Bus {
    service: String,
    url: Secret,
    topology: Topology,
    publishing: Link,
    consuming: OnceLock<Link>,
    /// For single messages; the relay has its own.
    publisher: Mutex<Option<Publisher>>,
}

impl Bus {
    /// Connects in the background; needs a Tokio runtime.
    #[must_use]
    pub fn new(config: &Config, service: &str) -> Arc<Self> {
        let topology = Topology::new(&config.amqp_namespace);
        let name = format!("{service} (publishing)");
        Arc::new(Self {
            service: service.to_owned(),
            url: config.amqp_url.clone(),
            publishing: Link::open(config.amqp_url.clone(), name, topology.clone()),
            consuming: OnceLock::new(),
            publisher: Mutex::new(None),
            topology,
        })
    }

    /// Whether RabbitMQ can be published to now, and every queue of the system stands.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.publishing.is_up()
    }

    /// Publishes one event past the outbox, for what may be lost. Takes at most 5 s.
    ///
    /// # Errors
    /// `Unavailable` when the broker did not confirm that it has it.
    pub async fn publish(&self, event: &CloudEvent) -> Result<()> {
        let body = serde_json::to_vec(event)?;
        let message = Message {
            message_id: event.id.to_string(),
            routing_key: &event.kind,
            body: &body,
            properties: event_properties(&event.kind),
        };
        match self.send(&self.topology.events(), message).await {
            Ok(Receipt::Stored) => Ok(()),
            Ok(Receipt::Unroutable) if !topology::is_wanted(&event.kind) => Ok(()),
            Ok(receipt) => Err(Error::unavailable(anyhow::anyhow!("{receipt:?}"))),
            Err(error) => Err(Error::unavailable(error)),
        }
    }

    /// Deletes the exchanges, queues and streams of a test's namespace.
    ///
    /// # Errors
    /// When the broker is away, or the namespace is the system's own.
    pub async fn delete_topology(&self) -> anyhow::Result<()> {
        if self.topology.is_system() {
            bail!("the system's own queues are not deleted");
        }
        let channel = self.publishing.channel().await?;
        self.topology.delete(channel.channel()).await?;
        Ok(())
    }

    /// Puts a message where operators find it: into the queue's dead letters. Takes at most 5 s.
    async fn dead_letter(&self, message: Message<'_>) -> anyhow::Result<()> {
        match self.send(&self.topology.dead(), message).await? {
            Receipt::Stored => Ok(()),
            receipt => bail!("{receipt:?}"),
        }
    }

    /// One message, so the receipt is certainly its own.
    async fn send(&self, exchange: &str, message: Message<'_>) -> anyhow::Result<Receipt> {
        let sending = async {
            let mut slot = self.publisher.lock().await;
            // Taken, so that a publisher that is given up half-way is not used again.
            let mut publisher = match slot.take().filter(Publisher::is_usable) {
                Some(publisher) => publisher,
                None => self.publisher().await?,
            };
            let receipts = publisher.send(exchange, vec![message]).await;
            let receipt = receipts.first().copied().unwrap_or(Receipt::Failed);
            if receipt != Receipt::Failed {
                *slot = Some(publisher);
            }
            Ok(receipt)
        };
        timeout(PUBLISH_TIMEOUT, sending)
            .await
            .context("RabbitMQ did not confirm in time")?
    }

    async fn publisher(&self) -> anyhow::Result<Publisher> {
        Publisher::open(&self.publishing).await
    }

    /// Declares everything again, for when something of it was deleted.
    async fn declare(&self) -> anyhow::Result<()> {
        let channel = self.publishing.channel().await?;
        let declare = self.topology.declare(channel.channel(), QUEUES);
        timeout(PUBLISH_TIMEOUT, declare)
            .await
            .context("no answer in time")??;
        Ok(())
    }

    async fn consuming_channel(&self) -> anyhow::Result<LiveChannel> {
        self.consuming
            .get_or_init(|| {
                let name = format!("{} (consuming)", self.service);
                Link::open(self.url.clone(), name, self.topology.clone())
            })
            .channel()
            .await
    }
}

fn event_properties(kind: &str) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_type(ShortString::try_new(kind).unwrap_or_default())
}

/// Growing delays, from 0.1 s to 5 s, without end.
fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        amqp: Config,
    }

    fn parse(argument: &str, value: &str) -> Result<Command, String> {
        Command::try_parse_from(["test", argument, value]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bad_address_is_refused_by_name_and_its_password_stays_secret() {
        for bad in ["http://guest:hunter2@host", "amqp:hunter2", "hunter2"] {
            let message = parse("--amqp-url", bad).unwrap_err();
            assert!(message.contains("AMQP_URL"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        let good = parse("--amqp-url", "amqps://guest:hunter2@host/%2f").unwrap();
        assert!(!format!("{good:?}").contains("hunter2"));
    }

    #[test]
    fn a_namespace_is_a_short_plain_word() {
        for bad in ["", "a b", "a/b", "a#", &"a".repeat(65)] {
            assert!(parse("--amqp-namespace", bad).is_err(), "{bad}");
        }
        assert_eq!(
            parse("--amqp-namespace", "test-1")
                .unwrap()
                .amqp
                .amqp_namespace,
            "test-1"
        );
    }
}
