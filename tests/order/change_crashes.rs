//! The crash table of the order protocol for what changes an order. Each crash is met in two ways: the client sends the
//! request again; or nobody does, and what was held for it goes back.

use chassis::testing::Line;
use serde_json::{Value, json};

use crate::{
    common::{
        Answer, Client, Lines, Shop,
        broker::{Subscriber, dead_letters},
        faults::fail_once,
        until,
    },
    updating::update,
};

/// A change that takes a hold or gives something back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    /// Two pieces more.
    Update,
    /// A code with one use.
    Incentive,
    /// One piece less.
    Cancel,
    Return,
}

impl Change {
    fn path(self, order: &Value) -> String {
        let id = order["id"].as_str().unwrap();
        match self {
            Self::Update => format!("/v1/orders/{id}"),
            Self::Incentive => format!("/v1/orders/{id}/incentive"),
            Self::Cancel => format!("/v1/orders/{id}/cancel"),
            Self::Return => format!("/v1/orders/{id}/returns"),
        }
    }

    /// Asks for it, as whoever saw the order at `version`; the same request each time.
    async fn ask(self, buyer: &Client, admin: &Client, order: &Value, version: i64) -> Answer {
        let path = self.path(order);
        let piece = json!([{"sku": "A", "quantity": 1}]);
        match self {
            Self::Update => update(buyer, order, version, &[("A", 4)]).await,
            Self::Incentive => {
                let body = json!({"discount_code": "ONE"});
                buyer.post_once(&path, &path, body).await
            }
            Self::Cancel => buyer.post_once(&path, &path, json!({"lines": piece})).await,
            Self::Return => admin.post_once(&path, &path, json!({"lines": piece})).await,
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Update | Self::Cancel => "order.updated",
            Self::Incentive => "order.incentive_applied",
            Self::Return => "order.returned",
        }
    }

    /// Pieces that can be sold, of ten, once one order of two pieces went through it.
    fn leaves(self) -> i64 {
        match self {
            Self::Update => 6,
            Self::Incentive => 8,
            Self::Cancel | Self::Return => 9,
        }
    }

