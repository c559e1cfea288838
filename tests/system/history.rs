//! The real history of sales, when it is at hand.

use std::{env, path::PathBuf};

use crate::{common::Shop, program::Program};

/// `EASYORDER_DATA`, or the file beside the repository.
fn data() -> Option<PathBuf> {
    let beside = "../shared/data/online-retail-2010-12.csv";
    let path = match env::var_os("EASYORDER_DATA") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(beside),
    };
    path.is_file().then_some(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn real_sales_are_accounted_for() {
    let Some(data) = data() else {
        println!("skipped: EASYORDER_DATA names no file of sales");
        return;
    };
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let _process = program.serve(&shop).await;
    let data = data.to_str().expect("a plain path");
    let report = program
        .replay(&shop, data, 8, &["--limit", "150"])
        .report()
        .await;
    assert_eq!(report.orders("planned"), 150);
    assert_eq!(report.orders("placed_new"), 150);
    assert!(report.rows("beyond_limit") > 0);
    let total = &report.0["total"];
    assert_eq!(
        total["revenue"], total["file"],
        "charged as it was charged then"
    );
    shop.check_invariants().await;
    shop.close().await;
}
