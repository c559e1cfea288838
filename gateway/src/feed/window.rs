//! The last events, for those who come back.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use uuid::Uuid;

/// What a stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    /// All that concerns the customer.
    Customer(Uuid),
    /// An order's own events.
    Order(Uuid),
}

/// An event, ready to send.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) id: Uuid,
    pub(super) version: Option<i64>,
    pub(super) customer: Uuid,
    pub(super) order: Option<Uuid>,
    pub(super) frame: Bytes,
}

impl Entry {
    pub(super) fn topics(&self) -> impl Iterator<Item = Topic> {
        let order = self.order.map(Topic::Order);
        [Topic::Customer(self.customer)].into_iter().chain(order)
    }
}

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) age: Duration,
    pub(super) events: usize,
    /// Of the frames.
    pub(super) bytes: usize,
}

/// See the module's documentation.
pub(super) struct Window {
    bounds: Bounds,
    /// In the order of their offsets, with the time of their coming.
    entries: VecDeque<(Instant, Arc<Entry>)>,
    /// The same, by topic.
    topics: HashMap<Topic, VecDeque<Arc<Entry>>>,
    ids: HashSet<Uuid>,
    bytes: usize,
    /// The span of offsets of which every event is here; none until something was read.
    span: Option<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    first: u64,
    last: u64,
}

/// What is known of an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Every event after it is here.
    Inside,
    /// It has not been read yet, if there is such an event.
    Ahead,
    /// Some of the events after it may be forgotten.
    Before,
}

impl Window {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            entries: VecDeque::new(),
            topics: HashMap::new(),
            ids: HashSet::new(),
            bytes: 0,
            span: None,
        }
    }

    /// The offset that was read last.
    pub(super) fn last(&self) -> Option<u64> {
        self.span.map(|span| span.last)
    }

    /// Notes that this offset was read, whatever is there.
    pub(super) fn pass(&mut self, offset: u64) {
        let first = self.span.map_or(offset, |span| span.first);
        let last = offset;
        self.span = Some(Span { first, last });
    }

    /// Remembers an event; `false` if it is there already, by its id: then it was published twice.
    pub(super) fn push(&mut self, entry: Arc<Entry>, now: Instant) -> bool {
        self.pass(entry.offset);
        self.forget(now);
        if !self.ids.insert(entry.id) {
            return false;
        }
        self.bytes += entry.frame.len();
        for topic in entry.topics() {
            let entries = self.topics.entry(topic).or_default();
            entries.push_back(entry.clone());
        }
        self.entries.push_back((now, entry));
        true
    }

    pub(super) fn place(&self, offset: u64) -> Place {
        match self.span {
            Some(span) if offset > span.last => Place::Ahead,
            Some(span) if offset + 1 < span.first => Place::Before,
            Some(_) => Place::Inside,
            None => Place::Ahead,
        }
    }

    /// What is remembered of a topic, after `offset` or all of it.
    pub(super) fn of(&self, topic: Topic, offset: Option<u64>) -> Vec<Arc<Entry>> {
        let Some(entries) = self.topics.get(&topic) else {
            return Vec::new();
        };
        let from = offset.map_or(0, |offset| {
            entries.partition_point(|entry| entry.offset <= offset)
        });
        entries.range(from..).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.bounds);
    }

    fn forget(&mut self, now: Instant) {
        while let Some((since, entry)) = self.entries.front()
            && (self.entries.len() >= self.bounds.events
                || self.bytes > self.bounds.bytes
                || now.duration_since(*since) > self.bounds.age)
        {
            for topic in entry.topics() {
                if let Some(entries) = self.topics.get_mut(&topic) {
                    entries.pop_front();
                    if entries.is_empty() {
                        self.topics.remove(&topic);
                    }
                }
            }
            self.ids.remove(&entry.id);
            self.bytes -= entry.frame.len();
            if let Some(span) = &mut self.span {
                span.first = entry.offset + 1;
            }
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
