//! Every use case is listed in its service's `App`.

use std::collections::BTreeMap;

use crate::source::{Source, sources};

/// The fields of a struct, and the last part of each one's type.
fn fields(source: &Source, name: &str) -> BTreeMap<String, String> {
    let file = syn::parse_file(&source.text).expect("parsed before");
    let found = file.items.iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == name => Some(item),
        _ => None,
    });
    let found = found.unwrap_or_else(|| panic!("{}: has no struct {name}", source.path));
    found
        .fields
        .iter()
        .filter_map(|field| {
            let syn::Type::Path(kind) = &field.ty else {
                return None;
            };
            let kind = kind.path.segments.last()?.ident.to_string();
            Some((field.ident.as_ref()?.to_string(), kind))
        })
        .collect()
}

/// What is in the folder and not in the list, and the other way round.
fn differences(list: &str, fields: &BTreeMap<String, String>, use_cases: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for use_case in use_cases {
        let handler = format!("{}Handler", camel(use_case));
        match fields.get(use_case) {
            Some(kind) if *kind == handler => {}
            Some(kind) => found.push(format!(
                "{list}: `{use_case}` is a {kind}. Name the handler of {use_case}.rs {handler}"
            )),
            None => found.push(format!(
                "{list}: {use_case}.rs is not listed. Add `pub {use_case}: {handler}`; a file that is no use case \
                 belongs elsewhere"
            )),
        }
    }
    for field in fields.keys().filter(|field| !use_cases.contains(field)) {
        found.push(format!(
            "{list}: `{field}` has no file of its own. One use case a file, named by it: {field}.rs"
        ));
    }
    found
}

fn camel(snake: &str) -> String {
    snake
        .split('_')
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

/// `commands/x.rs` and `commands/x/mod.rs` are the use case x; what else lies in `commands/x` is a part of it.
fn use_cases(folder: &str) -> Vec<String> {
    sources(folder)
        .iter()
        .filter_map(|source| {
            let inside = source.path.strip_prefix(folder)?.trim_start_matches('/');
            let is_own = !inside.contains('/') && inside != "mod.rs";
            let is_folder = inside.matches('/').count() == 1 && inside.ends_with("/mod.rs");
            (is_own || is_folder).then(|| source.stem().to_owned())
        })
        .collect()
}

#[test]
fn every_use_case_is_listed_in_the_app() {
    let mut broken = Vec::new();
    for service in ["order-svc", "inventory-svc"] {
        let folder = format!("{service}/src/application");
        let app = sources(&folder)
            .into_iter()
            .find(|source| source.path.ends_with("/application/mod.rs"));
        let app = app.expect("application/mod.rs");
        for (list, inside) in [("Commands", "commands"), ("Queries", "queries")] {
            let use_cases = use_cases(&format!("{folder}/{inside}"));
            assert!(
                !use_cases.is_empty(),
                "{folder}/{inside} is gone: let the rule follow it"
            );
            broken.extend(differences(
                &format!("{}: {list}", app.path),
                &fields(&app, list),
                &use_cases,
            ));
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn a_use_case_that_is_not_listed_is_caught() {
    let app =
        "pub struct Commands { pub create_order: CreateOrderHandler, pub ship: ShipOrderHandler }";
    let fields = fields(
        &Source::parse("x-svc/src/application/mod.rs", app),
        "Commands",
    );
    let use_cases = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let found = |names| differences("mod.rs: Commands", &fields, &use_cases(names));

    let missing = found(&["create_order", "ship", "cancel_order"]);
    assert!(
        missing
            .iter()
            .any(|line| line.contains("cancel_order.rs is not listed")),
        "{missing:?}"
    );
    assert!(
        missing.iter().any(|line| line.contains("ShipHandler")),
        "{missing:?}"
    );
    let unfiled = found(&["create_order"]);
    assert!(
        unfiled
            .iter()
            .any(|line| line.contains("`ship` has no file")),
        "{unfiled:?}"
    );
}
