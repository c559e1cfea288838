//! Which parts of the merged document are not of today.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

/// Of an operation: since when its service has not answered.
const UNAVAILABLE_SINCE: &str = "x-unavailable-since";

/// A service's document, with each operation marked if the service is away.
pub(super) fn marked(document: &Value, away: Option<DateTime<Utc>>) -> Cow<'_, Value> {
    let Some(since) = away else {
        return Cow::Borrowed(document);
    };
    let mut document = document.clone();
    chassis::openapi::each(&mut document, |operation, _| {
        operation.insert(UNAVAILABLE_SINCE.to_owned(), text(since).into());
    });
    Cow::Owned(document)
}

/// Says in the document's description which services are away.
pub(super) fn tell<'a>(document: &mut Value, away: impl Iterator<Item = (&'a str, DateTime<Utc>)>) {
    for (service, since) in away {
        let description = document["info"]["description"].as_str();
        let description = format!(
            "{}\n\n**{service} has not answered since {}**: what stands here of it is what it said last.",
            description.unwrap_or_default(),
            text(since),
        );
        document["info"]["description"] = description.into();
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
