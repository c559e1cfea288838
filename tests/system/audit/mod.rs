//! `easyorder audit` finds what was spoilt by hand, names it, and sets right what follows from the rest.

mod scene;

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use self::scene::{Left, Repaired, Scene, run};
use crate::program::Program;

/// Everything that is looked at.
const INVARIANTS: [&str; 26] = [
    "order-committed-decision",
    "order-totals",
    "order-read-model-agrees",
    "order-figures-agree",
    "order-aggregates-agree",
    "order-log-agrees",
    "outbox-stuck",
    "stock-on-hand-is-sum-of-movements",
    "stock-reserved-is-sum-of-movements",
    "stock-reserved-is-held",
    "stock-within-limits",
    "hold-lines-movements-agree",
    "hold-overdue",
    "code-used-is-live-uses",
    "code-within-limit",
    "code-use-of-closed-hold",
    "points-balance-is-ledger",
    "points-available-is-lots",
    "points-not-negative",
    "points-held-is-held-holds",
    "lot-uses-agree",
    "product-read-model-agrees",
    "outbox-stuck",
    "order-not-followed",
    "order-holds-are-its-lines",
    "hold-without-order",
];

/// What an audit answered.
struct Findings {
    status: Option<i32>,
    report: Value,
}

type Rows = BTreeSet<(String, String)>;

