//! What the relay publishes, and how often.

use std::collections::HashSet;

use chassis::{amqp::Bus, amqp::outbox, testing};
use futures::future::join_all;
use proto::{
    cloudevents::CloudEvent,
    events::{ops, order},
    topology::{ORDER_VIEWS, WORKER_ERRORS},
};
use sqlx::Connection as _;
use tokio::time::{Duration, Instant, sleep};

use crate::support::{System, config, event, events, until};

#[tokio::test]
async fn several_relays_publish_each_event_exactly_once() {
    let system = System::new().await;
    for name in ["a", "b", "c"] {
        let bus = Bus::new(&config(&testing::amqp_url(), &system.namespace), name);
        until("the bus is ready", async || bus.ready()).await;
        system.relay_with(bus);
    }
    let chunks: Vec<_> = (0..30).map(|_| events(order::CREATED, 100)).collect();
    join_all(chunks.iter().map(|chunk| system.append(chunk))).await;
    until("all are published", async || {
        system.unpublished().await == 0
    })
    .await;

    let queue = system.queue(ORDER_VIEWS);
    let messages = system.drain(&queue, 3_000).await;
    let ids: HashSet<_> = messages
        .iter()
        .map(|message| CloudEvent::from_slice(&message.data).unwrap().id)
        .collect();
    assert_eq!(ids.len(), 3_000);
    assert_eq!(system.waiting(&queue).await, 0);
    system.end().await;
}

#[tokio::test]
async fn an_event_is_published_as_soon_as_it_is_committed() {
    let system = System::new().await;
    system.relay();
    let first = event(order::CREATED);
    system.append(std::slice::from_ref(&first)).await;
    until("the relay works", async || {
        system.is_published(&first).await
    })
    .await;
    sleep(Duration::from_millis(200)).await;

    // Ten in a row: polling alone, once a second, would take several seconds.
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
async fn an_event_that_commits_late_is_not_skipped() {
    let system = System::new().await;
    system.relay();
    let (early, late) = (event(order::CREATED), event(order::CREATED));
    let mut conn = system.pool.acquire().await.unwrap();
    let mut open = conn.begin().await.unwrap();
    outbox::append(&mut open, vec![late.clone()]).await.unwrap();
    system.append(std::slice::from_ref(&early)).await;
    until("the later number is published", async || {
        system.is_published(&early).await
    })
    .await;
    open.commit().await.unwrap();
    until("the earlier number is too", async || {
        system.is_published(&late).await
    })
    .await;
    drop(conn);
    system.end().await;
}

#[tokio::test]
async fn an_event_that_another_relay_has_in_hand_is_left_to_it_while_it_lives() {
    let system = System::new().await;
    let (taken, free) = (event(order::CREATED), event(order::CREATED));
    system.append(&[taken.clone(), free.clone()]).await;
    let mut other = system.pool.begin().await.unwrap();
    sqlx::query("select from outbox where id = $1 for update")
        .bind(taken.id)
        .execute(&mut *other)
        .await
        .unwrap();
    system.relay();
    until("the free one is published", async || {
        system.is_published(&free).await
    })
    .await;
    assert!(!system.is_published(&taken).await, "it is in hand");
    // The other one dies.
    drop(other);
    let start = Instant::now();
    until("the other's is too", async || {
        system.is_published(&taken).await
    })
    .await;
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    system.end().await;
}

#[tokio::test]
async fn an_event_that_commits_late_is_published() {
    let system = System::new().await;
    let mut late = system.pool.begin().await.unwrap();
    let first = event(order::CREATED);
    outbox::append(&mut late, vec![first.clone()])
        .await
        .unwrap();
    system.relay();
    // Later numbers are published over some turns.
    for _ in 0..6 {
        let next = event(order::CREATED);
        system.append(std::slice::from_ref(&next)).await;
        until("the later one is published", async || {
            system.is_published(&next).await
        })
        .await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    late.commit().await.unwrap();
    until("the late one is published", async || {
        system.unpublished().await == 0
    })
    .await;
    assert_eq!(system.waiting(&system.queue(ORDER_VIEWS)).await, 7);
    system.end().await;
}

#[tokio::test]
async fn events_that_nobody_subscribed_to_do_not_wedge_the_outbox() {
    let system = System::new().await;
    // More than a batch of them, with one that is wanted behind and one between.
    let mut sent = events("inventory.stock_low.v1", 700);
    let wanted = [event(order::CREATED), event(order::CREATED)];
    sent.insert(3, wanted[0].clone());
    sent.push(wanted[1].clone());
    system.append(&sent).await;
    system.relay();
    until("all count as published", async || {
        system.unpublished().await == 0
    })
    .await;

    let ids: HashSet<_> = system
        .drain(&system.queue(ORDER_VIEWS), 2)
        .await
        .iter()
        .map(|message| CloudEvent::from_slice(&message.data).unwrap().id)
        .collect();
    assert_eq!(ids, wanted.iter().map(|event| event.id).collect());
    system.end().await;
}

#[tokio::test]
async fn an_event_whose_queue_is_missing_is_not_lost() {
    let system = System::new().await;
    let queue = system.queue(WORKER_ERRORS);
    system
        .channel
        .queue_delete(queue.as_str().into(), Default::default())
        .await
        .unwrap();
    // Behind others that take the broker longer: it returns this one before it has acked those.
    let mut sent = events(order::CREATED, 400);
    let wanted = event(ops::ERROR_LOGGED);
    sent.push(wanted.clone());
    sent.extend(events("inventory.stock_low.v1", 50));
    system.append(&sent).await;
    system.relay();

    until("it is published", async || {
        system.is_published(&wanted).await
    })
    .await;
    let message = system.drain(&queue, 1).await.remove(0);
    assert_eq!(CloudEvent::from_slice(&message.data).unwrap().id, wanted.id);
    until("the others too", async || system.unpublished().await == 0).await;
    assert_eq!(system.waiting(&system.queue(ORDER_VIEWS)).await, 400);
    system.end().await;
}

#[tokio::test]
async fn what_is_in_the_outbox_when_the_service_stops_is_still_published() {
    let system = System::new().await;
    system.relay();
    let first = event(order::CREATED);
    system.append(std::slice::from_ref(&first)).await;
    until("the relay works", async || {
        system.is_published(&first).await
    })
    .await;

    let sent = events(order::CREATED, 2_000);
    system.append(&sent).await;
    system.halt().await;
    assert_eq!(system.unpublished().await, 0);
    system.end().await;
}
