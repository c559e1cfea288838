//! Many baskets with the same goods at the same time.

use futures::future::join_all;
use uuid::Uuid;

use crate::{
    common::{
        Shop,
        grpc::{Inventory, hold},
    },
    support::{check_stock, levels},
};

const SKUS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

#[tokio::test(flavor = "multi_thread")]
async fn baskets_with_the_same_goods_in_opposite_orders_do_not_stand_in_each_others_way() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for sku in SKUS {
        shop.product(&admin, sku, 100, 1_000).await;
    }
    let inventory = Inventory::of(&shop);

    // Half of them are given back while others are taken.
    let held = join_all((0..64).map(|n| {
        let inventory = inventory.clone();
        async move {
            let id = Uuid::now_v7();
            let mut lines: Vec<_> = SKUS.iter().map(|sku| (*sku, 3)).collect();
            if n % 2 == 0 {
                lines.reverse();
            }
            lines.rotate_left(n % SKUS.len());
            let token = inventory
                .reserve(hold(id, 1, &lines))
                .await
                .expect("a hold")
                .confirmation_token;
            if n % 2 == 0 {
                inventory.release(id, 1, &token).await.expect("a release");
                0
            } else {
                inventory
                    .confirm(id, 1, &token)
                    .await
                    .expect("a confirmation");
                3
            }
        }
    }))
    .await;

    assert_eq!(held.iter().sum::<i64>(), 32 * 3);
    for sku in SKUS {
        assert_eq!(levels(&admin, sku).await, (1_000, 96, 904));
    }
    check_stock(&shop).await;
    // Not even one that a retry would have hidden.
    sqlx::query("select pg_stat_clear_snapshot()")
        .execute(shop.inventory())
        .await
        .unwrap();
    let deadlocks: i64 = sqlx::query_scalar(
        "select deadlocks from pg_stat_database where datname = current_database()",
    )
    .fetch_one(shop.inventory())
    .await
    .unwrap();
    assert_eq!(deadlocks, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_pieces_are_sold_exactly_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (sku, stock) in [("A", 100), ("B", 40), ("C", 1_000)] {
        shop.product(&admin, sku, 100, stock).await;
    }
    let inventory = Inventory::of(&shop);

    // Each wants three of A, and every second one of B, too: 33 can have theirs.
    let outcomes = join_all((0..64).map(|n| {
        let inventory = inventory.clone();
        async move {
            let lines = if n % 2 == 0 {
                &[("A", 3), ("C", 1)][..]
            } else {
                &[("B", 1), ("A", 3)]
            };
            inventory
                .reserve(hold(Uuid::now_v7(), 1, lines))
                .await
                .map(|_| n % 2)
        }
    }))
    .await;

    let mut taken = [0, 0];
    for outcome in outcomes {
        match outcome {
            Ok(kind) => taken[kind] += 1,
            Err(error) => assert_eq!(error.kind(), "insufficient-stock"),
        }
    }
    assert_eq!(taken[0] + taken[1], 33);
    assert_eq!(levels(&admin, "A").await, (100, 99, 1));
    assert_eq!(levels(&admin, "B").await, (40, taken[1], 40 - taken[1]));
    assert_eq!(
        levels(&admin, "C").await,
        (1_000, taken[0], 1_000 - taken[0])
    );
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_of_a_hold_are_one() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let inventory = Inventory::of(&shop);

    let id = Uuid::now_v7();
    let answers = join_all((0..32).map(|_| inventory.reserve(hold(id, 1, &[("A", 10)])))).await;
    let first = answers[0].as_ref().unwrap();
    for answer in &answers {
        assert_eq!(answer.as_ref().unwrap(), first);
    }
    assert_eq!(levels(&admin, "A").await, (10, 10, 0));
    check_stock(&shop).await;
    shop.close().await;
}
