//! A read model is built anew while the shop goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use chassis::grpc;
use order_svc::View;
use proto::audit::v1::{
    AuditRequest, audit_event::Event, audit_service_client::AuditServiceClient,
};
use serde_json::json;
use sqlx::PgPool;
use tokio::task::JoinHandle;

use crate::{
    common::{Client, Shop, grpc::channel, until},
    program::Program,
};

const GENERATED: i64 = 6_000;
const TABLES: [&str; 6] = [
    "orders",
    "order_search",
    "order_figures",
    "sales_days",
    "incentive_usage",
    "customers",
];

#[tokio::test(flavor = "multi_thread")]
async fn views_are_built_anew_while_orders_go_on_and_nobody_notices() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 100_000).await;
    let buyer = shop.customer().await;
    // One before, so that the readers have something to look at.
    let first = buyer.order("first", &[("A", 1)]).await.expect(201);
    generate(shop.order()).await;
    let oids = tables(shop.order()).await;

    let busy = Busy::begin(&shop, &admin, &buyer, first["id"].as_str().unwrap());
    for view in View::ALL {
        let before = busy.placed.load(Ordering::Relaxed);
        let rebuilt = order_svc::rebuild(&shop.configs.order, view).await.unwrap();
        assert!(rebuilt.orders > GENERATED as u64, "{rebuilt}");
        assert!(rebuilt.locked < Duration::from_secs(3), "{rebuilt}");
        assert!(busy.placed.load(Ordering::Relaxed) > before, "{rebuilt}");
    }
    // Once more, with all of it shown already.
    order_svc::rebuild(&shop.configs.order, View::Orders)
        .await
        .unwrap();
    busy.end().await;

    let now = tables(shop.order()).await;
    assert!(oids.iter().zip(&now).all(|(old, new)| old != new));
    assert_settled(&shop).await;
    assert_eq!(
        indexes(shop.order(), "read_model_next").await,
        Vec::<String>::new()
    );
    let kept = indexes(shop.order(), "read_model").await;
    for index in ["orders_by_status", "order_search_words", "customers_pkey"] {
        assert!(kept.iter().any(|name| name == index), "{kept:?}");
    }
    // As before, orders are shown, counted and found.
    let last = buyer.order("last", &[("A", 1)]).await.expect(201);
    let path = format!("/v1/orders/{}", last["id"].as_str().unwrap());
    buyer.get(&path).await.expect(200);
    assert_settled(&shop).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_was_killed_is_begun_afresh_and_two_at_once_are_refused() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    shop.product(&admin, "A", 255, 100_000).await;
    let buyer = shop.customer().await;
    generate(shop.order()).await;
    let program = Program::of(&shop);
    for view in ["orders", "figures"] {
        // It cannot go on, in the middle: the log is in somebody's hand.
        let mut holding = shop.order().begin().await.unwrap();
        sqlx::query("lock table order_events in access exclusive mode")
            .execute(&mut *holding)
            .await
            .unwrap();
        let begun = program.run(&["rebuild", view]);
        until("it has begun", async || rebuilds(shop.order()).await == 1).await;
        let mut second = program.run(&["rebuild", view]);
        assert_eq!(second.end().await.code(), Some(1));
        let output = second.output();
        assert!(output.contains("another rebuild is at work"), "{output}");
        begun.kill().await;
        holding.rollback().await.unwrap();
        assert_eq!(rebuilds(shop.order()).await, 1);
        // Meanwhile events are applied to what is unfinished, too.
        let order = buyer.order(view, &[("A", 1)]).await.expect(201);
        let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
        buyer.get(&path).await.expect(200);

        let mut again = program.run(&["rebuild", view]);
        let status = again.end().await;
        assert!(status.success(), "{}", again.output());
        let output = again.output();
        assert!(output.contains("orders/s; the swap locked for"), "{output}");
        assert_eq!(rebuilds(shop.order()).await, 0);
    }
    assert_settled(&shop).await;

    let mut unknown = program.run(&["rebuild", "everything"]);
    assert_eq!(unknown.end().await.code(), Some(2));
    let output = unknown.output();
    for name in View::NAMES {
        assert!(output.contains(name), "{output}");
    }
    shop.close().await;
}

async fn generate(pool: &PgPool) {
    sqlx::query(include_str!("../common/generated.sql"))
        .bind(GENERATED)
        .execute(pool)
        .await
        .unwrap();
}

