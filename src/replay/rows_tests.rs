use super::*;

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

fn sales(rows: &str) -> Sales {
    parse(format!("{HEADER}{rows}").as_bytes()).unwrap()
}

fn only_row(row: &str) -> Row {
    let mut sales = sales(row);
    assert_eq!(sales.unparsed, []);
    assert_eq!(sales.rows.len(), 1);
    sales.rows.remove(0)
}

fn only_reason(row: &str) -> String {
    let mut sales = sales(row);
    assert_eq!(sales.rows, []);
    assert_eq!(sales.unparsed.len(), 1);
    sales.unparsed.remove(0).reason
}

#[test]
fn reads_a_plain_row() {
    let row = only_row("536365,85123A,WHITE HOLDER,6,2010-12-01 08:26,2.55,17850,United Kingdom\n");
    assert_eq!(row.line, 2);
    assert_eq!(row.invoice, "536365");
    assert_eq!(row.stock_code, "85123A");
    assert_eq!(row.description, "WHITE HOLDER");
    assert_eq!(row.quantity, 6);
    assert_eq!(row.at.to_string(), "2010-12-01 08:26:00");
    assert_eq!(row.price.to_string(), "2.55");
    assert_eq!(row.customer, Some(17850));
}

#[test]
fn the_other_forms_of_dates_and_customers() {
    let row = only_row("1,2,X,6.0,12/1/2010 8:26,2.55,17850.0,UK");
    assert_eq!(row.at.to_string(), "2010-12-01 08:26:00");
    assert_eq!((row.quantity, row.customer), (6, Some(17850)));
    let row = only_row("1,2,X,6,12/31/10 8:26,2.55,,UK");
    assert_eq!(row.at.to_string(), "2010-12-31 08:26:00");
    assert_eq!(row.customer, None);
    let row = only_row("1,2,X,6,2010-12-01 08:26:59,2.55, ,UK");
    assert_eq!(row.at.to_string(), "2010-12-01 08:26:59");
}

#[test]
fn byte_order_mark_crlf_quotes_and_latin_1() {
    let mut bytes = b"\xEF\xBB\xBF".to_vec();
    bytes.extend(HEADER.replace('\n', "\r\n").bytes());
    bytes.extend(b"1,2,\"AIRLINE \"\"A\"\", RED\",6,2010-12-01 08:26,2.55,1,UK\r\n");
    bytes.extend(b"\r\n1,2,CAF\xC9 \xA35,6,2010-12-01 08:26,2.55,1,UK\r\n");
    let sales = parse(&bytes).unwrap();
    assert_eq!(sales.unparsed, []);
    assert_eq!(sales.rows[0].description, "AIRLINE \"A\", RED");
    assert_eq!(sales.rows[1].description, "CAFÉ £5");
    assert_eq!(sales.rows[1].line, 4);
}

#[test]
fn columns_may_stand_in_any_order() {
    let sales = parse(
        b"Country,UnitPrice,CustomerID,InvoiceDate,Quantity,Description,StockCode,InvoiceNo,Extra\n\
          UK,2.55,1,2010-12-01 08:26,6,X,85123A,536365,y\n",
    )
    .unwrap();
    assert_eq!(sales.rows[0].invoice, "536365");
    assert_eq!(sales.rows[0].price.to_string(), "2.55");
}

#[test]
fn a_missing_column_is_an_error_that_names_it() {
    let error =
        parse(b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,CustomerID,Country\n1,2\n")
            .unwrap_err()
            .to_string();
    assert!(error.contains("lacks the column UnitPrice;"), "{error}");
    assert!(parse(b"").unwrap_err().to_string().contains("empty"));
}

#[test]
fn a_bad_value_is_reported_by_its_name() {
    let cases = [
        ("1,2,X,six,2010-12-01 08:26,2.55,1,UK", "Quantity `six`"),
        ("1,2,X,1.5,2010-12-01 08:26,2.55,1,UK", "Quantity `1.5`"),
        ("1,2,X,99999999999,2010-12-01 08:26,2.55,1,UK", "Quantity"),
        ("1,2,X,6,2010-13-01 08:26,2.55,1,UK", "InvoiceDate `2010-13"),
        ("1,2,X,6,,2.55,1,UK", "InvoiceDate ``"),
        ("1,2,X,6,2010-12-01 08:26,free,1,UK", "UnitPrice `free`"),
        ("1,2,X,6,2010-12-01 08:26,,1,UK", "UnitPrice ``"),
        ("1,2,X,6,2010-12-01 08:26,2.55,bob,UK", "CustomerID `bob`"),
        ("1,2,X,6,2010-12-01 08:26,2.55,-7,UK", "CustomerID `-7`"),
        (",2,X,6,2010-12-01 08:26,2.55,1,UK", "InvoiceNo is empty"),
        ("1, ,X,6,2010-12-01 08:26,2.55,1,UK", "StockCode is empty"),
        ("1,2,X,6", "4 fields, not 8"),
    ];
    for (row, reason) in cases {
        assert!(
            only_reason(row).contains(reason),
            "{row}: {}",
            only_reason(row)
        );
    }
}

#[test]
fn the_rest_goes_on_after_a_bad_row() {
    let sales = sales(
        "1,2,X,6,2010-12-01 08:26,2.55,1,UK\n\
         1,2,X,?,2010-12-01 08:26,2.55,1,UK\n\
         1,2,X,7,2010-12-01 08:26,2.55,1,UK",
    );
    assert_eq!(sales.read(), 3);
    assert_eq!(sales.unparsed[0].line, 3);
    assert_eq!(sales.rows[1].line, 4);
}

#[test]
fn a_quote_never_closed_costs_its_own_row_only() {
    let sales = sales(
        "1,2,\"15CM CANDLE,6,2010-12-01 08:26,2.55,1,UK\n\
         2,2,X,6,2010-12-01 08:26,2.55,1,UK\n\
         3,2,12\" RULER,6,2010-12-01 08:26,2.55,1,UK\n\
         4,2,\"A, B\",6,2010-12-01 08:26,2.55,1,UK\n",
    );
    let lines: Vec<_> = sales.rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, [3, 4, 5]);
    assert_eq!(sales.unparsed.len(), 1);
    assert_eq!(sales.unparsed[0].line, 2);
    assert_eq!(sales.rows[1].description, "12\" RULER");
    assert_eq!(sales.rows[2].description, "A, B");
}

#[test]
fn a_quoted_line_end_is_part_of_the_field() {
    let sales =
        sales("1,2,\"A\nB\",6,2010-12-01 08:26,2.55,1,UK\n1,2,C,6,2010-12-01 08:26,2.55,1,UK\n");
    assert_eq!(sales.unparsed, []);
    assert_eq!(sales.rows[0].description, "A\nB");
    assert_eq!(sales.rows[1].line, 4);
}

#[test]
fn the_same_bytes_have_the_same_hash() {
    assert_eq!(sales("").sha256, sales("").sha256);
    assert_ne!(sales("").sha256, sales("\n").sha256);
    assert_eq!(sales("").sha256.len(), 64);
}
