//! Reads a file of sales in the form of the UCI "Online Retail" data set.
//!
//! The form: `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country`, one row per line
//! of an invoice. Exports differ in their bytes (UTF-8 or latin-1, byte order mark, CRLF), in their dates and in
//! whether a customer is `17850` or `17850.0`; all of these are read.

use std::{collections::HashMap, fmt::Write as _, ops::Range};

use anyhow::{Context as _, bail};
use chrono::{Datelike, NaiveDateTime};
use csv::ByteRecord;
use rust_decimal::Decimal;
use sha2::{Digest as _, Sha256};

const COLUMNS: [&str; 8] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
];

/// Beyond these a figure is a slip, and sums of it could overflow.
const MAX_QUANTITY: i64 = 10_000_000;
const MAX_PRICE: i64 = 1_000_000;

/// What a file holds. Every row of it is either in `rows` or in `unparsed`.
#[derive(Debug)]
pub struct Sales {
    pub rows: Vec<Row>,
    pub unparsed: Vec<Unparsed>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

impl Sales {
    pub fn read(&self) -> u64 {
        (self.rows.len() + self.unparsed.len()) as u64
    }
}

/// One line of an invoice, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where the row begins in the file; the header is line 1.
    pub line: u64,
    pub invoice: String,
    pub stock_code: String,
    pub description: String,
    pub quantity: i64,
    pub at: NaiveDateTime,
    /// In pounds.
    pub price: Decimal,
    /// `None`: the shop did not know who bought.
    pub customer: Option<u64>,
}

/// A row that is none.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unparsed {
    pub line: u64,
    pub reason: String,
}

/// Reads a whole file.
///
/// # Errors
/// When the header lacks a column. A bad row is no error, it is reported in [`Sales::unparsed`].
pub fn parse(bytes: &[u8]) -> anyhow::Result<Sales> {
    let mut sha256 = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(sha256, "{byte:02x}")?;
    }
    let mut sales = Sales {
        rows: Vec::new(),
        unparsed: Vec::new(),
        sha256,
    };
    let mut records = Records::new(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
    let header = records.next()?.context("the file is empty")?;
    let columns = Columns::find(&header.fields)?;

    while let Some(record) = records.next()? {
        // A quote that nobody closes swallows the rows after it, up to the next quote: give them back.
        let row = if columns.is_row_within(records.later_lines(&record)) {
            records.resume_after_first_line(&record);
            Err("a quote is not closed".to_owned())
        } else {
            columns.row(&record.fields, record.line)
        };
        match row {
            Ok(row) => sales.rows.push(row),
            Err(reason) => sales.unparsed.push(Unparsed {
                line: record.line,
                reason,
            }),
        }
    }
    Ok(sales)
}

/// Where each of [`COLUMNS`] stands.
struct Columns {
    at: [usize; 8],
    count: usize,
}

impl Columns {
    fn find(header: &ByteRecord) -> anyhow::Result<Self> {
        let names: HashMap<String, usize> = header
            .iter()
            .enumerate()
            .map(|(at, name)| (text(name).to_ascii_lowercase(), at))
            .collect();
        let mut at = [0; 8];
        let mut missing = Vec::new();
        for (slot, column) in at.iter_mut().zip(COLUMNS) {
            match names.get(&column.to_ascii_lowercase()) {
                Some(found) => *slot = *found,
                None => missing.push(column),
            }
        }
        if !missing.is_empty() {
            bail!(
                "the file's header lacks the column{} {}; it has: {}",
                if missing.len() == 1 { "" } else { "s" },
                missing.join(", "),
                header.iter().map(text).collect::<Vec<_>>().join(", ")
            );
        }
        Ok(Self {
            at,
            count: header.len(),
        })
    }

    fn row(&self, fields: &ByteRecord, line: u64) -> Result<Row, String> {
        if fields.len() != self.count {
            return Err(format!("{} fields, not {}", fields.len(), self.count));
        }
        let [
            invoice,
            stock_code,
            description,
            quantity,
            at,
            price,
            customer,
            _country,
        ] = self.at.map(|at| text(&fields[at]));
        for (column, value) in [("InvoiceNo", &invoice), ("StockCode", &stock_code)] {
            if value.is_empty() {
                return Err(format!("{column} is empty"));
            }
        }
        Ok(Row {
            line,
            quantity: parse_quantity(&quantity)?,
            at: parse_date(&at)?,
            price: parse_price(&price)?,
            customer: parse_customer(&customer)?,
            invoice,
            stock_code,
            description,
        })
    }

