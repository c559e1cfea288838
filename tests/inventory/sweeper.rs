//! Holds that no order takes.

use chassis::testing::Line;
use futures::{StreamExt as _, future::join_all, stream};
use proto::inventory::v1::{ExpireReservationsRequest, ReserveRequest};
use uuid::Uuid;

use crate::{
    common::{
        Shop,
        broker::Subscriber,
        grpc::{Inventory, hold},
        until,
    },
    support::{check_stock, levels, state},
};

#[tokio::test(flavor = "multi_thread")]
async fn holds_of_no_order_expire_and_are_closed_for_good() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 1_000).await;
    let inventory = Inventory::of(&shop);
    let subscriber = Subscriber::open(&shop, "inventory.#").await;

    // More than the sweeper takes in one turn.
    let ids: Vec<Uuid> = (0..250).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        inventory.reserve(short(*id, 1)).await.unwrap();
    }
    let kept = Uuid::now_v7();
    inventory.reserve(hold(kept, 1, &[("A", 1)])).await.unwrap();
    until("all but one have expired", async || {
        levels(&admin, "A").await == (1_000, 1, 999)
    })
    .await;

    for id in &ids {
        assert_eq!(state(&shop, *id, 1).await.as_deref(), Some("EXPIRED"));
    }
    assert_eq!(state(&shop, kept, 1).await.as_deref(), Some("HELD"));
    let closed: i64 = sqlx::query_scalar(
        "select count(*) from decisions where outcome = 'closed' and order_id = any($1)",
    )
    .bind(&ids)
    .fetch_one(shop.order())
    .await
    .unwrap();
    assert_eq!(closed, 250);
    subscriber
        .wait_for("an event for each", |all| {
            let expired = all
                .iter()
                .filter(|message| message.routing_key == "inventory.reservation_expired.v1");
            expired.count() == 250
        })
        .await;
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_keep_a_hold_from_expiring() {
    let mut shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let id = Uuid::now_v7();
    Inventory::of(&shop).reserve(short(id, 1)).await.unwrap();
    shop.stop().await;
    shop.start().await;

    until("it has expired", async || {
        state(&shop, id, 1).await.as_deref() == Some("EXPIRED")
    })
    .await;
    let admin = shop.admin().await;
    assert_eq!(levels(&admin, "A").await, (10, 0, 10));
    check_stock(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_back_on_a_guess_while_order_svc_is_away() {
    let (shop, lines) = Shop::open_on_lines(|_| {}).await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 10).await;
    let inventory = Inventory::of(&shop);
    lines.order.set(Line::Cut);
    let id = Uuid::now_v7();
    inventory.reserve(short(id, 1)).await.unwrap();

    let look = async |dry_run: bool| {
        inventory
            .raw()
            .expire_reservations(ExpireReservationsRequest { dry_run })
            .await
    };
    until("it is overdue", async || {
        let seen = look(true).await.unwrap().into_inner();
        seen.overdue == 1 && seen.oldest_overdue_seconds >= 2
    })
    .await;
    let error = chassis::Error::from(look(false).await.unwrap_err());
    assert!(error.is_transient(), "{error}");
    assert_eq!(state(&shop, id, 1).await.as_deref(), Some("HELD"));
    assert_eq!(levels(&admin, "A").await, (10, 1, 9));

    lines.order.set(Line::Up);
    until("it has expired", async || {
        state(&shop, id, 1).await.as_deref() == Some("EXPIRED")
    })
    .await;
    let seen = look(false).await.unwrap().into_inner();
    assert_eq!((seen.overdue, seen.expired), (0, 0));
    assert_eq!(levels(&admin, "A").await, (10, 0, 10));
    check_stock(&shop).await;
    shop.close().await;
}

/// A hold of one piece for one second.
fn short(id: Uuid, hold_no: i32) -> ReserveRequest {
    ReserveRequest {
        ttl_seconds: 1,
        ..hold(id, hold_no, &[("A", 1)])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_and_the_sweeper_have_one_winner_a_thousand_times() {
    const HOLDS: usize = 1_000;
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 100, 1_000).await;
    let inventory = Inventory::of(&shop);
    let held = join_all((0..HOLDS).map(|_| {
        let inventory = inventory.clone();
        async move {
            let id = Uuid::now_v7();
            let taken = inventory.reserve(short(id, 1)).await.unwrap();
            (id, taken.confirmation_token)
        }
    }))
    .await;
    // They have run out when the confirmations come; the sweeper is at it by itself as well.
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    let sweep = async {
        for _ in 0..100 {
            let mut client = inventory.raw();
            let request = ExpireReservationsRequest { dry_run: false };
            client.expire_reservations(request).await.unwrap();
        }
    };
    let confirm = stream::iter(&held)
        .map(|(id, token)| {
            let inventory = inventory.clone();
            async move {
                match inventory.confirm(*id, 1, token).await {
                    Ok(()) => true,
                    Err(error) if error.kind() == "hold-closed" => false,
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
        .buffered(32)
        .collect::<Vec<_>>();
    let ((), confirmed) = tokio::join!(sweep, confirm);
    let won = confirmed.iter().filter(|won| **won).count();
    until("nothing is undecided", async || {
        let held: i64 = sqlx::query_scalar("select count(*) from holds where state = 'HELD'")
            .fetch_one(shop.inventory())
            .await
            .unwrap();
        held == 0
    })
    .await;
    for ((id, _), confirmed) in held.iter().zip(&confirmed) {
        let expected = if *confirmed { "CONFIRMED" } else { "EXPIRED" };
        assert_eq!(state(&shop, *id, 1).await.as_deref(), Some(expected));
    }
    assert!(
        won > 0 && won < HOLDS,
        "no race: {won} of {HOLDS} were confirmed"
    );
    let won = i64::try_from(won).unwrap();
    assert_eq!(levels(&admin, "A").await, (1_000, won, 1_000 - won));
    check_stock(&shop).await;
    shop.close().await;
}