async fn rebuilds(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from read_model.rebuilds")
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Which tables stand behind the names.
async fn tables(pool: &PgPool) -> Vec<i64> {
    let mut oids = Vec::new();
    for table in TABLES {
        let oid = sqlx::query_scalar("select ('read_model.' || $1)::regclass::oid::bigint")
            .bind(table)
            .fetch_one(pool)
            .await
            .unwrap();
        oids.push(oid);
    }
    oids
}

async fn indexes(pool: &PgPool, schema: &str) -> Vec<String> {
    sqlx::query_scalar("select indexname::text from pg_indexes where schemaname = $1 order by 1")
        .bind(schema)
        .fetch_all(pool)
        .await
        .unwrap()
}

/// Orders that are placed and cancelled, and people who read, until the end.
struct Busy {
    stop: Arc<AtomicBool>,
    placed: Arc<AtomicU32>,
    tasks: Vec<JoinHandle<()>>,
}

impl Busy {
    fn begin(shop: &Shop, admin: &Client, buyer: &Client, known: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let placed = Arc::new(AtomicU32::new(0));
        let mut tasks = Vec::new();
        let (ended, count, buyer) = (stop.clone(), placed.clone(), buyer.clone());
        tasks.push(tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                let n = count.fetch_add(1, Ordering::Relaxed);
                let order = buyer
                    .order(&format!("busy-{n}"), &[("A", 1)])
                    .await
                    .expect(201);
                let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
                buyer.get(&path).await.expect(200);
                if n % 3 == 0 {
                    let cancel = format!("{path}/cancel");
                    buyer
                        .post(&cancel, json!({"reason": "no"}))
                        .await
                        .expect(200);
                }
            }
        }));
        for path in [
            format!("/v1/orders/{known}"),
            "/v1/orders?limit=5".to_owned(),
            "/v1/orders?limit=5&sku=HOT&status=confirmed".to_owned(),
            "/v1/orders?limit=5&q=water".to_owned(),
            "/v1/reports/orders".to_owned(),
            "/v1/reports/customers?limit=5".to_owned(),
            "/v1/reports/incentive-usage".to_owned(),
        ] {
            let (ended, admin) = (stop.clone(), admin.clone());
            tasks.push(tokio::spawn(async move {
                while !ended.load(Ordering::Relaxed) {
                    admin.get(&path).await.expect(200);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }));
        }
        // As the database sees it, too: each statement prepared once.
        let (ended, pool) = (stop.clone(), shop.order().clone());
        tasks.push(tokio::spawn(async move {
            let mut connection = pool.acquire().await.unwrap();
            while !ended.load(Ordering::Relaxed) {
                for table in TABLES {
                    let sql = format!("select count(*) from read_model.{table}");
                    let _: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                        .fetch_one(&mut *connection)
                        .await
                        .unwrap();
                }
            }
        }));
        Self {
            stop,
            placed,
            tasks,
        }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("nobody has met an error");
        }
    }
}

/// Once the queues are empty, the audit of order-svc finds nothing amiss.
async fn assert_settled(shop: &Shop) {
    until("nothing is on its way", async || {
        let waiting: i64 = sqlx::query_scalar(
            "select (select count(*) from outbox where published_at is null)
                  + (select count(*) from orders where status = 'placed')
                  + (select count(*) from orders o left join read_model.orders v on v.order_id = o.id
                      where v.version is distinct from o.version)
                  + (select count(*) from orders o left join read_model.order_figures v on v.order_id = o.id
                      where v.version is distinct from o.version)",
        )
        .fetch_one(shop.order())
        .await
        .unwrap();
        waiting == 0
    })
    .await;
    let request = AuditRequest {
        repair: false,
        settle_seconds: 0,
    };
    let mut events = AuditServiceClient::new(channel(shop, shop.configs.order.grpc_addr))
        .audit(grpc::request(request, Duration::from_secs(60)))
        .await
        .unwrap()
        .into_inner();
    let mut checked = 0;
    while let Some(event) = events.message().await.unwrap() {
        match event.event {
            Some(Event::Violation(violation)) => panic!("{violation:?}"),
            Some(Event::Checked(looked)) => {
                assert_eq!(looked.violations, 0, "{looked:?}");
                checked += 1;
            }
            None => {}
        }
    }
    assert!(checked >= 7, "{checked} invariants");
}
