//! What a consumer applies, and how often.

use std::sync::Arc;

use chassis::{Error, amqp::outbox, trace::TraceContext};
use proto::{
    cloudevents::CloudEvent,
    events::order,
    topology::{INVENTORY_ORDERS, ORDER_VIEWS, WORKER_ERRORS},
};

use crate::support::{Recorder, System, event, events, until};

#[tokio::test]
async fn an_event_goes_to_each_queue_that_wants_it_as_the_contract_says() {
    let system = System::new().await;
    let sent = event(order::CREATED);
    system.append(std::slice::from_ref(&sent)).await;
    system.relay();

    for queue in [ORDER_VIEWS, INVENTORY_ORDERS] {
        let message = system.drain(&system.queue(queue), 1).await.remove(0);
        let received = CloudEvent::from_slice(&message.data).unwrap();
        assert_eq!((received.id, &received.kind), (sent.id, &sent.kind));
        assert_eq!(
            message.exchange.as_str(),
            format!("{}.events", system.namespace)
        );
        assert_eq!(message.routing_key.as_str(), "order.created.v1");
        let properties = &message.properties;
        let text = |value: &Option<lapin::types::ShortString>| value.as_ref().unwrap().to_string();
        assert_eq!(
            text(properties.content_type()),
            "application/cloudevents+json"
        );
        assert_eq!(text(properties.message_id()), sent.id.to_string());
        assert_eq!(text(properties.kind()), "order.created.v1");
        assert_eq!(properties.delivery_mode(), &Some(2));
    }
    assert_eq!(system.waiting(&system.queue(WORKER_ERRORS)).await, 0);
    system.end().await;
}

#[tokio::test]
async fn events_are_applied_in_order_and_in_batches() {
    let system = System::new().await;
    let sent = events(order::CREATED, 500);
    system.append(&sent).await;
    system.relay();
    until("all are published", async || {
        system.unpublished().await == 0
    })
    .await;

    let handler = Recorder::content();
    system.consume(ORDER_VIEWS, handler.clone());
    system.assert_applied_once(&sent).await;

    let order: Vec<uuid::Uuid> = sqlx::query_scalar("select event from applied order by seq")
        .fetch_all(&system.pool)
        .await
        .unwrap();
    assert_eq!(order, sent.iter().map(|event| event.id).collect::<Vec<_>>());
    let batches = handler.batches.lock().unwrap().clone();
    assert!(
        batches.len() < 100,
        "{} transactions for 500 events",
        batches.len()
    );
    assert!(batches.iter().all(|size| *size <= 100), "{batches:?}");
    until("all are acked", async || {
        system.waiting(&system.queue(ORDER_VIEWS)).await == 0
    })
    .await;
    system.end().await;
}

#[tokio::test]
async fn a_redelivered_event_is_applied_once() {
    let system = System::new().await;
    let sent = events(order::CREATED, 20);
    // Twice before the consumer looks, so both copies are in one batch; and twice later.
    for event in sent.iter().chain(&sent) {
        system
            .inject(ORDER_VIEWS, &serde_json::to_vec(event).unwrap())
            .await;
    }
    system.consume(ORDER_VIEWS, Recorder::content());
    system.assert_applied_once(&sent).await;
    for event in sent.iter().chain(&sent) {
        system
            .inject(ORDER_VIEWS, &serde_json::to_vec(event).unwrap())
            .await;
    }
    let last = event(order::CREATED);
    system
        .inject(ORDER_VIEWS, &serde_json::to_vec(&last).unwrap())
        .await;

    system.assert_applied_once(&[last]).await;
    assert_eq!(system.applied().await.len(), 21);
    system.end().await;
}

#[tokio::test]
async fn two_consumers_of_different_queues_each_apply_an_event() {
    let system = System::new().await;
    system.consume(ORDER_VIEWS, Recorder::content());
    system.consume(INVENTORY_ORDERS, Recorder::content());
    system.relay();
    let sent = event(order::CREATED);
    system.append(std::slice::from_ref(&sent)).await;

    until("both have applied it", async || {
        system.applied().await.get(&sent.id) == Some(&2)
    })
    .await;
    system.end().await;
}

