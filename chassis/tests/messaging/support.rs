//! One system for one test: a database, a namespace, relays, consumers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chassis::{
    Result,
    amqp::{self, Bus, EventHandler, consumer, outbox, relay},
    config::Secret,
    health::Health,
    testing::{self, TcpProxy, TestDatabase, TestNamespace},
};
use chrono::Utc;
use futures::StreamExt as _;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions},
    types::FieldTable,
};
use proto::{cloudevents::CloudEvent, topology::Queue};
use sqlx::{Connection as _, PgConnection, PgPool, migrate::Migrator};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub const PATIENCE: Duration = Duration::from_secs(40);

pub struct System {
    pub database: TestDatabase,
    pub pool: PgPool,
    pub bus: Arc<Bus>,
    pub health: Health,
    pub namespace: String,
    pub stop: CancellationToken,
    tasks: TaskTracker,
    _connection: Connection,
    /// A way to RabbitMQ past the bus.
    pub channel: Channel,
    _namespace: TestNamespace,
}

impl System {
    pub async fn new() -> Self {
        Self::at(&testing::amqp_url(), None).await
    }

    /// With RabbitMQ at another address, and perhaps PostgreSQL behind a proxy.
    pub async fn at(amqp_url: &str, postgres: Option<&TcpProxy>) -> Self {
        let database = testing::database(&Migrator::DEFAULT).await;
        // No unique constraint: what is applied twice shows.
        sqlx::raw_sql("create table applied (seq bigint generated always as identity, event uuid)")
            .execute(&database.pool)
            .await
            .unwrap();
        let pool = match postgres {
            None => database.pool.clone(),
            Some(proxy) => {
                let url = proxy.route(database.url.expose());
                chassis::postgres::connect(&url.as_str().into(), 4)
                    .await
                    .unwrap()
            }
        };
        let namespace = testing::namespace();
        let bus = Bus::new(&config(amqp_url, &namespace), "test");
        let connection = Connection::connect(&testing::amqp_url(), ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        let system = Self {
            database,
            pool,
            bus,
            health: Health::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            _connection: connection,
            channel,
            _namespace: TestNamespace(config(&testing::amqp_url(), &namespace)),
            namespace,
        };
        until("the bus is ready", async || system.bus.ready()).await;
        system
    }

    pub async fn append(&self, events: &[CloudEvent]) {
        let mut conn = self.database.pool.acquire().await.unwrap();
        let mut tx = conn.begin().await.unwrap();
        outbox::append(&mut tx, events.to_vec()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub fn relay(&self) {
        self.relay_with(self.bus.clone());
    }

    pub fn relay_with(&self, bus: Arc<Bus>) {
        let relay = relay::run(self.pool.clone(), bus, self.stop.clone());
        self.tasks.spawn(relay);
    }

    pub fn consume(&self, queue: Queue, handler: Arc<dyn EventHandler>) {
        let check = self.health.register(queue.name);
        let (pool, bus, stop) = (self.pool.clone(), self.bus.clone(), self.stop.clone());
        self.tasks
            .spawn(consumer::run(queue, pool, bus, handler, check, stop));
    }

    pub fn queue(&self, queue: Queue) -> String {
        format!("{}.{}", self.namespace, queue.name)
    }

    /// Puts a message into a queue past the outbox.
    pub async fn inject(&self, queue: Queue, body: &[u8]) {
        let name = self.queue(queue);
        let options = BasicPublishOptions::default();
        self.channel
            .basic_publish(
                "".into(),
                name.into(),
                options,
                body,
                BasicProperties::default(),
            )
            .await
            .unwrap();
    }

    /// Takes so many messages out of a queue.
    pub async fn drain(&self, queue: &str, count: usize) -> Vec<Delivery> {
        let tag = Uuid::now_v7().to_string();
        let options = BasicConsumeOptions::default();
        let mut consumer = self
            .channel
            .basic_consume(
                queue.into(),
                tag.as_str().into(),
                options,
                FieldTable::default(),
            )
            .await
            .unwrap();
        let mut taken = Vec::new();
        while taken.len() < count {
            let next = timeout(PATIENCE, consumer.next()).await;
            let next = next.unwrap_or_else(|_| panic!("{} of {count} messages", taken.len()));
            let delivery = next.unwrap().unwrap();
            delivery.ack(BasicAckOptions::default()).await.unwrap();
            taken.push(delivery);
        }
        self.channel
            .basic_cancel(tag.into(), Default::default())
            .await
            .unwrap();
        taken
    }

    /// Messages in a queue that nobody has taken.
    pub async fn waiting(&self, queue: &str) -> u32 {
        let options = lapin::options::QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        self.channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .unwrap()
            .message_count()
    }

    pub async fn unpublished(&self) -> i64 {
        relay::backlog(&self.database.pool)
            .await
            .unwrap()
            .unpublished
    }

    pub async fn is_published(&self, event: &CloudEvent) -> bool {
        sqlx::query_scalar("select not exists (select from outbox where id = $1)")
            .bind(event.id)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    /// How often each event was applied, by committed transactions.
    pub async fn applied(&self) -> HashMap<Uuid, i64> {
        sqlx::query_as::<_, (Uuid, i64)>("select event, count(*) from applied group by event")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
            .into_iter()
            .collect()
    }

    /// Waits until each of these was applied, and asserts that nothing was applied twice.
    pub async fn assert_applied_once(&self, events: &[CloudEvent]) {
        until("every event is applied", async || {
            let applied = self.applied().await;
            events.iter().all(|event| applied.contains_key(&event.id))
        })
        .await;
        let twice: Vec<_> = self
            .applied()
            .await
            .into_iter()
            .filter(|(_, times)| *times != 1)
            .collect();
        assert!(twice.is_empty(), "applied more than once: {twice:?}");
    }

    /// Stops relays and consumers in an orderly way.
    pub async fn halt(&self) {
        self.stop.cancel();
        self.tasks.close();
        timeout(PATIENCE, self.tasks.wait())
            .await
            .expect("relays and consumers stop");
    }

    pub async fn end(self) {
        self.halt().await;
    }
}

pub fn config(url: &str, namespace: &str) -> amqp::Config {
    amqp::Config {
        amqp_url: Secret::from(url),
        amqp_namespace: namespace.to_owned(),
    }
}

pub fn event(kind: &str) -> CloudEvent {
    CloudEvent::new("/test", kind, Uuid::now_v7(), Some(1), Utc::now(), &"data").unwrap()
}

pub fn events(kind: &str, count: usize) -> Vec<CloudEvent> {
    (0..count).map(|_| event(kind)).collect()
}

/// Waits for something to become true.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(25)).await;
    }
}

type Verdict = dyn Fn(&CloudEvent, usize) -> Result<()> + Send + Sync;

/// Notes each event in the table `applied`; then a verdict, given the event and how often it was seen, may fail it.
pub struct Recorder {
    verdict: Box<Verdict>,
    seen: Mutex<HashMap<Uuid, usize>>,
    pub batches: Mutex<Vec<usize>>,
}

impl Recorder {
    pub fn new(
        verdict: impl Fn(&CloudEvent, usize) -> Result<()> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            verdict: Box::new(verdict),
            seen: Mutex::default(),
            batches: Mutex::default(),
        })
    }

    pub fn content() -> Arc<Self> {
        Self::new(|_, _| Ok(()))
    }

    pub fn seen(&self, event: &CloudEvent) -> usize {
        self.seen
            .lock()
            .unwrap()
            .get(&event.id)
            .copied()
            .unwrap_or(0)
    }
}

#[async_trait]
impl EventHandler for Recorder {
    async fn handle(&self, tx: &mut PgConnection, events: &[CloudEvent]) -> Result<()> {
        self.batches.lock().unwrap().push(events.len());
        for event in events {
            sqlx::query("insert into applied (event) values ($1)")
                .bind(event.id)
                .execute(&mut *tx)
                .await?;
            let seen = {
                let mut seen = self.seen.lock().unwrap();
                let seen = seen.entry(event.id).or_default();
                *seen += 1;
                *seen
            };
            (self.verdict)(event, seen)?;
        }
        Ok(())
    }
}
