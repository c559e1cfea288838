//! RabbitMQ as a subscriber from outside sees it.

use std::sync::{Arc, Mutex};

use chassis::testing;
use futures::StreamExt as _;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use proto::topology::QUEUES;
use serde_json::Value;

use super::{Shop, until};

/// A subscriber with a queue of its own, who also publishes.
pub struct Subscriber {
    exchange: String,
    channel: Channel,
    messages: Arc<Mutex<Vec<Message>>>,
    // Its end is the channel's.
    _connection: Connection,
}

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Message {
    pub routing_key: String,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

impl Message {
    /// The event in it.
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Whether it tells of this order; `kind` is a type without its version, such as `order.created`.
    pub fn is(&self, kind: &str, order_id: &str) -> bool {
        self.routing_key == format!("{kind}.v1") && self.event()["subject"] == order_id
    }
}

impl Subscriber {
    /// Subscribes to the events that match `pattern`.
    pub async fn open(shop: &Shop, pattern: &str) -> Self {
        let connection = connect().await;
        let channel = connection.create_channel().await.expect("a channel");
        let exchange = format!("{}.events", shop.configs.order.amqp.amqp_namespace);
        let options = QueueDeclareOptions {
            exclusive: true,
            ..Default::default()
        };
        let queue = channel
            .queue_declare("".into(), options, FieldTable::default())
            .await
            .expect("a queue");
        channel
            .queue_bind(
                queue.name().clone(),
                exchange.as_str().into(),
                pattern.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a binding");
        let mut deliveries = channel
            .basic_consume(
                queue.name().clone(),
                "".into(),
                BasicConsumeOptions {
                    no_ack: true,
                    ..Default::default()
                },
                FieldTable::default(),
            )
            .await
            .expect("a consumer");
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("confirms");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let received = messages.clone();
        tokio::spawn(async move {
            while let Some(Ok(delivery)) = deliveries.next().await {
                received.lock().expect("messages").push(Message {
                    routing_key: delivery.routing_key.to_string(),
                    properties: delivery.properties,
                    body: delivery.data,
                });
            }
        });
        Self {
            exchange,
            channel,
            messages,
            _connection: connection,
        }
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Message> {
        self.messages.lock().expect("messages").clone()
    }

    /// Waits until what came satisfies `enough`.
    pub async fn wait_for(&self, what: &str, enough: impl Fn(&[Message]) -> bool) {
        until(what, async || enough(&self.received())).await;
    }

    /// Sends a message to whom it concerns; the broker has it when this returns.
    pub async fn publish(&self, message: &Message) {
        let confirmation = self
            .channel
            .basic_publish(
                self.exchange.as_str().into(),
                message.routing_key.as_str().into(),
                BasicPublishOptions {
                    mandatory: true,
                    ..Default::default()
                },
                &message.body,
                message.properties.clone(),
            )
            .await
            .expect("a way to publish")
            .await
            .expect("a confirmation");
        assert!(confirmation.is_ack(), "{confirmation:?}");
    }
}

/// How many messages are among the dead letters of the system's queues.
pub async fn dead_letters(shop: &Shop) -> u32 {
    let connection = connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    let mut dead = 0;
    for queue in QUEUES {
        let namespace = &shop.configs.order.amqp.amqp_namespace;
        let name = format!("{namespace}.{}.dead", queue.name);
        let options = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let queue = channel
            .queue_declare(name.into(), options, FieldTable::default())
            .await
            .expect("a queue of dead letters");
        dead += queue.message_count();
    }
    connection.close(200, "".into()).await.ok();
    dead
}

async fn connect() -> Connection {
    Connection::connect(&testing::amqp_url(), ConnectionProperties::default())
        .await
        .expect("RabbitMQ for tests (see `make services`)")
}
