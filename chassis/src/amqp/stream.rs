//! A reader of a stream: each process reads the whole of it for itself, from a while ago to what happens now. An outage
//! costs it nothing as long as the stream keeps what it missed: it goes on after the last event that it saw.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use proto::{cloudevents::CloudEvent, topology::Stream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Bus, backoff, link::LiveChannel};

/// One exchange with the broker.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the stream is asked for. Heartbeats would find a connection that died without a word in 20 s only.
const ASK: Duration = Duration::from_secs(1);
/// Messages that RabbitMQ sends ahead of their acks.
const AHEAD: u16 = 500;
/// Messages that are acked together, at most.
const BATCH: usize = 100;
/// A session that lasted so long was no failed attempt.
const STEADY: Duration = Duration::from_secs(10);

/// Where a message stands in its stream. Each is greater than the one before it, for as long as the stream exists.
pub type Offset = u64;

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what was published so long ago and is still there; as RabbitMQ writes it, for example `10m`. It may be a
    /// little more.
    Ago(&'static str),
}

/// What reads. It is called in between other work, so it takes no time.
pub trait StreamReader: Send + Sync + 'static {
    /// From now on it reads, or, `false`, it reads nothing until it is told otherwise.
    fn set_reading(&self, reading: bool);

    /// What it has read so far does not go on: something in between is gone, or the stream is another one, whose offsets
    /// mean other events. It reads on as if it had just begun.
    fn interrupted(&self);

    /// An event, each once, in the order of the stream. One that was published twice is twice in the stream.
    ///
    /// # Errors
    /// When it cannot be understood; then it is passed over.
    fn read(&self, offset: Offset, event: CloudEvent) -> anyhow::Result<()>;
}

/// Reads until stopped; no outage of RabbitMQ ends it.
pub async fn run(
    stream: Stream,
    start: Start,
    bus: Arc<Bus>,
    reader: Arc<dyn StreamReader>,
    stop: CancellationToken,
) {
    let mut reading = Reading {
        stream,
        start,
        bus,
        reader,
        last: None,
    };
    let mut delays = backoff();
    while !stop.is_cancelled() {
        let started = Instant::now();
        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = reading.session() => ended,
        };
        reading.reader.set_reading(false);
        if started.elapsed() > STEADY {
            delays = backoff();
        }
        if let Err(error) = ended {
            tracing::warn!(
                stream = stream.name,
                error = format!("{error:#}"),
                "not reading; trying on"
            );
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(delays.next().unwrap_or_default()) => {}
            }
        }
    }
}

struct Reading {
    stream: Stream,
    start: Start,
    bus: Arc<Bus>,
    reader: Arc<dyn StreamReader>,
    last: Option<Seen>,
}

/// A message that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    offset: Offset,
    /// The publisher's id of it: what has this offset and another id is in another stream of the same name.
    message_id: Option<String>,
}

impl Reading {
    /// Reads until the channel is lost. Waits for the connection as long as it takes.
    async fn session(&mut self) -> anyhow::Result<()> {
        let live = self.bus.consuming_channel().await?;
        let opened = timeout(ANSWER_TIMEOUT, self.open(&live)).await;
        let deliveries = opened.context("no answer in time")?.context("reading")?;
        let name = self.bus.topology.stream(self.stream);
        tokio::select! {
            ended = self.read(deliveries) => ended,
            ended = watch(&live, &name) => ended,
        }
    }

    async fn open(&self, live: &LiveChannel) -> lapin::Result<lapin::Consumer> {
        let (channel, topology) = (live.channel(), &self.bus.topology);
        // All may have been deleted since the connection was made.
        topology.declare(channel, &[]).await?;
        topology.declare_stream(channel, self.stream).await?;
        channel.basic_qos(AHEAD, BasicQosOptions::default()).await?;
        // Once more the last one that was seen: it tells whether this is still what was read before.
        let from = match (&self.last, self.start) {
            (Some(seen), _) => AMQPValue::LongLongInt(seen.offset.cast_signed()),
            (None, Start::Ago(interval)) => AMQPValue::LongString(interval.into()),
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-stream-offset".into(), from);
        channel
            .basic_consume(
                topology.stream(self.stream).into(),
                format!("{}-{}", self.bus.service, Uuid::now_v7()).into(),
                BasicConsumeOptions::default(),
                arguments,
            )
            .await
    }

    async fn read(&mut self, mut deliveries: lapin::Consumer) -> anyhow::Result<()> {
        if let Some(last) = &self.last {
            let again = timeout(ANSWER_TIMEOUT, deliveries.next()).await;
            let again = match again {
                Ok(delivery) => Some(seen(&delivery.context("the consumer ended")??)?),
                Err(_) => None,
            };
            if again.as_ref() != Some(last) {
                // The rest is read as if for the first time.
                self.last = None;
                self.reader.interrupted();
                bail!("what was read last is not there any more");
            }
        }
        self.reader.set_reading(true);
        let mut batches = deliveries.ready_chunks(BATCH);
        while let Some(batch) = batches.next().await {
            let batch = batch.into_iter().collect::<lapin::Result<Vec<_>>>()?;
            for delivery in &batch {
                let seen = seen(delivery)?;
                self.take(seen.offset, delivery);
                self.last = Some(seen);
            }
            // Nothing is taken off a stream: an ack asks for more.
            if let Some(last) = batch.last() {
                let acked = last.acker.ack(BasicAckOptions { multiple: true });
                let acked = timeout(ANSWER_TIMEOUT, acked).await;
                acked.context("the ack was not sent in time")??;
            }
        }
        bail!("RabbitMQ ended the consumer")
    }

    fn take(&self, offset: Offset, delivery: &Delivery) {
        // Not serde's whole message: it may quote the payload.
        let read = match CloudEvent::from_slice(&delivery.data) {
            Ok(event) => self.reader.read(offset, event),
            Err(error) => Err(anyhow::anyhow!(
                "no CloudEvent: {:?} error",
                error.classify()
            )),
        };
        if let Err(error) = read {
            tracing::warn!(
                stream = self.stream.name,
                offset,
                error = format!("{error:#}"),
                "an event was passed over"
            );
        }
    }
}

fn seen(delivery: &Delivery) -> anyhow::Result<Seen> {
    let properties = &delivery.properties;
    let offset = properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get("x-stream-offset"))
        .and_then(AMQPValue::as_long_long_int)
        .context("a message without an offset")?;
    Ok(Seen {
        offset: offset.cast_unsigned(),
        message_id: properties.message_id().as_ref().map(ToString::to_string),
    })
}

/// Asks the broker for the stream again and again, and ends with the reason when it is lost.
async fn watch(live: &LiveChannel, name: &str) -> anyhow::Result<()> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    loop {
        sleep(ASK).await;
        if !live.is_alive() {
            bail!("the channel was lost");
        }
        let ask = live
            .channel()
            .queue_declare(name.into(), passive, FieldTable::default());
        timeout(ANSWER_TIMEOUT, ask)
            .await
            .context("no answer in time")?
            .context("asking for the stream")?;
    }
}
