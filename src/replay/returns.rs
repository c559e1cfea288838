//! What the credit notes of a file give back, and of which orders.
//!
//! A row of a credit note is matched to the most recent order of its customer that has its SKU, so the same goods at
//! the same price, and pieces of it that nobody has given back yet. What that order has too few of comes from the one
//! before. A row is matched whole or not at all.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use chrono::NaiveDateTime;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use serde::Serialize;

use super::{
    plan::{self, Customer, Order, Rows},
    rows::Row,
};

/// Every row of a credit note is in exactly one of `matched`, `unmatched`, `no_goods` and `beyond_limit`.
#[derive(Debug, Default)]
pub struct Credits {
    /// In the order of the notes' dates.
    pub returns: Vec<Return>,
    pub matched: Vec<Matched>,
    pub unmatched: BTreeMap<Mismatch, Tally>,
    /// Discounts, postage, fees.
    pub no_goods: Tally,
    /// Rows that give something back of an invoice after the first N.
    pub beyond_limit: Tally,
}

/// What one credit note gives back of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    pub note: String,
    /// Where the order stands in the plan.
    pub order: usize,
    /// The date of its first row.
    pub at: NaiveDateTime,
    /// Pieces by SKU.
    pub lines: BTreeMap<String, i64>,
    /// What the file says that they had cost, in pence.
    pub amount: i64,
}

impl Return {
    pub fn pieces(&self) -> i64 {
        self.lines.values().sum()
    }
}

/// A row that can be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    pub credit: Credit,
    /// Which of the returns do it: several if the most recent order has too few pieces.
    pub returns: Vec<usize>,
}

/// A row of a credit note, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    pub line: u64,
    pub pieces: i64,
    /// In pence; rounded if the price is no whole number of them, but such a row is never matched.
    pub amount: i64,
}

impl Credit {
    fn of(row: &Row) -> Self {
        let amount = plan::pence(row.price) * Decimal::from(-row.quantity);
        Self {
            line: row.line,
            pieces: -row.quantity,
            amount: amount.round().to_i64().unwrap_or_default(),
        }
    }
}

/// Some rows of credit notes, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    #[serde(flatten)]
    pub rows: Rows,
    pub pieces: i64,
    /// In pence.
    pub amount: i64,
}

impl Tally {
    pub fn add(&mut self, credit: Credit) {
        self.rows.add(credit.line);
        self.pieces += credit.pieces;
        self.amount += credit.amount;
    }
}

/// Why no order can be found for a row. The first that applies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    QuantityNotNegative,
    /// All strangers share one account, and nobody knows which of them came back.
    NoCustomer,
    NotBought,
    OtherPrice,
    TooMany,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QuantityNotNegative => "quantity is not negative",
            Self::NoCustomer => "it names no customer",
            Self::NotBought => "the customer had not bought this in the file",
            Self::OtherPrice => "the customer had bought this at other prices",
            Self::TooMany => "the customer had fewer of this left",
        })
    }
}

pub fn is_credit_note(row: &Row) -> bool {
    row.invoice.starts_with(['C', 'c'])
}

