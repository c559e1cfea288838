//! What cannot be applied ends where operators find it, and holds nothing up.

use std::time::Instant;

use chassis::{Code, Error};
use lapin::types::AMQPValue;
use proto::{cloudevents::CloudEvent, events::order, topology::ORDER_VIEWS};

use crate::support::{Recorder, System, event, events, until};

impl System {
    fn dead(&self) -> String {
        format!("{}.dead", self.queue(ORDER_VIEWS))
    }
}

fn header(message: &lapin::message::Delivery, name: &str) -> String {
    match message
        .properties
        .headers()
        .as_ref()
        .unwrap()
        .inner()
        .get(name)
    {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        Some(AMQPValue::LongInt(number)) => number.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn a_poison_event_is_dead_after_five_tries_while_its_neighbours_are_applied() {
    let system = System::new().await;
    let sent = events(order::CREATED, 50);
    let poison = sent[25].clone();
    let id = poison.id;
    let handler = Recorder::new(move |event, _| {
        if event.id == id {
            return Err(Error::new(Code::Conflict, "poison", "cannot be applied"));
        }
        Ok(())
    });
    system.relay();
    system.append(&sent).await;
    until("all are published", async || {
        system.unpublished().await == 0
    })
    .await;
    let start = Instant::now();
    system.consume(ORDER_VIEWS, handler.clone());

    let neighbours: Vec<_> = sent.into_iter().filter(|event| event.id != id).collect();
    system.assert_applied_once(&neighbours).await;
    let neighbours_applied = start.elapsed();
    let dead = system.drain(&system.dead(), 1).await.remove(0);
    let elapsed = start.elapsed();

    assert_eq!(CloudEvent::from_slice(&dead.data).unwrap().id, id);
    assert_eq!(dead.data, serde_json::to_vec(&poison).unwrap());
    assert!(header(&dead, "x-error").contains("poison: cannot be applied"));
    assert_eq!(header(&dead, "x-attempts"), "5");
    assert_eq!(header(&dead, "x-queue"), system.queue(ORDER_VIEWS));
    chrono::DateTime::parse_from_rfc3339(&header(&dead, "x-first-failed-at")).unwrap();
    // Once with its batch, then five times alone, over 0.1 + 0.5 + 2 + 5 s.
    assert_eq!(handler.seen(&poison), 6);
    assert!(elapsed.as_secs_f64() >= 7.6, "{elapsed:?}");
    assert!(
        neighbours_applied.as_secs_f64() < 5.0,
        "{neighbours_applied:?}"
    );
    assert!(!system.applied().await.contains_key(&id));
    until("it left the queue", async || {
        system.waiting(&system.queue(ORDER_VIEWS)).await == 0
    })
    .await;
    system.end().await;
}

#[tokio::test]
async fn events_after_a_poison_event_do_not_wait_for_it() {
    let system = System::new().await;
    let poison = event(order::CREATED);
    let id = poison.id;
    let handler = Recorder::new(move |event, _| {
        if event.id == id {
            return Err(Error::unavailable(anyhow::anyhow!("away for ever")));
        }
        Ok(())
    });
    system.consume(ORDER_VIEWS, handler.clone());
    system.relay();
    system.append(std::slice::from_ref(&poison)).await;
    until("it failed", async || handler.seen(&poison) >= 3).await;

    let later = events(order::CREATED, 300);
    system.append(&later).await;
    system.assert_applied_once(&later).await;
    // Nor was it acked with them: it goes back to its queue.
    system.halt().await;
    until("it alone is back", async || {
        system.waiting(&system.queue(ORDER_VIEWS)).await == 1
    })
    .await;
    system.end().await;
}

#[tokio::test]
async fn what_is_no_event_is_dead_at_once() {
    let system = System::new().await;
    let good = event(order::CREATED);
    system
        .inject(ORDER_VIEWS, br#"{"specversion": "1.0", "secret": 1}"#)
        .await;
    system
        .inject(ORDER_VIEWS, &serde_json::to_vec(&good).unwrap())
        .await;
    let start = Instant::now();
    system.consume(ORDER_VIEWS, Recorder::content());

    let dead = system.drain(&system.dead(), 1).await.remove(0);
    assert!(start.elapsed().as_secs_f64() < 5.0);
    assert_eq!(dead.data, br#"{"specversion": "1.0", "secret": 1}"#);
    assert!(header(&dead, "x-error").starts_with("no CloudEvent"));
    assert_eq!(header(&dead, "x-attempts"), "0");
    system.assert_applied_once(&[good]).await;
    until("both left the queue", async || {
        system.waiting(&system.queue(ORDER_VIEWS)).await == 0
    })
    .await;
    system.end().await;
}

#[tokio::test]
async fn a_handler_that_panics_is_a_handler_that_fails() {
    let system = System::new().await;
    let sent = events(order::CREATED, 3);
    let id = sent[1].id;
    system.consume(
        ORDER_VIEWS,
        Recorder::new(move |event, _| {
            assert!(event.id != id, "no such luck");
            Ok(())
        }),
    );
    system.relay();
    system.append(&sent).await;

    let dead = system.drain(&system.dead(), 1).await.remove(0);
    assert_eq!(CloudEvent::from_slice(&dead.data).unwrap().id, id);
    assert!(header(&dead, "x-error").contains("no such luck"));
    let rest = [sent[0].clone(), sent[2].clone()];
    system.assert_applied_once(&rest).await;
    system.end().await;
}

#[tokio::test]
async fn many_poison_events_share_their_pauses() {
    let system = System::new().await;
    let sent = events(order::CREATED, 40);
    system.relay();
    system.append(&sent).await;
    system.consume(
        ORDER_VIEWS,
        Recorder::new(|_, _| Err(Error::internal(anyhow::anyhow!("never")))),
    );
    let start = Instant::now();
    let dead = system.drain(&system.dead(), 40).await;
    // One after the other they would take five minutes.
    assert!(
        start.elapsed().as_secs_f64() < 20.0,
        "{:?}",
        start.elapsed()
    );
    assert_eq!(dead.len(), 40);
    assert!(system.applied().await.is_empty());
    system.end().await;
}
