use super::*;

const BOUNDS: Bounds = Bounds {
    age: Duration::from_secs(600),
    events: 5,
    bytes: 1_000,
};

fn entry(offset: u64, customer: Uuid, order: Option<Uuid>) -> Arc<Entry> {
    Arc::new(Entry {
        offset,
        id: Uuid::now_v7(),
        version: Some(1),
        customer,
        order,
        frame: Bytes::from_static(&[b'x'; 100]),
    })
}

fn offsets(entries: &[Arc<Entry>]) -> Vec<u64> {
    entries.iter().map(|entry| entry.offset).collect()
}

#[test]
fn it_gives_a_topic_what_came_after_an_offset() {
    let mut window = Window::new(BOUNDS);
    let (ann, bob, order) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let now = Instant::now();
    for entry in [
        entry(10, ann, Some(order)),
        entry(11, bob, None),
        entry(13, ann, None),
        entry(14, ann, Some(order)),
    ] {
        assert!(window.push(entry, now));
    }
    let of_ann = Topic::Customer(ann);
    assert_eq!(offsets(&window.of(of_ann, None)), [10, 13, 14]);
    // Also after an event of somebody else, or none.
    for (seen, missed) in [
        (9, &[10, 13, 14][..]),
        (10, &[13, 14]),
        (11, &[13, 14]),
        (12, &[13, 14]),
        (13, &[14]),
        (14, &[]),
    ] {
        assert_eq!(window.place(seen), Place::Inside, "{seen}");
        assert_eq!(offsets(&window.of(of_ann, Some(seen))), missed, "{seen}");
    }
    assert_eq!(offsets(&window.of(Topic::Order(order), None)), [10, 14]);
    assert_eq!(offsets(&window.of(Topic::Customer(order), None)), [0; 0]);
    assert_eq!(window.place(8), Place::Before);
    assert_eq!(window.place(15), Place::Ahead);
}

#[test]
fn what_was_published_twice_is_there_once() {
    let mut window = Window::new(BOUNDS);
    let ann = Uuid::now_v7();
    let first = entry(1, ann, None);
    let again = Arc::new(Entry {
        offset: 2,
        id: first.id,
        version: first.version,
        customer: ann,
        order: None,
        frame: first.frame.clone(),
    });
    assert!(window.push(first, Instant::now()));
    assert!(!window.push(again, Instant::now()));
    assert_eq!(offsets(&window.of(Topic::Customer(ann), None)), [1]);
    // It was read all the same.
    assert_eq!(window.last(), Some(2));
}

#[test]
fn it_forgets_what_is_too_much_or_too_old_and_knows_that() {
    let ann = Uuid::now_v7();
    let topic = Topic::Customer(ann);
    let now = Instant::now();
    let full = |bounds| {
        let mut window = Window::new(bounds);
        for offset in 0..8 {
            window.push(entry(offset, ann, None), now);
        }
        window
    };
    let few = full(BOUNDS);
    assert_eq!(offsets(&few.of(topic, None)), [3, 4, 5, 6, 7]);
    assert_eq!(few.place(1), Place::Before);
    assert_eq!(few.place(2), Place::Inside);

    let many = Bounds {
        events: 100,
        ..BOUNDS
    };
    let small = full(Bounds { bytes: 300, ..many });
    assert_eq!(offsets(&small.of(topic, None)), [4, 5, 6, 7]);

    let mut old = full(many);
    old.push(entry(8, ann, None), now + BOUNDS.age * 2);
    assert_eq!(offsets(&old.of(topic, None)), [8]);
    assert_eq!(old.place(6), Place::Before);
    assert_eq!(old.place(7), Place::Inside);
    assert_eq!((old.ids.len(), old.topics.len(), old.bytes), (1, 1, 100));
}

#[test]
fn before_anything_was_read_every_offset_is_ahead() {
    let window = Window::new(BOUNDS);
    assert_eq!(window.place(0), Place::Ahead);
    assert_eq!(window.last(), None);
}