    /// Whether one of these lines is a row by itself.
    fn is_row_within(&self, lines: &[u8]) -> bool {
        lines.split_inclusive(|byte| *byte == b'\n').any(|line| {
            let mut fields = ByteRecord::new();
            matches!(reader(line).read_byte_record(&mut fields), Ok(true))
                && self.row(&fields, 0).is_ok()
        })
    }
}

/// UTF-8, else latin-1, in which every byte is the code point of its own number.
fn text(field: &[u8]) -> String {
    match std::str::from_utf8(field) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => {
            let text: String = field.iter().copied().map(char::from).collect();
            text.trim().to_owned()
        }
    }
}

fn parse_quantity(text: &str) -> Result<i64, String> {
    whole(text)
        .filter(|quantity| quantity.abs() <= MAX_QUANTITY)
        .ok_or_else(|| format!("Quantity `{text}` is no whole number up to {MAX_QUANTITY}"))
}

fn parse_price(text: &str) -> Result<Decimal, String> {
    text.parse::<Decimal>()
        .or_else(|_| Decimal::from_scientific(text))
        .ok()
        .filter(|price| price.abs() <= Decimal::from(MAX_PRICE))
        .ok_or_else(|| format!("UnitPrice `{text}` is no amount up to {MAX_PRICE} pounds"))
}

fn parse_customer(text: &str) -> Result<Option<u64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    whole(text)
        .and_then(|id| u64::try_from(id).ok())
        .map(Some)
        .ok_or_else(|| format!("CustomerID `{text}` is no number"))
}

/// `17850`, and also `17850.0`, as a column with gaps comes out of some tools.
fn whole(text: &str) -> Option<i64> {
    let digits = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    digits.parse().ok()
}

fn parse_date(text: &str) -> Result<NaiveDateTime, String> {
    const FORMS: [&str; 5] = [
        "%Y-%m-%d %H:%M",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%m/%d/%Y %H:%M",
        "%m/%d/%Y %H:%M:%S",
    ];
    let at = FORMS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    // `12/1/10`: a year of two digits is one of this century.
    let at = match at {
        Some(at) if (0..100).contains(&at.year()) => at.with_year(at.year() + 2000),
        other => other,
    };
    at.ok_or_else(|| {
        format!("InvoiceDate `{text}` is no date like 2010-12-01 08:26 or 12/1/2010 8:26")
    })
}

struct Record {
    fields: ByteRecord,
    line: u64,
    /// Where it stands in the bytes, its line end included.
    span: Range<usize>,
}

/// The records of a file, with the ability to go back.
struct Records<'a> {
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    /// What `reader` does not know: how many bytes and lines stand before those that it was given.
    offset: usize,
    lines: u64,
}

impl<'a> Records<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            reader: reader(bytes),
            offset: 0,
            lines: 0,
        }
    }

    fn next(&mut self) -> csv::Result<Option<Record>> {
        let mut fields = ByteRecord::new();
        if !self.reader.read_byte_record(&mut fields)? {
            return Ok(None);
        }
        let start = fields.position().map_or(0, |at| at.byte()) as usize;
        let end = self.reader.position().byte() as usize;
        // Blank lines before the record belong to its position; they are no rows.
        let blank = self.bytes[self.offset + start..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let (blank_bytes, blank_lines) = blank.fold((0, 0), |(bytes, lines), byte| {
            (bytes + 1, lines + u64::from(*byte == b'\n'))
        });
        let line = fields.position().map_or(0, |at| at.line());
        Ok(Some(Record {
            line: self.lines + line + blank_lines,
            span: self.offset + start + blank_bytes..self.offset + end,
            fields,
        }))
    }

    /// The lines of `record` after its first; mostly none.
    fn later_lines(&self, record: &Record) -> &'a [u8] {
        let span = &self.bytes[record.span.clone()];
        let first = span.iter().position(|byte| *byte == b'\n');
        first.map_or(&[], |end| &span[end + 1..])
    }

    /// Makes the second line of `record` the next that is read.
    fn resume_after_first_line(&mut self, record: &Record) {
        self.offset = record.span.end - self.later_lines(record).len();
        self.lines = record.line;
        self.reader = reader(&self.bytes[self.offset..]);
    }
}

fn reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes)
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
