//! The envelope of every event: [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md)
//! in its structured JSON form.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The media type of a message that holds one [`CloudEvent`].
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

const SPEC_VERSION: &str = "1.0";

/// One event. `data` stays unparsed until a consumer knows, from `type`, what it is.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(
    description = "The envelope of every event: CloudEvents 1.0, structured JSON. What `data` is follows from `type`."
)]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// Unique for ever; consumers deduplicate by it.
    pub id: Uuid,
    /// The service that speaks, for example `/order-svc`.
    pub source: String,
    /// For example `order.created.v1`; also the routing key.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id of the aggregate that changed.
    pub subject: String,
    pub time: DateTime<Utc>,
    /// `application/json`.
    pub datacontenttype: String,
    /// W3C Trace Context of the request that caused the event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub traceparent: Option<String>,
    /// The aggregate's version after the change. Of two events of one subject, the higher is the newer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub aggregateversion: Option<i64>,
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

impl CloudEvent {
    /// A new event with an id of its own, at `time`.
    ///
    /// # Errors
    /// When `data` cannot be written as JSON (a map with keys that are no strings).
    pub fn new(
        source: &str,
        kind: &str,
        subject: impl ToString,
        aggregateversion: Option<i64>,
        time: DateTime<Utc>,
        data: &impl Serialize,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            specversion: SPEC_VERSION.to_owned(),
            id: Uuid::now_v7(),
            source: source.to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_string(),
            time,
            datacontenttype: "application/json".to_owned(),
            traceparent: None,
            aggregateversion,
            data: serde_json::value::to_raw_value(data)?,
        })
    }

    /// Reads an event from a message's body.
    ///
    /// # Errors
    /// When the body is no CloudEvent of version 1.0.
    pub fn from_slice(body: &[u8]) -> serde_json::Result<Self> {
        let event: Self = serde_json::from_slice(body)?;
        if event.specversion != SPEC_VERSION {
            return Err(serde::de::Error::custom(format!(
                "specversion `{}`: only {SPEC_VERSION} is understood",
                event.specversion
            )));
        }
        Ok(event)
    }

    /// The payload as the type that `kind` stands for.
    ///
    /// # Errors
    /// When the payload has another shape.
    pub fn data<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.data.get())
    }
}
