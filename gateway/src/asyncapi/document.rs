//! The [AsyncAPI](https://www.asyncapi.com/docs/reference/specification/v3.0.0) document.

use proto::{
    cloudevents::{CONTENT_TYPE, CloudEvent},
    events::{self, Event},
};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;

/// The topic exchange that every event goes to.
const EXCHANGE: &str = "easyorder.events";
/// Of the AMQP bindings that are used here.
const BINDINGS: &str = "0.3.0";

const DESCRIPTION: &str = "\
What happens in the shop, told on RabbitMQ. Each event is one persistent message on the durable topic exchange \
`easyorder.events`; its routing key is its type, its body a CloudEvent 1.0 in structured JSON.

**To subscribe**, declare a durable queue of your own and bind it by routing keys: `order.#`, or one type. A queue keeps \
what comes while you are away; what was said before it was bound it does not get. Acknowledge an event after you have dealt \
with it.

**An event comes at least once**: published with its change or not at all, and perhaps again after a fault. Deduplicate by \
`id`, which is the AMQP `message_id`, too. **Order is not promised**: of two events of one `subject` the one with the greater \
`aggregateversion` is the newer, and an order's event carries the whole order.

**A type only ever gains optional fields**, so ignore those that you do not know; what could not be read as before would be \
a new type, `.v2`.";

/// The document, made of every event type that there is.
///
/// # Errors
/// When an example cannot be written as JSON.
pub fn document() -> serde_json::Result<Value> {
    let mut channels = Map::new();
    let mut operations = Map::new();
    let mut messages = Map::new();
    let mut schemas = Map::new();
    schemas.insert(
        "CloudEvent".to_owned(),
        serde_json::to_value(CloudEvent::schema())?,
    );
    for event in events::all() {
        let kind = event.kind.to_owned();
        let mut payload = String::new();
        // The payload's own comes first, so last when read backwards.
        for (name, schema) in (event.schemas)().into_iter().rev() {
            schemas.insert(name.clone(), serde_json::to_value(schema)?);
            payload = name;
        }
        messages.insert(kind.clone(), message(event, &payload)?);
        channels.insert(kind.clone(), channel(event));
        operations.insert(format!("send.{kind}"), operation(event));
    }
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "EasyOrder events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT", "url": "https://spdx.org/licenses/MIT.html" },
            "tags": TAGS.map(|(name, _)| tag(name)),
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": { "rabbitmq": {
            "host": "127.0.0.1:5672",
            "protocol": "amqp",
            "protocolVersion": "0.9.1",
            "description": "The shop's RabbitMQ, as `AMQP_URL` names it",
            "security": [{ "$ref": "#/components/securitySchemes/user" }],
        } },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas,
            "tags": TAGS
                .map(|(name, description)| (name, json!({ "name": name, "description": description })))
                .into_iter()
                .collect::<Value>(),
            "securitySchemes": { "user": {
                "type": "userPassword",
                "description": "A user of RabbitMQ that may read from the exchange and configure, write and read its own queues",
            } },
        },
    }))
}

/// By what a type's name begins with.
const TAGS: [(&str, &str); 5] = [
    ("order", "What happens to orders"),
    ("inventory", "What happens to stock and to the catalogue"),
    ("incentive", "What happens to points"),
    (
        "identity",
        "What happens to accounts, roles, sessions and keys",
    ),
    ("ops", "What happens to the system itself"),
];

fn tags(event: &Event) -> Value {
    json!(event.kind.split('.').next().map(tag).as_slice())
}

fn tag(name: &str) -> Value {
    json!({ "$ref": format!("#/components/tags/{name}") })
}

/// The first sentence of a description, without its full stop.
fn summary(event: &Event) -> String {
    let text = text(event);
    let sentence = text.split(['.', ';', ':']).next().unwrap_or_default();
    sentence.to_owned()
}

/// Documentation comments are wrapped and indented.
fn text(event: &Event) -> String {
    let words: Vec<&str> = event.description.split_whitespace().collect();
    words.join(" ")
}

fn channel(event: &Event) -> Value {
    let kind = event.kind;
    json!({
        "address": kind,
        "title": kind,
        "summary": summary(event),
        "description": text(event),
        "servers": [{ "$ref": "#/servers/rabbitmq" }],
        "messages": { kind: { "$ref": format!("#/components/messages/{kind}") } },
        "tags": tags(event),
        "bindings": { "amqp": {
            "is": "routingKey",
            "exchange": { "name": EXCHANGE, "type": "topic", "durable": true, "autoDelete": false, "vhost": "/" },
            "bindingVersion": BINDINGS,
        } },
    })
}

fn operation(event: &Event) -> Value {
    let kind = event.kind;
    json!({
        "action": "send",
        "title": kind,
        "summary": format!("The shop sends, a subscriber receives: {}", summary(event)),
        "channel": { "$ref": format!("#/channels/{kind}") },
        "messages": [{ "$ref": format!("#/channels/{kind}/messages/{kind}") }],
        "tags": tags(event),
        "bindings": { "amqp": { "deliveryMode": 2, "mandatory": true, "bindingVersion": BINDINGS } },
    })
}

fn message(event: &Event, payload: &str) -> serde_json::Result<Value> {
    let example = event.example()?;
    let mut required = vec!["data"];
    if !example["aggregateversion"].is_null() {
        required.push("aggregateversion");
    }
    Ok(json!({
        "name": event.kind,
        "title": event.kind,
        "summary": summary(event),
        "description": text(event),
        "contentType": CONTENT_TYPE,
        "tags": tags(event),
        "payload": { "allOf": [
            { "$ref": "#/components/schemas/CloudEvent" },
            {
                "type": "object",
                "required": required,
                "properties": {
                    "type": { "const": event.kind },
                    "source": { "enum": event.sources },
                    "subject": { "type": "string", "description": event.subject },
                    "data": { "$ref": format!("#/components/schemas/{payload}") },
                },
            },
        ] },
        "bindings": { "amqp": { "messageType": event.kind, "bindingVersion": BINDINGS } },
        "examples": [{ "name": event.kind, "summary": summary(event), "payload": example }],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_what_its_schema_says() {
        let document = document().unwrap();
        let mut checked = 0;
        for (kind, message) in document["components"]["messages"].as_object().unwrap() {
            let mut schema = message["payload"].clone();
            schema["components"] = document["components"].clone();
            let schema = jsonschema::options()
                .should_validate_formats(true)
                .build(&schema)
                .unwrap();
            let example = &message["examples"][0]["payload"];
            let wrong: Vec<String> = schema
                .iter_errors(example)
                .map(|error| error.to_string())
                .collect();
            assert!(wrong.is_empty(), "{kind}: {wrong:?}");
            assert_eq!(example["type"], **kind);
            checked += 1;
        }
        assert_eq!(checked, events::all().count());
    }

    #[test]
    fn an_event_of_another_type_is_not_what_the_schema_says() {
        let document = document().unwrap();
        let messages = &document["components"]["messages"];
        let mut schema = messages["order.shipped.v1"]["payload"].clone();
        schema["components"] = document["components"].clone();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let example = |kind: &str| messages[kind]["examples"][0]["payload"].clone();
        assert!(schema.is_valid(&example("order.shipped.v1")));
        assert!(!schema.is_valid(&example("order.delivered.v1")));
        let mut without = example("order.shipped.v1");
        without["data"].as_object_mut().unwrap().remove("status");
        assert!(!schema.is_valid(&without));
    }
}
