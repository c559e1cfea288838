//! What to do with the rows of a file: which are sales, what catalogue they need, which orders they make.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use chrono::NaiveDateTime;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use serde::Serialize;

use super::{
    returns::{self, Credits},
    rows::Row,
};

/// So many line numbers are kept as examples.
const EXAMPLES: usize = 5;

/// Every row is in exactly one of `orders`, `credits`, `no_sale` and `beyond_limit`.
#[derive(Debug)]
pub struct Plan {
    /// In the order of their dates.
    pub orders: Vec<Order>,
    /// What the orders need, by SKU.
    pub items: Vec<Item>,
    /// What customers give back of the orders.
    pub credits: Credits,
    pub no_sale: BTreeMap<Reason, Rows>,
    /// Rows of invoices that come after the first N.
    pub beyond_limit: Rows,
}

/// An invoice of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub invoice: String,
    pub customer: Customer,
    /// The date of its first row.
    pub at: NaiveDateTime,
    /// Units by SKU: what an invoice lists twice is one line here.
    pub lines: BTreeMap<String, i64>,
    /// How many rows of the file it stands for.
    pub rows: u64,
    /// What the file says that it brought, in pence.
    pub amount: i64,
}

impl Order {
    pub fn units(&self) -> i64 {
        self.lines.values().sum()
    }
}

/// Who bought; all those whom the shop did not know share one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Customer {
    Guest,
    Number(u64),
}

impl fmt::Display for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest => write!(f, "guest"),
            Self::Number(number) => write!(f, "customer-{number}"),
        }
    }
}

/// Something sold at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub sku: String,
    pub name: String,
    /// In pence.
    pub price: i64,
    /// Units that the whole file sells of it, invoices beyond the limit too.
    pub sold: i64,
}

/// Why a row is no sale of goods. The first that applies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    CreditOfNoGoods,
    OtherDocument,
    NotGoods,
    QuantityNotPositive,
    PriceZero,
    PriceNegative,
    PriceNotInPence,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreditOfNoGoods => "credit note for no goods (discount, postage, fees)",
            Self::OtherDocument => "no invoice (its number begins with another letter)",
            Self::NotGoods => "no goods (the stock code begins with no digit)",
            Self::QuantityNotPositive => "quantity is zero or negative",
            Self::PriceZero => "price is zero",
            Self::PriceNegative => "price is negative",
            Self::PriceNotInPence => "price is no whole number of pence",
        })
    }
}

/// A number of rows, with the lines of the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    pub rows: u64,
    pub first_lines: Vec<u64>,
}

impl Rows {
    pub fn add(&mut self, line: u64) {
        self.rows += 1;
        if self.first_lines.len() < EXAMPLES {
            self.first_lines.push(line);
        }
    }
}

/// Plans the first `limit` orders of the file; all of them without a limit.
pub fn plan(rows: &[Row], limit: Option<usize>) -> Plan {
    let mut no_sale = BTreeMap::<Reason, Rows>::new();
    let mut drafts = HashMap::<(&str, Customer), Draft>::new();
    let mut wares = BTreeMap::<String, Ware>::new();
    for row in rows.iter().filter(|row| !returns::is_credit_note(row)) {
        let price = match price_of_sale(row) {
            Ok(price) => price,
            Err(reason) => {
                no_sale.entry(reason).or_default().add(row.line);
                continue;
            }
        };
        let sku = sku(row, price);
        let customer = row.customer.map_or(Customer::Guest, Customer::Number);
        // An invoice is one customer's. Should a file mix two, each has an order of his own: keys are per customer.
        drafts
            .entry((&row.invoice, customer))
            .or_default()
            .add(row, &sku, price);
        wares.entry(sku).or_default().add(row, price);
    }

    let mut orders: Vec<(u64, Order)> = drafts
        .into_iter()
        .map(|((invoice, customer), draft)| (draft.first_line(), draft.order(invoice, customer)))
        .collect();
    orders.sort_by_key(|(line, order)| (order.at, *line));
    let mut orders: Vec<Order> = orders.into_iter().map(|(_, order)| order).collect();

    let limit = limit.unwrap_or(usize::MAX).min(orders.len());
    let credits = returns::credits(rows, &orders, limit);
    let beyond = orders.split_off(limit);
    let beyond: BTreeSet<_> = beyond
        .iter()
        .map(|o| (o.invoice.as_str(), o.customer))
        .collect();
    let mut beyond_limit = Rows::default();
    for row in rows {
        let customer = row.customer.map_or(Customer::Guest, Customer::Number);
        if beyond.contains(&(row.invoice.as_str(), customer)) && price_of_sale(row).is_ok() {
            beyond_limit.add(row.line);
        }
    }

    let needed: BTreeSet<&String> = orders.iter().flat_map(|order| order.lines.keys()).collect();
    let items = wares
        .into_iter()
        .filter(|(sku, _)| needed.contains(sku))
        .map(|(sku, ware)| ware.item(sku))
        .collect();
    Plan {
        orders,
        items,
        credits,
        no_sale,
        beyond_limit,
    }
}

