//! Who may use whom inside a service.

use std::collections::BTreeSet;

use crate::source::{Source, sources};

/// Files below `within` must not name what is `forbidden`.
struct Rule {
    /// A folder, or a file without its extension: `order-svc/src/domain`.
    within: String,
    /// A path's beginning: `sqlx`; or, after `*::`, a part of it: `*::now`.
    forbidden: Vec<String>,
    instead: &'static str,
}

impl Rule {
    fn new(within: String, forbidden: &[&str], instead: &'static str) -> Self {
        Self {
            within,
            forbidden: forbidden.iter().map(ToString::to_string).collect(),
            instead,
        }
    }

    /// What the file does against the rule.
    fn broken_by(&self, source: &Source) -> Vec<String> {
        let parts = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
        source
            .names
            .iter()
            .filter(|name| {
                let name = parts(name);
                self.forbidden
                    .iter()
                    .any(|pattern| match pattern.strip_prefix("*::") {
                        Some(part) => {
                            let part = parts(part);
                            name.windows(part.len()).any(|window| window == part)
                        }
                        None => name.starts_with(&parts(pattern)),
                    })
            })
            .map(|name| format!("{}: uses {name}. {}", source.path, self.instead))
            .collect()
    }

    /// # Panics
    /// When a file breaks the rule, or there is none that could.
    fn check(&self) {
        let mut files = sources(&self.within);
        if let Some((folder, _)) = self.within.rsplit_once('/') {
            let file = format!("{}.rs", self.within);
            files.extend(
                sources(folder)
                    .into_iter()
                    .filter(|source| source.path == file),
            );
        }
        assert!(
            !files.is_empty(),
            "{} is gone: let the rule follow it",
            self.within
        );
        let broken: Vec<String> = files.iter().flat_map(|file| self.broken_by(file)).collect();
        assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
    }
}

/// The services that have a domain to protect.
const SERVICES: [&str; 2] = ["order-svc", "inventory-svc"];

fn domain(service: &str) -> Rule {
    Rule::new(
        format!("{service}/src/domain"),
        &[
            "crate::application",
            "crate::infrastructure",
            "crate::api",
            "crate::config",
            "sqlx",
            "tonic",
            "axum",
            "lapin",
            "chassis",
            "proto",
            "tokio",
            "std::fs",
            "std::net",
            "std::env",
            "*::now",
            "*::SystemTime",
            "*::Instant",
        ],
        "The domain is synchronous, does no I/O and reads no clock: look it up in a command, and hand it in",
    )
}

fn application(service: &str) -> Rule {
    Rule::new(
        format!("{service}/src/application"),
        &[
            "crate::infrastructure",
            "crate::api",
            "sqlx",
            "tonic",
            "axum",
            "lapin",
            "reqwest",
        ],
        "A use case names what it needs as a port in application/ports.rs; infrastructure implements it",
    )
}

/// Ports whose names end with `Views` are for looking; all others write, or ask others to.
fn write_ports(ports: &[Source]) -> BTreeSet<String> {
    ports
        .iter()
        .flat_map(|source| syn::parse_file(&source.text).expect("parsed before").items)
        .filter_map(|item| match item {
            syn::Item::Trait(port) => Some(port.ident.to_string()),
            _ => None,
        })
        .filter(|port| !port.ends_with("Views"))
        .collect()
}

fn queries(service: &str, write_ports: &BTreeSet<String>) -> Rule {
    let mut rule = Rule::new(
        format!("{service}/src/application/queries"),
        &["crate::application::commands", "*::commands", "*::ports::*"],
        "A query changes nothing: give it a port whose name ends with `Views`",
    );
    rule.forbidden
        .extend(write_ports.iter().map(|port| format!("*::ports::{port}")));
    rule
}

fn commands(service: &str) -> Rule {
    Rule::new(
        format!("{service}/src/application/commands"),
        &["crate::application::queries", "*::queries"],
        "A command decides by the write model, which its own ports give",
    )
}

/// Below each of these modules of identity-svc, those that it may use.
fn identity_svc() -> Vec<Rule> {
    let rule = |layer: &str, forbidden: &[&str], instead| {
        Rule::new(format!("identity-svc/src/{layer}"), forbidden, instead)
    };
    vec![
        rule(
            "api",
            &["crate::repository", "sqlx"],
            "api asks service, and service asks repository",
        ),
        rule(
            "service",
            &["crate::api", "sqlx", "axum", "tonic"],
            "SQL belongs into repository, HTTP and gRPC into api",
        ),
        rule(
            "repository",
            &["crate::api", "crate::service", "axum", "tonic"],
            "repository knows domain and the database alone",
        ),
        rule(
            "domain",
            &[
                "crate::api",
                "crate::service",
                "crate::repository",
                "sqlx",
                "axum",
                "tonic",
                "tokio",
                "*::now",
                "*::SystemTime",
                "*::Instant",
            ],
            "domain knows nothing but itself: hand in what it needs",
        ),
    ]
}

