//! What to do with the rows of a file: which are sales, what catalogue they need, which orders they make.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use chrono::NaiveDateTime;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use serde::Serialize;

use super::rows::Row;

/// So many line numbers are kept as examples.
const EXAMPLES: usize = 5;

/// Every row is in exactly one of `orders`, `no_sale` and `beyond_limit`.
#[derive(Debug)]
pub struct Plan {
    /// In the order of their dates.
    pub orders: Vec<Order>,
    /// What the orders need, by SKU.
    pub items: Vec<Item>,
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
    CreditNote,
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
            Self::CreditNote => "credit note (the invoice begins with C)",
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
    fn add(&mut self, line: u64) {
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
    for row in rows {
        let price = match price_of_sale(row) {
            Ok(price) => price,
            Err(reason) => {
                no_sale.entry(reason).or_default().add(row.line);
                continue;
            }
        };
        let sku = format!("{}-{price}", row.stock_code);
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

    let beyond = orders.split_off(limit.unwrap_or(usize::MAX).min(orders.len()));
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
        no_sale,
        beyond_limit,
    }
}

/// The price in pence at which the row sells goods.
fn price_of_sale(row: &Row) -> Result<i64, Reason> {
    match row.invoice.chars().next() {
        Some('C' | 'c') => return Err(Reason::CreditNote),
        Some('0'..='9') => {}
        _ => return Err(Reason::OtherDocument),
    }
    if !row.stock_code.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Reason::NotGoods);
    }
    if row.quantity <= 0 {
        return Err(Reason::QuantityNotPositive);
    }
    // Some tools write 2.55 as 2.5500000000000003.
    let pence = (row.price * Decimal::ONE_HUNDRED).round_dp(6);
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
mod tests {
    use super::{super::rows, *};

    fn rows(rows: &str) -> Vec<Row> {
        const HEADER: &str =
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
        let sales = rows::parse(format!("{HEADER}{rows}").as_bytes()).unwrap();
        assert_eq!(sales.unparsed, []);
        sales.rows
    }

    fn reason(row: &str) -> Option<Reason> {
        let plan = plan(&rows(row), None);
        assert_eq!(plan.orders.len() + plan.no_sale.len(), 1);
        plan.no_sale.into_keys().next()
    }

    #[test]
    fn what_is_no_sale_of_goods_has_a_reason() {
        use Reason::*;
        let cases = [
            ("536365,85123A,X,6,2010-12-01 08:26,2.55,1,UK", None),
            ("536365,8,X,6,2010-12-01 08:26,0.01,1,UK", None),
            (
                "536365,8,X,6,2010-12-01 08:26,2.5500000000000003,1,UK",
                None,
            ),
            (
                "C536365,85123A,X,-6,2010-12-01 08:26,2.55,1,UK",
                Some(CreditNote),
            ),
            (
                "C536365,D,X,-6,2010-12-01 08:26,2.55,1,UK",
                Some(CreditNote),
            ),
            (
                "A536365,B,X,1,2010-12-01 08:26,-9.5,,UK",
                Some(OtherDocument),
            ),
            ("536365,POST,X,6,2010-12-01 08:26,2.55,1,UK", Some(NotGoods)),
            (
                "536365,gift_0001_50,X,6,2010-12-01 08:26,0,1,UK",
                Some(NotGoods),
            ),
            (
                "536365,85123A,X,0,2010-12-01 08:26,2.55,1,UK",
                Some(QuantityNotPositive),
            ),
            (
                "536365,85123A,X,-6,2010-12-01 08:26,0,1,UK",
                Some(QuantityNotPositive),
            ),
            (
                "536365,85123A,X,6,2010-12-01 08:26,0.00,1,UK",
                Some(PriceZero),
            ),
            (
                "536365,85123A,X,6,2010-12-01 08:26,-1,1,UK",
                Some(PriceNegative),
            ),
            (
                "536365,85123A,X,6,2010-12-01 08:26,0.001,1,UK",
                Some(PriceNotInPence),
            ),
            (
                "536365,85123A,X,6,2010-12-01 08:26,2.555,1,UK",
                Some(PriceNotInPence),
            ),
        ];
        for (row, expected) in cases {
            assert_eq!(reason(row), expected, "{row}");
        }
    }

    #[test]
    fn one_item_per_code_and_price_with_its_case_kept() {
        let plan = plan(
            &rows(
                "1,85123A,HOLDER,6,2010-12-01 08:26,2.55,1,UK\n\
                 1,85123a,HOLDER,6,2010-12-01 08:26,2.55,1,UK\n\
                 2,85123A,HOLDER,2,2010-12-01 08:26,2.95,1,UK\n\
                 3,85123A,CREAM HOLDER,4,2010-12-01 08:26,2.550,1,UK\n\
                 3,85123A,,1,2010-12-01 08:26,2.55,1,UK\n\
                 3,22000,,1,2010-12-01 08:26,2,1,UK",
            ),
            None,
        );
        let items: Vec<_> = plan
            .items
            .iter()
            .map(|item| (item.sku.as_str(), item.name.as_str(), item.price, item.sold))
            .collect();
        assert_eq!(
            items,
            [
                ("22000-200", "22000-200", 200, 1),
                ("85123A-255", "CREAM HOLDER", 255, 11),
                ("85123A-295", "HOLDER", 295, 2),
                ("85123a-255", "HOLDER", 255, 6),
            ]
        );
    }

