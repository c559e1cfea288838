//! Every event type and its payload. A type only ever gains optional fields; anything else is a `.v2`.

pub mod identity;
pub mod incentive;
pub mod inventory;
pub mod ops;
pub mod order;

use chrono::{DateTime, Utc};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use crate::cloudevents::CloudEvent;

/// What is to be known of an event type: the AsyncAPI document is made of these.
#[derive(Debug)]
pub struct Event {
    /// For example `order.created.v1`; also the routing key.
    pub kind: &'static str,
    /// The services that say it.
    pub sources: &'static [&'static str],
    /// What it says.
    pub description: &'static str,
    /// What it is about.
    pub subject: &'static str,
    pub schemas: fn() -> Schemas,
    pub example: fn() -> serde_json::Result<CloudEvent>,
}

/// The schemas of a payload, by name: its own first, then those that it refers to.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// Declares the event types of a module: each one's constant, which stands for its name, and [`Event`], in `EVENTS`. What an
/// example says is typed, so that it cannot become untrue of its payload.
macro_rules! events {
    (
        sources: $sources:expr;
        $(
            $(#[doc = $doc:literal])+
            $name:ident = $kind:literal,
            subject: $about:literal = $subject:expr,
            version: $version:expr,
            data: $payload:ty = $data:expr;
        )+
    ) => {
        $(
            $(#[doc = $doc])+
            pub const $name: &str = $kind;
        )+

        /// What there is to be known of each.
        pub(crate) const EVENTS: &[$crate::events::Event] = &[$($crate::events::Event {
            kind: $name,
            sources: $sources,
            description: concat!($($doc, "\n"),+),
            subject: $about,
            schemas: $crate::events::schemas::<$payload>,
            example: || {
                let data: $payload = $data;
                $crate::events::example($sources[0], $name, $subject, $version, &data)
            },
        }),+];
    };
}
pub(crate) use events;

/// Every event type, service by service.
pub fn all() -> impl Iterator<Item = &'static Event> {
    [
        order::EVENTS,
        inventory::EVENTS,
        incentive::EVENTS,
        identity::EVENTS,
        ops::EVENTS,
    ]
    .into_iter()
    .flatten()
}

fn schemas<T: ToSchema>() -> Schemas {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    schemas
}

/// The time of every example: they must not differ from day to day.
const AT: DateTime<Utc> = DateTime::from_timestamp_nanos(1_795_598_400_000_000_000);
const ORDER: Uuid = Uuid::from_u128(0x81ee_6126_34d8_8b75_9c58_8cb1_0a15_d555);
/// Whoever the examples are about.
const USER: Uuid = Uuid::from_u128(0x0191_f6c2_7f5e_7d3a_9c1e_2f4b_8a6d_0e11);
const SESSION: Uuid = Uuid::from_u128(0x0191_f6c2_9a40_7b08_b2d7_5c1f_3e8a_4d22);
const EVENT: Uuid = Uuid::from_u128(0x0191_f6c2_c3d1_7e6a_8f05_6b9d_1a2c_7f33);

fn example(
    source: &str,
    kind: &str,
    subject: impl ToString,
    version: Option<i64>,
    data: &impl serde::Serialize,
) -> serde_json::Result<CloudEvent> {
    let event = CloudEvent::new(source, kind, subject, version, AT, data)?;
    Ok(CloudEvent { id: EVENT, ..event })
}

impl Event {
    /// The example as it goes over the line.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn example(&self) -> serde_json::Result<Value> {
        serde_json::to_value((self.example)()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_type_is_listed_once() {
        let sources = concat!(
            include_str!("order.rs"),
            include_str!("inventory.rs"),
            include_str!("incentive.rs"),
            include_str!("identity.rs"),
            include_str!("ops.rs"),
        );
        // Whatever looks like the name of a type, in the macro or beside it.
        let named: BTreeSet<&str> = sources
            .split('"')
            .filter(|text| {
                text.rsplit_once(".v").is_some_and(|(name, version)| {
                    name.contains('.') && version.bytes().all(|byte| byte.is_ascii_digit())
                })
            })
            .collect();
        let listed: Vec<&str> = all().map(|event| event.kind).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), named);
        assert_eq!(listed.len(), named.len());
    }

    #[test]
    fn types_of_one_name_have_one_schema() {
        let mut known = std::collections::BTreeMap::new();
        for (name, schema) in all().flat_map(|event| (event.schemas)()) {
            let schema = serde_json::to_value(schema).unwrap();
            let before = known.insert(name.clone(), schema.clone());
            assert!(before.is_none_or(|before| before == schema), "{name}");
        }
    }
}
