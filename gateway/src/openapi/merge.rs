//! Makes one OpenAPI document of several.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// One service's document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// Its name, such as `order-svc`.
    pub(crate) service: &'a str,
    pub(crate) document: &'a Value,
}

/// A component's section and name, for example `("schemas", "Order")`.
type Name = (String, String);

/// Merges `parts` into `base`, whose `info` stands and whose names are never changed.
///
/// Of a part only those operations are taken that `routed(service, method, template)` lets pass, and the components
/// that they need. Components of one name with one meaning become one; if the meanings differ, the later one takes its
/// service's name as a prefix. So does an `operationId` that is taken. Earlier parts keep their names: the order of
/// `parts` decides.
#[must_use]
pub(crate) fn merge(
    base: &Value,
    parts: &[Part<'_>],
    routed: impl Fn(&str, &str, &str) -> bool,
) -> Value {
    let mut merged = Merged::new(base);
    for part in parts {
        merged.add(part, &routed);
    }
    merged.finish()
}

/// A service's name as the beginning of a type's name: `Order` of `order-svc`.
fn title(service: &str) -> String {
    let name = service.strip_suffix("-svc").unwrap_or(service);
    name.split(|character: char| !character.is_ascii_alphanumeric())
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

struct Merged {
    document: Map<String, Value>,
    paths: Map<String, Value>,
    components: BTreeMap<Name, Value>,
    tags: Vec<Value>,
    operation_ids: BTreeSet<String>,
}

impl Merged {
    fn new(base: &Value) -> Self {
        let mut document = base.as_object().cloned().unwrap_or_default();
        document.insert("openapi".to_owned(), json!("3.1.0"));
        document.insert("servers".to_owned(), json!([{ "url": "/" }]));
        let paths = match document.remove("paths") {
            Some(Value::Object(paths)) => paths,
            _ => Map::new(),
        };
        let tags = match document.remove("tags") {
            Some(Value::Array(tags)) => tags,
            _ => Vec::new(),
        };
        document.remove("components");
        let operation_ids = operations(&paths)
            .filter_map(|operation| operation["operationId"].as_str().map(str::to_owned))
            .collect();
        Self {
            document,
            paths,
            components: components(base),
            tags,
            operation_ids,
        }
    }

    fn add(&mut self, part: &Part<'_>, routed: impl Fn(&str, &str, &str) -> bool) {
        let mut paths = taken(part, routed);
        let needed = needed(&paths, &components(part.document));
        let names = self.names(part.service, &needed);

        for ((section, name), component) in needed {
            let mut component = component;
            rename_references(&mut component, &names);
            let name = renamed(&names, &section, &name);
            self.components.insert((section, name), component);
        }
        for item in paths.values_mut() {
            rename_references(item, &names);
        }
        for operation in operations_mut(&mut paths) {
            rename_security(operation, &names);
            self.claim_operation_id(part.service, operation);
        }
        for (path, item) in paths {
            match (self.paths.get_mut(&path), item) {
                // Two services may share a path, each with methods of its own.
                (Some(Value::Object(existing)), Value::Object(item)) => {
                    for (key, value) in item {
                        existing.entry(key).or_insert(value);
                    }
                }
                (_, item) => {
                    self.paths.insert(path, item);
                }
            }
        }
        self.add_tags(part.document);
    }

    /// The new name of each component that cannot keep its own.
    ///
    /// A component differs from the one that has its name, too, if it refers to one that differs.
    fn names(&self, service: &str, needed: &BTreeMap<Name, Value>) -> BTreeMap<Name, String> {
        let mut names: BTreeMap<Name, String> = BTreeMap::new();
        loop {
            let clash = needed.iter().find(|&(key, component)| {
                !names.contains_key(key)
                    && self.components.get(key).is_some_and(|existing| {
                        existing != component
                            || references(component)
                                .iter()
                                .any(|reference| names.contains_key(reference))
                    })
            });
            let Some((key, _)) = clash else {
                return names;
            };
            let (section, name) = key;
            let mut free = format!("{}{name}", title(service));
            loop {
                let wanted = (section.clone(), free.clone());
                let taken = self.components.contains_key(&wanted)
                    || needed.contains_key(&wanted)
                    || names
                        .iter()
                        .any(|((in_section, _), name)| in_section == section && *name == free);
                if !taken {
                    break;
                }
                free.push('_');
            }
            names.insert(key.clone(), free);
        }
    }

    fn claim_operation_id(&mut self, service: &str, operation: &mut Value) {
        let Some(id) = operation["operationId"].as_str() else {
            return;
        };
        let mut id = id.to_owned();
        if self.operation_ids.contains(&id) {
            id = format!("{}_{id}", title(service).to_lowercase());
        }
        while self.operation_ids.contains(&id) {
            id.push('_');
        }
        operation["operationId"] = Value::String(id.clone());
        self.operation_ids.insert(id);
    }

    /// Adds the tags that are used; the first description of a tag stands.
    fn add_tags(&mut self, document: &Value) {
        let used: BTreeSet<&str> = operations(&self.paths)
            .filter_map(|operation| operation["tags"].as_array())
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let new: Vec<Value> = document["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|tag| {
                tag["name"].as_str().is_some_and(|name| {
                    used.contains(name) && self.tags.iter().all(|known| known["name"] != name)
                })
            })
            .cloned()
            .collect();
        self.tags.extend(new);
    }

    fn finish(mut self) -> Value {
        let mut components = Map::new();
        for ((section, name), component) in self.components {
            components.entry(section).or_insert_with(|| json!({}))[name] = component;
        }
        self.document
            .insert("paths".to_owned(), Value::Object(self.paths));
        self.document
            .insert("components".to_owned(), Value::Object(components));
        self.document
            .insert("tags".to_owned(), Value::Array(self.tags));
        Value::Object(self.document)
    }
}

/// The paths of a part with the operations that are routed, each with the security that it had from the document.
fn taken(part: &Part<'_>, routed: impl Fn(&str, &str, &str) -> bool) -> Map<String, Value> {
    let default_security = part.document.get("security");
    let mut paths = Map::new();
    for (path, item) in part.document["paths"].as_object().into_iter().flatten() {
        let mut item: Map<String, Value> = item.as_object().cloned().unwrap_or_default();
        item.remove("servers");
        item.retain(|key, _| !METHODS.contains(&key.as_str()) || routed(part.service, key, path));
        for (_, operation) in item
            .iter_mut()
            .filter(|(key, _)| METHODS.contains(&key.as_str()))
        {
            if let (Some(operation), Some(security)) = (operation.as_object_mut(), default_security)
            {
                operation
                    .entry("security")
                    .or_insert_with(|| security.clone());
            }
        }
        if item.keys().any(|key| METHODS.contains(&key.as_str())) {
            paths.insert(path.clone(), Value::Object(item));
        }
    }
    paths
}

/// The components that the paths refer to, directly or through others.
fn needed(paths: &Map<String, Value>, all: &BTreeMap<Name, Value>) -> BTreeMap<Name, Value> {
    let mut open: Vec<Name> = paths.values().flat_map(references).collect();
    open.extend(operations(paths).flat_map(security_schemes));
    let mut needed = BTreeMap::new();
    while let Some(name) = open.pop() {
        if let (Some(component), false) = (all.get(&name), needed.contains_key(&name)) {
            open.extend(references(component));
            needed.insert(name, component.clone());
        }
    }
    needed
}

fn components(document: &Value) -> BTreeMap<Name, Value> {
    document["components"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(section, components)| Some((section, components.as_object()?)))
        .flat_map(|(section, components)| {
            components
                .iter()
                .map(|(name, component)| ((section.clone(), name.clone()), component.clone()))
        })
        .collect()
}

fn operations(paths: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    paths
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .filter(|(key, _)| METHODS.contains(&key.as_str()))
        .map(|(_, operation)| operation)
}

fn operations_mut(paths: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    paths
        .values_mut()
        .filter_map(Value::as_object_mut)
        .flatten()
        .filter(|(key, operation)| METHODS.contains(&key.as_str()) && operation.is_object())
        .map(|(_, operation)| operation)
}

/// The security schemes that an operation names; by their bare names, not by references.
fn security_schemes(operation: &Value) -> Vec<Name> {
    operation["security"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
        .map(|name| ("securitySchemes".to_owned(), name.clone()))
        .collect()
}

fn rename_security(operation: &mut Value, names: &BTreeMap<Name, String>) {
    let requirements = operation.get_mut("security").and_then(Value::as_array_mut);
    for requirement in requirements
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        *requirement = std::mem::take(requirement)
            .into_iter()
            .map(|(name, scopes)| (renamed(names, "securitySchemes", &name), scopes))
            .collect();
    }
}

fn renamed(names: &BTreeMap<Name, String>, section: &str, name: &str) -> String {
    names
        .get(&(section.to_owned(), name.to_owned()))
        .map_or_else(|| name.to_owned(), Clone::clone)
}

/// Section, name and what follows of `#/components/schemas/Order/properties/id`.
fn parse_reference(text: &str) -> Option<(&str, &str, &str)> {
    let (section, rest) = text.strip_prefix("#/components/")?.split_once('/')?;
    let end = rest.find('/').unwrap_or(rest.len());
    Some((section, &rest[..end], &rest[end..]))
}

/// The components that a value refers to. References stand under `$ref` and in the `mapping` of a discriminator, so
/// every text that looks like one is taken for one.
fn references(value: &Value) -> Vec<Name> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => found.extend(
                parse_reference(text)
                    .map(|(section, name, _)| (section.to_owned(), name.to_owned())),
            ),
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

fn rename_references(value: &mut Value, names: &BTreeMap<Name, String>) {
    match value {
        Value::String(text) => {
            if let Some((section, name, rest)) = parse_reference(text)
                && let Some(new) = names.get(&(section.to_owned(), name.to_owned()))
            {
                *text = format!("#/components/{section}/{new}{rest}");
            }
        }
        Value::Array(items) => {
            for item in items {
                rename_references(item, names);
            }
        }
        Value::Object(members) => {
            for member in members.values_mut() {
                rename_references(member, names);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
