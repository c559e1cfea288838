use std::collections::HashSet;

use futures::future::join_all;

use crate::{
    common::{Shop, broker::Subscriber, until},
    program::Program,
};

async fn orders(shop: &Shop) -> i64 {
    sqlx::query_scalar("select count(*) from orders")
        .fetch_one(shop.order())
        .await
        .expect("a count")
}

/// Events that were stored, but not published.
async fn unpublished(shop: &Shop) -> i64 {
    let mut count = 0;
    for pool in [
        shop.order(),
        shop.inventory(),
        &shop.databases.identity.pool,
    ] {
        let rows: i64 =
            sqlx::query_scalar("select count(*) from outbox where published_at is null")
                .fetch_one(pool)
                .await
                .expect("a count");
        count += rows;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_it_ends_what_it_has_begun() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let mut process = program.serve(&shop).await;
    let admin = shop.admin().await;
    shop.product(&admin, "HEART", 255, 1_000).await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "order.created.v1").await;

    // Orders come without end; in the middle of them it is asked to stop.
    let ordering = {
        let buyer = buyer.clone();
        tokio::spawn(async move {
            let batches = (0..8).map(|lane| {
                let buyer = buyer.clone();
                async move {
                    let mut placed = Vec::new();
                    for number in 0.. {
                        let key = format!("{lane}-{number}");
                        match buyer.try_order(&key, &[("HEART", 1)]).await {
                            Some(answer) if answer.status == 201 => placed.push(key),
                            // Refused, or not there any more.
                            _ => return (placed, key),
                        }
                    }
                    unreachable!("it stops")
                }
            });
            join_all(batches).await
        })
    };
    until("it works", async || orders(&shop).await >= 30).await;
    process.ask_to_stop().await;
    let status = process.end().await;
    assert_eq!(status.code(), Some(0), "{}", process.output());
    assert_eq!(unpublished(&shop).await, 0, "{}", process.output());
    let lanes = ordering.await.expect("the orders");

    // Whatever was answered 201 is there; what was not is placed now, once.
    let _process = program.serve(&shop).await;
    let mut count = 0;
    for (placed, unanswered) in lanes {
        count += placed.len() + 1;
        for key in placed {
            assert!(
                buyer
                    .order_in_the_end(&key, &[("HEART", 1)])
                    .await
                    .is_replay(),
                "{key}"
            );
        }
        buyer
            .order_in_the_end(&unanswered, &[("HEART", 1)])
            .await
            .expect(201);
    }
    assert_eq!(orders(&shop).await, i64::try_from(count).expect("a count"));
    shop.check_invariants().await;

    // Nobody was killed, so no event comes twice.
    subscriber
        .wait_for("an event for each order", |messages| {
            messages.len() >= count
        })
        .await;
    let received = subscriber.received();
    let ids: HashSet<String> = received
        .iter()
        .map(|message| message.event()["id"].to_string())
        .collect();
    assert_eq!((received.len(), ids.len()), (count, count));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_while_it_starts_it_stops() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    let mut process = program.run(&["serve"]);
    // It is on its way as soon as it has made a table.
    until("it has begun", async || {
        process.assert_running();
        let begun = "select exists (select from pg_tables where schemaname = 'public')";
        sqlx::query_scalar(begun)
            .fetch_one(shop.order())
            .await
            .expect("an answer")
    })
    .await;
    process.ask_to_stop().await;
    let status = process.end().await;
    // By the signal itself, or in order.
    assert_ne!(status.code(), Some(101), "{}", process.output());

    let mut process = program.serve(&shop).await;
    process.ask_to_stop().await;
    assert_eq!(process.end().await.code(), Some(0), "{}", process.output());
    shop.close().await;
}
