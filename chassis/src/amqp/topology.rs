//! The names of the exchanges, queues and streams, how they are declared, and what is routed where.

use lapin::{
    Channel, ExchangeKind,
    options::{
        ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use proto::topology::{QUEUES, Queue, STREAMS, Stream};

/// The namespace of the system itself, whose queues bear their plain names and live for ever.
pub(super) const SYSTEM: &str = "easyorder";

/// A broker gives a message back this often, for whatever reason, before it dead-letters it itself.
const DELIVERY_LIMIT: i32 = 20;
/// Queues of a test's namespace vanish after so many milliseconds without use.
const TEST_QUEUE_EXPIRES: i32 = 600_000;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Topology {
    namespace: String,
}

impl Topology {
    pub fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
        }
    }

    /// The topic exchange that every event goes through.
    pub fn events(&self) -> String {
        format!("{}.events", self.namespace)
    }

    /// The direct exchange for what could not be handled; the routing key is the queue's name.
    pub fn dead(&self) -> String {
        format!("{}.dead", self.namespace)
    }

    pub fn queue(&self, queue: Queue) -> String {
        self.name(queue.name)
    }

    pub fn stream(&self, stream: Stream) -> String {
        self.name(stream.name)
    }

    fn name(&self, plain: &str) -> String {
        if self.is_system() {
            plain.to_owned()
        } else {
            format!("{}.{plain}", self.namespace)
        }
    }

    pub fn is_system(&self) -> bool {
        self.namespace == SYSTEM
    }

    /// Declares a stream with its bindings; the exchanges must stand.
    pub async fn declare_stream(&self, channel: &Channel, stream: Stream) -> lapin::Result<()> {
        let name = self.stream(stream);
        let mut arguments = FieldTable::default();
        // A stream cannot expire: that of a test stays until it is deleted.
        for (key, value) in [
            ("x-queue-type", text("stream")),
            ("x-max-age", text(stream.max_age)),
            (
                "x-max-length-bytes",
                AMQPValue::LongLongInt(stream.max_bytes),
            ),
            (
                "x-stream-max-segment-size-bytes",
                AMQPValue::LongLongInt(stream.segment_bytes),
            ),
        ] {
            arguments.insert(key.into(), value);
        }
        self.declare_queue(channel, &name, arguments).await?;
        for binding in stream.bindings {
            bind(channel, &name, &self.events(), binding).await?;
        }
        Ok(())
    }

    /// Declares the exchanges, and these queues with their bindings and their queues of dead letters.
    pub async fn declare(&self, channel: &Channel, queues: &[Queue]) -> lapin::Result<()> {
        // Subscribers from outside declare the exchange too, so it has no arguments that they would have to know.
        for (name, kind) in [
            (self.events(), ExchangeKind::Topic),
            (self.dead(), ExchangeKind::Direct),
        ] {
            let options = ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            };
            channel
                .exchange_declare(name.into(), kind, options, FieldTable::default())
                .await?;
        }
        for &queue in queues {
            let name = self.queue(queue);
            // First, so that no letter can die before there is a place for it.
            let graveyard = format!("{name}.dead");
            self.declare_queue(channel, &graveyard, self.arguments())
                .await?;
            bind(channel, &graveyard, &self.dead(), &name).await?;
            self.declare_queue(channel, &name, self.consumed_arguments(&name))
                .await?;
            for binding in queue.bindings {
                bind(channel, &name, &self.events(), binding).await?;
            }
        }
        Ok(())
    }

    /// Deletes all of the system's queues and streams, and the exchanges.
    pub async fn delete(&self, channel: &Channel) -> lapin::Result<()> {
        let queues = QUEUES.iter().flat_map(|&queue| {
            let name = self.queue(queue);
            [format!("{name}.dead"), name]
        });
        let streams = STREAMS.iter().map(|&stream| self.stream(stream));
        for name in queues.chain(streams) {
            channel
                .queue_delete(name.into(), QueueDeleteOptions::default())
                .await?;
        }
        for name in [self.events(), self.dead()] {
            channel
                .exchange_delete(name.into(), ExchangeDeleteOptions::default())
                .await?;
        }
        Ok(())
    }

    async fn declare_queue(
        &self,
        channel: &Channel,
        name: &str,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        channel
            .queue_declare(name.into(), QueueDeclareOptions::durable(), arguments)
            .await
            .map(drop)
    }

    fn arguments(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), text("quorum"));
        if !self.is_system() {
            arguments.insert("x-expires".into(), AMQPValue::LongInt(TEST_QUEUE_EXPIRES));
        }
        arguments
    }

    fn consumed_arguments(&self, name: &str) -> FieldTable {
        let mut arguments = self.arguments();
        for (key, value) in [
            ("x-dead-letter-exchange", text(&self.dead())),
            ("x-dead-letter-routing-key", text(name)),
            ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
            // The default, at-most-once, loses a dead letter that its queue does not take. This needs reject-publish.
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
        ] {
            arguments.insert(key.into(), value);
        }
        arguments
    }
}

