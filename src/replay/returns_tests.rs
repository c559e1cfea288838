use std::collections::HashSet;

use proptest::prelude::*;

use super::{
    super::{plan::Plan, rows},
    *,
};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

fn plan_of(text: &str, limit: Option<usize>) -> Plan {
    let sales = rows::parse(format!("{HEADER}{text}").as_bytes()).unwrap();
    assert_eq!(sales.unparsed, []);
    plan::plan(&sales.rows, limit)
}

type Lines<'a> = Vec<(&'a str, i64)>;

/// By which note what is given back of which invoice.
fn returns(plan: &Plan) -> Vec<(&str, &str, Lines<'_>)> {
    plan.credits
        .returns
        .iter()
        .map(|back| {
            let lines = back.lines.iter().map(|(sku, n)| (sku.as_str(), *n));
            let invoice = plan.orders[back.order].invoice.as_str();
            (back.note.as_str(), invoice, lines.collect())
        })
        .collect()
}

/// Two orders of customer 1, one of customer 2, one of a stranger.
const ORDERS: &str = "1,8,X,6,2010-12-01 08:00,2.55,1,UK\n\
    1,9,X,1,2010-12-01 08:00,0.45,1,UK\n\
    2,8,X,4,2010-12-03 08:00,2.55,1,UK\n\
    2,8,X,2,2010-12-03 08:00,3,1,UK\n\
    3,8,X,9,2010-12-02 08:00,2.55,2,UK\n\
    4,8,X,9,2010-12-02 08:00,2.55,,UK\n";

#[test]
fn a_row_is_returned_or_has_a_reason() {
    use Mismatch::*;
    let cases = [
        ("C9,8,X,-1,2010-12-04 08:00,2.55,1,UK", Ok(vec![("2", 1)])),
        ("c9,8,X,-1,2010-12-04 08:00,2.55,1,UK", Ok(vec![("2", 1)])),
        ("C9,8,X,-4,2010-12-04 08:00,2.55,1,UK", Ok(vec![("2", 4)])),
        (
            "C9,8,X,-5,2010-12-04 08:00,2.55,1,UK",
            Ok(vec![("2", 4), ("1", 1)]),
        ),
        (
            "C9,8,X,-10,2010-12-04 08:00,2.55,1,UK",
            Ok(vec![("2", 4), ("1", 6)]),
        ),
        ("C9,8,X,-11,2010-12-04 08:00,2.55,1,UK", Err(TooMany)),
        ("C9,8,X,-6,2010-12-03 07:59,2.55,1,UK", Ok(vec![("1", 6)])),
        ("C9,8,X,-7,2010-12-03 07:59,2.55,1,UK", Err(TooMany)),
        ("C9,8,X,-1,2010-12-03 08:00,2.55,1,UK", Ok(vec![("2", 1)])),
        (
            "C9,8,X,-1,2010-12-04 08:00,2.5500000000000003,1,UK",
            Ok(vec![("2", 1)]),
        ),
        ("C9,8,X,-1,2010-11-30 08:00,2.55,1,UK", Err(NotBought)),
        ("C9,7,X,-1,2010-12-04 08:00,2.55,1,UK", Err(NotBought)),
        ("C9,9,X,-1,2010-12-04 08:00,0.45,2,UK", Err(NotBought)),
        ("C9,8,X,-1,2010-12-04 08:00,2.55,3,UK", Err(NotBought)),
        ("C9,8,X,-1,2010-12-04 08:00,2.56,1,UK", Err(OtherPrice)),
        ("C9,8,X,-1,2010-12-04 08:00,2.555,1,UK", Err(OtherPrice)),
        ("C9,8,X,-1,2010-12-04 08:00,0,1,UK", Err(OtherPrice)),
        ("C9,8,X,-1,2010-12-04 08:00,-2.55,1,UK", Err(OtherPrice)),
        // This price came later.
        ("C9,8,X,-1,2010-12-02 08:00,3,1,UK", Err(OtherPrice)),
        ("C9,8,X,-1,2010-12-04 08:00,2.55,,UK", Err(NoCustomer)),
        (
            "C9,8,X,0,2010-12-04 08:00,2.55,1,UK",
            Err(QuantityNotNegative),
        ),
        (
            "C9,8,X,1,2010-12-04 08:00,2.55,1,UK",
            Err(QuantityNotNegative),
        ),
    ];
    for (row, expected) in cases {
        let plan = plan_of(&format!("{ORDERS}{row}"), None);
        let credits = &plan.credits;
        let found = match credits.unmatched.keys().next() {
            Some(mismatch) => Err(*mismatch),
            None => Ok(returns(&plan)
                .into_iter()
                .map(|(_, invoice, lines)| (invoice, lines.iter().map(|(_, n)| n).sum()))
                .collect()),
        };
        assert_eq!(found, expected, "{row}");
        let matched = u64::from(expected.is_ok());
        assert_eq!(credits.matched.len() as u64, matched, "{row}");
        let unmatched = credits.unmatched.values().map(|tally| tally.rows.rows);
        assert_eq!(unmatched.sum::<u64>(), 1 - matched, "{row}");
    }
}

#[test]
fn what_is_no_goods_is_not_looked_for() {
    let plan = plan_of("C9,D,Discount,-2,2010-12-04 08:00,27.5,1,UK", None);
    let expected = Tally {
        rows: Rows {
            rows: 1,
            first_lines: vec![2],
        },
        pieces: 2,
        amount: 5_500,
    };
    assert_eq!(plan.credits.no_goods, expected);
    assert_eq!(plan.credits.unmatched, BTreeMap::new());
}

