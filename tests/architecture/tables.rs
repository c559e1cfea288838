//! Whose tables whose SQL may name.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    source::{Source, files, sources},
    sql::{created, is_sql, tables, written},
};

/// The crates that have a database of their own.
const OWNERS: [&str; 4] = ["order-svc", "inventory-svc", "identity-svc", "worker"];

fn sql_of(source: &Source) -> impl Iterator<Item = &String> {
    source.literals.iter().filter(|literal| is_sql(literal))
}

/// The one look that a query takes at the write model: whether the view has got there yet. The owner's check goes with it.
const WRITTEN_VERSION: &str =
    "select version from orders where id = $1 and ($2::uuid is null or customer_id = $2)";

/// What a query names outside the read models.
fn beyond_read_model(source: &Source) -> Vec<String> {
    sql_of(source)
        .flat_map(|sql| tables(&sql.replace(WRITTEN_VERSION, "")))
        .filter(|table| !table.starts_with("read_model."))
        .map(|table| {
            format!(
                "{}: a query reads `{table}`. Queries read schema read_model alone: let a projection keep what is missing",
                source.path
            )
        })
        .collect()
}

/// What a projection writes outside the read models.
fn written_beyond_read_model(source: &Source) -> Vec<String> {
    sql_of(source)
        .flat_map(|sql| written(sql))
        .filter(|table| !table.starts_with("read_model."))
        .map(|table| {
            format!(
                "{}: a projection writes `{table}`. It may write schema read_model alone: what decides is changed by commands",
                source.path
            )
        })
        .collect()
}

/// What the read models are written by, other than projections.
fn read_model_written(source: &Source) -> Vec<String> {
    sql_of(source)
        .flat_map(|sql| written(sql))
        .filter(|table| table.starts_with("read_model."))
        .map(|table| {
            format!(
                "{}: writes `{table}`. Only infrastructure/projections does that, from events",
                source.path
            )
        })
        .collect()
}

/// What `crate_name` names of others' tables. `owners` tells which tables belong to whom.
fn foreign(
    crate_name: &str,
    source: &Source,
    owners: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let own = owners.get(crate_name).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for table in sql_of(source).flat_map(|sql| tables(sql)) {
        for (owner, theirs) in owners {
            if theirs.contains(&table) && !own.contains(&table) {
                found.push(format!(
                    "{}: names table `{table}` of {owner}. Nobody reads another's database: ask by gRPC, or follow its events",
                    source.path
                ));
            }
        }
    }
    found
}

fn owners() -> BTreeMap<String, BTreeSet<String>> {
    let tables_of = |owner: &str| {
        let migrations = files(&format!("{owner}/migrations"), "sql");
        let created: BTreeSet<String> = migrations
            .iter()
            .flat_map(|(_, migration)| created(migration))
            .collect();
        assert!(
            !created.is_empty(),
            "{owner}/migrations is gone: let the rule follow it"
        );
        created
    };
    OWNERS
        .map(|owner| (owner.to_owned(), tables_of(owner)))
        .into()
}

#[track_caller]
fn assert_none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn queries_read_the_read_models_alone() {
    let files: Vec<Source> = sources("order-svc/src/infrastructure/postgres")
        .into_iter()
        .filter(|source| source.path.contains("views"))
        .collect();
    let statements = files.iter().flat_map(sql_of).count();
    assert!(
        statements > 0,
        "infrastructure/postgres/views.rs is gone: let the rule follow it"
    );
    assert_none(files.iter().flat_map(beyond_read_model).collect());
}

#[test]
fn projections_write_the_read_models_alone() {
    let files = sources("order-svc/src/infrastructure/projections");
    assert!(
        files.iter().flat_map(sql_of).count() > 0,
        "the projections are gone: let the rule follow them"
    );
    assert_none(files.iter().flat_map(written_beyond_read_model).collect());
}

#[test]
fn nobody_but_projections_writes_the_read_models() {
    let files = sources("order-svc/src");
    let others = files
        .iter()
        .filter(|source| !source.path.contains("/projections/"));
    assert_none(others.flat_map(read_model_written).collect());
}

#[test]
fn nobody_names_anothers_tables() {
    let owners = owners();
    let mut broken = Vec::new();
    for crate_name in OWNERS.into_iter().chain(["chassis", "gateway", "proto"]) {
        let files = sources(&format!("{crate_name}/src"));
        assert!(!files.is_empty(), "{crate_name}/src is gone");
        broken.extend(
            files
                .iter()
                .flat_map(|source| foreign(crate_name, source, &owners)),
        );
    }
    assert_none(broken);
}

fn sample(sql: &str) -> Source {
    Source::parse(
        "x-svc/src/sample.rs",
        &format!("fn f() {{ sqlx::query!({sql:?}, 1); }}"),
    )
}

#[test]
fn a_query_of_the_write_model_is_caught() {
    let sample = sample("select o.id from orders o join read_model.orders v on v.order_id = o.id");
    let broken = beyond_read_model(&sample);
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(
        broken[0].contains("`orders`") && broken[0].contains("sample.rs"),
        "{broken:?}"
    );
}

#[test]
fn of_the_write_model_a_query_may_ask_for_the_version_alone() {
    let wait = format!("select document, ({WRITTEN_VERSION}) from read_model.orders");
    assert_none(beyond_read_model(&sample(&wait)));
    let more = wait.replace("select version", "select version, status");
    assert_eq!(beyond_read_model(&sample(&more)).len(), 1);
}

#[test]
fn a_projection_that_changes_the_write_model_is_caught() {
    let sample = sample("update orders set status = 'shipped' from read_model.orders");
    assert_eq!(written_beyond_read_model(&sample).len(), 1);
    assert_eq!(read_model_written(&sample).len(), 0);
}

#[test]
fn a_command_that_writes_a_read_model_is_caught() {
    assert_eq!(
        read_model_written(&sample("delete from read_model.orders")).len(),
        1
    );
}

#[test]
fn a_look_into_anothers_database_is_caught() {
    let owners: BTreeMap<String, BTreeSet<String>> = [
        (
            "order-svc".to_owned(),
            ["orders".to_owned(), "outbox".to_owned()].into(),
        ),
        ("x-svc".to_owned(), ["outbox".to_owned()].into()),
    ]
    .into();
    let look = sample("select 1 from outbox join orders using (id)");
    let broken = foreign("x-svc", &look, &owners);
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].contains("`orders` of order-svc"), "{broken:?}");
    assert_none(foreign("order-svc", &look, &owners));
}