pub(super) async fn bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
) -> lapin::Result<()> {
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// Whether a queue of the system wants events of this kind: then one that reaches no queue is lost, not unwanted. What only
/// a stream wants is not waited for: a stream shows what happens, and nothing depends on it.
pub(super) fn is_wanted(kind: &str) -> bool {
    QUEUES
        .iter()
        .flat_map(|queue| queue.bindings)
        .any(|pattern| matches(pattern, kind))
}

/// Topic matching as [AMQP 0-9-1](https://www.rabbitmq.com/tutorials/amqp-concepts#exchange-topic) has it: words between
/// dots, `*` for exactly one word, `#` for any number of them, also none.
fn matches(pattern: &str, key: &str) -> bool {
    fn words(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            (["#", rest @ ..], _) => (0..=key.len()).any(|skip| words(rest, &key[skip..])),
            (["*", rest @ ..], [_, key @ ..]) => words(rest, key),
            ([word, rest @ ..], [same, key @ ..]) if word == same => words(rest, key),
            _ => false,
        }
    }
    let pattern: Vec<&str> = pattern.split('.').collect();
    let key: Vec<&str> = key.split('.').collect();
    words(&pattern, &key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_match_as_in_rabbitmq() {
        for (pattern, key) in [
            ("order.#", "order.created.v1"),
            ("order.#", "order"),
            ("#", "order.created.v1"),
            ("#", ""),
            ("order.*.v1", "order.created.v1"),
            ("#.v1", "order.created.v1"),
            ("order.#.v1", "order.v1"),
            ("*.#", "order"),
            ("#.created.#", "order.created.v1"),
            ("order.created.v1", "order.created.v1"),
        ] {
            assert!(matches(pattern, key), "{pattern} must match {key}");
        }
        for (pattern, key) in [
            ("order.#", "orders.created.v1"),
            ("order.#", "inventory.order"),
            ("order.*", "order.created.v1"),
            ("order.*", "order"),
            ("*", "order.created"),
            ("order.created.v1", "order.created.v2"),
            ("order.created", "order.created.v1"),
            ("#.v2", "order.created.v1"),
            ("*.*", "order"),
        ] {
            assert!(!matches(pattern, key), "{pattern} must not match {key}");
        }
    }

    #[test]
    fn the_system_wants_orders_but_not_every_event() {
        assert!(is_wanted("order.shipped.v1"));
        assert!(is_wanted("inventory.stock_confirmed.v1"));
        assert!(!is_wanted("inventory.stock_low.v1"));
        assert!(!is_wanted("incentive.points_earned.v1"));
    }

    #[test]
    fn only_another_namespace_shows_in_the_names_of_queues() {
        let queue = proto::topology::ORDER_VIEWS;
        assert_eq!(
            Topology::new("easyorder").queue(queue),
            "order-svc.order-views"
        );
        assert_eq!(Topology::new("t1").queue(queue), "t1.order-svc.order-views");
        assert_eq!(Topology::new("t1").events(), "t1.events");
    }
}
