//! A listener hears of events while they happen, by a queue of its own that goes when it goes. For what each process has
//! to learn at once and none has to remember: that something which it keeps in memory is out of date. What is published
//! while RabbitMQ is away is missed, and the listener is told that it may have missed something.

use std::{pin::pin, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use futures::StreamExt as _;
use lapin::{
    Channel,
    options::{BasicConsumeOptions, QueueDeclareOptions},
    types::{FieldTable, ShortString},
};
use proto::cloudevents::CloudEvent;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Bus, backoff,
    link::LiveChannel,
    topology::{Topology, bind},
};

/// Making the queue and binding it, together; or an answer, after which the connection is as good as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the queue is asked for. Heartbeats would find a connection that died without a word in 20 s only.
const ASK: Duration = Duration::from_millis(250);
/// Who has no answer after so long counts as deaf. With [`ASK`] it is less than a second.
const PATIENCE: Duration = Duration::from_millis(600);
/// A session that lasted so long was no failed attempt.
const STEADY: Duration = Duration::from_secs(10);

/// What hears of events. It is called in between other work, so it takes no time.
pub trait EventListener: Send + Sync + 'static {
    /// From now on it hears of every event, or, `false`, perhaps of none. It is deaf to begin with, and whenever it hears
    /// again it may have missed events.
    fn set_hearing(&self, hearing: bool);

    /// An event, not long after it was published.
    ///
    /// # Errors
    /// When it cannot be understood; the listener is then told that it may have missed it.
    fn hear(&self, event: &CloudEvent) -> anyhow::Result<()>;
}

/// Tells a listener of all events of these types until stopped; no outage of RabbitMQ ends it. Whoever loses RabbitMQ, also
/// without a word, is told within a second.
pub async fn run(
    kinds: &'static [&'static str],
    bus: Arc<Bus>,
    listener: Arc<dyn EventListener>,
    stop: CancellationToken,
) {
    let mut delays = backoff();
    while !stop.is_cancelled() {
        let started = Instant::now();
        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = session(kinds, &bus, &*listener) => ended,
        };
        listener.set_hearing(false);
        measure(&bus, false);
        if started.elapsed() > STEADY {
            delays = backoff();
        }
        if let Err(error) = ended {
            tracing::warn!(
                service = bus.service,
                error = format!("{error:#}"),
                "hearing of no events; trying on"
            );
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(delays.next().unwrap_or_default()) => {}
            }
        }
    }
}

/// Listens until the queue is lost. Waits for the connection as long as it takes.
async fn session(kinds: &[&str], bus: &Bus, listener: &dyn EventListener) -> anyhow::Result<()> {
    let live = bus.consuming_channel().await?;
    let opened = timeout(ANSWER_TIMEOUT, open(live.channel(), &bus.topology, kinds)).await;
    let (queue, mut deliveries) = opened.context("no answer in time")?.context("listening")?;
    listener.set_hearing(true);
    let hear = async {
        while let Some(delivery) = deliveries.next().await {
            // Not serde's whole message: it may quote the payload.
            let event = CloudEvent::from_slice(&delivery?.data)
                .map_err(|error| anyhow!("no CloudEvent: {:?} error", error.classify()))?;
            listener.hear(&event)?;
        }
        bail!("RabbitMQ ended the consumer")
    };
    tokio::select! {
        ended = hear => ended,
        ended = watch(bus, &live, &queue, listener) => ended,
    }
}

/// A queue that only this connection uses and that ends with it, and what comes to it.
async fn open(
    channel: &Channel,
    topology: &Topology,
    kinds: &[&str],
) -> lapin::Result<(ShortString, lapin::Consumer)> {
    // The exchange may have been deleted since the connection was made.
    topology.declare(channel, &[]).await?;
    let options = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..Default::default()
    };
    let queue = channel
        .queue_declare("".into(), options, FieldTable::default())
        .await?
        .name()
        .clone();
    for kind in kinds {
        bind(channel, queue.as_str(), &topology.events(), kind).await?;
    }
    // Without acks: nobody else would get what this one does not take.
    let options = BasicConsumeOptions {
        no_ack: true,
        exclusive: true,
        ..Default::default()
    };
    let deliveries = channel
        .basic_consume(queue.clone(), "".into(), options, FieldTable::default())
        .await?;
    Ok((queue, deliveries))
}

/// Asks the broker for the queue again and again, and ends with the reason when the queue is lost. The queue answers after
/// all that it had to deliver, so who gets the answer in time has missed nothing. Who waits for it is deaf meanwhile.
async fn watch(
    bus: &Bus,
    live: &LiveChannel,
    queue: &ShortString,
    listener: &dyn EventListener,
) -> anyhow::Result<()> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    loop {
        // Each time, since what is measured before somebody first looks is not there then.
        measure(bus, true);
        sleep(ASK).await;
        if !live.is_alive() {
            bail!("the channel was lost");
        }
        let ask = live
            .channel()
            .queue_declare(queue.clone(), passive, FieldTable::default());
        let mut ask = pin!(timeout(ANSWER_TIMEOUT, ask));
        let answer = match timeout(PATIENCE, &mut ask).await {
            Ok(answer) => answer,
            Err(_) => {
                listener.set_hearing(false);
                measure(bus, false);
                let answer = ask.await;
                if matches!(answer, Ok(Ok(_))) {
                    listener.set_hearing(true);
                }
                answer
            }
        };
        answer
            .context("no answer in time")?
            .context("asking for the queue")?;
    }
}

/// 1 while it hears, else 0.
fn measure(bus: &Bus, hearing: bool) {
    metrics::gauge!("listener_hearing", "service" => bus.service.clone())
        .set(f64::from(u8::from(hearing)));
}
