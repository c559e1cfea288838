//! What the use cases need from outside.

mod discount_codes;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chassis::{
    Result,
    audit::Checked,
    idempotency::{Answer, Once},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use discount_codes::{
    CodeBatchView, CodeFilter, CodeUsage, DiscountCodeView, DiscountCodeViews, DiscountCodes,
    NewCodeBatch,
};

use crate::domain::{
    Adjustment, Allotment, Basket, Category, Fault, Hold, HoldKey, ImportRow, Levels,
    ManualMovement, Money, OrderTarget, Pieces, PricedLine, Product, ProductName, Settlement,
    Shelf, Sku, Verdict,
};

/// The products, to change them. Each change writes its event in the same transaction.
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Adds a product, or brings one back that was removed. `Conflict` if it is sold already.
    async fn create(&self, product: &Product, once: Option<&Once>) -> Result<Answer<ProductView>>;
    /// `VersionMismatch` if `expected` is another version than the present one; `Conflict` if orders hold more than the
    /// new `backorder_limit` allows.
    async fn change(
        &self,
        sku: &Sku,
        change: ProductChange,
        expected: Option<i64>,
    ) -> Result<ProductView>;
    /// Takes a product out of the catalogue; no-op if it is out.
    async fn remove(&self, sku: &Sku) -> Result<()>;
    /// Writes all of it or nothing. `Invalid` names each line that is at fault.
    async fn import(&self, import: Import) -> Result<Answer<ImportReport>>;
}

/// A file of products.
#[derive(Debug, Clone)]
pub struct Import {
    /// The lines that can be read, each SKU once.
    pub rows: Vec<ImportRow>,
    /// What is wrong with the others.
    pub faults: Vec<Fault>,
    pub actor: Uuid,
    /// Find out everything, and write nothing.
    pub dry_run: bool,
    pub once: Option<Once>,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportReport {
    pub dry_run: bool,
    pub rows: u64,
    pub created: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub movements: u64,
}

/// What is to change of a product.
#[derive(Debug, Clone, Default)]
pub struct ProductChange {
    pub name: Option<ProductName>,
    pub price: Option<Money>,
    /// `Some(None)` takes it away.
    pub category: Option<Option<Category>>,
    /// `Some(None)` takes it away.
    pub low_threshold: Option<Option<Pieces>>,
    pub backorder_limit: Option<Pieces>,
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
    /// `TooManyRequests` when too many wait; `DeadlineExceeded` when nobody waits for the answer any more.
    async fn take(&self, taking: Taking) -> Result<TakenHold>;
    /// Settles one hold. Of an unknown one, a release leaves a tombstone.
    async fn settle(&self, key: HoldKey, settlement: Settlement) -> Result<()>;
    /// Holds that are past their time to live, oldest first, at most `limit`.
    async fn overdue(&self, limit: i64) -> Result<Vec<Overdue>>;
}

/// A request, and how long it is good for.
#[derive(Debug, Clone)]
pub struct Taking {
    pub key: HoldKey,
    pub basket: Basket,
    /// How long the hold may stay undecided.
    pub ttl: Duration,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// The request's place in its trace.
    pub traceparent: Option<String>,
}

/// The answer to a request that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenHold {
    pub token: Uuid,
    /// ISO 4217.
    pub currency: String,
    pub lines: Vec<PricedLine>,
    /// Points that it took, and the minor units that each of them pays.
    pub points: i64,
    pub point_value: i64,
    /// As its owner wrote it.
    pub discount_code: Option<String>,
    /// By line of the basket's context; empty when nothing of it changes.
    pub allotments: Vec<Allotment>,
}

impl TakenHold {
    /// Minor units that it takes off, in all.
    #[must_use]
    pub fn discount(&self) -> i64 {
        let lines = self.lines.iter().map(|line| line.discount);
        lines
            .chain(self.allotments.iter().map(|allotment| allotment.discount))
            .sum()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    pub key: HoldKey,
    pub by: Duration,
}

/// What a basket is priced on.
#[async_trait]
pub trait QuoteViews: Send + Sync {
    /// The products, the code and the account that it asks for, as they stand; nothing is locked.
    async fn shelf(&self, basket: &Basket) -> Result<Shelf>;
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
    /// By SKU, after `after`.
    async fn products(
        &self,
        filter: &ProductFilter,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<ProductView>>;
    async fn stock(&self, sku: &Sku) -> Result<Option<Levels>>;
    /// Newest first, before `before`.
    async fn movements(
        &self,
        sku: &Sku,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<MovementView>>;
    async fn availability(&self, skus: &[String]) -> Result<Vec<ProductView>>;
}

/// Which products to list: those to which all of it applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Part of the name, or the SKU's beginning, in any case.
    pub text: Option<String>,
    /// The SKU's beginning, in any case.
    pub sku_prefix: Option<String>,
    pub category: Option<Category>,
    /// Whether there is any to sell.
    pub in_stock: Option<bool>,
}

/// A product and what there is of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductView {
    pub sku: String,
    pub name: String,
    pub category: Option<String>,
    /// Minor units.
    pub price: i64,
    /// ISO 4217.
    pub currency: String,
    pub version: i64,
    pub on_hand: i64,
    pub reserved: i64,
    pub available: i64,
    pub low_threshold: Option<i64>,
    // Answers that were kept before it was shown have none.
    #[serde(default)]
    pub backorder_limit: i64,
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

/// The customers' points, to correct them and to let them expire.
#[async_trait]
pub trait LoyaltyBook: Send + Sync {
    /// Books the adjustment and answers the points after it. `Conflict` if there are fewer than it takes away.
    async fn adjust(
        &self,
        customer_id: Uuid,
        adjustment: &Adjustment,
        actor: Uuid,
        once: Option<&Once>,
    ) -> Result<Answer<PointsView>>;
    /// Books what remains of lots that are past their day as expired, of at most `limit` of them.
    async fn expire(&self, limit: i64) -> Result<ExpiredPoints>;
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredPoints {
    pub lots: i64,
    pub points: i64,
}

/// The customers' points, to look at.
#[async_trait]
pub trait LoyaltyViews: Send + Sync {
    /// Zeros for who never had any.
    async fn points(&self, customer_id: Uuid) -> Result<PointsView>;
    /// Newest first, before `before`.
    async fn entries(
        &self,
        customer_id: Uuid,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<PointsEntryView>>;
}

/// What a customer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointsView {
    /// Can be spent now.
    pub balance: i64,
    pub pending: i64,
    pub held: i64,
    /// Soonest to expire first; the first of them, if there are many.
    pub lots: Vec<PointsLotView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointsLotView {
    /// What remains.
    pub points: i64,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsEntryView {
    pub id: i64,
    pub from: String,
    pub to: String,
    pub points: i64,
    /// By how much what is available changed.
    pub change: i64,
    pub reason: String,
    pub order_id: Option<Uuid>,
    pub note: Option<String>,
    pub at: DateTime<Utc>,
}
