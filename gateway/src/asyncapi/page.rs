//! The document as a page, for whoever writes a subscriber.

use askama::Template;
use serde_json::Value;

#[derive(Template)]
#[template(path = "asyncapi.html")]
struct Page<'a> {
    title: &'a str,
    version: &'a str,
    about: Vec<Text<'a>>,
    groups: Vec<Group<'a>>,
    types: Vec<Type<'a>>,
}

/// Events of one tag.
struct Group<'a> {
    name: &'a str,
    description: &'a str,
    events: Vec<Event<'a>>,
}

struct Event<'a> {
    kind: &'a str,
    description: Text<'a>,
    sources: Vec<&'a str>,
    subject: Text<'a>,
    versioned: bool,
    payload: &'a str,
    example: String,
}

struct Type<'a> {
    name: &'a str,
    description: Text<'a>,
    /// Of a type that is one of a few words.
    values: Vec<&'a str>,
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    name: &'a str,
    /// What stands before the name of a type, or instead of one.
    kind: String,
    type_name: Option<&'a str>,
    optional: bool,
    description: Text<'a>,
}

/// Markdown, as far as our documentation uses it: every other piece is code.
struct Text<'a>(Vec<&'a str>);

impl<'a> Text<'a> {
    fn new(markdown: &'a str) -> Self {
        Self(markdown.split('`').collect())
    }

    fn of(value: &'a Value) -> Self {
        Self::new(text(value))
    }
}

/// The page.
///
/// # Errors
/// When it cannot be rendered.
pub(super) fn render(document: &Value) -> anyhow::Result<String> {
    let info = &document["info"];
    let groups = info["tags"].as_array().into_iter().flatten().map(|tag| {
        let name = type_name(&tag["$ref"]).unwrap_or_default();
        Group {
            name,
            description: text(&document["components"]["tags"][name]["description"]),
            events: events(document, name),
        }
    });
    let schemas = document["components"]["schemas"].as_object();
    let page = Page {
        title: text(&info["title"]),
        version: text(&info["version"]),
        about: text(&info["description"])
            .split("\n\n")
            .map(|paragraph| Text(paragraph.split("**").collect()))
            .collect(),
        groups: groups.collect(),
        types: schemas
            .into_iter()
            .flatten()
            .map(|(name, schema)| Type::new(name, schema))
            .collect(),
    };
    Ok(page.render()?)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// What a reference leads to.
fn type_name(reference: &Value) -> Option<&str> {
    Some(reference.as_str()?.rsplit_once('/')?.1)
}

fn events<'a>(document: &'a Value, tag: &str) -> Vec<Event<'a>> {
    let messages = document["components"]["messages"].as_object();
    messages
        .into_iter()
        .flatten()
        .filter(|(_, message)| type_name(&message["tags"][0]["$ref"]) == Some(tag))
        .map(|(kind, message)| {
            let own = &message["payload"]["allOf"][1];
            let properties = &own["properties"];
            Event {
                kind,
                description: Text::of(&message["description"]),
                sources: texts(&properties["source"]["enum"]),
                subject: Text::of(&properties["subject"]["description"]),
                versioned: texts(&own["required"]).contains(&"aggregateversion"),
                payload: type_name(&properties["data"]["$ref"]).unwrap_or_default(),
                example: format!("{:#}", message["examples"][0]["payload"]),
            }
        })
        .collect()
}

impl<'a> Type<'a> {
    fn new(name: &'a str, schema: &'a Value) -> Self {
        let required = texts(&schema["required"]);
        let properties = schema["properties"].as_object();
        Self {
            name,
            description: Text::of(&schema["description"]),
            values: texts(&schema["enum"])
                .into_iter()
                .chain(
                    schema["oneOf"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .flat_map(|one| texts(&one["enum"])),
                )
                .collect(),
            fields: properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| Field::new(name, schema, !required.contains(&name.as_str())))
                .collect(),
        }
    }
}

impl<'a> Field<'a> {
    fn new(name: &'a str, schema: &'a Value, optional: bool) -> Self {
        let (kind, type_name) = match text(&schema["type"]) {
            "array" => {
                let items = &schema["items"];
                (
                    format!("list of {}", plain(items)),
                    type_name(&items["$ref"]),
                )
            }
            _ => (plain(schema), type_name(&schema["$ref"])),
        };
        Self {
            name,
            kind,
            type_name,
            optional,
            description: Text::of(&schema["description"]),
        }
    }
}

/// The type and its format; nothing of what only refers to another.
fn plain(schema: &Value) -> String {
    let words = [text(&schema["type"]), text(&schema["format"])];
    words.join(" ").trim().to_owned()
}
