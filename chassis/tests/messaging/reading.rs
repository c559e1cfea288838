//! A reader of a stream reads all of it, from a while ago on, whatever happens to RabbitMQ meanwhile.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chassis::{
    amqp::{
        Bus, StreamReader,
        stream::{self, Offset, Start},
    },
    testing::{Line, TcpProxy, amqp_url},
};
use lapin::options::{BasicPublishOptions, QueueDeleteOptions};
use proto::{
    cloudevents::CloudEvent,
    events::order,
    topology::{GATEWAY_FEED, ORDER_VIEWS},
};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{System, config, event, events, until};

#[derive(Default)]
struct Notes {
    reading: AtomicBool,
    interruptions: AtomicUsize,
    read: Mutex<Vec<(Offset, Uuid)>>,
}

impl Notes {
    fn is_reading(&self) -> bool {
        self.reading.load(Ordering::SeqCst)
    }

    fn interruptions(&self) -> usize {
        self.interruptions.load(Ordering::SeqCst)
    }

    fn read(&self) -> Vec<(Offset, Uuid)> {
        self.read.lock().unwrap().clone()
    }

    fn ids(&self) -> Vec<Uuid> {
        self.read().into_iter().map(|(_, id)| id).collect()
    }
}

impl StreamReader for Notes {
    fn set_reading(&self, reading: bool) {
        self.reading.store(reading, Ordering::SeqCst);
    }

    fn interrupted(&self) {
        self.interruptions.fetch_add(1, Ordering::SeqCst);
    }

    fn read(&self, offset: Offset, event: CloudEvent) -> anyhow::Result<()> {
        anyhow::ensure!(event.subject != "nonsense", "not understood");
        self.read.lock().unwrap().push((offset, event.id));
        Ok(())
    }
}

fn read(bus: Arc<Bus>, stop: &CancellationToken) -> (Arc<Notes>, JoinHandle<()>) {
    let notes = Arc::new(Notes::default());
    let start = Start::Ago("10m");
    let reading = stream::run(GATEWAY_FEED, start, bus, notes.clone(), stop.clone());
    (notes, tokio::spawn(reading))
}

fn ids(events: &[CloudEvent]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

fn stream_name(system: &System) -> String {
    format!("{}.{}", system.namespace, GATEWAY_FEED.name)
}

#[tokio::test]
async fn each_reader_reads_what_was_and_what_comes_at_the_same_offsets() {
    let system = System::new().await;
    system.relay();
    let mut all = events(order::CREATED, 1_200);
    system.append(&all).await;
    system.append(&events("inventory.stock_low.v1", 3)).await;
    until("all are published", async || {
        system.unpublished().await == 0
    })
    .await;
    let (early, reading) = read(system.bus.clone(), &system.stop);
    until("it has read what was", async || early.ids() == ids(&all)).await;

    let more = events("incentive.points_earned.v1", 700);
    system.append(&more).await;
    all.extend(more);
    until("it reads what comes", async || early.ids() == ids(&all)).await;
    let other = Bus::new(&config(&amqp_url(), &system.namespace), "test");
    let (late, reading_too) = read(other, &system.stop);
    until("another reads the same", async || {
        late.read() == early.read()
    })
    .await;
    let offsets = early.read();
    assert!(offsets.is_sorted_by(|(a, _), (b, _)| a < b));

    system.halt().await;
    reading.await.unwrap();
    reading_too.await.unwrap();
    assert!(!early.is_reading() && !late.is_reading());
    assert_eq!(early.interruptions() + late.interruptions(), 0);
    system.end().await;
}

#[tokio::test]
async fn a_reader_misses_nothing_and_repeats_nothing_over_outages() {
    let proxy = TcpProxy::in_front_of(&amqp_url()).await;
    let system = System::new().await;
    system.relay();
    let bus = Bus::new(
        &config(&proxy.route(&amqp_url()), &system.namespace),
        "test",
    );
    let (notes, _) = read(bus, &system.stop);
    until("it reads", async || notes.is_reading()).await;
    let mut all = Vec::new();
    for line in [Line::Cut, Line::RepliesLost, Line::Cut] {
        let before = events(order::CREATED, 150);
        system.append(&before).await;
        all.extend(before);
        // In the middle of them, perhaps.
        sleep(Duration::from_millis(20)).await;
        proxy.set(line);
        let during = events(order::UPDATED, 150);
        system.append(&during).await;
        all.extend(during);
        until("it knows of the loss", async || !notes.is_reading()).await;
        proxy.set(Line::Cut);
        proxy.outage(Duration::from_millis(300)).await;
        until("it has read all", async || notes.ids().len() >= all.len()).await;
        assert_eq!(notes.ids(), ids(&all), "{line:?}");
    }
    assert_eq!(notes.interruptions(), 0);
    system.end().await;
}

#[tokio::test]
async fn a_reader_is_told_that_the_stream_was_made_anew() {
    let system = System::new().await;
    system.relay();
    let before = events(order::CREATED, 20);
    system.append(&before).await;
    let (notes, _) = read(system.bus.clone(), &system.stop);
    until("it has read", async || notes.ids() == ids(&before)).await;

    system
        .channel
        .queue_delete(stream_name(&system).into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    until("it knows of the loss", async || !notes.is_reading()).await;
    until("it reads again", async || notes.is_reading()).await;
    let after = events(order::CREATED, 30);
    system.append(&after).await;
    until("it has read the new ones", async || {
        notes.ids().ends_with(&ids(&after))
    })
    .await;
    assert_eq!(notes.interruptions(), 1);
    system.end().await;
}

#[tokio::test]
async fn what_is_not_understood_is_passed_over() {
    let system = System::new().await;
    system.relay();
    let (notes, _) = read(system.bus.clone(), &system.stop);
    let mut nonsense = event(order::CREATED);
    nonsense.subject = "nonsense".to_owned();
    system.append(std::slice::from_ref(&nonsense)).await;
    system
        .channel
        .basic_publish(
            "".into(),
            stream_name(&system).into(),
            BasicPublishOptions::default(),
            b"no event",
            Default::default(),
        )
        .await
        .unwrap();
    until("both are there", async || {
        system.is_published(&nonsense).await
    })
    .await;
    let next = event(order::CREATED);
    system.append(std::slice::from_ref(&next)).await;
    until("it has read the next", async || notes.ids() == [next.id]).await;
    // A queue has them all the same.
    assert_eq!(system.waiting(&system.queue(ORDER_VIEWS)).await, 2);
    system.end().await;
}
