//! The system's own queues, from behind.

use chassis::testing;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::BasicGetMessage,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions},
    types::AMQPValue,
};
use proto::topology::Queue;

use crate::common::Shop;

/// One queue of a shop, and where its dead letters lie.
pub struct Tap {
    name: String,
    channel: Channel,
    // Its end is the channel's.
    _connection: Connection,
}

impl Tap {
    pub async fn on(shop: &Shop, queue: Queue) -> Self {
        let connection = Connection::connect(&testing::amqp_url(), ConnectionProperties::default())
            .await
            .expect("RabbitMQ for tests (see `make services`)");
        let channel = connection.create_channel().await.expect("a channel");
        let options = ConfirmSelectOptions::default();
        channel.confirm_select(options).await.expect("confirms");
        let namespace = &shop.configs.order.amqp.amqp_namespace;
        Self {
            name: format!("{namespace}.{}", queue.name),
            channel,
            _connection: connection,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts a message into this queue and no other.
    pub async fn put(&self, message_id: &str, body: &[u8]) {
        let properties = BasicProperties::default()
            .with_message_id(message_id.into())
            .with_content_type("application/cloudevents+json".into())
            .with_delivery_mode(2);
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let published = self
            .channel
            .basic_publish(
                "".into(),
                self.name.as_str().into(),
                options,
                body,
                properties,
            )
            .await
            .expect("a way to publish");
        let confirmation = published.await.expect("a confirmation");
        assert!(confirmation.is_ack() && confirmation.take_message().is_none());
    }

    /// Takes a dead letter out, if there is one.
    pub async fn dead_letter(&self) -> Option<BasicGetMessage> {
        let name = format!("{}.dead", self.name);
        let options = BasicGetOptions { no_ack: true };
        self.channel
            .basic_get(name.into(), options)
            .await
            .expect("the dead letters")
    }
}

/// A header of a message, as text.
pub fn header(message: &BasicGetMessage, name: &str) -> String {
    let headers = message.properties.headers().as_ref().expect("headers");
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        Some(AMQPValue::LongInt(number)) => number.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}
