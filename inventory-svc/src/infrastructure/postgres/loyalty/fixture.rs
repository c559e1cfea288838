//! A database with points in it, for the tests.

use std::time::Duration;

use chassis::testing::{self, TestDatabase};
use iso_currency::Currency;
use proto::{cloudevents::CloudEvent, events::incentive::PointsData};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::{follow_points, hold_points, lock_accounts, settle_points};
use crate::{
    application::ports::{ExpiredPoints, LoyaltyBook as _},
    domain::{
        Adjustment, HoldKey, HoldState, LoyaltyPolicy, PointsHold, PointsStage, PointsTarget,
    },
    infrastructure::postgres::PgLoyaltyBook,
};

pub(super) const POLICY: LoyaltyPolicy = LoyaltyPolicy {
    currency: Currency::GBP,
    earn_rate: 1,
    point_value: 1,
    life: Duration::from_secs(365 * 86_400),
};

pub(super) struct Books(TestDatabase);

impl Books {
    pub(super) async fn open() -> Self {
        Self(testing::database(&crate::MIGRATOR).await)
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    pub(super) fn book(&self) -> PgLoyaltyBook {
        PgLoyaltyBook::new(self.pool().clone(), POLICY.life)
    }

    pub(super) async fn tx(&self) -> Transaction<'static, Postgres> {
        self.pool().begin().await.unwrap()
    }

    pub(super) async fn adjust(&self, customer: Uuid, points: i64) {
        let adjustment = Adjustment::new(points, "test").unwrap();
        let actor = Uuid::now_v7();
        self.book()
            .adjust(customer, &adjustment, actor, None)
            .await
            .unwrap();
    }

    /// A new hold that takes points, as the holds' own code does it.
    pub(super) async fn hold(&self, customer_id: Uuid, key: HoldKey, points: i64) {
        let mut tx = self.tx().await;
        sqlx::query("insert into holds (order_id, hold_no, state) values ($1, $2, 'HELD')")
            .bind(key.order_id)
            .bind(key.hold_no)
            .execute(&mut *tx)
            .await
            .unwrap();
        let mut accounts = lock_accounts(&mut tx, &[customer_id]).await.unwrap();
        let uses = accounts.get_mut(&customer_id).unwrap().spend(points);
        let hold = PointsHold {
            key,
            customer_id,
            uses: uses.unwrap(),
        };
        hold_points(&mut tx, &[hold]).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn settle(&self, key: HoldKey, state: HoldState) -> Vec<PointsData> {
        let mut tx = self.tx().await;
        let events = settle_points(&mut tx, &[(key, state)], &POLICY).await;
        tx.commit().await.unwrap();
        self.check().await;
        told(&events.unwrap())
    }

    pub(super) async fn follow(&self, targets: &[PointsTarget]) -> Vec<CloudEvent> {
        let mut tx = self.tx().await;
        let events = follow_points(&mut tx, targets, &POLICY).await.unwrap();
        tx.commit().await.unwrap();
        self.check().await;
        events
    }

    /// Lets the day of every lot pass.
    pub(super) async fn pass_a_year(&self) {
        sqlx::query("update loyalty_lots set expires_at = now() - interval '1 day'")
            .execute(self.pool())
            .await
            .unwrap();
    }

    pub(super) async fn expire(&self, limit: i64) -> (i64, i64) {
        let ExpiredPoints { lots, points } = self.book().expire(limit).await.unwrap();
        self.check().await;
        (lots, points)
    }

    /// Pending, available, held.
    pub(super) async fn balances(&self, customer: Uuid) -> (i64, i64, i64) {
        sqlx::query_as(
            "select pending, available, held from loyalty_accounts where customer_id = $1",
        )
        .bind(customer)
        .fetch_one(self.pool())
        .await
        .unwrap()
    }

    /// What remains in the lots, oldest lot first.
    pub(super) async fn remaining(&self, customer: Uuid) -> Vec<i64> {
        sqlx::query_scalar("select remaining from loyalty_lots where customer_id = $1 order by id")
            .bind(customer)
            .fetch_all(self.pool())
            .await
            .unwrap()
    }

    /// Reasons and points of an order's entries.
    pub(super) async fn entries(&self, order_id: Uuid) -> Vec<(String, i64)> {
        sqlx::query_as("select reason, points from loyalty_entries where order_id = $1 order by id")
            .bind(order_id)
            .fetch_all(self.pool())
            .await
            .unwrap()
    }

    /// Each balance is the sum of the ledger, and what is available lies in the lots.
    pub(super) async fn check(&self) {
        let broken: Vec<Uuid> = sqlx::query_scalar(
            "select customer_id from loyalty_accounts account
               left join lateral (
                   select coalesce(sum(points) filter (where to_account = 'pending'), 0)
                              - coalesce(sum(points) filter (where from_account = 'pending'), 0) as pending,
                          coalesce(sum(points) filter (where to_account = 'available'), 0)
                              - coalesce(sum(points) filter (where from_account = 'available'), 0) as available,
                          coalesce(sum(points) filter (where to_account = 'held'), 0)
                              - coalesce(sum(points) filter (where from_account = 'held'), 0) as held
                     from loyalty_entries entry where entry.customer_id = account.customer_id) as ledger on true
               left join lateral (
                   select coalesce(sum(remaining), 0) as remaining
                     from loyalty_lots lot where lot.customer_id = account.customer_id) as lots on true
              where account.pending <> ledger.pending or account.available <> ledger.available
                 or account.held <> ledger.held or account.available <> lots.remaining",
        )
        .fetch_all(self.pool())
        .await
        .unwrap();
        assert_eq!(broken, Vec::<Uuid>::new());
    }
}

pub(super) fn told(events: &[CloudEvent]) -> Vec<PointsData> {
    events.iter().map(|event| event.data().unwrap()).collect()
}

pub(super) fn key(hold_no: i32) -> HoldKey {
    HoldKey {
        order_id: Uuid::now_v7(),
        hold_no,
    }
}

pub(super) fn target(customer_id: Uuid, order_id: Uuid, version: i64, net: i64) -> PointsTarget {
    PointsTarget {
        order_id,
        customer_id,
        version,
        stage: PointsStage::Open,
        currency: "GBP".to_owned(),
        net,
        points_spent: 0,
        holds: vec![1],
    }
}

pub(super) fn delivered(customer_id: Uuid, order_id: Uuid, version: i64, net: i64) -> PointsTarget {
    PointsTarget {
        stage: PointsStage::Delivered,
        ..target(customer_id, order_id, version, net)
    }
}
