//! RabbitMQ or PostgreSQL goes away and comes back: nothing is lost, nothing is applied twice, nobody has to restart.

use std::time::Duration;

use chassis::{
    amqp::Bus,
    testing::{Line, TcpProxy, amqp_url, namespace, postgres_url},
};
use proto::{cloudevents::CloudEvent, events::order, topology::ORDER_VIEWS};
use tokio::time::{Instant, sleep};

use crate::support::{Recorder, System, config, event, events, until};

/// Appends events the whole time; all that it appended.
async fn traffic(system: &System, lasting: Duration) -> Vec<CloudEvent> {
    let (mut sent, end) = (Vec::new(), Instant::now() + lasting);
    while Instant::now() < end {
        let more = events(order::CREATED, 10);
        system.append(&more).await;
        sent.extend(more);
        sleep(Duration::from_millis(10)).await;
    }
    sent
}

#[tokio::test]
async fn rabbitmq_is_away_for_a_while() {
    let proxy = TcpProxy::in_front_of(&amqp_url()).await;
    let system = System::at(&proxy.route(&amqp_url()), None).await;
    system.consume(ORDER_VIEWS, Recorder::content());
    system.relay();
    until("it consumes", async || system.health.ready()).await;

    let outages = async {
        for lasting in [100, 300, 3_000] {
            sleep(Duration::from_millis(500)).await;
            proxy.set(Line::Cut);
            until("the loss shows", async || {
                !system.bus.ready() && !system.health.ready()
            })
            .await;
            sleep(Duration::from_millis(lasting)).await;
            proxy.set(Line::Up);
            until("it is back", async || {
                system.bus.ready() && system.health.ready()
            })
            .await;
        }
    };
    let (sent, ()) = tokio::join!(traffic(&system, Duration::from_secs(8)), outages);

    let start = Instant::now();
    system.assert_applied_once(&sent).await;
    assert!(start.elapsed() < Duration::from_secs(30));
    until("all are marked", async || system.unpublished().await == 0).await;
    until("all are acked", async || {
        system.waiting(&system.queue(ORDER_VIEWS)).await == 0
    })
    .await;
    system.end().await;
}

#[tokio::test]
async fn postgresql_is_away_for_a_while() {
    let proxy = TcpProxy::in_front_of(&postgres_url()).await;
    let system = System::at(&amqp_url(), Some(&proxy)).await;
    let handler = Recorder::content();
    system.consume(ORDER_VIEWS, handler.clone());
    system.relay();

    let outages = async {
        for lasting in [100, 300, 4_000] {
            sleep(Duration::from_millis(500)).await;
            // First the answers alone: of a commit in flight nobody here learns whether it came to pass.
            proxy.set(Line::RepliesLost);
            sleep(Duration::from_millis(200)).await;
            proxy.outage(Duration::from_millis(lasting)).await;
        }
    };
    let (sent, ()) = tokio::join!(traffic(&system, Duration::from_secs(8)), outages);

    system.assert_applied_once(&sent).await;
    until("all are published", async || {
        system.unpublished().await == 0
    })
    .await;
    until("all are acked", async || {
        system.waiting(&system.queue(ORDER_VIEWS)).await == 0
    })
    .await;
    // It was not waited for by giving events up.
    assert_eq!(
        system
            .waiting(&format!("{}.dead", system.queue(ORDER_VIEWS)))
            .await,
        0
    );
    system.end().await;
}

#[tokio::test]
async fn the_relay_still_listens_after_postgresql_was_away() {
    let proxy = TcpProxy::in_front_of(&postgres_url()).await;
    let system = System::at(&amqp_url(), Some(&proxy)).await;
    system.relay();
    let first = event(order::CREATED);
    system.append(std::slice::from_ref(&first)).await;
    until("the relay works", async || {
        system.is_published(&first).await
    })
    .await;
    sleep(Duration::from_millis(500)).await;
    proxy.outage(Duration::from_secs(1)).await;
    sleep(Duration::from_secs(3)).await;

    let start = Instant::now();
    for _ in 0..10 {
        let next = event(order::CREATED);
        system.append(std::slice::from_ref(&next)).await;
        until("it is published", async || system.is_published(&next).await).await;
    }
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    system.end().await;
}

#[tokio::test]
async fn a_bus_waits_for_a_rabbitmq_that_is_not_there_yet() {
    let proxy = TcpProxy::in_front_of(&amqp_url()).await;
    proxy.set(Line::Cut);
    let bus = Bus::new(&config(&proxy.route(&amqp_url()), &namespace()), "test");
    let start = Instant::now();
    bus.publish(&event(order::CREATED)).await.unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(7),
        "bounded: {:?}",
        start.elapsed()
    );
    assert!(!bus.ready());

    proxy.set(Line::Up);
    until("it is ready", async || bus.ready()).await;
    bus.publish(&event(order::CREATED)).await.unwrap();
    // Nobody wants it, and that is no failure.
    bus.publish(&event("inventory.stock_low.v1")).await.unwrap();
    bus.delete_topology().await.unwrap();
}

#[tokio::test]
async fn a_publish_whose_confirm_is_lost_is_no_success() {
    let proxy = TcpProxy::in_front_of(&amqp_url()).await;
    let system = System::at(&proxy.route(&amqp_url()), None).await;
    system.bus.publish(&event(order::CREATED)).await.unwrap();
    proxy.set(Line::RepliesLost);
    let start = Instant::now();
    system
        .bus
        .publish(&event(order::CREATED))
        .await
        .unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(7),
        "bounded: {:?}",
        start.elapsed()
    );
    proxy.outage(Duration::from_millis(300)).await;
    until("it is ready", async || system.bus.ready()).await;
    system.bus.publish(&event(order::CREATED)).await.unwrap();
    system.end().await;
}
