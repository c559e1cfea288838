//! What goes over the line, as the [event stream format](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream)
//! has it.

use bytes::Bytes;

/// A client that lost the stream connects again after so many milliseconds.
pub(super) const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");
/// Something may be missing. Its empty id has the client forget the one that it would resume after.
pub(super) const RESET: Bytes = Bytes::from_static(b"id: \nevent: reset\ndata: {}\n\n");

/// An event; with an offset, one that can be resumed after.
pub(super) fn event(offset: Option<u64>, kind: &str, data: &str) -> Bytes {
    let mut frame = String::with_capacity(data.len() + kind.len() + 50);
    if let Some(offset) = offset {
        frame.push_str(&format!("id: {offset}\n"));
    }
    frame.push_str(&format!("event: {kind}\n"));
    for line in data.lines() {
        frame.push_str("data: ");
        frame.push_str(line);
        frame.push('\n');
    }
    frame.push('\n');
    frame.into()
}

/// No event: from here the client resumes. Without it, one that has been told nothing for a while would name an event that
/// nobody remembers.
pub(super) fn position(offset: u64) -> Bytes {
    format!("id: {offset}\n\n").into()
}

/// A sign of life.
pub(super) fn heartbeat(offset: Option<u64>) -> Bytes {
    match offset {
        Some(offset) => format!(": heartbeat\nid: {offset}\n\n").into(),
        None => Bytes::from_static(b": heartbeat\n\n"),
    }
}
