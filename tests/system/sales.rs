//! A history of sales in the form of the UCI "Online Retail" data set, made up, but with all that is odd in it.

use std::fmt::Write as _;

use crate::program::Program;

/// What a file holds.
pub struct Sales {
    pub path: String,
    pub invoices: i64,
    pub rows: i64,
    /// Rows of credit notes that give one piece each back, and what they are worth in pence.
    pub returned: i64,
    pub refunds: i64,
    /// Rows of credit notes that fit no order.
    pub unmatched: i64,
    /// Rows that no order stands for: discounts, postage, goods without a price.
    pub no_sale: i64,
    pub unparsed: i64,
}

/// Writes a file with this many invoices that are sales.
pub fn write(program: &Program, invoices: u32) -> Sales {
    let mut sales = Sales {
        path: program.file("sales.csv").display().to_string(),
        invoices: invoices.into(),
        rows: 0,
        returned: 0,
        refunds: 0,
        unmatched: 0,
        no_sale: 0,
        unparsed: 0,
    };
    let mut csv =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n"
            .to_owned();
    let mut row = |text: String| {
        sales.rows += 1;
        writeln!(csv, "{text}\r").expect("a string");
    };
    for number in 0..invoices {
        let invoice = 536_365 + number;
        let at = format!(
            "2010-12-{:02} {:02}:{:02}",
            1 + number / 60 % 28,
            8 + number / 10 % 10,
            number % 60
        );
        // Every tenth sale is a stranger's.
        let customer = if number % 10 == 9 {
            String::new()
        } else {
            (17_850 + number % 7).to_string()
        };
        for line in 0..1 + number % 3 {
            let code = 71_000 + (number * 7 + line * 5) % 23;
            // One item, one price; the same item again in one invoice is the same line.
            let pence = 100 + code % 13 * 35;
            let price = format!("{}.{:02}", pence / 100, pence % 100);
            let quantity = 1 + (number + line) % 6;
            row(format!(
                "{invoice},{code}A,\"LANTERN, NO. {code}\",{quantity},{at},{price},{customer},United Kingdom"
            ));
        }
        match number % 20 {
            3 => {
                // Of the first line of the invoice, of goods at another price, and of no goods at all.
                let code = 71_000 + number * 7 % 23;
                let pence = 100 + code % 13 * 35;
                let price = format!("{}.{:02}", pence / 100, pence % 100);
                for given_back in [
                    format!("{code}A,LANTERN,-1,{at},{price}"),
                    format!("71001A,LANTERN,-1,{at},1.00"),
                    format!("D,Discount,-1,{at},20.00"),
                ] {
                    row(format!("C{invoice},{given_back},{customer},United Kingdom"));
                }
                sales.returned += 1;
                sales.refunds += i64::from(pence);
                sales.unmatched += 1;
                sales.no_sale += 1;
            }
            7 => {
                row(format!(
                    "{invoice},POST,POSTAGE,1,{at},18.00,{customer},France"
                ));
                sales.no_sale += 1;
            }
            11 => {
                row(format!(
                    "{invoice},71002A,damaged,5,{at},0.00,{customer},United Kingdom"
                ));
                sales.no_sale += 1;
            }
            13 => {
                row(format!(
                    "{invoice},71003A,LANTERN,many,{at},1.00,{customer},United Kingdom"
                ));
                sales.unparsed += 1;
            }
            _ => {}
        }
    }
    std::fs::write(&sales.path, csv).expect("a file");
    sales
}
