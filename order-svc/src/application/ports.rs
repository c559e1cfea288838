//! What the use cases need from outside.

use std::time::Duration;

use async_trait::async_trait;
use chassis::{Result, audit::Checked, idempotency::Once};
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{CustomerView, OrderView, SalesView, UsageView, search::Sought};
use crate::domain::{Actor, Basket, BasketLine, Incentive, Order, OrderEvent, Pricing, Status};

/// The orders, to change them. Every write puts rows, version check and event into one transaction.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Whether the order is there already, and if not, which hold it takes next.
    async fn look_up(&self, id: Uuid) -> Result<LookUp>;
    /// Commits the order with its hold; one of its kind wins.
    async fn place(&self, placement: Placement) -> Result<Placed>;
    async fn load(&self, id: Uuid) -> Result<Option<Order>>;
    /// Writes a changed order over the version before it, with the hold that the change takes, if any, and the answer to
    /// keep for a retry.
    async fn save(
        &self,
        change: Change<'_>,
        hold_no: Option<i32>,
        once: Option<&Once>,
    ) -> Result<Saved>;
    /// The answer that a change with this key was given before.
    async fn answered(&self, once: &Once) -> Result<Option<OrderView>>;
}

pub enum LookUp {
    /// Another request placed it.
    Found {
        fingerprint: Vec<u8>,
        response: Box<OrderView>,
    },
    /// It takes this hold.
    Free { hold_no: i32 },
}

/// An order after a change, and what happened to it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub order: &'a Order,
    pub event: &'a OrderEvent,
    pub actor: Actor,
    /// The request's place in its trace, if that is not the task's own.
    pub traceparent: Option<&'a str>,
}

/// A new order, and what to keep for a retry.
#[derive(Debug, Clone)]
pub struct Placement {
    pub order: Order,
    pub event: OrderEvent,
    pub actor: Actor,
    pub hold_no: i32,
    pub fingerprint: Vec<u8>,
    /// The answer that this request and each retry gets.
    pub response: OrderView,
    /// The request's place in its trace.
    pub traceparent: Option<String>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    Committed,
    /// Another change came first.
    Stale,
    /// The hold was given back meanwhile: take the next.
    HoldClosed,
    /// A twin request made the change, and was given this answer.
    ByTwin(Box<OrderView>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    Committed,
    /// A twin request committed the hold first.
    ByTwin,
    /// The hold was given back meanwhile: take the next.
    HoldClosed,
}

/// Which hold belongs to which order.
#[async_trait]
pub trait Decisions: Send + Sync {
    /// Closes what no order has committed, and answers for each hold, in their order; None where an insert is in
    /// flight that did not end in time.
    async fn close_uncommitted(&self, holds: &[HoldRef]) -> Result<Vec<Option<Decision>>>;
    /// The number of the hold that an order takes next.
    async fn next_hold(&self, order_id: Uuid) -> Result<HoldRef>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldRef {
    pub order_id: Uuid,
    pub hold_no: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Committed by an order that lives.
    Live,
    /// Committed by an order that was cancelled since.
    Cancelled,
    /// Belongs to no order, and never will.
    Closed,
}

/// inventory-svc.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Holds all that is asked for, or nothing.
    async fn reserve(&self, hold: HoldRef, asked: &Asked<'_>, ttl: Duration) -> Result<Reserved>;
    /// Gives back a hold that will never be committed. The sweeper would, too, later.
    async fn release(&self, hold: HoldRef, token: &str) -> Result<()>;
    /// What a hold would be, without taking it.
    ///
    /// # Errors
    /// Those of a hold: not enough stock, or an incentive that cannot be used, too.
    async fn price(&self, asked: &Asked<'_>) -> Result<Pricing>;
}

/// What is to be held.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub customer_id: Uuid,
    pub lines: &'a [BasketLine],
    pub incentive: Option<&'a Incentive>,
    /// The order, if it has something already: discounts and points depend on it.
    pub order: Option<&'a Order>,
}

impl<'a> Asked<'a> {
    /// What a new order asks for.
    #[must_use]
    pub fn by_basket(customer_id: Uuid, basket: &'a Basket) -> Self {
        Self {
            customer_id,
            // As the customer wrote them, for who names a bad one by its place.
            lines: basket.pieces().asked(),
            incentive: basket.incentive(),
            order: None,
        }
    }
}

/// inventory-svc, as far as it only tells.
#[async_trait]
pub trait QuoteViews: Send + Sync {
    /// Prices the basket without holding anything.
    async fn quote(&self, customer_id: Uuid, basket: &Basket) -> Result<Quote>;
}

/// What a basket would cost now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub pricing: Pricing,
    /// Pieces that can be had now, by line.
    pub available: Vec<i64>,
    /// Why the code, or the points, are left out.
    pub code_refused: Option<Refusal>,
    pub points_refused: Option<Refusal>,
    /// Points that the order would earn.
    pub earns: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub kind: String,
    /// For people.
    pub detail: String,
}

pub enum Reserved {
    Held {
        pricing: Pricing,
        /// Names the hold when it is given back.
        token: String,
    },
    /// This hold was given back: take the next.
    Closed,
    /// This hold was taken with other content.
    OtherContent,
}

/// The orders, to look at.
#[async_trait]
pub trait OrderViews: Send + Sync {
    /// An order of this owner, or of anybody.
    async fn order(&self, id: Uuid, owner: Option<Uuid>) -> Result<Seen>;
    /// Newest first.
    async fn orders(&self, filter: &Filter) -> Result<Vec<OrderView>>;
    /// The version that the view shows; None if it does not show the order.
    async fn version(&self, id: Uuid) -> Result<Option<i64>>;
}

/// An order, as far as the view has followed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub shown: Option<OrderView>,
    /// The version that was written at that moment; None: there is no such order.
    pub written: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub customer: Option<Uuid>,
    pub status: Option<Status>,
    /// Placed at or after.
    pub from: Option<DateTime<Utc>>,
    /// Placed before.
    pub to: Option<DateTime<Utc>>,
    /// With a line of this SKU, whole.
    pub sku: Option<String>,
    /// By the words of the order.
    pub text: Vec<Sought>,
    /// `placed_at` and id of the last order of the page before.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// What happened to orders, to look at.
#[async_trait]
pub trait HistoryViews: Send + Sync {
    /// Oldest first; nothing if there is no such order, or it is another's.
    async fn history(&self, order_id: Uuid, owner: Option<Uuid>) -> Result<Vec<LoggedEvent>>;
}

/// One thing that happened, and how the order stood after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    pub version: i64,
    pub kind: String,
    pub at: DateTime<Utc>,
    /// None: the system.
    pub actor: Option<Uuid>,
    pub customer_id: Uuid,
    pub status: String,
    pub total: i64,
    pub refunded: i64,
    pub reason: Option<String>,
}

