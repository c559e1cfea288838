//! Many buyers want the same few things at once: pieces, uses of a code, points. Then the same while inventory-svc is
//! killed again and again.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    common::{
        Client, Shop,
        shop::{ADMIN_EMAIL, ADMIN_PASSWORD, PATIENCE},
        until,
    },
    program::{Process, Program},
};

const BUYERS: usize = 20;
/// Orders at the same time.
const AT_ONCE: usize = 128;

/// One order that somebody wants.
struct Wish {
    buyer: Client,
    key: String,
    body: Value,
}

/// Sends it until there is an answer that stands: its status, and the field or the type of the problem.
async fn in_the_end(wish: Wish) -> String {
    let started = Instant::now();
    loop {
        let request = wish
            .buyer
            .request(reqwest::Method::POST, "/v1/orders")
            .header("idempotency-key", &wish.key)
            .json(&wish.body);
        match Client::try_send(request).await {
            Some(answer) if !answer.is_passing() => {
                let what = match answer.status.as_u16() {
                    201 => "placed".to_owned(),
                    422 => answer.body["errors"][0]["field"]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                    _ => answer.body["type"].as_str().unwrap().to_owned(),
                };
                return what;
            }
            answer => assert!(started.elapsed() < PATIENCE * 2, "no order: {answer:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Who takes part.
struct Crowd {
    admin: Client,
    buyers: Vec<Client>,
    saver: Client,
}

/// 100 pieces, 10 uses of a code, a balance of 100 points.
async fn gather(shop: &Shop) -> Crowd {
    let admin = &shop.admin().await;
    shop.product(admin, "FEW", 1_000, 100).await;
    shop.product(admin, "MANY", 1_000, 10_000).await;
    let code = json!({"code": "FIRST10", "kind": "percent", "value": 10, "max_uses": 10});
    admin.post("/v1/discount-codes", code).await.expect(201);
    let mut buyers = Vec::new();
    for _ in 0..BUYERS {
        buyers.push(shop.customer().await);
    }
    let saver = shop.customer().await;
    let grant = format!("/v1/loyalty/{}/adjustments", saver.id().await);
    let hundred = json!({"points": 100, "reason": "welcome"});
    admin.post(&grant, hundred).await.expect(201);
    Crowd {
        admin: admin.clone(),
        buyers,
        saver,
    }
}

/// 2,000 orders for the pieces, 500 for the uses, 50 of 30 points each.
async fn rush(crowd: &Crowd) {
    let Crowd { buyers, saver, .. } = crowd;
    let lines = |sku: &str| json!([{"sku": sku, "quantity": 1}]);
    let of = |n: usize| buyers[n % BUYERS].clone();
    let few = (0..2_000).map(|n| Wish {
        buyer: of(n),
        key: format!("few-{n}"),
        body: json!({"lines": lines("FEW")}),
    });
    let coded = (0..500).map(|n| Wish {
        buyer: of(n),
        key: format!("code-{n}"),
        body: json!({"lines": lines("MANY"), "incentive": {"discount_code": "first10"}}),
    });
    let pointed = (0..50).map(|n| Wish {
        buyer: saver.clone(),
        key: format!("points-{n}"),
        body: json!({"lines": lines("MANY"), "incentive": {"redeem_points": 30}}),
    });
    let answers = |wishes: Vec<Wish>| {
        stream::iter(wishes.into_iter().map(in_the_end))
            .buffer_unordered(AT_ONCE)
            .fold(
                BTreeMap::new(),
                async |mut counts: BTreeMap<String, usize>, answer| {
                    *counts.entry(answer).or_default() += 1;
                    counts
                },
            )
    };
    let (few, coded, pointed) = tokio::join!(
        answers(few.collect()),
        answers(coded.collect()),
        answers(pointed.collect()),
    );
    let counts = |list: &[(&str, usize)]| -> BTreeMap<String, usize> {
        list.iter()
            .map(|(what, n)| ((*what).to_owned(), *n))
            .collect()
    };
    assert_eq!(
        few,
        counts(&[
            ("placed", 100),
            ("urn:problem-type:insufficient-stock", 1_900)
        ])
    );
    assert_eq!(
        coded,
        counts(&[("placed", 10), ("incentive.discount_code", 490)])
    );
    assert_eq!(
        pointed,
        counts(&[("placed", 3), ("incentive.redeem_points", 47)])
    );
}

async fn check(shop: &Shop, crowd: &Crowd) {
    shop.check_invariants().await;
    let Crowd { admin, saver, .. } = crowd;
    let few = admin.get("/v1/products/FEW/stock").await.expect(200);
    assert_eq!(
        (&few["reserved"], &few["available"]),
        (&json!(100), &json!(0))
    );
    let code = admin.get("/v1/discount-codes/FIRST10").await.expect(200);
    assert_eq!(code["used"], 10);
    let points = saver.get("/v1/loyalty").await.expect(200);
    assert_eq!(
        (&points["balance"], &points["held"]),
        (&json!(10), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_scarce_is_sold_to_the_last_piece_use_and_point() {
    let shop = Shop::open().await;
    let crowd = gather(&shop).await;
    rush(&crowd).await;
    check(&shop, &crowd).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_so_it_is_while_inventory_svc_is_killed_every_two_seconds() {
    let shop = Shop::closed().await;
    let configs = shop.configs.clone();
    let mut identity = configs.identity.clone();
    identity.admin_email = Some(ADMIN_EMAIL.to_owned());
    identity.admin_password = Some(ADMIN_PASSWORD.into());
    let services = [
        gateway::start(configs.gateway.clone()).await.unwrap(),
        order_svc::start(configs.order.clone()).await.unwrap(),
        identity_svc::start(identity).await.unwrap(),
        worker::start(configs.worker.clone()).await.unwrap(),
    ];
    let program = Program::of(&shop).with(
        "ORDER_GRPC_URL",
        format!("http://{}", configs.order.grpc_addr),
    );
    let mut inventory = start_inventory(&program, &shop).await;
    // It has been away since the gateway began.
    let visitor = shop.visitor();
    until("the gateway has noticed", async || {
        visitor.get("/v1/products").await.status.is_success()
    })
    .await;
    let crowd = gather(&shop).await;
    let mut kills = 0;
    {
        let mut rush = std::pin::pin!(rush(&crowd));
        loop {
            tokio::select! {
                () = &mut rush => break,
                () = sleep(Duration::from_secs(2)) => {
                    inventory.kill().await;
                    kills += 1;
                    let mut starting = std::pin::pin!(start_inventory(&program, &shop));
                    tokio::select! {
                        started = &mut starting => inventory = started,
                        // What is left may be answered while it starts.
                        () = &mut rush => {
                            inventory = starting.await;
                            break;
                        }
                    }
                }
            }
        }
    }
    // How often depends on how quick the machine is.
    assert!(kills > 0, "the rush was over before anything was killed");
    check(&shop, &crowd).await;
    drop(inventory);
    for service in services {
        service.stop().await;
    }
    shop.close().await;
}

async fn start_inventory(program: &Program, shop: &Shop) -> Process {
    let mut process = program.run(&["bench", "serve", "inventory-svc"]);
    let url = format!("http://{}/health/ready", shop.configs.inventory.http_addr);
    until("inventory-svc is ready", async || {
        process.assert_running();
        let answer = reqwest::get(&url).await;
        answer.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    process
}
