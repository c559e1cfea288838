use chrono::Utc;
use proto::events::{incentive, order};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

const BOUNDS: Bounds = Bounds {
    age: Duration::from_secs(600),
    events: 1_000,
    bytes: 1 << 20,
};

/// An order event as order-svc publishes it.
fn order_event(customer: Uuid, order: Uuid, version: i64) -> CloudEvent {
    let now = Utc::now();
    let data = json!({
        "order_id": order, "customer_id": customer, "status": "confirmed", "version": version, "currency": "GBP",
        "lines": [{
            "sku": "HEART", "name": "Heart\nand soul", "quantity": 1, "unit_price": 255, "discount": 0, "total": 255,
            "cancelled_quantity": 0, "returned_quantity": 0, "restocked_quantity": 0,
        }],
        "subtotal": 255, "discount": 0, "points_redeemed": 0, "total": 255, "refunded": 0, "net": 255, "holds": [1, 2],
        "secret": "of a later release", "placed_at": now, "updated_at": now,
    });
    let mut event = CloudEvent::new(
        order::SOURCE,
        order::CONFIRMED,
        order,
        Some(version),
        now,
        &data,
    )
    .unwrap();
    event.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    event
}

fn points_event(customer: Uuid) -> CloudEvent {
    let data = json!({"customer_id": customer, "order_id": Uuid::now_v7(), "points": 3});
    let kind = incentive::POINTS_EARNED;
    CloudEvent::new("/inventory-svc", kind, customer, None, Utc::now(), &data).unwrap()
}

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new(BOUNDS))
}

/// The offsets of what a stream has been told so far; a reset is none.
fn told(stream: &mut Stream) -> Vec<Option<Offset>> {
    std::iter::from_fn(|| stream.messages.try_recv().ok())
        .map(|message| match message {
            Message::Event(entry) => Some(entry.offset),
            Message::Reset => None,
        })
        .collect()
}

#[test]
fn each_stream_is_told_what_concerns_it() {
    let hub = hub();
    let (ann, bob, order) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let open = |topic| hub.open(topic, LastSeen::Nothing).0;
    let mut of_ann = open(Topic::Customer(ann));
    let mut of_ann_too = open(Topic::Customer(ann));
    let mut of_bob = open(Topic::Customer(bob));
    let mut of_order = open(Topic::Order(order));
    hub.read(1, order_event(ann, order, 1)).unwrap();
    hub.read(2, order_event(ann, Uuid::now_v7(), 1)).unwrap();
    hub.read(3, points_event(ann)).unwrap();
    hub.read(4, points_event(bob)).unwrap();
    assert_eq!(told(&mut of_ann), [Some(1), Some(2), Some(3)]);
    assert_eq!(told(&mut of_ann_too), [Some(1), Some(2), Some(3)]);
    assert_eq!(told(&mut of_bob), [Some(4)]);
    assert_eq!(told(&mut of_order), [Some(1)]);
}

#[test]
fn who_resumes_misses_nothing_and_gets_nothing_twice() {
    let hub = hub();
    let ann = Uuid::now_v7();
    for offset in 0..10 {
        hub.read(offset, points_event(ann)).unwrap();
    }
    for seen in 0..10 {
        let (mut stream, beginning) = hub.open(Topic::Customer(ann), LastSeen::Event(seen));
        let Beginning::Resumed(missed) = beginning else {
            panic!("{beginning:?}");
        };
        let next = hub.last().unwrap() + 1;
        hub.read(next, points_event(ann)).unwrap();
        let mut got: Vec<_> = missed.iter().map(|entry| Some(entry.offset)).collect();
        got.extend(told(&mut stream));
        let expected: Vec<_> = (seen + 1..=next).map(Some).collect();
        assert_eq!(got, expected);
    }
}

#[test]
fn who_comes_with_another_id_than_those_that_are_remembered_is_told_so() {
    let hub = hub();
    let ann = Uuid::now_v7();
    for offset in 5..10 {
        hub.read(offset, points_event(ann)).unwrap();
    }
    let open = |seen| hub.open(Topic::Customer(ann), seen).1;
    assert!(matches!(open(LastSeen::Event(3)), Beginning::Lost));
    assert!(matches!(open(LastSeen::Unknown), Beginning::Lost));
    assert!(matches!(open(LastSeen::Nothing), Beginning::Live));
    assert!(matches!(open(LastSeen::Event(10)), Beginning::Ahead(10)));
}