/// What orders add up to, to look at. Newest first.
#[async_trait]
pub trait FigureViews: Send + Sync {
    async fn sales(
        &self,
        days: Days,
        after: Option<(NaiveDate, String)>,
        limit: i64,
    ) -> Result<Vec<SalesView>>;
    /// Of one code, whatever its case, or of all.
    async fn incentive_usage(
        &self,
        code: Option<&str>,
        days: Days,
        after: Option<(NaiveDate, String, String)>,
        limit: i64,
    ) -> Result<Vec<UsageView>>;
    async fn customers(
        &self,
        after: Option<(DateTime<Utc>, Uuid, String)>,
        limit: i64,
    ) -> Result<Vec<CustomerView>>;
    /// One for each currency.
    async fn customer(&self, id: Uuid) -> Result<Vec<CustomerView>>;
}

/// The first and the last day.
#[derive(Debug, Clone, Copy, Default)]
pub struct Days {
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

/// What orders keep of their holds, to look at: the orders themselves, not what people see of them.
#[async_trait]
pub trait KeepingViews: Send + Sync {
    /// By id, after `after`, orders that have not changed for so long; zero: all.
    async fn page(&self, after: Option<Uuid>, limit: i64, settle: Duration)
    -> Result<Vec<Keeping>>;
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    pub order_id: Uuid,
    /// The payload of its events, as JSON.
    pub order_data: Vec<u8>,
}

/// What is written twice, or follows from something else, to compare it.
#[async_trait]
pub trait Ledgers: Send + Sync {
    /// Everything that must hold in this service, as of one moment.
    async fn check(&self, settle: Duration) -> Result<Vec<Checked>>;
    /// Sets right what follows from the orders; all else stays as it is.
    async fn repair(&self, found: &[Checked]) -> Result<()>;
}
