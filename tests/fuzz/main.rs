//! Schemathesis makes up calls, some that fit the OpenAPI document and some that do not, and looks whether each answer
//! is one that the document tells of. A whole shop for each role.

// What it prints is shown by a test that fails, and by `make fuzz`.
#![allow(clippy::expect_used, clippy::print_stdout)]

#[path = "../common/mod.rs"]
mod common;

mod shop;

use std::{collections::BTreeMap, env, fs, path::Path};

use tokio::process::Command;

use common::{
    Shop,
    program::Program,
    shop::{ADMIN_EMAIL, ADMIN_PASSWORD},
};

/// How many calls of each kind for each operation, unless FUZZ_EXAMPLES says otherwise.
const EXAMPLES: &str = "8";
/// Each run makes up the same calls, unless FUZZ_SEED says otherwise.
const SEED: &str = "1";

#[tokio::test]
async fn what_a_visitor_may_send_is_answered_as_documented() {
    fuzz(
        "visitor",
        &["GET /v1/products/{sku}", "POST /v1/auth/register"],
    )
    .await;
}

#[tokio::test]
async fn what_a_customer_may_send_is_answered_as_documented() {
    let must_succeed = [
        "POST /v1/orders",
        "GET /v1/orders/{id}",
        "GET /v1/orders/{id}/history",
        "POST /v1/orders/{id}/cancel",
        "POST /v1/me/api-keys",
    ];
    fuzz("customer", &must_succeed).await;
}

#[tokio::test]
async fn what_an_administrator_may_send_is_answered_as_documented() {
    let must_succeed = [
        "POST /v1/products",
        "PATCH /v1/products/{sku}",
        "DELETE /v1/products/{sku}",
        "POST /v1/discount-codes",
        "GET /v1/discount-codes/{code}",
        "PATCH /v1/discount-codes/{code}",
        "POST /v1/orders",
        "GET /v1/orders/{id}",
        "POST /v1/orders/{id}/ship",
        "PUT /v1/users/{id}/roles",
        "POST /v1/users/{id}/disable",
        "DELETE /v1/roles/{name}",
    ];
    fuzz("admin", &must_succeed).await;
}

/// Those that `must_succeed` are what shows that calls get beyond the validation of what they send.
async fn fuzz(role: &str, must_succeed: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schemathesis = root.join("var/fuzz/venv/bin/st");
    if !schemathesis.is_file() {
        println!("skipped: Schemathesis is not there; tests/fuzz/venv.sh installs it");
        return;
    }
    let shop = Shop::closed().await;
    let program = Program::of(&shop)
        .with("RATE_LIMITS", "off")
        .with("LOG_FORMAT", "json");
    let mut process = program.serve(&shop).await;
    shop::fill(&shop).await;

    let calls = program.file("calls.json");
    let folder = root.join("tests/fuzz");
    let ended = tokio::select! {
        status = run(&schemathesis, &folder, &shop, role, &calls) => Some(status),
        _ = tokio::signal::ctrl_c() => None,
    };
    process.ask_to_stop().await;
    process.end().await;
    shop.close().await;

    let status = ended.expect("an end that nobody asked for");
    let failed = |line: &&str| line.contains(r#""level":"ERROR""#) || line.contains("panicked at");
    let log = process.output();
    let errors: Vec<&str> = log.lines().filter(failed).collect();
    let calls = Calls::read(&calls);
    println!("{role}: {calls}");
    assert!(
        errors.is_empty(),
        "the services logged errors:\n{}",
        errors.join("\n")
    );
    assert!(
        status.success(),
        "see above for what was answered otherwise than documented"
    );
    let unsuccessful: Vec<_> = must_succeed
        .iter()
        .filter(|operation| !calls.succeeded(operation))
        .collect();
    assert!(
        unsuccessful.is_empty(),
        "no call succeeded of {unsuccessful:?}"
    );
}

async fn run(
    program: &Path,
    folder: &Path,
    shop: &Shop,
    role: &str,
    calls: &Path,
) -> std::process::ExitStatus {
    let setting = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let seed = setting("FUZZ_SEED", SEED);
    let mut command = Command::new(program);
    command
        .args(["--config-file", "schemathesis.toml", "run"])
        .arg(format!("{}/openapi.json", shop.url))
        .args([
            "--seed",
            &seed,
            "--max-examples",
            &setting("FUZZ_EXAMPLES", EXAMPLES),
        ])
        .args(["--no-color"])
        .current_dir(folder)
        .env("FUZZ_GATEWAY", &shop.url)
        .env("FUZZ_ROLE", role)
        .env("FUZZ_SEED", &seed)
        .env("FUZZ_CALLS", calls)
        .env("FUZZ_ADMIN_EMAIL", ADMIN_EMAIL)
        .env("FUZZ_ADMIN_PASSWORD", ADMIN_PASSWORD)
        // Where the hooks are, of which nothing is to stay.
        .env("PYTHONPATH", folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .kill_on_drop(true);
    if let Ok(seconds) = env::var("FUZZ_SECONDS") {
        command.args(["--max-time", &seconds]);
    }
    command.status().await.expect("Schemathesis")
}

/// How often each operation was answered with each status.
struct Calls(BTreeMap<String, BTreeMap<String, u64>>);

impl Calls {
    fn read(file: &Path) -> Self {
        let json = fs::read(file).expect("what was called");
        Self(serde_json::from_slice(&json).expect("JSON"))
    }

    fn succeeded(&self, operation: &str) -> bool {
        self.0
            .get(operation)
            .is_some_and(|statuses| statuses.keys().any(|status| status.starts_with('2')))
    }
}

impl std::fmt::Display for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let calls: u64 = self.0.values().flat_map(BTreeMap::values).sum();
        let unsuccessful: Vec<&str> = self
            .0
            .keys()
            .map(String::as_str)
            .filter(|operation| !self.succeeded(operation))
            .collect();
        write!(
            f,
            "{calls} calls of {} operations; none succeeded of {} of them: {}",
            self.0.len(),
            unsuccessful.len(),
            unsuccessful.join(", "),
        )
    }
}