#[test]
fn the_domain_knows_nothing_but_itself() {
    SERVICES.iter().for_each(|service| domain(service).check());
}

#[test]
fn the_application_knows_no_infrastructure() {
    SERVICES
        .iter()
        .for_each(|service| application(service).check());
}

#[test]
fn queries_cannot_write() {
    for service in SERVICES {
        let ports = write_ports(&ports(service));
        assert!(!ports.is_empty(), "{service} has no write ports?");
        queries(service, &ports).check();
    }
}

#[test]
fn commands_do_not_ask_queries() {
    SERVICES
        .iter()
        .for_each(|service| commands(service).check());
}

#[test]
fn identity_svc_calls_downwards_only() {
    identity_svc().iter().for_each(Rule::check);
}

fn ports(service: &str) -> Vec<Source> {
    sources(&format!("{service}/src/application"))
        .into_iter()
        .filter(|source| source.path.contains("/application/ports"))
        .collect()
}

#[track_caller]
fn assert_broken(rule: &Rule, sample: &str) {
    let source = Source::parse(&format!("{}/sample.rs", rule.within), sample);
    let broken = rule.broken_by(&source);
    assert_eq!(broken.len(), 1, "by `{sample}`: {broken:?}");
    assert!(
        broken[0].contains("sample.rs") && broken[0].contains(rule.instead),
        "{broken:?}"
    );
}

#[track_caller]
fn assert_kept(rule: &Rule, sample: &str) {
    let source = Source::parse(&format!("{}/sample.rs", rule.within), sample);
    assert_eq!(
        rule.broken_by(&source),
        Vec::<String>::new(),
        "by `{sample}`"
    );
}

#[test]
fn a_domain_that_looks_outside_is_caught() {
    let rule = domain("order-svc");
    for bad in [
        "use crate::application::App;",
        "use super::super::infrastructure::postgres;",
        "use crate::{api, domain::Order};",
        "use sqlx::PgPool;",
        "fn f() -> Result<(), chassis::Error> { g() }",
        "fn f() { proto::events::order::CREATED; }",
        "fn f() { g(chrono::Utc::now()) }",
        "fn f() { println!(\"{}\", Utc::now()) }",
        "use std::time::SystemTime;",
        "async fn f() { tokio::task::yield_now().await }",
        "#[derive(sqlx::Type)] struct A;",
    ] {
        assert_broken(&rule, bad);
    }
    assert_kept(
        &rule,
        "use chrono::{DateTime, Utc}; use super::id; fn f(now: DateTime<Utc>) {}",
    );
    assert_kept(
        &rule,
        "// sqlx::query\n #[cfg(test)] mod tests { use chassis::Error; }",
    );
}

#[test]
fn an_application_that_knows_how_things_are_done_is_caught() {
    let rule = application("order-svc");
    for bad in [
        "use crate::infrastructure::postgres::PgOrders;",
        "use crate::api::http::NewOrder;",
        "fn f(pool: &sqlx::PgPool) {}",
        "fn f() -> tonic::Status { g() }",
        "use axum::Json;",
    ] {
        assert_broken(&rule, bad);
    }
    assert_kept(&rule, "use chassis::Result; use super::ports::Orders;");
}

#[test]
fn a_query_that_could_write_is_caught() {
    let ports = Source::parse(
        "order-svc/src/application/ports.rs",
        "pub trait Orders {} pub trait OrderViews {} pub struct Filter;",
    );
    let ports = write_ports(&[ports]);
    assert_eq!(ports.iter().collect::<Vec<_>>(), ["Orders"]);
    let rule = queries("order-svc", &ports);
    for bad in [
        "use crate::application::ports::{Filter, Orders};",
        "use crate::application::ports::*;",
        "use super::super::commands::CreateOrderHandler;",
        "fn f(orders: &dyn ports::Orders) {}",
    ] {
        assert_broken(&rule, bad);
    }
    assert_kept(
        &rule,
        "use crate::application::ports::{Filter, OrderViews};",
    );
}

#[test]
fn a_command_that_reads_a_view_is_caught() {
    let rule = commands("order-svc");
    assert_broken(&rule, "use crate::application::queries::GetOrderHandler;");
    assert_kept(&rule, "use crate::application::ports::Orders;");
}

#[test]
fn an_upward_call_is_caught() {
    let rules = identity_svc();
    let [api, service, repository, domain] = &*rules else {
        panic!("four layers");
    };
    assert_broken(api, "use crate::repository::Repository;");
    assert_broken(service, "use crate::api::http;");
    assert_broken(service, "fn f() { sqlx::query!(\"select 1\"); }");
    assert_broken(repository, "use crate::service::Identity;");
    assert_broken(repository, "use super::super::api;");
    assert_broken(domain, "use crate::repository::Keys;");
    assert_kept(
        service,
        "use crate::{domain::Email, repository::Repository};",
    );
    assert_kept(
        repository,
        "use crate::domain::Email; fn f(pool: &sqlx::PgPool) {}",
    );
}
