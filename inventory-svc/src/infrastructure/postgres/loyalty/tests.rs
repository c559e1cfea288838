//! Against a database: what the decisions become there.

use proto::events::incentive::{PointsData, Reversal};

use super::{
    fixture::{Books, POLICY, delivered, key, target, told},
    *,
};
use crate::{application::ports::LoyaltyBook as _, infrastructure::postgres::loyalty_views};

#[tokio::test]
async fn a_hold_takes_the_oldest_points_and_redeems_them_once() {
    let books = Books::open().await;
    let (customer, key) = (Uuid::now_v7(), key(1));
    books.adjust(customer, 100).await;
    books.adjust(customer, 50).await;
    books.hold(customer, key, 120).await;
    assert_eq!(books.balances(customer).await, (0, 30, 120));
    assert_eq!(books.remaining(customer).await, [0, 30]);
    // Again, as if the first time had not been seen: nothing happens.
    let mut tx = books.tx().await;
    let again = PointsHold {
        key,
        customer_id: customer,
        uses: vec![LotUse {
            lot_id: 2,
            points: 30,
        }],
    };
    hold_points(&mut tx, &[again]).await.unwrap();
    tx.commit().await.unwrap();
    books.check().await;
    assert_eq!(books.remaining(customer).await, [0, 30]);

    let events = books.settle(key, HoldState::Confirmed).await;
    let redeemed = PointsData {
        customer_id: customer,
        order_id: key.order_id,
        points: 120,
        reversal: None,
        withheld: None,
        withheld_total: None,
    };
    assert_eq!(events, [redeemed]);
    assert_eq!(books.settle(key, HoldState::Fulfilled).await, []);
    assert_eq!(books.balances(customer).await, (0, 30, 0));
    let entries = books.entries(key.order_id).await;
    let expected = [("held".to_owned(), 120), ("redeemed".to_owned(), 120)];
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn a_hold_that_is_given_back_gives_its_points_back_where_they_were() {
    let books = Books::open().await;
    let customer = Uuid::now_v7();
    books.adjust(customer, 100).await;
    books.adjust(customer, 50).await;

    let held = key(1);
    books.hold(customer, held, 120).await;
    // Nobody has heard of it.
    assert_eq!(books.settle(held, HoldState::Expired).await, []);
    assert_eq!(books.remaining(customer).await, [100, 50]);
    assert_eq!(books.balances(customer).await, (0, 150, 0));

    let confirmed = key(1);
    books.hold(customer, confirmed, 120).await;
    books.settle(confirmed, HoldState::Confirmed).await;
    let events = books.settle(confirmed, HoldState::Released).await;
    assert_eq!(events[0].reversal, Some(Reversal::Redeemed));
    assert_eq!(events[0].points, 120);
    assert_eq!(books.settle(confirmed, HoldState::Released).await, []);
    assert_eq!(books.remaining(customer).await, [100, 50]);
    assert_eq!(books.balances(customer).await, (0, 150, 0));
    let entries = books.entries(confirmed.order_id).await;
    assert_eq!(entries[2], ("redemption_cancelled".to_owned(), 120));
}

#[tokio::test]
async fn a_hold_without_points_changes_nothing() {
    let books = Books::open().await;
    assert_eq!(books.settle(key(1), HoldState::Confirmed).await, []);
    let mut tx = books.tx().await;
    let accounts = lock_accounts(&mut tx, &[Uuid::now_v7()]).await.unwrap();
    assert!(accounts.is_empty());
    hold_points(&mut tx, &[]).await.unwrap();
}

#[tokio::test]
async fn points_of_an_expired_lot_come_back_as_a_new_one() {
    for job_came_first in [true, false] {
        let books = Books::open().await;
        let (customer, key) = (Uuid::now_v7(), key(1));
        books.adjust(customer, 100).await;
        books.hold(customer, key, 60).await;
        books.pass_a_year().await;
        if job_came_first {
            assert_eq!(books.expire(10).await, (1, 40));
        }
        books.settle(key, HoldState::Released).await;
        let mut connection = books.pool().acquire().await.unwrap();
        let points = loyalty_views::points(&mut connection, customer)
            .await
            .unwrap();
        drop(connection);
        assert_eq!((points.balance, points.held), (60, 0));
        assert_eq!(points.lots.len(), 1);
        assert_eq!(points.lots[0].points, 60);
        let life = points.lots[0].expires_at - chrono::Utc::now();
        assert!((364..=365).contains(&life.num_days()), "{life}");
        // What was not expired before, and no more, expires now.
        let left = if job_came_first { (0, 0) } else { (1, 40) };
        assert_eq!(books.expire(10).await, left);
        assert_eq!(books.balances(customer).await, (0, 60, 0));
    }
}

#[tokio::test]
async fn lots_expire_once_and_a_few_at_a_time() {
    let books = Books::open().await;
    let customers = [Uuid::now_v7(), Uuid::now_v7()];
    for customer in customers {
        books.adjust(customer, 10).await;
        books.adjust(customer, 20).await;
    }
    books.adjust(customers[0], -4).await;
    assert_eq!(books.expire(10).await, (0, 0));
    books.pass_a_year().await;
    // They count no more, and nobody can spend them, before the job has come.
    let mut tx = books.tx().await;
    let accounts = lock_accounts(&mut tx, &customers).await.unwrap();
    assert!(accounts.is_empty(), "{accounts:?}");
    tx.rollback().await.unwrap();

    books.adjust(customers[1], 7).await;
    assert_eq!(books.expire(3).await.0, 3);
    assert_eq!(books.expire(3).await.0, 1);
    assert_eq!(books.expire(3).await, (0, 0));
    assert_eq!(books.balances(customers[0]).await, (0, 0, 0));
    assert_eq!(books.balances(customers[1]).await, (0, 7, 0));
    let expired: i64 = sqlx::query_scalar(
        "select sum(points)::bigint from loyalty_entries where to_account = 'expired'",
    )
    .fetch_one(books.pool())
    .await
    .unwrap();
    assert_eq!(expired, 56);
}

#[tokio::test]
async fn two_jobs_at_once_expire_each_lot_once() {
    let books = Books::open().await;
    for _ in 0..20 {
        books.adjust(Uuid::now_v7(), 5).await;
    }
    books.pass_a_year().await;
    let (one, other) = (books.book(), books.book());
    let (one, other) = tokio::join!(one.expire(100), other.expire(100));
    assert_eq!(one.unwrap().points + other.unwrap().points, 100);
    books.check().await;
}

#[tokio::test]
async fn an_order_earns_matures_and_is_taken_back() {
    let books = Books::open().await;
    let (customer, order) = (Uuid::now_v7(), Uuid::now_v7());
    let events = books.follow(&[target(customer, order, 1, 10_000)]).await;
    assert_eq!(events[0].kind, "incentive.points_earned.v1");
    assert_eq!(events[0].subject, customer.to_string());
    assert_eq!(told(&events)[0].points, 100);
    assert_eq!(books.balances(customer).await, (100, 0, 0));
    assert!(
        books
            .follow(&[delivered(customer, order, 4, 10_000)])
            .await
            .is_empty()
    );
    assert_eq!(books.balances(customer).await, (0, 100, 0));

    let spending = key(1);
    books.hold(customer, spending, 70).await;
    books.settle(spending, HoldState::Confirmed).await;
    let events = books.follow(&[delivered(customer, order, 5, 5_000)]).await;
    let reversed = PointsData {
        customer_id: customer,
        order_id: order,
        points: 50,
        reversal: Some(Reversal::Earned),
        withheld: Some(20),
        withheld_total: Some(20),
    };
    assert_eq!(told(&events), [reversed]);
    assert_eq!(books.balances(customer).await, (0, 0, 0));
    // Another return, and the same state again.
    let events = books.follow(&[delivered(customer, order, 6, 0)]).await;
    assert_eq!(told(&events)[0].withheld, Some(50));
    assert_eq!(told(&events)[0].withheld_total, Some(70));
    assert!(
        books
            .follow(&[delivered(customer, order, 6, 0)])
            .await
            .is_empty()
    );
    let expected = [
        ("earned", 100),
        ("matured", 100),
        ("reversed", 30),
        ("withheld", 20),
        ("withheld", 50),
    ]
    .map(|(reason, points)| (reason.to_owned(), points));
    assert_eq!(books.entries(order).await, expected);
    // The points that were withheld are the customer's own when they come back.
    books.settle(spending, HoldState::Released).await;
    assert_eq!(books.balances(customer).await, (0, 70, 0));
}

#[tokio::test]
async fn what_expired_of_an_order_is_not_withheld() {
    let books = Books::open().await;
    let (customer, order) = (Uuid::now_v7(), Uuid::now_v7());
    books.follow(&[delivered(customer, order, 1, 10_000)]).await;
    books.pass_a_year().await;
    books.expire(10).await;
    assert!(
        books
            .follow(&[delivered(customer, order, 2, 0)])
            .await
            .is_empty()
    );
    assert_eq!(books.balances(customer).await, (0, 0, 0));
}

#[tokio::test]
async fn an_order_that_uses_fewer_points_gives_the_others_back() {
    let books = Books::open().await;
    let customer = Uuid::now_v7();
    books.adjust(customer, 100).await;
    books.adjust(customer, 100).await;
    let first = key(1);
    let second = HoldKey {
        hold_no: 2,
        ..first
    };
    for key in [first, second] {
        books.hold(customer, key, 60).await;
        books.settle(key, HoldState::Confirmed).await;
    }
    let spent = |version, points_spent, holds: &[i32]| PointsTarget {
        points_spent,
        holds: holds.to_vec(),
        ..target(customer, first.order_id, version, 0)
    };
    // A late event, from before the second hold.
    assert!(books.follow(&[spent(1, 60, &[1])]).await.is_empty());
    assert_eq!(books.remaining(customer).await, [0, 80]);
    // Versions and numbers of holds may be the same.
    let events = books.follow(&[spent(2, 50, &[1, 2])]).await;
    assert_eq!(told(&events)[0].points, 70);
    assert_eq!(told(&events)[0].reversal, Some(Reversal::Redeemed));
    // All of the second hold, which took 40 of the first lot and 20 of the second; then 10 of the first hold.
    assert_eq!(books.remaining(customer).await, [50, 100]);
    books.settle(first, HoldState::Released).await;
    assert_eq!(books.settle(second, HoldState::Released).await, []);
    assert_eq!(books.remaining(customer).await, [100, 100]);
    assert!(books.follow(&[spent(3, 0, &[1, 2])]).await.is_empty());
}

#[tokio::test]
async fn a_batch_of_orders_and_customers_is_brought_to_its_state_at_once() {
    let books = Books::open().await;
    let customers = [Uuid::now_v7(), Uuid::now_v7()];
    let orders: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    let of = |n: usize| (customers[n % 2], orders[n]);
    let targets: Vec<_> = (0..4)
        .map(|n| delivered(of(n).0, of(n).1, 1, 1_000))
        .collect();
    assert_eq!(books.follow(&targets).await.len(), 4);
    for customer in customers {
        assert_eq!(books.balances(customer).await, (0, 20, 0));
        assert_eq!(books.remaining(customer).await, [10, 10]);
    }
    // What one order gives back is there when another of the batch is taken back.
    let paid = HoldKey {
        order_id: Uuid::now_v7(),
        hold_no: 1,
    };
    books.hold(customers[0], paid, 20).await;
    books.settle(paid, HoldState::Confirmed).await;
    let events = books
        .follow(&[
            delivered(customers[0], orders[0], 2, 0),
            target(customers[0], paid.order_id, 2, 0),
        ])
        .await;
    let withheld: Vec<_> = told(&events).iter().map(|data| data.withheld).collect();
    assert_eq!(withheld, [None, None]);
    assert_eq!(books.remaining(customers[0]).await, [0, 10]);
}

/// Two batches that take the same customers in different orders wait for each other, and not in a ring.
#[tokio::test(flavor = "multi_thread")]
async fn batches_that_share_customers_do_not_deadlock() {
    let books = Books::open().await;
    let customers: Vec<Uuid> = (0..8).map(|_| Uuid::now_v7()).collect();
    let batch = |reversed: bool| {
        let mut targets: Vec<_> = customers
            .iter()
            .map(|customer| delivered(*customer, Uuid::now_v7(), 1, 1_000))
            .collect();
        if reversed {
            targets.reverse();
        }
        let books = &books;
        async move {
            let mut tx = books.tx().await;
            follow_points(&mut tx, &targets, &POLICY).await?;
            Ok::<_, chassis::Error>(tx.commit().await?)
        }
    };
    for _ in 0..10 {
        let done = tokio::join!(batch(false), batch(true), batch(true), batch(false));
        for one in [done.0, done.1, done.2, done.3] {
            one.unwrap();
        }
    }
    books.check().await;
    assert_eq!(books.balances(customers[0]).await, (0, 400, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn points_are_spent_once_however_many_want_them() {
    let books = Books::open().await;
    let customer = Uuid::now_v7();
    books.adjust(customer, 100).await;
    let want = || async {
        let mut tx = books.tx().await;
        let key = key(1);
        sqlx::query("insert into holds (order_id, hold_no, state) values ($1, $2, 'HELD')")
            .bind(key.order_id)
            .bind(key.hold_no)
            .execute(&mut *tx)
            .await
            .unwrap();
        let mut accounts = lock_accounts(&mut tx, &[customer]).await.unwrap();
        let Ok(uses) = accounts.get_mut(&customer).unwrap().spend(30) else {
            return false;
        };
        let hold = PointsHold {
            key,
            customer_id: customer,
            uses,
        };
        hold_points(&mut tx, &[hold]).await.unwrap();
        tx.commit().await.unwrap();
        true
    };
    let granted = futures::future::join_all((0..12).map(|_| want())).await;
    assert_eq!(granted.into_iter().filter(|granted| *granted).count(), 3);
    books.check().await;
    assert_eq!(books.balances(customer).await, (0, 10, 90));
}