    #[test]
    fn lines_of_one_sku_are_summed() {
        let plan = plan(
            &rows(
                "1,8,X,6,2010-12-01 08:26,2.55,1,UK\n\
                 1,8,X,1,2010-12-01 08:27,2.55,1,UK\n\
                 1,8,X,1,2010-12-01 08:26,3,1,UK",
            ),
            None,
        );
        let [order] = &plan.orders[..] else {
            panic!("one order")
        };
        assert_eq!(
            order.lines,
            BTreeMap::from([("8-255".into(), 7), ("8-300".into(), 1)])
        );
        assert_eq!(
            (order.rows, order.units(), order.amount),
            (3, 8, 7 * 255 + 300)
        );
        assert_eq!(order.at.to_string(), "2010-12-01 08:26:00");
    }

    #[test]
    fn an_invoice_of_two_customers_is_two_orders() {
        let plan = plan(
            &rows(
                "1,8,X,6,2010-12-01 08:26,2.55,1,UK\n\
                 1,8,X,1,2010-12-01 08:26,2.55,,UK\n\
                 1,8,X,1,2010-12-01 08:26,2.55,2,UK",
            ),
            None,
        );
        let customers: Vec<_> = plan.orders.iter().map(|o| o.customer.to_string()).collect();
        assert_eq!(customers, ["customer-1", "guest", "customer-2"]);
    }

    #[test]
    fn orders_follow_their_dates_and_the_limit_cuts_the_last() {
        let rows = rows(
            "7,8,X,6,2010-12-02 08:26,2.55,1,UK\n\
             5,8,X,1,2010-12-01 08:26,2.55,1,UK\n\
             5,9,X,1,2010-12-01 08:26,2.55,1,UK\n\
             6,7,X,1,2010-12-01 08:26,2.55,1,UK\n\
             7,8,X,-1,2010-12-02 08:26,2.55,1,UK",
        );
        let invoices = |plan: &Plan| -> Vec<String> {
            plan.orders.iter().map(|o| o.invoice.clone()).collect()
        };
        let all = plan(&rows, None);
        assert_eq!(invoices(&all), ["5", "6", "7"]);
        assert_eq!(all.beyond_limit.rows, 0);

        let first = plan(&rows, Some(1));
        assert_eq!(invoices(&first), ["5"]);
        assert_eq!(
            first.beyond_limit,
            Rows {
                rows: 2,
                first_lines: vec![2, 5]
            }
        );
        assert_eq!(first.no_sale[&Reason::QuantityNotPositive].rows, 1);
        let skus: Vec<_> = first
            .items
            .iter()
            .map(|i| (i.sku.as_str(), i.sold))
            .collect();
        assert_eq!(
            skus,
            [("8-255", 7), ("9-255", 1)],
            "stock for the whole file"
        );
        assert_eq!(plan(&rows, Some(99)).orders.len(), 3);
    }

    /// The first month of the real data set, if this checkout stands beside it.
    #[test]
    fn the_real_file_is_accounted_for_to_the_row() {
        let path = std::env::var("EASYORDER_DATA")
            .unwrap_or_else(|_| "../shared/data/online-retail-2010-12.csv".to_owned());
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("skipped: {path} is not there (EASYORDER_DATA names another place)");
            return;
        };
        let sales = rows::parse(&bytes).unwrap();
        assert_eq!((sales.read(), sales.unparsed.len()), (42_481, 0));
        for limit in [None, Some(0), Some(100)] {
            let plan = plan(&sales.rows, limit);
            let sold: u64 = plan.orders.iter().map(|order| order.rows).sum();
            let not: u64 = plan.no_sale.values().map(|rows| rows.rows).sum();
            assert_eq!(sold + not + plan.beyond_limit.rows, sales.read());
        }
        let plan = plan(&sales.rows, None);
        assert_eq!(plan.orders.len(), 1550);
        assert_eq!(
            plan.orders.iter().map(|order| order.rows).sum::<u64>(),
            41_310
        );
        assert_eq!(plan.no_sale[&Reason::CreditNote].rows, 728);
        assert_eq!(plan.no_sale[&Reason::NotGoods].rows, 170);
        assert_eq!(plan.no_sale[&Reason::QuantityNotPositive].rows, 70);
        assert_eq!(plan.no_sale[&Reason::PriceZero].rows, 203);
        let of_items: i64 = plan.items.iter().map(|item| item.sold * item.price).sum();
        assert_eq!(plan.orders.iter().map(|o| o.amount).sum::<i64>(), of_items);
    }
}
