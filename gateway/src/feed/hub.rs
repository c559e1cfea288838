//! What is read goes to the streams that show it. None waits for another: a stream that does not take what it is offered is
//! closed, and its client resumes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chassis::amqp::{StreamReader, stream::Offset};
use proto::cloudevents::CloudEvent;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    watch,
};

use super::{
    public,
    window::{Bounds, Entry, Place, Topic, Window},
};

/// Events that wait for a stream whose client is slow, at most.
const QUEUE: usize = 256;
/// After so long, all that was published before the process began has most probably been read.
const LOAD: Duration = Duration::from_secs(1);

/// What an open stream is told.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Event(Arc<Entry>),
    /// Something may be missing.
    Reset,
}

/// See the module's documentation.
pub(super) struct Hub {
    state: Mutex<State>,
    /// When reading began.
    begun: watch::Sender<Option<Instant>>,
}

struct State {
    window: Window,
    streams: HashMap<Topic, Vec<(u64, mpsc::Sender<Message>)>>,
    next: u64,
    /// Since when there has been no break in reading.
    reading: Option<Instant>,
}

/// Where a new stream begins.
#[derive(Debug)]
pub(super) enum Beginning {
    /// Now.
    Live,
    /// After the event that the client saw last.
    Resumed(Vec<Arc<Entry>>),
    /// After an event that is yet to be read here.
    Ahead(Offset),
    /// Now, and something may be missing.
    Lost,
}

/// What the client saw last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastSeen {
    Nothing,
    Event(Offset),
    /// Not one of our ids.
    Unknown,
}

impl Hub {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            state: Mutex::new(State {
                window: Window::new(bounds),
                streams: HashMap::new(),
                next: 0,
                reading: None,
            }),
            begun: watch::Sender::default(),
        }
    }

    /// The offset that was read last.
    pub(super) fn last(&self) -> Option<Offset> {
        self.state().window.last()
    }

    /// How long there has been no break in reading.
    pub(super) fn reading_for(&self) -> Option<Duration> {
        self.state().reading.map(|since| since.elapsed())
    }

    /// Resolves when what was published before is not told as new any more.
    pub(super) async fn loaded(&self) {
        let mut begun = self.begun.subscribe();
        // Its sender lives as long as this.
        let begun = begun.wait_for(Option::is_some).await.map(|begun| *begun);
        if let Ok(Some(begun)) = begun {
            tokio::time::sleep_until((begun + LOAD).into()).await;
        }
    }

    /// A new stream, and where it begins: what is read from then on it is told.
    pub(super) fn open(self: &Arc<Self>, topic: Topic, seen: LastSeen) -> (Stream, Beginning) {
        let mut state = self.state();
        let beginning = match seen {
            LastSeen::Nothing => Beginning::Live,
            LastSeen::Unknown => Beginning::Lost,
            LastSeen::Event(offset) => match state.window.place(offset) {
                Place::Inside => Beginning::Resumed(state.window.of(topic, Some(offset))),
                Place::Ahead => Beginning::Ahead(offset),
                Place::Before => Beginning::Lost,
            },
        };
        let (sender, messages) = mpsc::channel(QUEUE);
        let number = state.next;
        state.next += 1;
        let streams = state.streams.entry(topic).or_default();
        streams.push((number, sender));
        let stream = Stream {
            hub: self.clone(),
            topic,
            number,
            recent: state.window.of(topic, None),
            opened_at: state.window.last(),
            messages,
        };
        (stream, beginning)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Offers a message to each stream of a topic.
    fn offer(&mut self, topic: Topic, message: &Message) {
        if let Some(streams) = self.streams.get_mut(&topic) {
            streams.retain(|(_, stream)| {
                let offered = stream.try_send(message.clone());
                if let Err(TrySendError::Full(_)) = offered {
                    metrics::counter!("event_streams_cut_off_total").increment(1);
                }
                offered.is_ok()
            });
            if streams.is_empty() {
                self.streams.remove(&topic);
            }
        }
    }
}

impl StreamReader for Hub {
    fn set_reading(&self, reading: bool) {
        let now = Instant::now();
        self.state().reading = reading.then_some(now);
        self.begun.send_if_modified(|begun| {
            let first = reading && begun.is_none();
            if first {
                *begun = Some(now);
            }
            first
        });
    }

    fn interrupted(&self) {
        let mut state = self.state();
        state.window.clear();
        let topics: Vec<Topic> = state.streams.keys().copied().collect();
        for topic in topics {
            state.offer(topic, &Message::Reset);
        }
    }

    fn read(&self, offset: Offset, event: CloudEvent) -> anyhow::Result<()> {
        let told = public::tell(offset, &event);
        let mut state = self.state();
        let told = told.inspect_err(|_| state.window.pass(offset))?;
        let entry = Arc::new(Entry {
            offset,
            id: event.id,
            version: event.aggregateversion,
            customer: told.customer,
            order: told.order,
            frame: told.frame,
        });
        if state.window.push(entry.clone(), Instant::now()) {
            let message = Message::Event(entry.clone());
            for topic in entry.topics() {
                state.offer(topic, &message);
            }
        }
        Ok(())
    }
}

/// A place among those who are told.
pub(super) struct Stream {
    pub(super) hub: Arc<Hub>,
    topic: Topic,
    number: u64,
    /// What was remembered of the topic when it was opened.
    pub(super) recent: Vec<Arc<Entry>>,
    /// What had been read last then.
    pub(super) opened_at: Option<Offset>,
    /// Ends when it was too slow.
    pub(super) messages: mpsc::Receiver<Message>,
}

impl Stream {
    pub(super) fn is_of_order(&self) -> bool {
        matches!(self.topic, Topic::Order(_))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(streams) = state.streams.get_mut(&self.topic) {
            streams.retain(|(number, _)| *number != self.number);
            if streams.is_empty() {
                state.streams.remove(&self.topic);
            }
        }
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
