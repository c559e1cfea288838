//! The read models, however the events come.

use std::collections::BTreeMap;

use chassis::{amqp::EventHandler as _, testing};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use order_svc::{domain, infrastructure::projections::ProjectOrders};
use proto::{
    cloudevents::CloudEvent,
    events::order::{self as event, Incentive, Line, OrderData, Status},
};
use rand::{
    RngExt as _, SeedableRng as _,
    rngs::StdRng,
    seq::{IndexedRandom as _, SliceRandom as _},
};
use sqlx::PgPool;
use uuid::Uuid;

const ORDERS: u128 = 1_000;
const TABLES: [&str; 6] = [
    "orders",
    "order_search",
    "order_figures",
    "sales_days",
    "incentive_usage",
    "customers",
];

#[tokio::test(flavor = "multi_thread")]
async fn events_three_times_in_any_order_and_batch_are_as_those_that_came_once() {
    let events = events(7);
    assert!(events.len() > 4_000, "{}", events.len());
    let once = testing::database(&order_svc::MIGRATOR).await;
    for batch in events.chunks(100) {
        project(&once.pool, batch).await.unwrap();
    }
    let expected = tables(&once.pool).await;
    for table in TABLES {
        assert!(expected[table].len() >= 5, "{table}: {:?}", expected[table]);
    }
    add_up(&once.pool).await;

    for seed in [1, 2] {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut thrice = [&*events, &*events, &*events].concat();
        thrice.shuffle(&mut rng);
        let shuffled = testing::database(&order_svc::MIGRATOR).await;
        let mut rest = &*thrice;
        while !rest.is_empty() {
            let size = rng.random_range(1..=500).min(rest.len());
            let (batch, others) = rest.split_at(size);
            project(&shuffled.pool, batch).await.unwrap();
            rest = others;
        }
        assert_same(&tables(&shuffled.pool).await, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_after_new_ones_change_nothing() {
    let events = events(8);
    let straight = testing::database(&order_svc::MIGRATOR).await;
    for batch in events.chunks(500) {
        project(&straight.pool, batch).await.unwrap();
    }
    let reversed = testing::database(&order_svc::MIGRATOR).await;
    let newest_first: Vec<CloudEvent> = events.iter().rev().cloned().collect();
    for batch in newest_first.chunks(50) {
        project(&reversed.pool, batch).await.unwrap();
    }
    let expected = tables(&straight.pool).await;
    assert_same(&tables(&reversed.pool).await, &expected);
    // One at a time, all of them old.
    for event in events.iter().take(200) {
        project(&reversed.pool, std::slice::from_ref(event))
            .await
            .unwrap();
    }
    assert_same(&tables(&reversed.pool).await, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_take_events_at_once_neither_lose_one_nor_wait_in_a_ring() {
    let events = events(9);
    let alone = testing::database(&order_svc::MIGRATOR).await;
    for batch in events.chunks(100) {
        project(&alone.pool, batch).await.unwrap();
    }
    let together = testing::database(&order_svc::MIGRATOR).await;
    let replicas = (0..3).map(|seed| {
        let mut mine = events.clone();
        mine.shuffle(&mut StdRng::seed_from_u64(seed));
        let pool = together.pool.clone();
        async move {
            for batch in mine.chunks(70) {
                project(&pool, batch).await?;
            }
            Ok::<_, chassis::Error>(())
        }
    });
    try_join_all(replicas).await.unwrap();
    assert_same(&tables(&together.pool).await, &tables(&alone.pool).await);
}

async fn project(pool: &PgPool, events: &[CloudEvent]) -> chassis::Result<()> {
    let mut tx = pool.begin().await?;
    ProjectOrders.handle(&mut tx, events).await?;
    tx.commit().await?;
    Ok(())
}

/// All rows of all tables.
async fn tables(pool: &PgPool) -> BTreeMap<&'static str, Vec<String>> {
    let mut rows = BTreeMap::new();
    for table in TABLES {
        let sql = format!("select t::text from read_model.{table} t order by 1");
        let all = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_all(pool)
            .await
            .unwrap();
        rows.insert(table, all);
    }
    rows
}

#[track_caller]
fn assert_same(
    found: &BTreeMap<&'static str, Vec<String>>,
    expected: &BTreeMap<&'static str, Vec<String>>,
) {
    for table in TABLES {
        let (found, expected) = (&found[table], &expected[table]);
        let differing = found.iter().zip(expected).find(|(a, b)| a != b);
        assert_eq!(differing, None, "{table}");
        assert_eq!(found.len(), expected.len(), "{table}");
    }
}

/// The sums come to what the orders come to.
async fn add_up(pool: &PgPool) {
    let documents: Vec<serde_json::Value> =
        sqlx::query_scalar("select document from read_model.orders")
            .fetch_all(pool)
            .await
            .unwrap();
    let sum = |field: &str| -> i64 {
        let all = documents.iter().map(|order| order[field].as_i64().unwrap());
        all.sum()
    };
    let expected = (
        documents.len() as i64,
        sum("total"),
        sum("refunded"),
        sum("points_redeemed") - sum("points_returned"),
    );
    for table in ["sales_days", "customers"] {
        let sql = format!(
            "select sum(orders)::bigint, sum(revenue)::bigint, sum(refunded)::bigint, sum(points)::bigint
               from read_model.{table}"
        );
        let sums: (i64, i64, i64, i64) = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(sums, expected, "{table}");
    }
}

/// What happened to a thousand orders, in order.
fn events(seed: u64) -> Vec<CloudEvent> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut told: Vec<(DateTime<Utc>, CloudEvent)> = (0..ORDERS)
        .flat_map(|n| history(&mut rng, n))
        .map(|(kind, order)| {
            let (at, version) = (order.updated_at, Some(order.version));
            let told = CloudEvent::new(event::SOURCE, kind, order.order_id, version, at, &order);
            (at, told.unwrap())
        })
        .collect();
    told.sort_by_key(|(at, event)| (*at, event.aggregateversion));
    told.into_iter().map(|(_, event)| event).collect()
}

type Told = (&'static str, OrderData);

/// One order's way, in several versions.
fn history(rng: &mut StdRng, n: u128) -> Vec<Told> {
    let start: DateTime<Utc> = "2026-03-01T00:00:00Z".parse().unwrap();
    let placed_at = start + TimeDelta::minutes(rng.random_range(0..5 * 24 * 60));
    let lines = (0..rng.random_range(1..=4))
        .map(|line| bought(rng, line))
        .collect();
    let mut order = Draft {
        id: Uuid::from_u128(n << 64 | 0x8000_0000_0000_0000),
        customer: Uuid::from_u128(rng.random_range(1..=40)),
        lines,
        status: Status::Placed,
        refunded: 0,
        incentive: incentive(rng),
        placed_at,
        told: Vec::new(),
    };
    order.tell(match order.incentive {
        Some(_) => event::CREATED_WITH_INCENTIVE,
        None => event::CREATED,
    });
    if rng.random_bool(0.2) {
        order.incentive = incentive(rng);
        order.tell(event::INCENTIVE_APPLIED);
    }
    if rng.random_bool(0.3) {
        order.lines.push(bought(rng, 9));
        order.tell(event::UPDATED);
    }
    order.status = Status::Confirmed;
    order.tell(event::CONFIRMED);
    if rng.random_bool(0.3) {
        let line = &mut order.lines[0];
        line.cancelled_quantity = rng.random_range(1..=line.quantity);
        order.tell(event::UPDATED);
    }
    if rng.random_bool(0.2) {
        for line in &mut order.lines {
            line.cancelled_quantity = line.quantity;
        }
        order.status = Status::Cancelled;
        order.tell(event::CANCELLED);
        return order.told;
    }
    order.status = Status::Shipped;
    order.tell(event::SHIPPED);
    order.status = Status::Delivered;
    order.tell(event::DELIVERED);
    for _ in 0..rng.random_range(0..3) {
        let Some(line) = order.lines.iter_mut().find(|line| line.kept() > 0) else {
            break;
        };
        let before = line.cost_of(line.kept()).total;
        line.returned_quantity += 1;
        let back = before - line.cost_of(line.kept()).total;
        order.refunded += back;
        order.tell(event::RETURNED);
    }
    order.told
}

fn incentive(rng: &mut StdRng) -> Option<Incentive> {
    let code = [None, None, Some("SPRING"), Some("save10")].choose(rng);
    let discount_code = code.copied().flatten().map(ToOwned::to_owned);
    let redeem_points = rng.random_bool(0.2).then_some(30);
    (discount_code.is_some() || redeem_points.is_some()).then_some(Incentive {
        discount_code,
        redeem_points,
    })
}

fn bought(rng: &mut StdRng, line: i32) -> domain::Line {
    let (quantity, unit_price) = (rng.random_range(1..=9), rng.random_range(1..=900));
    let discount = rng.random_range(0..=quantity * unit_price);
    let points_value = rng.random_range(0..=quantity * unit_price - discount);
    let sku = format!("{}-{line}", rng.random_range(1..=30));
    domain::Line {
        name: format!("THING {sku}, not like others"),
        sku,
        quantity,
        unit_price,
        discount,
        points_value,
        cancelled_quantity: 0,
        returned_quantity: 0,
        restocked_quantity: 0,
    }
}

struct Draft {
    id: Uuid,
    customer: Uuid,
    lines: Vec<domain::Line>,
    status: Status,
    refunded: i64,
    incentive: Option<Incentive>,
    placed_at: DateTime<Utc>,
    told: Vec<Told>,
}

impl Draft {
    fn tell(&mut self, kind: &'static str) {
        let version = self.told.len() as i64 + 1;
        let spent = |line: &domain::Line| line.cost_of(line.kept()).points_value;
        let points: i64 = self.lines.iter().map(|line| line.points_value).sum();
        let lines: Vec<Line> = self
            .lines
            .iter()
            .map(|line| Line {
                sku: line.sku.clone(),
                name: line.name.clone(),
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
                points_value: line.points_value,
                total: line.total(),
                cancelled_quantity: line.cancelled_quantity,
                returned_quantity: line.returned_quantity,
                restocked_quantity: line.restocked_quantity,
            })
            .collect();
        let net = self
            .lines
            .iter()
            .map(|line| line.cost_of(line.kept()).total);
        let order = OrderData {
            order_id: self.id,
            customer_id: self.customer,
            status: self.status,
            version,
            currency: "GBP".to_owned(),
            subtotal: lines
                .iter()
                .map(|line| line.quantity * line.unit_price)
                .sum(),
            discount: lines.iter().map(|line| line.discount).sum(),
            points_redeemed: points,
            points_returned: points - self.lines.iter().map(spent).sum::<i64>(),
            total: lines.iter().map(|line| line.total).sum(),
            refunded: self.refunded,
            points_withheld: 0,
            net: Some(net.sum()),
            incentive: self.incentive.clone(),
            holds: vec![1],
            reason: None,
            placed_at: self.placed_at,
            updated_at: self.placed_at + TimeDelta::seconds(version),
            lines,
        };
        self.told.push((kind, order));
    }
}
