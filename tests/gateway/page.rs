//! A page that reads a stream of events as a browser would.

use std::{collections::VecDeque, time::Duration};

use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::common::{Client, shop::PATIENCE};

/// An event as a page gets it, or a sign of life.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: Option<String>,
    /// Empty: no event.
    pub kind: String,
    pub data: Value,
}

/// An open stream, read as a browser would.
pub struct Page {
    response: Response,
    buffer: String,
    events: VecDeque<Event>,
    /// The last id that came.
    pub id: Option<String>,
}

impl Page {
    pub async fn open(client: &Client, path: &str, seen: Option<&str>) -> Self {
        let mut request = client.request(Method::GET, path);
        if let Some(seen) = seen {
            request = request.header("last-event-id", seen);
        }
        // The client's own timeout is for answers that end.
        let response = request
            .timeout(Duration::from_secs(600))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{path}");
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        Self {
            response,
            buffer: String::new(),
            events: VecDeque::new(),
            id: None,
        }
    }

    /// The next event; None when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if !block.kind.is_empty() {
                return Some(block);
            }
        }
    }

    /// The next block: an event, a comment, a position.
    pub async fn block(&mut self) -> Option<Event> {
        while self.events.is_empty() {
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("something in time").ok()??;
            self.buffer.push_str(str::from_utf8(&chunk).unwrap());
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                self.events.push_back(parse(block));
                self.buffer = rest.to_owned();
            }
        }
        let event = self.events.pop_front()?;
        if event.id.is_some() {
            self.id.clone_from(&event.id);
        }
        Some(event)
    }

    /// Events until one of this type has come, that included.
    pub async fn until(&mut self, kind: &str) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.expect("a stream that goes on");
            let found = event.kind == kind;
            events.push(event);
            if found {
                return events;
            }
        }
    }

    pub async fn assert_ends(mut self, within: Duration) {
        let start = Instant::now();
        while self.block().await.is_some() {}
        assert!(start.elapsed() < within, "{:?}", start.elapsed());
    }
}

fn parse(block: &str) -> Event {
    let field = |name: &str| {
        let mut lines = block.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(field, value)| (field == name).then(|| value.to_owned()))
    };
    Event {
        id: field("id"),
        kind: field("event").unwrap_or_default(),
        data: field("data").map_or(Value::Null, |data| serde_json::from_str(&data).unwrap()),
    }
}
