//! The benchmark runs, and its report adds up. How fast anything is, no test says.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    common::{Shop, until},
    program::Program,
};

async fn databases(shop: &Shop) -> Vec<String> {
    sqlx::query_scalar(
        "select datname::text from pg_database where datname like 'easyorder_bench_%' order by 1",
    )
    .fetch_all(shop.inventory())
    .await
    .unwrap()
}

fn number(value: &Value, name: &str) -> f64 {
    value[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name} in {value:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_of_writing_are_measured_and_counted() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let file = program.file("report.json");
    let mut process = program.run(&[
        "bench",
        "reserve",
        "--rounds",
        "1",
        "--seconds",
        "1",
        "--warm-up",
        "0",
        "--callers",
        "8",
        "--connections",
        "3",
        "--skus",
        "3",
        "--lines",
        "2",
        "--zipf",
        "1",
        "--report",
        &file.display().to_string(),
    ]);
    let status = process.end().await;
    let output = process.output();
    assert!(status.success(), "{status}\n{output}");
    for word in [
        "plain",
        "batched",
        "Reservations/s",
        "Reservations per transaction",
    ] {
        assert!(output.contains(word), "no `{word}` in\n{output}");
    }

    let report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["problems"], serde_json::json!([]));
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    assert!(report["machine"]["postgres"]["synchronous_commit"].is_string());
    assert_eq!(report["setup"]["callers"], 8);
    let ways = report["ways"].as_array().unwrap();
    let rounds = report["rounds"].as_array().unwrap();
    for (index, name) in ["plain", "batched"].into_iter().enumerate() {
        let (way, round) = (&ways[index], &rounds[index]);
        assert_eq!((&way["way"], &round["way"]), (&name.into(), &name.into()));
        let accepted = number(round, "accepted");
        assert!(accepted > 0.0);
        // One round of one second: the last answers came after it.
        let in_time = number(round, "accepted_per_second");
        assert!((0.0..=accepted).contains(&in_time), "{round:#}");
        assert!(accepted - in_time <= 8.0, "{round:#}");
        assert_eq!(way["accepted"], round["accepted"]);
        assert_eq!(number(&way["accepted_per_second"], "median"), in_time);
        let latency = &round["latency_ms"];
        assert!(0.0 < number(latency, "p50") && number(latency, "p50") <= number(latency, "max"));
        assert!(number(round, "transactions") >= 1.0);
        assert!(number(round, "transactions_per_second") <= number(round, "transactions"));
        assert_eq!(way["errors"], serde_json::json!({}));
        if Path::new("/proc").exists() {
            assert!(number(&way["cpu_us_per_reservation"], "inventory_svc") > 0.0);
        }
    }
    // Each in its own, and the statistics have heard of all of them.
    assert!(
        number(&rounds[0], "transactions") >= number(&rounds[0], "accepted"),
        "{:#}",
        rounds[0]
    );
    assert!(number(&report["batched_over_plain"], "median") > 0.0);
    assert_eq!(databases(&shop).await, Vec::<String>::new());
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_benchmark_that_is_broken_off_leaves_nothing_behind() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let mut process = program.run(&["bench", "reserve", "--only", "plain", "--seconds", "60"]);
    let id = process.id();
    let mut server = None;
    until("its server runs", async || {
        process.assert_running();
        server = children(id).into_iter().find(|child| {
            fs::read_to_string(format!("/proc/{child}/cmdline"))
                .is_ok_and(|line| line.contains("inventory-svc"))
        });
        server.is_some()
    })
    .await;
    assert_eq!(
        databases(&shop).await,
        ["easyorder_bench_plain", "easyorder_bench_reserve_identity"]
    );

    process.ask_to_stop().await;
    let status = process.end().await;

    assert_eq!(status.code(), Some(1), "{}", process.output());
    let server = server.unwrap();
    until("its server has ended", async || {
        !Path::new(&format!("/proc/{server}")).exists()
    })
    .await;
    assert_eq!(databases(&shop).await, Vec::<String>::new());
    shop.close().await;
}

