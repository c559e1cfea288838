//! Holds, over gRPC.

use chassis::{Code, Error};
use serde_json::json;
use uuid::Uuid;

use crate::{
    common::{
        Shop,
        grpc::{Inventory, hold},
    },
    support::{check_stock, levels, state},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_hold_gets_the_same_answer_and_takes_nothing_more() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    shop.product(&admin, "B", 100, 10).await;
    let inventory = Inventory::of(&shop);
    let id = Uuid::now_v7();

    let first = inventory
        .reserve(hold(id, 1, &[("B", 2), ("A", 3), ("B", 1)]))
        .await
        .unwrap();
    assert_eq!(first.currency, "GBP");
    let lines: Vec<_> = first
        .lines
        .iter()
        .map(|line| {
            (
                line.sku.as_str(),
                line.quantity,
                line.unit_price,
                line.discount,
                line.available,
            )
        })
        .collect();
    assert_eq!(lines, [("B", 3, 100, 0, 7), ("A", 3, 255, 0, 7)]);

    // What changes afterwards does not change the answer.
    let price = json!({"price": {"amount": 999, "currency": "GBP"}, "name": "dearer"});
    admin.patch("/v1/products/A", price).await.expect(200);
    inventory
        .reserve(hold(Uuid::now_v7(), 1, &[("A", 1)]))
        .await
        .unwrap();
    for same in [&[("B", 2), ("A", 3), ("B", 1)][..], &[("B", 3), ("A", 3)]] {
        assert_eq!(inventory.reserve(hold(id, 1, same)).await.unwrap(), first);
    }
    for other in [
        &[("B", 3), ("A", 4)][..],
        &[("B", 3)],
        &[("B", 3), ("A", 3), ("C", 1)],
    ] {
        let error = inventory.reserve(hold(id, 1, other)).await.unwrap_err();
        assert_eq!(
            (error.code(), error.kind()),
            (Code::Invalid, "hold-mismatch")
        );
    }
    let mut others = hold(id, 1, &[("B", 3), ("A", 3)]);
    others.customer_id = Uuid::now_v7().to_string();
    let error = inventory.reserve(others).await.unwrap_err();
    assert_eq!(error.kind(), "hold-mismatch");
    // Another number is another hold.
    let second = inventory.reserve(hold(id, 2, &[("A", 1)])).await.unwrap();
    assert_ne!(second.confirmation_token, first.confirmation_token);

    assert_eq!(levels(&admin, "A").await, (10, 5, 5));
    assert_eq!(levels(&admin, "B").await, (10, 3, 7));
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_settled_once_and_only_by_its_own_token() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let inventory = Inventory::of(&shop);
    let (id, stranger) = (Uuid::now_v7(), Uuid::now_v7());
    let token = inventory
        .reserve(hold(id, 1, &[("A", 3)]))
        .await
        .unwrap()
        .confirmation_token;
    let others = inventory
        .reserve(hold(stranger, 1, &[("A", 1)]))
        .await
        .unwrap()
        .confirmation_token;

    for wrong in [
        &others,
        &Uuid::now_v7().to_string(),
        &Uuid::nil().to_string(),
    ] {
        for outcome in [
            inventory.confirm(id, 1, wrong).await,
            inventory.release(id, 1, wrong).await,
        ] {
            let error = outcome.unwrap_err();
            assert_eq!(
                (error.code(), error.kind()),
                (Code::PermissionDenied, "wrong-token")
            );
        }
    }
    assert_eq!(state(&shop, id, 1).await.as_deref(), Some("HELD"));

    for _ in 0..2 {
        inventory.confirm(id, 1, &token).await.unwrap();
        assert_eq!(state(&shop, id, 1).await.as_deref(), Some("CONFIRMED"));
        assert_eq!(levels(&admin, "A").await, (10, 4, 6));
    }
    for _ in 0..2 {
        inventory.release(id, 1, &token).await.unwrap();
        assert_eq!(state(&shop, id, 1).await.as_deref(), Some("RELEASED"));
        assert_eq!(levels(&admin, "A").await, (10, 1, 9));
    }
    // What was given back is never revived.
    let closed = |error: Error| (error.code(), error.kind().to_owned());
    let expected = (Code::Conflict, "hold-closed".to_owned());
    assert_eq!(
        closed(inventory.confirm(id, 1, &token).await.unwrap_err()),
        expected
    );
    assert_eq!(
        closed(
            inventory
                .reserve(hold(id, 1, &[("A", 3)]))
                .await
                .unwrap_err()
        ),
        expected
    );
    inventory.reserve(hold(id, 2, &[("A", 3)])).await.unwrap();
    assert_eq!(levels(&admin, "A").await, (10, 4, 6));
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_overtakes_its_reservation_has_it_refused() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    let inventory = Inventory::of(&shop);
    let (id, token) = (Uuid::now_v7(), Uuid::now_v7().to_string());

    let unknown = inventory.confirm(id, 1, &token).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(state(&shop, id, 1).await, None);

    inventory.release(id, 1, &token).await.unwrap();
    assert_eq!(state(&shop, id, 1).await.as_deref(), Some("RELEASED"));
    let late = inventory
        .reserve(hold(id, 1, &[("A", 3)]))
        .await
        .unwrap_err();
    assert_eq!((late.code(), late.kind()), (Code::Conflict, "hold-closed"));
    let late = inventory.confirm(id, 1, &token).await.unwrap_err();
    assert_eq!(late.kind(), "hold-closed");
    inventory.release(id, 1, &token).await.unwrap();
    assert_eq!(levels(&admin, "A").await, (10, 0, 10));
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_short_is_named_and_nothing_is_held() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    for (sku, stock) in [("A", 10), ("B", 1), ("C", 0)] {
        shop.product(&admin, sku, 100, stock).await;
    }
    let inventory = Inventory::of(&shop);
    let id = Uuid::now_v7();

    // Six and five of ten: each line alone would pass.
    let basket = [("A", 6), ("B", 2), ("C", 1), ("A", 5)];
    let short = inventory.reserve(hold(id, 1, &basket)).await.unwrap_err();
    assert_eq!(
        (short.code(), short.kind()),
        (Code::Conflict, "insufficient-stock")
    );
    for named in [
        "A (asked for 11, available 10)",
        "B (asked for 2, available 1)",
        "C (asked for 1, available 0)",
    ] {
        assert!(short.detail().contains(named), "{short}");
    }
    assert_eq!(state(&shop, id, 1).await, None);
    for (sku, stock) in [("A", 10), ("B", 1), ("C", 0)] {
        assert_eq!(levels(&admin, sku).await, (stock, 0, stock));
    }

    let all = inventory
        .reserve(hold(id, 1, &[("A", 6), ("B", 1), ("A", 4)]))
        .await
        .unwrap();
    let lines: Vec<_> = all
        .lines
        .iter()
        .map(|line| (line.sku.as_str(), line.quantity, line.available))
        .collect();
    assert_eq!(lines, [("A", 10, 0), ("B", 1, 0)]);
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_call_is_refused_by_the_name_of_its_field() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let inventory = Inventory::of(&shop);
    let id = Uuid::now_v7();
    let good = || hold(id, 1, &[("A", 1)]);
    let field = |error: Error| {
        assert_eq!(error.code(), Code::Invalid, "{error}");
        error.fields()[0].field.clone()
    };

    for (lines, expected) in [
        (&[][..], "lines"),
        (&[("A", 0)], "lines[0].quantity"),
        (&[("A", 1), ("A", -1)], "lines[1].quantity"),
        (&[("A", 1_000_000), ("A", 1)], "lines[1].quantity"),
        (&[("A", 1), ("A", 1), ("X", 1)], "lines[2].sku"),
        (&[("A", 1), ("not a SKU", 1)], "lines[1].sku"),
    ] {
        assert_eq!(
            field(inventory.reserve(hold(id, 1, lines)).await.unwrap_err()),
            expected
        );
    }
    let mut bad = good();
    bad.order_id = "1".to_owned();
    assert_eq!(field(inventory.reserve(bad).await.unwrap_err()), "order_id");
    let mut bad = good();
    bad.customer_id = String::new();
    assert_eq!(
        field(inventory.reserve(bad).await.unwrap_err()),
        "customer_id"
    );
    for ttl_seconds in [0, -1] {
        let bad = proto::inventory::v1::ReserveRequest {
            ttl_seconds,
            ..good()
        };
        assert_eq!(
            field(inventory.reserve(bad).await.unwrap_err()),
            "ttl_seconds"
        );
    }
    for hold_no in [0, -1] {
        assert_eq!(
            field(
                inventory
                    .reserve(hold(id, hold_no, &[("A", 1)]))
                    .await
                    .unwrap_err()
            ),
            "hold_no"
        );
    }
    for outcome in [
        inventory.confirm(id, 1, "").await,
        inventory.release(id, 1, "x").await,
    ] {
        assert_eq!(field(outcome.unwrap_err()), "confirmation_token");
    }
    let held: i64 = sqlx::query_scalar("select count(*) from holds")
        .fetch_one(shop.inventory())
        .await
        .unwrap();
    assert_eq!(held, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_and_prices_of_many_skus_are_told_at_once() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 10).await;
    shop.product(&admin, "B", 100, 0).await;
    shop.product(&admin, "GONE", 100, 0).await;
    admin.delete("/v1/products/GONE").await.expect(204);
    let inventory = Inventory::of(&shop);
    inventory
        .reserve(hold(Uuid::now_v7(), 1, &[("A", 4)]))
        .await
        .unwrap();

    let skus = ["B", "UNKNOWN", "A", "GONE"].map(str::to_owned).to_vec();
    let request = proto::inventory::v1::GetAvailabilityRequest { skus };
    let items = inventory
        .raw()
        .get_availability(request)
        .await
        .unwrap()
        .into_inner()
        .items;
    let items: Vec<_> = items
        .iter()
        .map(|item| {
            (
                item.sku.as_str(),
                item.on_hand,
                item.reserved,
                item.available,
                item.unit_price,
            )
        })
        .collect();
    assert_eq!(items, [("A", 10, 4, 6, 255), ("B", 0, 0, 0, 100)]);
    shop.close().await;
}
