//! The same requests taken one by one and in batches, and by two replicas at once.

use std::{sync::Arc, time::Duration};

use chassis::testing::{TestDatabase, database};
use futures::future::join_all;
use iso_currency::Currency;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::*;
use crate::{
    MIGRATOR,
    application::ports::Holds,
    domain::{Incentive, Quantity, RequestLine, Settlement},
    infrastructure::postgres::{BatchedHolds, PgHolds},
};

const POLICY: LoyaltyPolicy = LoyaltyPolicy {
    currency: Currency::GBP,
    earn_rate: 1,
    point_value: 1,
    life: Duration::from_secs(3_600),
};

/// Some goods of which there is little, codes with limits, and customers with few points.
async fn shop() -> TestDatabase {
    let shop = database(&MIGRATOR).await;
    sqlx::raw_sql(
        "insert into products (sku, name, price, currency, category)
         select 'SKU-' || n, 'Product ' || n, 100 + n * 7, case n when 9 then 'EUR' else 'GBP' end,
                case when n % 2 = 0 then 'even' end
           from generate_series(1, 9) n;
         insert into stock (sku, on_hand, backorder_limit, low_threshold)
         select 'SKU-' || n, n * 12, n % 3, 5 from generate_series(1, 9) n;
         insert into stock_movements (sku, kind, on_hand_delta, reserved_delta)
         select sku, 'receipt', on_hand, 0 from stock;
         insert into read_model.products
         select sku, name, category, price, currency, version, true, created_at, updated_at from products;
         update products set active = false where sku = 'SKU-8';
         insert into discount_codes (code, kind, value, max_uses, max_uses_per_customer, min_subtotal, category)
         values ('Ten', 'percent', 10, 7, null, 0, null), ('FIVE-OFF', 'fixed', 500, null, 2, 1000, null),
                ('even', 'percent', 33, 30, null, 0, 'even');
         insert into loyalty_accounts (customer_id, available)
         select lpad(to_hex(n), 32, '0')::uuid, 500 from generate_series(1, 5) n;
         insert into loyalty_lots (customer_id, points, remaining, expires_at)
         select customer_id, 250, 250, now() + make_interval(days => n) from loyalty_accounts, generate_series(1, 2) n;
         insert into loyalty_entries (customer_id, from_account, to_account, points, reason)
         select customer_id, 'issued', 'available', 500, 'granted' from loyalty_accounts;",
    )
    .execute(&shop.pool)
    .await
    .unwrap();
    shop
}

/// Requests of all sorts: twins, twins with other content, holds that were given back, unknown goods and codes.
fn requests(rng: &mut StdRng, count: usize) -> Vec<Taking> {
    let mut takings: Vec<Taking> = Vec::with_capacity(count);
    for _ in 0..count {
        // Of a few, so that one is asked for again and again.
        let key = match takings[..takings.len().min(9)].choose(rng) {
            Some(earlier) if rng.random_bool(0.2) => earlier.key,
            _ => HoldKey {
                order_id: Uuid::from_u128(rng.random()),
                hold_no: rng.random_range(1..=2),
            },
        };
        if let Some(twin) = takings.iter().find(|earlier| earlier.key == key)
            && rng.random_bool(0.7)
        {
            let twin = twin.clone();
            takings.push(twin);
            continue;
        }
        let lines = (0..rng.random_range(1..=4))
            .map(|index| RequestLine {
                // One beyond those there are.
                sku: Sku::parse(&format!("SKU-{}", rng.random_range(1..=10))).unwrap(),
                quantity: Quantity::parse(rng.random_range(1..=4)).unwrap(),
                index,
            })
            .collect();
        let incentive = rng.random_bool(0.6).then(|| Incentive {
            discount_code: ["TEN", "five-off", "EVEN", "nothing", "?"]
                .choose(rng)
                .filter(|_| rng.random_bool(0.6))
                .map(ToString::to_string),
            redeem_points: rng.random_bool(0.5).then(|| rng.random_range(0..150)),
        });
        takings.push(Taking {
            key,
            basket: Basket::new(Uuid::from_u128(rng.random_range(1..=6)), lines, incentive)
                .unwrap(),
            ttl: Duration::from_secs(60),
            deadline: None,
            traceparent: None,
        });
    }
    takings
}

