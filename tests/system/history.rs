//! The real history of sales, when it is at hand.

use std::{env, path::PathBuf};

use crate::{
    common::{Shop, until},
    program::Program,
};

/// `EASYORDER_DATA`, or the file beside the repository.
fn data() -> Option<PathBuf> {
    let beside = "../shared/data/online-retail-2010-12.csv";
    let path = match env::var_os("EASYORDER_DATA") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(beside),
    };
    path.is_file().then_some(path)
}

async fn count(pool: &sqlx::PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(pool)
        .await
        .expect("a count")
}

/// How much has ever happened to orders and to stock.
async fn happened(shop: &Shop) -> (i64, i64) {
    let versions = "select sum(version)::bigint from orders";
    let movements = "select count(*) from stock_movements";
    (
        count(shop.order(), versions).await,
        count(shop.inventory(), movements).await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn real_sales_and_returns_are_accounted_for() {
    let Some(data) = data() else {
        println!("skipped: EASYORDER_DATA names no file of sales");
        return;
    };
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let _process = program.serve(&shop).await;
    let data = data.to_str().expect("a plain path");
    let replay = || program.replay(&shop, data, 8, &["--limit", "150"]);

    // The first run is killed when something has come back. The catalogue, the orders and the returns take their time.
    let broken_off = replay();
    for (what, sql, number) in [
        ("the goods are there", "select count(*) from orders", 1),
        ("all is sold", "select count(*) from orders", 150),
        (
            "something has come back",
            "select count(*) from orders where refunded > 0",
            1,
        ),
    ] {
        until(what, async || count(shop.order(), sql).await >= number).await;
    }
    drop(broken_off);

    let report = replay().report().await;
    assert_eq!(report.orders("planned"), 150);
    assert_eq!(report.orders("placed_before"), 150);
    assert!(report.rows("beyond_limit") > 0);
    assert!(report.rows("returned") > 0);
    assert!(report.returns("planned") > 1);
    assert!(report.returns("made_before") > 0);
    assert_eq!(
        report.returns("made_new") + report.returns("made_before"),
        report.returns("planned")
    );
    let total = &report.0["total"];
    assert_eq!(
        total["revenue"], total["file"],
        "charged as it was charged then"
    );
    assert_eq!(
        total["returns"]["refunds"], total["returns"]["file"],
        "refunded as it was credited then"
    );
    let refunds = count(
        shop.order(),
        "select coalesce(sum(refunded), 0)::bigint from orders",
    );
    assert_eq!(total["returns"]["refunds"], refunds.await);
    shop.check_invariants().await;

    let before = happened(&shop).await;
    let again = replay().report().await;
    assert_eq!(again.orders("placed_before"), 150);
    assert_eq!(again.returns("made_before"), report.returns("planned"));
    assert_eq!(again.0["days"], report.0["days"]);
    assert_eq!(again.0["total"], report.0["total"]);
    shop.check_invariants().await;
    assert_eq!(
        happened(&shop).await,
        before,
        "a second run changes nothing"
    );
    shop.close().await;
}
