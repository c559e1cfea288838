//! A consumer of ours at a queue, as long as its channel lives.

use std::time::Duration;

use anyhow::{Context as _, bail};
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use proto::topology::Queue;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{Bus, link::LiveChannel};

/// One exchange with the broker. lapin leaves some callers without an answer when it loses the connection under them.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the channel is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// See the module's documentation. What was not acked when it ends goes back to the queue.
pub(super) struct Subscription {
    channel: LiveChannel,
}

impl Subscription {
    /// Waits for the connection as long as it takes. RabbitMQ sends two batches ahead of their acks: while one is worked on,
    /// the next is there.
    pub async fn open(
        bus: &Bus,
        queue: Queue,
        batch: u16,
    ) -> anyhow::Result<(Self, lapin::Consumer)> {
        let live = bus.consuming_channel().await?;
        let channel = live.channel();
        let subscribe = async {
            // The queue may have been deleted since the connection was made.
            bus.topology.declare(channel, &[queue]).await?;
            channel
                .basic_qos(batch.max(1).saturating_mul(2), BasicQosOptions::default())
                .await?;
            channel
                .basic_consume(
                    bus.topology.queue(queue).into(),
                    format!("{}-{}", bus.service, Uuid::now_v7()).into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await
        };
        let deliveries = timeout(ANSWER_TIMEOUT, subscribe)
            .await
            .context("no answer in time")?
            .context("subscribing")?;
        Ok((Self { channel: live }, deliveries))
    }

    /// Resolves when the channel is lost.
    pub async fn lost(&self) {
        while self.channel.is_alive() {
            sleep(LOOK).await;
        }
    }

    /// Acks a delivery, or `all` that came before it too.
    pub async fn ack(&self, delivery: &Delivery, all: bool) -> anyhow::Result<()> {
        let options = BasicAckOptions { multiple: all };
        let acked = timeout(ANSWER_TIMEOUT, delivery.acker.ack(options)).await;
        if !acked.context("the ack was not sent in time")?? {
            bail!("the channel was lost before the ack");
        }
        Ok(())
    }
}