impl Findings {
    async fn of(program: &Program, arguments: &[&str]) -> Self {
        let arguments = [&["audit", "--json"], arguments].concat();
        let mut process = program.run(&arguments);
        let status = process.end().await.code();
        let output = process.output();
        let report = serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}"));
        Self { status, report }
    }

    /// Invariant and row of each violation.
    fn rows(&self, which: impl Fn(&Value) -> bool) -> Rows {
        let text = |violation: &Value, name: &str| violation[name].as_str().unwrap().to_owned();
        self.report["violations"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|violation| which(violation))
            .map(|violation| (text(violation, "invariant"), text(violation, "row")))
            .collect()
    }

    fn all(&self) -> Rows {
        self.rows(|_| true)
    }

    fn repaired(&self) -> Rows {
        self.rows(|violation| violation["repaired"] == true)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spoilt_is_named_and_what_follows_from_the_rest_is_repaired() {
    let mut scene = Scene::set().await;
    scene.shop.product(&scene.admin, "KEPT", 100, 1_000).await;
    let program = Program::of(&scene.shop)
        .with(
            "ORDER_GRPC_URL",
            format!("http://{}", scene.shop.configs.order.grpc_addr),
        )
        .with(
            "INVENTORY_GRPC_URL",
            format!("http://{}", scene.shop.configs.inventory.grpc_addr),
        );
    let mut busy = PgConnection::connect(scene.shop.databases.order.url.expose())
        .await
        .unwrap();
    let session: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut busy)
        .await
        .unwrap();
    run(&mut busy, "begin".to_owned()).await;
    scene.stock().await;
    scene.codes().await;
    scene.points().await;
    scene.orders_here_and_there().await;
    scene.orders().await;
    scene.figures().await;
    scene.logs().await;
    scene.outboxes(session).await;
    scene.overdue(&mut busy).await;
    scene.shop.settle_orders().await;

    let clean = Findings::of(&program, &["--settle", "0"]).await;
    assert_eq!((clean.status, clean.all()), (Some(0), Rows::new()));
    let checked = clean.report["checked"].as_array().unwrap();
    let names: Vec<&str> = checked
        .iter()
        .map(|checked| checked["invariant"].as_str().unwrap())
        .collect();
    assert_eq!(
        names.iter().collect::<BTreeSet<_>>(),
        INVARIANTS.iter().collect()
    );
    assert_eq!(names.len(), INVARIANTS.len());
    for name in [
        "stock-reserved-is-held",
        "order-holds-are-its-lines",
        "hold-without-order",
    ] {
        let checked = checked
            .iter()
            .find(|checked| checked["invariant"] == name)
            .unwrap();
        assert!(checked["rows"].as_i64() > Some(0), "{checked}");
    }

    for spoilt in &scene.spoilt {
        run(&spoilt.pool, spoilt.sql.clone()).await;
    }
    let found = Findings::of(&program, &["--settle", "0"]).await;
    assert_eq!(
        (found.status, found.all()),
        (Some(1), scene.found(|_, _| true))
    );
    assert_eq!(found.repaired(), Rows::new());

    // What is young may be on its way; what a service says of itself alone is old enough.
    run(
        scene.shop.inventory(),
        "update holds set updated_at = now() - interval '2 hours'
          where state = 'CONFIRMED' and updated_at > now() - interval '10 minutes'"
            .to_owned(),
    )
    .await;
    let young = Findings::of(&program, &["--settle", "3600"]).await;
    let moving = [
        "order-not-followed",
        "order-holds-are-its-lines",
        "hold-without-order",
        "order-read-model-agrees",
        "order-figures-agree",
        "outbox-stuck",
    ];
    let mut expected = scene.found(|invariant, _| !moving.contains(&invariant));
    let for_no_order = young.rows(|violation| {
        let detail = violation["detail"].as_str().unwrap();
        ["is shown", "is counted"]
            .map(|is| format!("{is}, but there is no such order"))
            .iter()
            .any(|no| no == detail)
    });
    assert_eq!(for_no_order.len(), 2);
    expected.extend(for_no_order);
    assert_eq!(young.all(), expected);

    let repair = Findings::of(&program, &["--settle", "0", "--repair"]).await;
    assert_eq!(repair.status, Some(1));
    assert_eq!(repair.repaired(), scene.found(|_, cure| cure == Repaired));
    assert_eq!(repair.all(), scene.found(|_, _| true));
    let left = Findings::of(&program, &["--settle", "0"]).await;
    assert_eq!(
        (left.status, left.all()),
        (Some(1), scene.found(|_, cure| cure == Left))
    );
    let levels: (i64, i64) =
        sqlx::query_as("select on_hand, (select reserved from stock where sku = 'RESERVED') from stock where sku = 'ON-HAND'")
            .fetch_one(scene.shop.inventory())
            .await
            .unwrap();
    assert_eq!(levels, (10, 0));

    run(&mut busy, "rollback".to_owned()).await;
    scene.shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_repaired_is_all_well_and_a_service_that_is_away_is_not() {
    let scene = Scene::set().await;
    scene.product("A").await;
    scene.shop.show_products().await;
    let order = format!("http://{}", scene.shop.configs.order.grpc_addr);
    let inventory = format!("http://{}", scene.shop.configs.inventory.grpc_addr);
    let audit = async |order: &str, arguments: &[&str]| {
        let program = Program::of(&scene.shop)
            .with("ORDER_GRPC_URL", order)
            .with("INVENTORY_GRPC_URL", &inventory);
        let mut process = program.run(&[&["audit"], arguments].concat());
        (process.end().await.code(), process.output())
    };
    let (status, output) = audit(&order, &[]).await;
    assert_eq!(status, Some(0), "{output}");
    assert!(output.ends_with("All is well.\n"), "{output}");

    run(
        scene.shop.inventory(),
        "update stock set on_hand = 11 where sku = 'A'".to_owned(),
    )
    .await;
    let (status, output) = audit(&order, &[]).await;
    assert_eq!(status, Some(1), "{output}");
    let line = "stock-on-hand-is-sum-of-movements: stock A on_hand is 11, the movements come to 10";
    assert!(output.contains(line), "{output}");
    let (status, output) = audit(&order, &["--repair"]).await;
    assert_eq!(status, Some(0), "{output}");
    assert!(output.contains(&format!("{line} (repaired)")), "{output}");

    let nowhere = format!("http://{}", chassis::testing::free_addr());
    let (status, output) = audit(&nowhere, &[]).await;
    assert_eq!(status, Some(2), "{output}");
    assert!(
        output.contains(&format!("cannot audit order-svc at {nowhere}")),
        "{output}"
    );
    // What the other says is told all the same.
    assert!(output.contains("stock-reserved-is-held"), "{output}");
    scene.shop.close().await;
}
