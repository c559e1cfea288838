//! The chassis knows techniques, and nothing of the business.

use std::collections::BTreeSet;

use crate::source::{Source, files, sources};

/// Words of the business. Their plurals count, too.
const BUSINESS: [&str; 24] = [
    "order",
    "product",
    "catalogue",
    "stock",
    "inventory",
    "customer",
    "cart",
    "basket",
    "sku",
    "invoice",
    "price",
    "payment",
    "refund",
    "loyalty",
    "points",
    "discount",
    "coupon",
    "incentive",
    "shipment",
    "shipping",
    "warehouse",
    "buyer",
    "reservation",
    "purchase",
];

/// `order by` sorts rows; it orders nothing from anybody.
const NOT_BUSINESS: [&str; 1] = ["order by"];

/// The words of a text or name: `OrderLine`, `order_line` and `order line` are `order` and `line`.
fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut word = String::new();
    for char in text.chars() {
        // `SKU` is one word.
        let begins = char.is_uppercase() && word.chars().last().is_some_and(char::is_lowercase);
        if !char.is_alphanumeric() || begins {
            words.insert(std::mem::take(&mut word).to_lowercase());
        }
        if char.is_alphanumeric() {
            word.push(char);
        }
    }
    words.insert(word.to_lowercase());
    words
}

fn business_words(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    for phrase in NOT_BUSINESS {
        text = text.replace(phrase, "");
    }
    words(&text)
        .into_iter()
        .filter(|word| {
            BUSINESS.contains(&word.as_str()) || BUSINESS.contains(&word.trim_end_matches('s'))
        })
        .collect()
}

fn found_in(source: &Source) -> Vec<String> {
    source
        .identifiers
        .iter()
        .chain(&source.literals)
        .flat_map(|text| business_words(text).into_iter().map(move |word| (text, word)))
        .map(|(text, word)| {
            format!(
                "{}: `{text}` speaks of the business ({word}). The chassis serves any business: say it in general, or \
                 move it to the service or to proto",
                source.path
            )
        })
        .collect()
}

#[test]
fn the_chassis_does_not_know_the_business() {
    let files = sources("chassis/src");
    assert!(
        !files.is_empty(),
        "chassis/src is gone: let the rule follow it"
    );
    let broken: Vec<String> = files.iter().flat_map(found_in).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn the_tables_of_the_chassis_do_not_know_the_business() {
    let migrations = files("chassis/migrations", "sql");
    assert!(
        !migrations.is_empty(),
        "chassis/migrations is gone: let the rule follow it"
    );
    for (path, migration) in migrations {
        for line in migration.lines() {
            let statement = line.split("--").next().unwrap_or_default();
            assert_eq!(
                business_words(statement),
                Vec::<String>::new(),
                "{path}: {statement}"
            );
        }
    }
}

#[test]
fn business_in_the_chassis_is_caught() {
    for bad in [
        "struct OrderLine;",
        "fn place_orders() {}",
        "const QUEUE: &str = \"customer-mails\";",
        "fn f() { info!(sku = 1, \"x\"); }",
        "fn f() { proto::topology::ORDER_VIEWS; }",
    ] {
        let broken = found_in(&Source::parse("chassis/src/sample.rs", bad));
        assert_eq!(broken.len(), 1, "{bad}: {broken:?}");
    }
    let good = "// An order.\n use std::cmp::Ordering; const Q: &str = \"select seq from outbox order by seq\";";
    let broken = found_in(&Source::parse("chassis/src/sample.rs", good));
    assert_eq!(broken, Vec::<String>::new());
}