/// An answer without what is random in it.
fn said(answer: &Result<TakenHold>) -> String {
    match answer {
        Ok(hold) => format!(
            "{} {:?} {} {} {:?}",
            hold.currency, hold.lines, hold.points, hold.point_value, hold.discount_code
        ),
        Err(error) => format!("{} {:?} {error}", error.kind(), error.fields()),
    }
}

/// Everything that the requests left behind.
async fn left(shop: &TestDatabase) -> Vec<String> {
    let mut left = Vec::new();
    for query in [
        "select jsonb_build_array(sku, on_hand, reserved, low)::text from stock order by sku",
        "select jsonb_build_array(order_id, hold_no, state, customer_id, fingerprint, currency, points)::text
           from holds order by order_id, hold_no",
        "select to_jsonb(l)::text from hold_lines l order by order_id, hold_no, line_no",
        "select jsonb_build_array(sku, kind, on_hand_delta, reserved_delta, order_id, hold_no)::text
           from stock_movements order by order_id, hold_no, sku, kind",
        "select jsonb_build_array(code, used)::text from discount_codes order by code",
        "select jsonb_build_array(order_id, hold_no, code, customer_id, discount)::text from code_uses order by 1",
        "select to_jsonb(a)::text from loyalty_accounts a order by customer_id",
        "select jsonb_build_array(customer_id, points, remaining)::text from loyalty_lots order by customer_id, id",
        "select jsonb_build_array(order_id, hold_no, points)::text from loyalty_lot_uses order by 1",
        "select jsonb_build_array(customer_id, from_account, to_account, points, reason, order_id, no)::text
           from loyalty_entries order by 1",
        "select kind || (convert_from(payload, 'utf8')::jsonb #>> '{data,order_id}') from outbox
          where kind = 'inventory.stock_reserved.v1' order by 1",
        "select jsonb_build_array(sku, in_stock)::text from read_model.products order by sku",
    ] {
        let rows: Vec<String> = sqlx::query_scalar(query)
            .fetch_all(&shop.pool)
            .await
            .unwrap();
        left.extend(rows);
    }
    left
}