#[test]
fn nothing_is_given_back_twice() {
    let plan = plan_of(
        &format!(
            "{ORDERS}\
             C7,8,X,-3,2010-12-05 08:00,2.55,1,UK\n\
             C6,8,X,-3,2010-12-04 08:00,2.55,1,UK\n\
             C8,8,X,-9,2010-12-06 08:00,2.55,1,UK\n\
             C8,8,X,-4,2010-12-06 08:00,2.55,1,UK\n"
        ),
        None,
    );
    assert_eq!(
        returns(&plan),
        [
            ("C6", "2", vec![("8-255", 3)]),
            ("C7", "2", vec![("8-255", 1)]),
            ("C7", "1", vec![("8-255", 2)]),
            ("C8", "1", vec![("8-255", 4)]),
        ],
        "the earlier note comes first; a row that finds too few takes nothing"
    );
    assert_eq!(plan.credits.unmatched[&Mismatch::TooMany].pieces, 9);
}

#[test]
fn the_rows_of_a_note_are_one_return_of_each_order() {
    let plan = plan_of(
        &format!(
            "{ORDERS}\
             C7,8,X,-1,2010-12-05 08:00,2.55,1,UK\n\
             C7,9,X,-1,2010-12-05 08:00,0.45,1,UK\n\
             C7,8,X,-1,2010-12-05 08:00,2.55,1,UK\n\
             C7,8,X,-1,2010-12-05 08:01,3,1,UK\n\
             C7,8,X,-1,2010-12-05 08:01,2.55,2,UK\n"
        ),
        None,
    );
    assert_eq!(
        returns(&plan),
        [
            ("C7", "2", vec![("8-255", 2), ("8-300", 1)]),
            ("C7", "1", vec![("9-45", 1)]),
            ("C7", "3", vec![("8-255", 1)]),
        ]
    );
    let amounts: Vec<_> = plan.credits.returns.iter().map(|b| b.amount).collect();
    assert_eq!(amounts, [2 * 255 + 300, 45, 255]);
    assert_eq!(plan.credits.matched.len(), 5);
}

#[test]
fn a_limit_changes_no_match() {
    let text = format!(
        "{ORDERS}\
         C7,8,X,-5,2010-12-05 08:00,2.55,1,UK\n\
         C8,8,X,-2,2010-12-06 08:00,2.55,1,UK\n"
    );
    let all = plan_of(&text, None);
    let first = plan_of(&text, Some(3));
    assert_eq!(
        returns(&all),
        [
            ("C7", "2", vec![("8-255", 4)]),
            ("C7", "1", vec![("8-255", 1)]),
            ("C8", "1", vec![("8-255", 2)]),
        ]
    );
    assert_eq!(returns(&first), [("C8", "1", vec![("8-255", 2)])]);
    assert_eq!(first.credits.beyond_limit.pieces, 5);
}

/// A row of a sale or of a credit note: whose, of which goods, at which price, how many, when.
fn row() -> impl Strategy<Value = (bool, u8, u8, u8, i64, u8)> {
    (
        any::<bool>(),
        0..3_u8,
        0..3_u8,
        0..3_u8,
        -2..12_i64,
        1..5_u8,
    )
}

proptest! {
    #[test]
    fn every_row_is_in_one_place_and_nobody_gives_back_more_than_he_bought(
        rows in prop::collection::vec(row(), 0..60),
        limit in prop::option::of(0..12_usize),
    ) {
        let mut text = String::new();
        let (mut notes, mut of_notes) = (0, 0);
        for (number, (sale, customer, goods, price, pieces, day)) in rows.iter().enumerate() {
            let (invoice, quantity) = if *sale {
                (format!("{}", number / 3), *pieces)
            } else {
                notes += 1;
                of_notes += pieces;
                (format!("C{}", number / 3), -pieces)
            };
            let customer = match customer { 0 => String::new(), number => number.to_string() };
            let goods = ["8", "9", "POST"][usize::from(*goods)];
            text += &format!("{invoice},{goods},X,{quantity},2010-12-0{day} 08:00,{price},{customer},UK\n");
        }
        let plan = plan_of(&text, limit);
        let credits = &plan.credits;

        let matched: HashSet<u64> = credits.matched.iter().map(|row| row.credit.line).collect();
        prop_assert_eq!(matched.len(), credits.matched.len(), "no row twice");
        let tallies = credits.unmatched.values().chain([&credits.no_goods, &credits.beyond_limit]);
        let (others, of_others) = tallies.fold((0, 0), |(rows, pieces), tally| {
            (rows + tally.rows.rows, pieces + tally.pieces)
        });
        let of_matched: i64 = credits.matched.iter().map(|row| row.credit.pieces).sum();
        prop_assert_eq!(matched.len() as u64 + others, notes);
        prop_assert_eq!(of_matched + of_others, of_notes);

        // The returns give back what the matched rows say.
        prop_assert_eq!(credits.returns.iter().map(Return::pieces).sum::<i64>(), of_matched);
        let worth: i64 = credits.matched.iter().map(|row| row.credit.amount).sum();
        prop_assert_eq!(credits.returns.iter().map(|back| back.amount).sum::<i64>(), worth);
        let mut back = BTreeMap::<(usize, &str), i64>::new();
        for row in &credits.returns {
            prop_assert!(plan.orders[row.order].at <= row.at);
            for (sku, pieces) in &row.lines {
                prop_assert!(*pieces > 0);
                *back.entry((row.order, sku)).or_default() += pieces;
            }
        }
        for ((order, sku), pieces) in back {
            prop_assert!(pieces <= plan.orders[order].lines[sku]);
        }
    }
}