/// The price in pence at which the row sells goods.
fn price_of_sale(row: &Row) -> Result<i64, Reason> {
    if !row.invoice.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Reason::OtherDocument);
    }
    if !is_goods(row) {
        return Err(Reason::NotGoods);
    }
    if row.quantity <= 0 {
        return Err(Reason::QuantityNotPositive);
    }
    whole_pence(row.price)
}

pub fn is_goods(row: &Row) -> bool {
    row.stock_code.starts_with(|c: char| c.is_ascii_digit())
}

/// One item per code and price: the file sells the same goods at several.
pub fn sku(row: &Row, price: i64) -> String {
    format!("{}-{price}", row.stock_code)
}

/// Some tools write 2.55 as 2.5500000000000003.
pub fn pence(pounds: Decimal) -> Decimal {
    (pounds * Decimal::ONE_HUNDRED).round_dp(6)
}

/// A price at which something can be sold, in pence.
pub fn whole_pence(pounds: Decimal) -> Result<i64, Reason> {
    let pence = pence(pounds);
    if pence.is_zero() {
        return Err(Reason::PriceZero);
    }
    if pence.is_sign_negative() {
        return Err(Reason::PriceNegative);
    }
    // Rounding would sell at a price that is not the file's: half a penny a thousand times is five pounds.
    if !pence.is_integer() {
        return Err(Reason::PriceNotInPence);
    }
    pence.to_i64().ok_or(Reason::PriceNotInPence)
}

#[derive(Default)]
struct Draft<'a> {
    rows: Vec<&'a Row>,
    lines: BTreeMap<String, i64>,
    amount: i64,
}

impl<'a> Draft<'a> {
    fn add(&mut self, row: &'a Row, sku: &str, price: i64) {
        *self.lines.entry(sku.to_owned()).or_default() += row.quantity;
        self.amount += price * row.quantity;
        self.rows.push(row);
    }

    fn first_line(&self) -> u64 {
        self.rows.first().map_or(0, |row| row.line)
    }

    fn order(self, invoice: &str, customer: Customer) -> Order {
        Order {
            invoice: invoice.to_owned(),
            customer,
            at: self.rows.iter().map(|row| row.at).min().unwrap_or_default(),
            rows: self.rows.len() as u64,
            lines: self.lines,
            amount: self.amount,
        }
    }
}

#[derive(Default)]
struct Ware<'a> {
    price: i64,
    sold: i64,
    /// How often the file calls it so, and where last.
    names: HashMap<&'a str, (u64, u64)>,
}

impl<'a> Ware<'a> {
    fn add(&mut self, row: &'a Row, price: i64) {
        self.price = price;
        self.sold += row.quantity;
        if !row.description.is_empty() {
            let name = self.names.entry(&row.description).or_default();
            *name = (name.0 + 1, row.line);
        }
    }

    /// Named as it mostly is, of equals the last; without any name, by its SKU.
    fn item(self, sku: String) -> Item {
        let name = self.names.into_iter().max_by_key(|(_, uses)| *uses);
        Item {
            name: name.map_or_else(|| sku.clone(), |(name, _)| name.to_owned()),
            price: self.price,
            sold: self.sold,
            sku,
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
