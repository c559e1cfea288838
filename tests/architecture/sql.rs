//! Which tables a piece of SQL names. Not a parser: enough for the SQL of this workspace, as the tests below show.

use std::collections::BTreeSet;

/// The tables that are read or written.
pub fn tables(sql: &str) -> BTreeSet<String> {
    let words = words(sql);
    let made_here = common_table_expressions(&words);
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (index, word) in words.iter().enumerate() {
        let before = index
            .checked_sub(1)
            .map_or("", |before| words[before].as_str());
        match word.as_str() {
            // `is distinct from x`, `extract(epoch from x)`, `trim(both from x)`
            "from" if ["distinct", "epoch", "both"].contains(&before) => {}
            "from" | "join" => found.extend(listed(&words[index + 1..])),
            "into" | "references" => found.extend(table(&words[index + 1..], true)),
            // `for update`, `do update set`, `on update cascade`
            "update" if !["for", "do", "key", "on"].contains(&before) => {
                found.extend(table(&words[index + 1..], true));
            }
            "table" => found.extend(table(&words[index + 1..], true)),
            _ => {}
        }
    }
    found.retain(|table| !made_here.contains(table));
    found
}

/// The tables that are written.
pub fn written(sql: &str) -> BTreeSet<String> {
    let words = words(sql);
    let mut found = BTreeSet::new();
    for (index, word) in words.iter().enumerate() {
        let before = index
            .checked_sub(1)
            .map_or("", |before| words[before].as_str());
        let writes = match word.as_str() {
            "into" | "truncate" => true,
            "from" => before == "delete",
            "update" => !["for", "do", "key", "on"].contains(&before),
            _ => false,
        };
        if writes {
            found.extend(table(&words[index + 1..], true));
        }
    }
    found
}

/// The tables that a migration creates.
pub fn created(migration: &str) -> BTreeSet<String> {
    let words = words(migration);
    let mut found = BTreeSet::new();
    for (index, pair) in words.windows(2).enumerate() {
        if pair == ["create", "table"] {
            found.extend(table(&words[index + 2..], true));
        }
    }
    found
}

/// Whether a literal is SQL, or a piece of it that is put together with others.
pub fn is_sql(text: &str) -> bool {
    const BEGINNINGS: [&str; 15] = [
        "select", "insert", "update", "delete", "with", "from", "join", "left", "inner", "cross",
        "create", "alter", "truncate", "lock", "merge",
    ];
    let first = text.split_whitespace().next().unwrap_or_default();
    // Written in lower case, as all SQL here: `Delete a job` is a sentence.
    BEGINNINGS.contains(&first)
}

fn words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let without_comments = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default());
    for char in without_comments.collect::<Vec<_>>().join("\n").chars() {
        match char {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' | '$' => {
                word.push(char.to_ascii_lowercase())
            }
            _ => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if !char.is_whitespace() && char != '"' {
                    words.push(char.to_string());
                }
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `with x as (...), y (a, b) as materialized (...)`: x and y.
fn common_table_expressions(words: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for index in 1..words.len() {
        let mut after = words[index + 1..]
            .iter()
            .filter(|word| *word != "not" && *word != "materialized");
        if words[index] != "as" || after.next().is_none_or(|word| word != "(") {
            continue;
        }
        let mut name = index - 1;
        if words[name] == ")" {
            name = words[..name]
                .iter()
                .rposition(|word| word == "(")
                .unwrap_or(1)
                .saturating_sub(1);
        }
        found.insert(words[name].clone());
    }
    found
}

/// The table at the beginning, unless it is a subquery or, where that may be, a function.
fn table(words: &[String], before_parenthesis: bool) -> Option<String> {
    const FILLERS: [&str; 6] = ["only", "lateral", "if", "not", "exists", "table"];
    let start = words
        .iter()
        .position(|word| !FILLERS.contains(&word.as_str()))?;
    let name = &words[start];
    let is_call = words.get(start + 1).is_some_and(|next| next == "(");
    let is_name = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    let keyword = ["select", "set", "skip"].contains(&name.as_str());
    (is_name && !keyword && (before_parenthesis || !is_call)).then(|| name.clone())
}

/// `a, b as x, c`, and whatever follows.
fn listed(words: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = words;
    loop {
        found.extend(table(rest, false));
        // A comma after the name and its alias continues the list.
        let Some(comma) = rest.iter().take(4).position(|word| word == ",") else {
            return found;
        };
        let between = &rest[..comma];
        if between
            .iter()
            .any(|word| !word.starts_with(|char: char| char.is_ascii_alphabetic()))
        {
            return found;
        }
        rest = &rest[comma + 1..];
    }
}

#[test]
fn tables_are_found() {
    for (sql, expected) in [
        ("select a from orders", "orders"),
        (
            "select a from read_model.orders o join \"Lines\" using (id), x",
            "lines read_model.orders",
        ),
        (
            "select 1 from a, b as y, c where d in (select e from f)",
            "a b c f",
        ),
        (
            "insert into a (b) select * from unnest($1::uuid[]) on conflict do update set x = 1",
            "a",
        ),
        (
            "with free as materialized (select 1 from a for update skip locked) update b set c from free",
            "a b",
        ),
        ("with x (n) as (select 1 from a) select 2 from x", "a"),
        (
            "select extract(epoch from now()) from a where b is distinct from c",
            "a",
        ),
        ("delete from a where b = 'from c' -- from d", "a"),
        (
            "create table if not exists a (b uuid references c on delete cascade)",
            "a c",
        ),
        ("select exists (select from a)", "a"),
        (
            "select 1 from only a cross join lateral (select 2 from b) as last",
            "a b",
        ),
        ("select pg_advisory_xact_lock($1)", ""),
    ] {
        assert_eq!(
            tables(sql).into_iter().collect::<Vec<_>>().join(" "),
            expected,
            "{sql}"
        );
    }
}

#[test]
fn written_and_created_tables_are_found() {
    let sql = "with a as (delete from b returning c) insert into read_model.d (e) select f from g";
    assert_eq!(
        written(sql),
        ["b", "read_model.d"].map(str::to_owned).into()
    );
    assert_eq!(written("select 1 from a for update"), BTreeSet::new());
    let migration =
        "create table a (b int);\ncreate table if not exists c.d ();\ncreate index e on a (b);";
    assert_eq!(created(migration), ["a", "c.d"].map(str::to_owned).into());
}
