//! What the use cases need from outside.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use chassis::{
    Result,
    audit::Checked,
    idempotency::{Answer, Once},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    Hold, HoldKey, Levels, ManualMovement, Money, OrderTarget, PricedLine, Product, ProductName,
    Request, Settlement, Sku, Verdict,
};

/// The products, to change them. Each change writes its event in the same transaction.
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Adds a product, or brings one back that was removed. `Conflict` if it is sold already.
    async fn create(&self, product: &Product, once: Option<&Once>) -> Result<Answer<ProductView>>;
    /// `VersionMismatch` if `expected` is another version than the present one.
    async fn change(
        &self,
        sku: &Sku,
        change: ProductChange,
        expected: Option<i64>,
    ) -> Result<ProductView>;
    /// Takes a product out of the catalogue; no-op if it is out.
    async fn remove(&self, sku: &Sku) -> Result<()>;
}

/// What is to change of a product.
#[derive(Debug, Clone, Default)]
pub struct ProductChange {
    pub name: Option<ProductName>,
    pub price: Option<Money>,
}

/// The stock, to book what people move.
#[async_trait]
pub trait StockBook: Send + Sync {
    /// Appends the movement and answers the levels after it.
    async fn book(
        &self,
        sku: &Sku,
        movement: &ManualMovement,
        actor: Uuid,
        once: Option<&Once>,
    ) -> Result<Answer<StockLevels>>;
}

/// The holds.
#[async_trait]
pub trait Holds: Send + Sync {
    /// Takes all of it or nothing; the same hold with the same content gives the same answer.
    async fn take(&self, request: &Request, ttl: Duration) -> Result<TakenHold>;
    /// Settles one hold. Of an unknown one, a release leaves a tombstone.
    async fn settle(&self, key: HoldKey, settlement: Settlement) -> Result<()>;
    /// Holds that are past their time to live, oldest first, at most `limit`.
    async fn overdue(&self, limit: i64) -> Result<Vec<Overdue>>;
}

/// The answer to a request that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenHold {
    pub token: Uuid,
    /// ISO 4217.
    pub currency: String,
    pub lines: Vec<PricedLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    pub key: HoldKey,
    pub by: Duration,
}

/// order-svc, which alone decides whether a hold belongs to an order.
#[async_trait]
pub trait Decisions: Send + Sync {
    /// The verdict on each hold, in their order; None: undecided just now, ask again.
    async fn confirm_availability(&self, holds: &[HoldKey]) -> Result<Vec<Option<Verdict>>>;
}

/// What is written twice, or follows from something else, to compare it.
#[async_trait]
pub trait Ledgers: Send + Sync {
    /// Everything that must hold in this service alone, as of one moment.
    async fn check(&self, settle: Duration) -> Result<Vec<Checked>>;
    /// Sets right what follows from ledgers that agree with each other; all else stays as it is.
    async fn repair(&self, found: &[Checked]) -> Result<()>;
    /// What is kept for these orders, as of one moment.
    async fn kept(&self, orders: &[Uuid]) -> Result<Kept>;
    /// Holds that are safe from the sweeper, of orders within the range, and in none of `known`.
    async fn unclaimed(
        &self,
        range: &Range,
        known: &[HoldKey],
        settle: Duration,
    ) -> Result<Unclaimed>;
    /// Brings the holds of one order to the order's state, as its event does.
    async fn follow(&self, target: &OrderTarget) -> Result<()>;
}

/// What this service has of some orders.
#[derive(Debug, Default)]
pub struct Kept {
    /// The version that was followed, by order.
    pub followed: BTreeMap<Uuid, i64>,
    /// Ordered by key.
    pub holds: Vec<Hold>,
}

/// Ids of orders.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub after: Option<Uuid>,
    /// The last that belongs to it; None: all that follow.
    pub until: Option<Uuid>,
}

#[derive(Debug, Default)]
pub struct Unclaimed {
    /// Holds that were looked at.
    pub rows: i64,
    /// Ordered.
    pub keys: Vec<HoldKey>,
}

/// order-svc, which tells what each order keeps of its holds.
#[async_trait]
pub trait Keepings: Send + Sync {
    /// Orders by id, after `after`, that have not changed for so long; zero: all. Fewer than [`KEEPINGS`]: there are no
    /// more.
    async fn page(&self, after: Option<Uuid>, settle: Duration) -> Result<Vec<OrderTarget>>;
}

/// Orders a page.
pub const KEEPINGS: usize = 200;

/// The catalogue and the stock, to look at.
#[async_trait]
pub trait CatalogueViews: Send + Sync {
    async fn product(&self, sku: &Sku) -> Result<Option<ProductView>>;
    /// By SKU, after `after`; `search` is part of the name, or the SKU's beginning.
    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<ProductView>>;
    async fn stock(&self, sku: &Sku) -> Result<Option<StockLevels>>;
    /// Newest first, before `before`.
    async fn movements(
        &self,
        sku: &Sku,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<MovementView>>;
    async fn availability(&self, skus: &[String]) -> Result<Vec<ProductView>>;
}

/// A product and what there is of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductView {
    pub sku: String,
    pub name: String,
    /// Minor units.
    pub price: i64,
    /// ISO 4217.
    pub currency: String,
    pub version: i64,
    pub on_hand: i64,
    pub reserved: i64,
    pub available: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevels {
    pub on_hand: i64,
    pub reserved: i64,
    pub available: i64,
}

impl From<Levels> for StockLevels {
    fn from(levels: Levels) -> Self {
        Self {
            on_hand: levels.on_hand,
            reserved: levels.reserved,
            available: levels.available(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovementView {
    pub id: i64,
    pub kind: String,
    pub on_hand_delta: i64,
    pub reserved_delta: i64,
    pub order_id: Option<Uuid>,
    pub reason: Option<String>,
    pub actor: Option<Uuid>,
    pub at: DateTime<Utc>,
}
