use super::{
    super::{returns::Mismatch, rows},
    *,
};

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
    let invoices =
        |plan: &Plan| -> Vec<String> { plan.orders.iter().map(|o| o.invoice.clone()).collect() };
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
        let credits = &plan.credits;
        let back = credits.matched.len() as u64 + credits.beyond_limit.rows.rows;
        let unmatched: u64 = credits
            .unmatched
            .values()
            .map(|tally| tally.rows.rows)
            .sum();
        let credits = back + unmatched + credits.no_goods.rows.rows;
        assert_eq!(credits, 728);
        assert_eq!(sold + not + plan.beyond_limit.rows + credits, sales.read());
    }
    let plan = plan(&sales.rows, None);
    assert_eq!(plan.orders.len(), 1550);
    assert_eq!(
        plan.orders.iter().map(|order| order.rows).sum::<u64>(),
        41_310
    );
    assert_eq!(plan.credits.matched.len(), 288);
    let of = |mismatch| plan.credits.unmatched[&mismatch].rows.rows;
    assert_eq!(
        (of(Mismatch::NoCustomer), of(Mismatch::NotBought)),
        (23, 371)
    );
    assert_eq!((of(Mismatch::OtherPrice), of(Mismatch::TooMany)), (10, 6));
    let returned: i64 = plan.credits.returns.iter().map(|back| back.amount).sum();
    let matched = plan.credits.matched.iter().map(|row| row.credit.amount);
    assert_eq!((returned, matched.sum()), (801_372, 801_372));
    assert_eq!(plan.no_sale[&Reason::NotGoods].rows, 170);
    assert_eq!(plan.no_sale[&Reason::QuantityNotPositive].rows, 70);
    assert_eq!(plan.no_sale[&Reason::PriceZero].rows, 203);
    let of_items: i64 = plan.items.iter().map(|item| item.sold * item.price).sum();
    assert_eq!(plan.orders.iter().map(|o| o.amount).sum::<i64>(), of_items);
}