    /// The version at which the change finds the order.
    fn finds(self) -> i64 {
        match self {
            Self::Update | Self::Incentive | Self::Cancel => 2,
            // Shipped and delivered.
            Self::Return => 4,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_crashes_before_the_stock_is_asked_for() {
    crashes(Change::Update, "change-before-reserve", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_which_inventory_crashes_before_it_commits_the_hold() {
    crashes(Change::Update, "reserve-before-commit", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_which_inventory_crashes_after_it_committed_the_hold() {
    crashes(Change::Update, "reserve-reply-lost", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_crashes_between_the_hold_and_the_order() {
    crashes(Change::Update, "change-after-reserve", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_crashes_before_it_commits() {
    crashes(Change::Update, "save-before-commit", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_outcome_is_unknown() {
    crashes(Change::Update, "save-outcome-unknown", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incentive_of_which_inventory_crashes_after_it_committed_the_hold() {
    crashes(Change::Incentive, "reserve-reply-lost", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incentive_that_crashes_between_the_hold_and_the_order() {
    crashes(Change::Incentive, "change-after-reserve", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incentive_that_crashes_before_it_commits() {
    crashes(Change::Incentive, "save-before-commit", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incentive_whose_outcome_is_unknown() {
    crashes(Change::Incentive, "save-outcome-unknown", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_cancelled_that_crashes_before_it_commits() {
    crashes(Change::Cancel, "save-before-commit", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_cancelled_whose_outcome_is_unknown() {
    crashes(Change::Cancel, "save-outcome-unknown", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_that_crashes_before_it_commits() {
    crashes(Change::Return, "save-before-commit", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_whose_outcome_is_unknown() {
    crashes(Change::Return, "save-outcome-unknown", true).await;
}

/// Lets a change fail at this point of the code. `commits`: all of it is done, and only the answer is lost.
async fn crashes(change: Change, point: &str, commits: bool) {
    let (shop, _lines) = open().await;
    let admin = shop.admin().await;
    let buyer = shop.customer().await;
    let subscriber = Subscriber::open(&shop, "order.#").await;
    shop.product(&admin, "A", 1_000, 10).await;
    let code = json!({"code": "ONE", "kind": "fixed", "value": 100, "max_uses": 1});
    admin.post("/v1/discount-codes", code).await.expect(201);

    // Nobody asks again.
    let order = ordered(&shop, change, &buyer, &admin, "abandoned").await;
    fail_once(point);
    let failed = change.ask(&buyer, &admin, &order, change.finds()).await;
    assert_eq!(failed.header("retry-after"), Some("1"));
    failed.expect_problem(503, "unavailable");
    let left = if commits { change.leaves() } else { 8 };
    until("what was held goes back", async || {
        available(&admin).await == left
            && used(&admin).await == i64::from(commits && change == Change::Incentive)
    })
    .await;
    shop.check_invariants().await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let shown = buyer.get(&path).await.expect(200);
    assert_eq!(shown["version"], change.finds() + i64::from(commits));
    let cancelled = buyer.post(&format!("{path}/cancel"), json!({})).await;
    if change != Change::Return {
        cancelled.expect(200);
    }
    shop.settle().await;
    let before = available(&admin).await;
    assert_eq!(used(&admin).await, 0);

    // The client asks again, the same.
    let order = ordered(&shop, change, &buyer, &admin, "retried").await;
    fail_once(point);
    let failed = change.ask(&buyer, &admin, &order, change.finds()).await;
    failed.expect_problem(503, "unavailable");
    let again = change.ask(&buyer, &admin, &order, change.finds()).await;
    let id = order["id"].as_str().unwrap();
    if commits && change == Change::Update {
        // No key, but the version tells: it looks again, and finds it done.
        again.expect_problem(412, "version-mismatch");
    } else {
        assert_eq!(again.is_replay(), commits);
        let changed = again.expect(200);
        assert_eq!(changed["version"], change.finds() + 1);
    }
    shop.check_invariants().await;
    assert_eq!(available(&admin).await, before - 10 + change.leaves());
    assert_eq!(used(&admin).await, i64::from(change == Change::Incentive));
    let told = || {
        let all = subscriber.received();
        all.iter()
            .filter(|message| message.is(change.event(), id))
            .count()
    };
    until("the event", async || told() > 0).await;
    assert_eq!(told(), 1);
    assert_eq!(dead_letters(&shop).await, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_which_the_reply_of_inventory_is_lost() {
    for change in [Change::Update, Change::Incentive] {
        let (shop, lines) = open().await;
        let admin = shop.admin().await;
        let buyer = shop.customer().await;
        shop.product(&admin, "A", 1_000, 10).await;
        let code = json!({"code": "ONE", "kind": "fixed", "value": 100, "max_uses": 1});
        admin.post("/v1/discount-codes", code).await.expect(201);
        let order = ordered(&shop, change, &buyer, &admin, "1").await;
        lines.inventory.set(Line::RepliesLost);
        let asking = tokio::spawn({
            let (buyer, admin, order) = (buyer.clone(), admin.clone(), order.clone());
            async move { change.ask(&buyer, &admin, &order, 2).await }
        });
        until("the hold is taken", async || {
            let holds: i64 = sqlx::query_scalar("select count(*) from holds where hold_no = 2")
                .fetch_one(shop.inventory())
                .await
                .unwrap();
            holds == 1
        })
        .await;
        lines.inventory.set(Line::Cut);
        asking.await.unwrap().expect_problem(503, "unavailable");
        lines.inventory.set(Line::Up);
        until("inventory-svc is there again", async || {
            let answer = change.ask(&buyer, &admin, &order, 2).await;
            answer.status.as_u16() == 200
        })
        .await;
        shop.check_invariants().await;
        assert_eq!(available(&admin).await, change.leaves(), "{change:?}");
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_is_stopped_past_its_holds_time_takes_the_next() {
    let (shop, _lines) = open().await;
    let admin = shop.admin().await;
    let buyer = shop.customer().await;
    shop.product(&admin, "A", 1_000, 10).await;
    let order = ordered(&shop, Change::Update, &buyer, &admin, "1").await;
    let mut stall = crate::common::faults::Stall::at("change-after-reserve");
    let asking = tokio::spawn({
        let (buyer, admin, order) = (buyer.clone(), admin.clone(), order.clone());
        async move { Change::Update.ask(&buyer, &admin, &order, 2).await }
    });
    stall.reached().await;
    assert_eq!(available(&admin).await, 6);
    until("the sweeper closes the hold", async || {
        available(&admin).await == 8
    })
    .await;
    stall.resume();
    let updated = asking.await.unwrap().expect(200);
    assert_eq!(updated["lines"][0]["quantity"], 4);
    shop.check_invariants().await;
    assert_eq!(available(&admin).await, 6);
    let holds: Vec<i32> = sqlx::query_scalar("select unnest(holds) from orders")
        .fetch_all(shop.order())
        .await
        .unwrap();
    assert_eq!(holds, [1, 3]);
    shop.close().await;
}

/// An order of two pieces, ready for the change.
async fn ordered(shop: &Shop, change: Change, buyer: &Client, admin: &Client, key: &str) -> Value {
    let order = buyer.order(key, &[("A", 2)]).await.expect(201);
    shop.settle().await;
    if change == Change::Return {
        let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
        for action in ["ship", "deliver"] {
            let path = format!("{path}/{action}");
            admin.post(&path, json!({})).await.expect(200);
        }
        shop.settle().await;
    }
    order
}

/// A shop whose sweeper looks at a hold after a second.
async fn open() -> (Shop, Lines) {
    Shop::open_on_lines(|configs| configs.order.hold_ttl_seconds = 1).await
}

async fn available(admin: &Client) -> i64 {
    let product = admin.get("/v1/products/A").await.expect(200);
    product["available"].as_i64().unwrap()
}

async fn used(admin: &Client) -> i64 {
    let code = admin.get("/v1/discount-codes/ONE").await.expect(200);
    code["used"].as_i64().unwrap()
}