/// Matches the credit notes among the rows with all orders of the file, which are in the order of their dates. Only of
/// the first `limit` orders something is given back, but a limit changes no match: so runs with different limits ask
/// the shop for the same returns.
pub fn credits(rows: &[Row], orders: &[Order], limit: usize) -> Credits {
    let mut histories = HashMap::<u64, History<'_>>::new();
    for (at, order) in orders.iter().enumerate() {
        if let Customer::Number(number) = order.customer {
            histories.entry(number).or_default().add(at, order);
        }
    }
    let mut notes: Vec<&Row> = rows.iter().filter(|row| is_credit_note(row)).collect();
    notes.sort_by_key(|row| (row.at, row.line));

    let mut credits = Credits::default();
    let mut known = HashMap::<(&str, usize), usize>::new();
    for row in notes {
        let credit = Credit::of(row);
        if !plan::is_goods(row) {
            credits.no_goods.add(credit);
            continue;
        }
        let found = match find(&mut histories, row) {
            Ok(found) => found,
            Err(mismatch) => {
                credits.unmatched.entry(mismatch).or_default().add(credit);
                continue;
            }
        };
        if found.parts.iter().any(|part| part.order >= limit) {
            credits.beyond_limit.add(credit);
            continue;
        }
        let mut returns = Vec::with_capacity(found.parts.len());
        for part in found.parts {
            let at = *known.entry((&row.invoice, part.order)).or_insert_with(|| {
                credits.returns.push(Return {
                    note: row.invoice.clone(),
                    order: part.order,
                    at: row.at,
                    lines: BTreeMap::new(),
                    amount: 0,
                });
                credits.returns.len() - 1
            });
            let back = &mut credits.returns[at];
            *back.lines.entry(found.sku.clone()).or_default() += part.pieces;
            back.amount += found.price * part.pieces;
            returns.push(at);
        }
        credits.matched.push(Matched { credit, returns });
    }
    credits
}

/// What one customer has bought.
#[derive(Default)]
struct History<'a> {
    /// By stock code: when first.
    first: HashMap<&'a str, NaiveDateTime>,
    /// By SKU, in the order of the dates.
    bought: HashMap<&'a str, Vec<Bought>>,
}

/// Pieces that an order has of a SKU.
struct Bought {
    order: usize,
    at: NaiveDateTime,
    /// What nobody has given back yet.
    left: i64,
}

impl<'a> History<'a> {
    fn add(&mut self, at: usize, order: &'a Order) {
        for (sku, pieces) in &order.lines {
            let code = sku.rsplit_once('-').map_or(sku.as_str(), |(code, _)| code);
            self.first.entry(code).or_insert(order.at);
            self.bought.entry(sku).or_default().push(Bought {
                order: at,
                at: order.at,
                left: *pieces,
            });
        }
    }
}

/// Where the pieces of a row come from.
struct Found {
    sku: String,
    /// In pence.
    price: i64,
    parts: Vec<Part>,
}

struct Part {
    order: usize,
    pieces: i64,
}

/// Takes the row's pieces from what its customer had bought until then, the last first; or leaves all as it was.
fn find(histories: &mut HashMap<u64, History<'_>>, row: &Row) -> Result<Found, Mismatch> {
    let mut missing = -row.quantity;
    if missing <= 0 {
        return Err(Mismatch::QuantityNotNegative);
    }
    let customer = row.customer.ok_or(Mismatch::NoCustomer)?;
    let history = histories.get_mut(&customer).ok_or(Mismatch::NotBought)?;
    let first = history.first.get(row.stock_code.as_str());
    if first.is_none_or(|first| *first > row.at) {
        return Err(Mismatch::NotBought);
    }
    let price = plan::whole_pence(row.price).map_err(|_| Mismatch::OtherPrice)?;
    let sku = plan::sku(row, price);
    let bought = history.bought.get_mut(sku.as_str());
    let bought = bought.ok_or(Mismatch::OtherPrice)?;
    let until_then = bought.partition_point(|bought| bought.at <= row.at);
    let bought = &mut bought[..until_then];
    if bought.is_empty() {
        return Err(Mismatch::OtherPrice);
    }
    if bought.iter().map(|bought| bought.left).sum::<i64>() < missing {
        return Err(Mismatch::TooMany);
    }
    let mut parts = Vec::new();
    for bought in bought.iter_mut().rev() {
        let pieces = bought.left.min(missing);
        if pieces > 0 {
            bought.left -= pieces;
            missing -= pieces;
            let order = bought.order;
            parts.push(Part { order, pieces });
        }
    }
    Ok(Found { sku, price, parts })
}

#[cfg(test)]
#[path = "returns_tests.rs"]
mod tests;
