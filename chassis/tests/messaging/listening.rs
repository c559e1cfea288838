//! A listener hears of what happens while it listens, and knows when it does not.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chassis::{
    amqp::{Bus, EventListener, listener},
    testing::{Line, TcpProxy, amqp_url},
};
use proto::{cloudevents::CloudEvent, events::order};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{System, config, event, events, until};

/// Loss shows within a second; this is for a busy machine. A heartbeat takes four times as long.
const SOON: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Ear {
    hearing: AtomicBool,
    heard: Mutex<Vec<Uuid>>,
}

impl Ear {
    fn hears(&self) -> bool {
        self.hearing.load(Ordering::SeqCst)
    }

    fn heard(&self) -> Vec<Uuid> {
        self.heard.lock().unwrap().clone()
    }
}

impl EventListener for Ear {
    fn set_hearing(&self, hearing: bool) {
        self.hearing.store(hearing, Ordering::SeqCst);
    }

    fn hear(&self, event: &CloudEvent) -> anyhow::Result<()> {
        anyhow::ensure!(event.subject != "nonsense", "not understood");
        self.heard.lock().unwrap().push(event.id);
        Ok(())
    }
}

/// An ear for orders that were created.
async fn listen(bus: Arc<Bus>, stop: &CancellationToken) -> (Arc<Ear>, JoinHandle<()>) {
    let ear = Arc::new(Ear::default());
    let listening = listener::run(&[order::CREATED], bus, ear.clone(), stop.clone());
    let listening = tokio::spawn(listening);
    until("it hears", async || ear.hears()).await;
    (ear, listening)
}

fn ids(events: &[CloudEvent]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn each_listener_hears_each_event_of_its_types_in_order() {
    let system = System::new().await;
    let other = Bus::new(&config(&amqp_url(), &system.namespace), "test");
    let (left, listening) = listen(system.bus.clone(), &system.stop).await;
    let (right, listening_too) = listen(other, &system.stop).await;
    system.relay();
    let wanted = events(order::CREATED, 300);
    system.append(&events(order::SHIPPED, 10)).await;
    system.append(&wanted).await;
    for ear in [&left, &right] {
        until("it has heard all", async || ear.heard() == ids(&wanted)).await;
    }

    system.halt().await;
    listening.await.unwrap();
    listening_too.await.unwrap();
    assert!(!left.hears() && !right.hears(), "who stops is deaf");
    system.end().await;
}

#[tokio::test]
async fn a_listener_knows_soon_that_it_is_deaf_and_hears_again_later() {
    let proxy = TcpProxy::in_front_of(&amqp_url()).await;
    let system = System::at(&amqp_url(), None).await;
    let bus = Bus::new(
        &config(&proxy.route(&amqp_url()), &system.namespace),
        "test",
    );
    let (ear, _) = listen(bus, &system.stop).await;
    system.relay();
    // Cut off, or without a word from the broker while the connection seems to stand.
    for line in [Line::Cut, Line::RepliesLost] {
        let start = Instant::now();
        proxy.set(line);
        until("it is deaf", async || !ear.hears()).await;
        assert!(start.elapsed() < SOON, "{line:?}: {:?}", start.elapsed());
        let missed = event(order::CREATED);
        system.append(std::slice::from_ref(&missed)).await;
        until("it is published", async || {
            system.is_published(&missed).await
        })
        .await;

        proxy.outage(Duration::from_millis(200)).await;
        until("it hears again", async || ear.hears()).await;
        let next = event(order::CREATED);
        system.append(std::slice::from_ref(&next)).await;
        until("it has heard", async || ear.heard().contains(&next.id)).await;
        assert!(!ear.heard().contains(&missed.id), "{line:?}");
    }
    system.end().await;
}

#[tokio::test]
async fn what_is_not_understood_counts_as_missed_and_ends_nothing() {
    let system = System::new().await;
    let (ear, _) = listen(system.bus.clone(), &system.stop).await;
    system.relay();
    let mut nonsense = event(order::CREATED);
    nonsense.subject = "nonsense".to_owned();
    system.append(std::slice::from_ref(&nonsense)).await;
    until("it is deaf", async || !ear.hears()).await;
    until("it hears again", async || ear.hears()).await;
    let next = event(order::CREATED);
    system.append(std::slice::from_ref(&next)).await;
    until("it has heard", async || ear.heard() == [next.id]).await;
    system.end().await;
}