#[test]
fn a_slow_stream_is_closed_and_holds_no_other_back() {
    let hub = hub();
    let ann = Uuid::now_v7();
    let mut slow = hub.open(Topic::Customer(ann), LastSeen::Nothing).0;
    let mut quick = hub.open(Topic::Customer(ann), LastSeen::Nothing).0;
    let count = QUEUE as u64 + 10;
    for offset in 0..count {
        hub.read(offset, points_event(ann)).unwrap();
        assert_eq!(told(&mut quick), [Some(offset)]);
    }
    assert_eq!(told(&mut slow).len(), QUEUE);
    assert!(slow.messages.is_closed());
    // It comes back for the rest.
    let seen = LastSeen::Event(QUEUE as u64 - 1);
    let (_, beginning) = hub.open(Topic::Customer(ann), seen);
    assert!(matches!(beginning, Beginning::Resumed(missed) if missed.len() == 10));
}

#[test]
fn nothing_is_left_of_a_stream_that_ended() {
    let hub = hub();
    let topic = Topic::Customer(Uuid::now_v7());
    let first = hub.open(topic, LastSeen::Nothing).0;
    let second = hub.open(topic, LastSeen::Nothing).0;
    drop(first);
    assert_eq!(hub.state().streams[&topic].len(), 1);
    drop(second);
    assert!(hub.state().streams.is_empty());
}

#[test]
fn what_was_published_twice_is_told_once() {
    let hub = hub();
    let ann = Uuid::now_v7();
    let mut stream = hub.open(Topic::Customer(ann), LastSeen::Nothing).0;
    let event = points_event(ann);
    hub.read(1, event.clone()).unwrap();
    hub.read(2, event).unwrap();
    assert_eq!(told(&mut stream), [Some(1)]);
    assert_eq!(hub.last(), Some(2));
}

#[test]
fn an_interruption_is_told_to_all_and_ends_what_is_remembered() {
    let hub = hub();
    let (ann, bob) = (Uuid::now_v7(), Uuid::now_v7());
    let mut of_ann = hub.open(Topic::Customer(ann), LastSeen::Nothing).0;
    let mut of_bob = hub.open(Topic::Customer(bob), LastSeen::Nothing).0;
    hub.read(100, points_event(ann)).unwrap();
    hub.interrupted();
    hub.read(1, points_event(ann)).unwrap();
    assert_eq!(told(&mut of_ann), [Some(100), None, Some(1)]);
    assert_eq!(told(&mut of_bob), [None]);
    assert_eq!(hub.last(), Some(1));
}

#[test]
fn what_is_not_understood_counts_as_read() {
    let hub = hub();
    let mut event = points_event(Uuid::now_v7());
    event.kind = order::CREATED.to_owned();
    hub.read(7, event.clone()).unwrap_err();
    event.kind = "ops.error_logged.v1".to_owned();
    hub.read(8, event).unwrap_err();
    assert_eq!(hub.last(), Some(8));
}

#[test]
fn what_is_between_our_services_is_not_told() {
    let hub = hub();
    let (ann, order) = (Uuid::now_v7(), Uuid::now_v7());
    let mut stream = hub.open(Topic::Order(order), LastSeen::Nothing).0;
    let event = order_event(ann, order, 3);
    let id = event.id;
    hub.read(42, event).unwrap();
    let Ok(Message::Event(entry)) = stream.messages.try_recv() else {
        panic!("no event");
    };
    let frame = str::from_utf8(&entry.frame).unwrap();
    let data = frame
        .strip_prefix("id: 42\nevent: order.confirmed.v1\ndata: ")
        .and_then(|rest| rest.strip_suffix("\n\n"))
        .unwrap();
    assert!(!data.contains('\n'), "one line: {data}");
    let told: Value = serde_json::from_str(data).unwrap();
    assert_eq!(told["id"], json!(id));
    assert_eq!(told["aggregateversion"], 3);
    assert_eq!(told["data"]["lines"][0]["name"], "Heart\nand soul");
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    for internal in ["traceparent", "holds", "net", "secret"] {
        assert!(!keys(&told).contains(&internal.to_owned()), "{internal}");
        assert!(
            !keys(&told["data"]).contains(&internal.to_owned()),
            "{internal}"
        );
    }
    assert!(!keys(&told["data"]["lines"][0]).contains(&"restocked_quantity".to_owned()));
}

#[tokio::test]
async fn it_is_loaded_a_moment_after_reading_began_and_stays_so() {
    let hub = hub();
    let never = tokio::time::timeout(LOAD / 10, hub.loaded()).await;
    assert!(never.is_err());
    hub.set_reading(true);
    assert!(hub.reading_for().is_some());
    hub.loaded().await;
    hub.set_reading(false);
    assert!(hub.reading_for().is_none());
    hub.loaded().await;
}
