//! The process is killed in the middle of a replay, and comes back while the replay goes on.

use crate::{
    common::{Shop, until},
    program::{Process, Program},
    sales,
};

async fn count(pool: &sqlx::PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(pool)
        .await
        .expect("a count")
}

async fn orders(shop: &Shop) -> i64 {
    count(shop.order(), "select count(*) from orders").await
}

/// Plays a history, kills the system in the middle, waits as `pause` says, and starts it again.
async fn kill_in_the_middle(program: &Program, shop: &Shop, pause: impl AsyncFnOnce()) -> Process {
    let sales = sales::write(program, 240);
    let process = program.serve(shop).await;
    let mut replay = program.replay(shop, &sales.path, 16, &[]);
    until("a third is sold", async || {
        replay.process.assert_running();
        orders(shop).await >= sales.invoices / 3
    })
    .await;
    process.kill().await;
    let before = orders(shop).await;
    assert!(before < sales.invoices, "too late to be in the middle");
    replay.process.assert_running();
    pause().await;

    let process = program.serve(shop).await;
    let report = replay.report().await;
    assert_eq!(report.rows("read"), sales.rows);
    assert_eq!(report.rows("returned"), sales.returned);
    assert_eq!(report.rows("unmatched"), sales.unmatched);
    assert_eq!(report.rows("no_sale"), sales.no_sale);
    assert_eq!(report.rows("unparsed"), sales.unparsed);
    assert_eq!(report.orders("planned"), sales.invoices);
    assert_eq!(
        report.orders("placed_new") + report.orders("placed_before"),
        sales.invoices
    );
    assert!(
        report.0["retries"].as_i64() > Some(0),
        "nobody noticed that it was killed"
    );
    assert_eq!(orders(shop).await, sales.invoices);
    shop.check_invariants().await;

    // Everything is sold: what is left of the deliveries is what came back.
    assert_eq!(report.0["total"]["returns"]["refunds"], sales.refunds);
    let left = "select coalesce(sum(on_hand - reserved), 0)::bigint from stock";
    assert_eq!(count(shop.inventory(), left).await, sales.returned);
    let again = program.replay(shop, &sales.path, 16, &[]).report().await;
    assert_eq!(again.orders("placed_new"), 0);
    assert_eq!(again.orders("placed_before"), sales.invoices);
    assert_eq!(again.rows("sold"), report.rows("sold"));
    assert_eq!(again.returns("made_new"), 0);
    assert_eq!(again.returns("made_before"), sales.returned);
    assert_eq!(again.0["total"], report.0["total"]);
    assert_eq!(orders(shop).await, sales.invoices);
    assert_eq!(
        count(shop.inventory(), left).await,
        sales.returned,
        "neither a delivery nor a return was booked twice"
    );
    shop.check_invariants().await;
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_replay_it_loses_and_doubles_nothing() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop);
    kill_in_the_middle(&program, &shop, async || {}).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_that_ran_out_while_it_was_down_are_taken_anew() {
    let shop = Shop::closed().await;
    let program = Program::of(&shop).with("ORDER_HOLD_TTL_SECONDS", "2");
    let over = async || {
        until("every hold has run out", async || {
            // By the clock that counts.
            let running = "select count(*) from holds where state = 'HELD' and expires_at > now()";
            count(shop.inventory(), running).await == 0
        })
        .await;
    };
    kill_in_the_middle(&program, &shop, over).await;
    shop.close().await;
}