/// Processes that this one has started.
fn children(id: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|children| {
            children
                .split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_measured_counted_and_compared_with_the_floor() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let file = program.file("report.json");
    let mut process = program.run(&[
        "bench",
        "orders",
        "--rounds",
        "1",
        "--seconds",
        "1",
        "--warm-up",
        "0",
        "--clients",
        "4",
        "--skus",
        "5",
        "--lines",
        "2",
        "--report",
        &file.display().to_string(),
    ]);
    let status = process.end().await;
    let output = process.output();
    // It counts orders, holds, stock, read models and mails itself; a difference is a failure.
    assert!(status.success(), "{status}\n{output}");

    let report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["problems"], serde_json::json!([]));
    let (system, round) = (&report["system"], &report["rounds"][0]);
    let accepted = number(round, "accepted");
    assert!(accepted >= 4.0, "{round:#}");
    // One round of one second: the last answers came after it.
    let in_time = number(round, "accepted_per_second");
    assert!((accepted - 4.0..=accepted).contains(&in_time), "{round:#}");
    let took = number(round, "load_seconds") + number(round, "drain_seconds");
    let sustained = number(round, "sustained_per_second");
    assert!((sustained * took - accepted).abs() < 1e-6, "{round:#}");
    assert!(number(round, "drain_seconds") <= number(round, "mailed_seconds"));
    assert_eq!(system["accepted"], round["accepted"]);
    assert_eq!(number(&system["sustained_per_second"], "median"), sustained);
    assert_eq!(system["errors"], serde_json::json!({}));
    if Path::new("/proc").exists() {
        for part in ["gateway", "order_svc", "inventory_svc", "worker"] {
            assert!(number(&system["cpu_ms_per_order"], part) > 0.0, "{part}");
        }
    }

    let rows = report["rows_per_order"].as_array().unwrap();
    let row = |table: &str| rows.iter().find(|row| row["table"] == table).unwrap();
    for (table, inserted, updated) in [("orders", 1.0, 1.0), ("hold_lines", 2.0, 0.0)] {
        for column in ["alone", "under_load"] {
            let written = &row(table)[column];
            assert_eq!(number(written, "inserted"), inserted, "{table} {column}");
            assert_eq!(number(written, "updated"), updated, "{table} {column}");
        }
    }
    // Where there is no pgbench, it says so and goes on.
    if report["floor"].is_null() {
        assert!(output.contains("No pgbench"), "{output}");
    } else {
        let floor = number(round, "floor_per_second");
        assert!(floor > 0.0);
        let ratio = number(round, "sustained_over_floor");
        assert!((ratio - sustained / floor).abs() < 1e-9, "{round:#}");
        assert_eq!(number(&row("hold_lines")["floor"], "inserted"), 2.0);
    }
    assert_eq!(databases(&shop).await, Vec::<String>::new());
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_measured_at_two_sizes_and_nothing_is_missing_after_a_rebuild_under_load() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let file = program.file("report.json");
    let mut process = program.run(&[
        "bench",
        "reads",
        "--small",
        "200",
        "--large",
        "1000",
        "--rounds",
        "1",
        "--seconds",
        "0.2",
        "--rebuild",
        "--rate",
        "20",
        "--report",
        &file.display().to_string(),
    ]);
    let status = process.end().await;
    let output = process.output();
    // It looks for every order that was acknowledged, and asks the audit; a difference is a failure.
    assert!(status.success(), "{status}\n{output}");

    let report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["problems"], serde_json::json!([]));
    let reads = report["reads"].as_array().unwrap();
    for question in ["an order", "list, first page", "list, deep page"] {
        for callers in [1, 8] {
            let read = reads
                .iter()
                .find(|read| read["question"] == question && read["callers"] == callers)
                .unwrap_or_else(|| panic!("{question} by {callers} in {reads:#?}"));
            assert!(number(read, "answers_small") > 0.0 && number(read, "answers_large") > 0.0);
            let ratio = number(&read["large_ms"], "p50") / number(&read["small_ms"], "p50");
            assert!(
                (number(read, "median_ratio") - ratio).abs() < 1e-9,
                "{read:#}"
            );
            assert_eq!(number(read, "limit"), 1.5);
        }
    }
    let rebuild = &report["rebuild"];
    let views = rebuild["views"].as_array().unwrap();
    assert_eq!(views[0]["view"], "orders");
    assert_eq!(views[1]["view"], "figures");
    for view in views {
        assert!(number(view, "orders") > 1_000.0, "{view:#}");
        assert!(number(view, "swap_locked_ms") > 0.0, "{view:#}");
    }
    let placed: f64 = rebuild["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| number(phase, "orders"))
        .sum();
    assert_eq!(number(rebuild, "placed"), placed);
    for phase in rebuild["phases"].as_array().unwrap() {
        assert!(number(&phase["latency_ms"], "p99") > 1.0, "{phase:#}");
    }
    assert!(placed > 20.0, "{rebuild:#}");
    assert_eq!(rebuild["errors"], serde_json::json!({}));
    assert_eq!(number(rebuild, "missing_or_stale"), 0.0);
    assert_eq!(databases(&shop).await, Vec::<String>::new());
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_measured_beside_the_service_itself_and_with_more_than_it_can_do() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let file = program.file("report.json");
    let mut process = program.run(&[
        "bench",
        "gateway",
        "--rounds",
        "1",
        "--seconds",
        "0.5",
        "--connections",
        "4",
        "--skus",
        "3",
        "--orders",
        "--report",
        &file.display().to_string(),
    ]);
    let status = process.end().await;
    let output = process.output();
    // Any failure but a refusal because of too much is a failure of the whole.
    assert!(status.success(), "{status}\n{output}");

    let report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["problems"], serde_json::json!([]));
    let targets = report["targets"].as_array().unwrap();
    let peak = |name: &str| {
        let target = targets.iter().find(|target| target["target"] == name);
        let target = target.unwrap_or_else(|| panic!("{name} in {targets:#?}"));
        number(&target["peak_per_second"], "median")
    };
    for target in targets {
        for at in ["at_half_of_its_peak", "at_one_rate_for_all"] {
            let at = &target[at];
            assert!(0.0 < number(at, "p50_ms") && number(at, "p50_ms") <= number(at, "p99_ms"));
        }
    }
    let ratio = &report["ratios"][0];
    assert_eq!(ratio["of"], "gateway");
    assert_eq!(ratio["over"], "inventory-svc itself");
    let expected = peak("gateway") / peak("inventory-svc itself");
    assert!((number(&ratio["ratio"], "median") - expected).abs() < 1e-9);
    // Where there is no nginx, it says so and goes on.
    if targets.iter().any(|target| target["target"] == "nginx") {
        assert!(peak("nginx") > 0.0);
    } else {
        assert!(output.contains("No nginx"), "{output}");
    }
    let overload = report["overload"].as_array().unwrap();
    for (request, overload) in ["GET /v1/products/{sku}", "POST /v1/orders"]
        .into_iter()
        .zip(overload)
    {
        assert_eq!(overload["request"], request);
        for (times, load) in [1, 3]
            .into_iter()
            .zip(overload["loads"].as_array().unwrap())
        {
            assert_eq!(load["times"], times);
            let goodput = number(&load["goodput_per_second"], "median");
            let expected = goodput / number(&overload["peak_per_second"], "median");
            assert!((number(load, "goodput_over_peak") - expected).abs() < 1e-9);
        }
    }
    assert_eq!(databases(&shop).await, Vec::<String>::new());
    shop.close().await;
}