async fn give_back(shop: &TestDatabase, taking: &Taking, token: Uuid) {
    PgHolds::new(shop.pool.clone(), POLICY)
        .settle(taking.key, Settlement::Release { token })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_batch_gives_what_its_requests_would_get_one_by_one() {
    for seed in 0..2 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (alone, together) = tokio::join!(shop(), shop());
        let mut kinds = std::collections::BTreeMap::new();
        for _ in 0..3 {
            let takings = requests(&mut rng, 120);
            // Some come after their own release.
            for taking in takings.iter().step_by(17) {
                give_back(&alone, taking, Uuid::nil()).await;
                give_back(&together, taking, Uuid::nil()).await;
            }
            let mut singly = Vec::new();
            for taking in &takings {
                singly.push(take_one(&alone.pool, &POLICY, taking.clone()).await);
            }
            let mut batched = Vec::new();
            let mut rest = takings.as_slice();
            while !rest.is_empty() {
                let (batch, more) = rest.split_at(rng.random_range(1..=rest.len().min(50)));
                batched.extend(take(&together.pool, &POLICY, batch).await.unwrap());
                rest = more;
            }
            for ((taking, one), other) in takings.iter().zip(&singly).zip(&batched) {
                assert_eq!(said(one), said(other), "seed {seed}: {taking:?}");
                let kind = one.as_ref().map_or_else(Error::kind, |_| "granted");
                *kinds.entry(kind.to_owned()).or_insert(0) += 1;
            }
            assert_eq!(left(&alone).await, left(&together).await, "seed {seed}");
            // And what was granted can be given back, with all that it took.
            for ((taking, one), other) in takings.iter().zip(&singly).zip(&batched).step_by(5) {
                if let (Ok(one), Ok(other)) = (one, other) {
                    give_back(&alone, taking, one.token).await;
                    give_back(&together, taking, other.token).await;
                }
            }
            assert_eq!(left(&alone).await, left(&together).await, "seed {seed}");
        }
        // Or the requests were not of all sorts.
        for kind in [
            "granted",
            "validation",
            "insufficient-stock",
            "hold-closed",
            "hold-mismatch",
        ] {
            assert!(
                kinds.contains_key(kind),
                "seed {seed}: no {kind} in {kinds:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_at_once_sell_what_there_is_and_not_one_more() {
    let shop = shop().await;
    sqlx::raw_sql(
        "update stock set on_hand = 100, backorder_limit = 0 where sku = 'SKU-1';
         update stock_movements set on_hand_delta = 100 where sku = 'SKU-1';
         update stock set on_hand = 5000 where sku = 'SKU-2'",
    )
    .execute(&shop.pool)
    .await
    .unwrap();
    let replicas: Vec<Arc<dyn Holds>> = (0..2)
        .map(|_| {
            let (holds, writer) = BatchedHolds::new(shop.pool.clone(), POLICY);
            tokio::spawn(writer.run());
            Arc::new(holds) as Arc<dyn Holds>
        })
        .collect();
    let order =
        |n: u128, sku: &str, customer: u128, code: Option<&str>, points: Option<i64>| Taking {
            key: HoldKey {
                order_id: Uuid::from_u128(n),
                hold_no: 1,
            },
            basket: Basket::new(
                Uuid::from_u128(customer),
                vec![RequestLine {
                    sku: Sku::parse(sku).unwrap(),
                    quantity: Quantity::parse(1).unwrap(),
                    index: 0,
                }],
                Some(Incentive {
                    discount_code: code.map(ToOwned::to_owned),
                    redeem_points: points,
                }),
            )
            .unwrap(),
            ttl: Duration::from_secs(60),
            deadline: None,
            traceparent: None,
        };
    // 2,000 buyers of the first, 500 uses of a code of which there are 7, 50 orders of 30 points for a balance of 500;
    // each is sent to both replicas, as a retry would be.
    let takings: Vec<Taking> = (0..2_000)
        .map(|n| order(n, "SKU-1", 1_000 + n, None, None))
        .chain((2_000..2_500).map(|n| order(n, "SKU-2", 1_000 + n, Some("ten"), None)))
        .chain((2_500..2_550).map(|n| order(n, "SKU-2", 1, None, Some(30))))
        .collect();
    let answers = join_all(takings.iter().flat_map(|taking| {
        replicas.iter().map(|replica| {
            let (replica, taking) = (replica.clone(), taking.clone());
            async move { (taking.key, replica.take(taking).await) }
        })
    }))
    .await;
    let mut granted: std::collections::BTreeMap<HoldKey, Vec<Uuid>> = Default::default();
    let mut refused = BTreeSet::new();
    for (key, answer) in answers {
        match answer {
            Ok(hold) => granted.entry(key).or_default().push(hold.token),
            Err(error) => {
                assert!(
                    ["insufficient-stock", "validation"].contains(&error.kind()),
                    "{error:?}"
                );
                refused.insert(key);
            }
        }
    }
    let of = |range: std::ops::Range<u128>| {
        granted
            .keys()
            .filter(|key| range.contains(&key.order_id.as_u128()))
            .count()
    };
    assert_eq!(
        (of(0..2_000), of(2_000..2_500), of(2_500..2_550)),
        (100, 7, 16)
    );
    for (key, tokens) in &granted {
        assert!(!refused.contains(key), "one of two twins was refused");
        assert!(
            tokens.iter().all(|token| *token == tokens[0]),
            "one hold, one token"
        );
    }
    let (reserved, used, available): (i64, i64, i64) = sqlx::query_as(
        "select (select reserved from stock where sku = 'SKU-1'),
                (select used from discount_codes where code = 'Ten'),
                (select available from loyalty_accounts where customer_id = lpad('1', 32, '0')::uuid)",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert_eq!((reserved, used, available), (100, 7, 20));
}

#[tokio::test]
async fn who_waits_past_the_deadline_or_beyond_the_queue_is_told_and_holds_nothing() {
    let shop = shop().await;
    let mut rng = StdRng::seed_from_u64(1);
    let (holds, writer) = BatchedHolds::new(shop.pool.clone(), POLICY);
    let mut taking = requests(&mut rng, 1).remove(0);
    let holds = Arc::new(holds);
    // Nobody writes yet, so everything waits.
    taking.deadline = Some(std::time::Instant::now() + Duration::from_millis(20));
    let waiting: Vec<_> = (0..chassis::batch::QUEUE)
        .map(|n| {
            let mut taking = taking.clone();
            taking.key.order_id = Uuid::from_u128(n as u128);
            let holds = holds.clone();
            tokio::spawn(async move { holds.take(taking).await })
        })
        .collect();
    tokio::task::yield_now().await;
    while holds.batcher.waiting() < chassis::batch::QUEUE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let shed = holds.take(taking.clone()).await.unwrap_err();
    assert_eq!(
        (shed.code(), shed.kind()),
        (Code::TooManyRequests, "reservations-busy")
    );
    tokio::time::sleep(Duration::from_millis(30)).await;
    let writer = tokio::spawn(writer.run());
    for late in join_all(waiting).await {
        let late = late.unwrap().unwrap_err();
        assert_eq!(late.code(), Code::DeadlineExceeded);
    }
    let held: i64 = sqlx::query_scalar("select count(*) from holds")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(held, 0);
    // And it goes on.
    taking.deadline = None;
    taking.basket = Basket::new(
        Uuid::from_u128(1),
        vec![RequestLine {
            sku: Sku::parse("SKU-1").unwrap(),
            quantity: Quantity::parse(1).unwrap(),
            index: 0,
        }],
        None,
    )
    .unwrap();
    holds.take(taking).await.unwrap();
    drop(holds);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_orders_are_taken_in_several_transactions_and_all_of_them_are() {
    let shop = shop().await;
    sqlx::raw_sql(
        "insert into products (sku, name, price, currency) select 'L-' || n, 'L', 1, 'GBP' from generate_series(1, 1500) n;
         insert into stock (sku, on_hand) select 'L-' || n, 100 from generate_series(1, 1500) n",
    )
    .execute(&shop.pool)
    .await
    .unwrap();
    let (holds, writer) = BatchedHolds::new(shop.pool.clone(), POLICY);
    let holds = Arc::new(holds);
    let orders: Vec<_> = (0..12)
        .map(|n| {
            let lines = (1..=1_500)
                .map(|index| RequestLine {
                    sku: Sku::parse(&format!("L-{index}")).unwrap(),
                    quantity: Quantity::parse(1).unwrap(),
                    index,
                })
                .collect();
            let taking = Taking {
                key: HoldKey {
                    order_id: Uuid::from_u128(n),
                    hold_no: 1,
                },
                basket: Basket::new(Uuid::nil(), lines, None).unwrap(),
                ttl: Duration::from_secs(60),
                deadline: None,
                traceparent: None,
            };
            let holds = holds.clone();
            tokio::spawn(async move { holds.take(taking).await })
        })
        .collect();
    while holds.batcher.waiting() < 12 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::spawn(writer.run());
    for order in join_all(orders).await {
        assert_eq!(order.unwrap().unwrap().lines.len(), 1_500);
    }
    // Two at a time have 3,000 lines.
    let transactions: i64 = sqlx::query_scalar("select count(distinct created_at) from holds")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(transactions, 6);
}