#[tokio::test]
async fn two_consumers_of_one_queue_share_its_events() {
    let system = System::new().await;
    let handlers = [Recorder::content(), Recorder::content()];
    for handler in &handlers {
        system.consume(ORDER_VIEWS, handler.clone());
    }
    until("both consume", async || system.health.ready()).await;
    system.relay();
    let sent = events(order::CREATED, 2_000);
    system.append(&sent).await;
    system.assert_applied_once(&sent).await;

    let by_both = sent
        .iter()
        .filter(|event| handlers.iter().all(|handler| handler.seen(event) > 0));
    assert_eq!(by_both.count(), 0);
    system.end().await;
}

#[tokio::test]
async fn an_event_that_is_caused_by_an_event_belongs_to_its_trace() {
    struct Answer;
    #[async_trait::async_trait]
    impl chassis::amqp::EventHandler for Answer {
        async fn handle(
            &self,
            tx: &mut sqlx::PgConnection,
            _: &[CloudEvent],
        ) -> chassis::Result<()> {
            outbox::append(tx, vec![event("inventory.stock_low.v1")]).await
        }
    }
    let system = System::new().await;
    system.consume(ORDER_VIEWS, Arc::new(Answer));
    let context = TraceContext::from_headers(None, None);
    let mut cause = event(order::CREATED);
    cause.traceparent = Some(context.traceparent());
    system.bus.publish(&cause).await.unwrap();

    // Without a relay it stays there.
    until("the answer is stored", async || {
        system.traces().await.len() == 1
    })
    .await;
    assert_eq!(system.traces().await, [context.trace_id()]);
    system.end().await;
}

impl System {
    async fn traces(&self) -> Vec<String> {
        let stored: Vec<Vec<u8>> = sqlx::query_scalar("select payload from outbox")
            .fetch_all(&self.pool)
            .await
            .unwrap();
        stored
            .iter()
            .map(|payload| {
                let event = CloudEvent::from_slice(payload).unwrap();
                event
                    .traceparent
                    .unwrap()
                    .split('-')
                    .nth(1)
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }
}

#[tokio::test]
async fn a_handler_that_fails_twice_and_then_succeeds_has_applied_its_event_once() {
    let system = System::new().await;
    let sent = events(order::CREATED, 10);
    let unlucky = sent[3].id;
    system.consume(
        ORDER_VIEWS,
        Recorder::new(move |event, seen| {
            if event.id == unlucky && seen <= 3 {
                return Err(Error::internal(anyhow::anyhow!("not yet")));
            }
            Ok(())
        }),
    );
    system.relay();
    system.append(&sent).await;

    system.assert_applied_once(&sent).await;
    assert_eq!(
        system
            .waiting(&format!("{}.dead", system.queue(ORDER_VIEWS)))
            .await,
        0
    );
    system.end().await;
}

#[tokio::test]
async fn what_is_unavailable_is_waited_for_longer_than_five_tries() {
    let system = System::new().await;
    let sent = event(order::CREATED);
    let handler = Recorder::new(|_, seen| {
        if seen <= 7 {
            return Err(Error::unavailable(anyhow::anyhow!("away")));
        }
        Ok(())
    });
    system.consume(ORDER_VIEWS, handler.clone());
    system.relay();
    system.append(std::slice::from_ref(&sent)).await;

    system
        .assert_applied_once(std::slice::from_ref(&sent))
        .await;
    assert_eq!(handler.seen(&sent), 8);
    assert_eq!(
        system
            .waiting(&format!("{}.dead", system.queue(ORDER_VIEWS)))
            .await,
        0
    );
    system.end().await;
}

#[tokio::test]
async fn a_deleted_queue_is_declared_and_consumed_again() {
    let system = System::new().await;
    system.consume(ORDER_VIEWS, Recorder::content());
    until("it consumes", async || system.health.ready()).await;

    let name = system.queue(ORDER_VIEWS);
    system
        .channel
        .queue_delete(name.into(), Default::default())
        .await
        .unwrap();
    until("it does not consume", async || !system.health.ready()).await;
    until("it consumes again", async || system.health.ready()).await;

    system.relay();
    let sent = event(order::CREATED);
    system.append(std::slice::from_ref(&sent)).await;
    system.assert_applied_once(&[sent]).await;
    system.end().await;
}
