//! A subscriber like any other: a queue of its own, bound to the exchange of all events.

use std::{collections::HashMap, time::Duration};

use anyhow::Context as _;
use chassis::amqp;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use lapin::{
    Connection, ConnectionProperties, Consumer,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use proto::cloudevents::CloudEvent;
use serde::Deserialize;
use uuid::Uuid;

/// What has happened since [`Events::subscribe`].
pub struct Events {
    consumer: Consumer,
    /// By order and type.
    seen: HashMap<(Uuid, String), DateTime<Utc>>,
    /// The queue goes with the connection.
    _connection: Connection,
}

/// What the events of an order have in common.
#[derive(Deserialize)]
struct OfOrder {
    order_id: Uuid,
}

impl Events {
    pub async fn subscribe(bus: &amqp::Config) -> anyhow::Result<Self> {
        let connection =
            Connection::connect(bus.amqp_url.expose(), ConnectionProperties::default())
                .await
                .context("connecting to RabbitMQ")?;
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..Default::default()
        };
        let queue = channel
            .queue_declare("".into(), options, FieldTable::default())
            .await?;
        let exchange = format!("{}.events", bus.amqp_namespace);
        for pattern in ["order.#", "inventory.#"] {
            channel
                .queue_bind(
                    queue.name().clone(),
                    exchange.clone().into(),
                    pattern.into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await?;
        }
        let options = BasicConsumeOptions {
            no_ack: true,
            exclusive: true,
            ..Default::default()
        };
        let consumer = channel
            .basic_consume(
                queue.name().clone(),
                "".into(),
                options,
                FieldTable::default(),
            )
            .await?;
        Ok(Self {
            consumer,
            seen: HashMap::new(),
            _connection: connection,
        })
    }

    /// When the event of this type happened to the order; waits for it.
    pub async fn of(
        &mut self,
        order: Uuid,
        kind: &str,
        patience: Duration,
    ) -> anyhow::Result<DateTime<Utc>> {
        tokio::time::timeout(patience, self.wait(order, kind))
            .await
            .with_context(|| format!("no event {kind} came within {} s", patience.as_secs()))?
    }

    async fn wait(&mut self, order: Uuid, kind: &str) -> anyhow::Result<DateTime<Utc>> {
        let wanted = (order, kind.to_owned());
        loop {
            if let Some(at) = self.seen.get(&wanted) {
                return Ok(*at);
            }
            let delivery = self
                .consumer
                .next()
                .await
                .context("RabbitMQ closed the subscription")??;
            let event = CloudEvent::from_slice(&delivery.data)?;
            // Events of products and stock levels are no order's.
            if let Ok(data) = event.data::<OfOrder>() {
                self.seen.insert((data.order_id, event.kind), event.time);
            }
        }
    }
}
