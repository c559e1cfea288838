use chrono::TimeDelta;

use super::*;

const GBP: Currency = Currency::GBP;
const EUR: Currency = Currency::EUR;

fn draft(kind: &str, value: i64) -> TermsDraft {
    TermsDraft {
        kind: kind.to_owned(),
        value,
        max_discount: None,
        min_subtotal: 0,
        skus: None,
        category: None,
        starts_at: None,
        ends_at: None,
        max_uses: None,
        max_uses_per_customer: None,
        active: true,
    }
}

fn skus(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|&name| name.to_owned()).collect())
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    at("2011-12-01T12:00:00Z")
}

fn code(draft: TermsDraft, used: i64) -> DiscountCode {
    DiscountCode {
        code: Code::parse("SPRING").unwrap(),
        terms: Terms::parse(draft).unwrap(),
        used,
    }
}

/// Lines of (SKU, category, amount), in pounds, by a customer who never used the code.
fn assess(draft: TermsDraft, lines: &[(&str, Option<&str>, i64)]) -> Result<Vec<i64>, CodeRefusal> {
    assess_as(&code(draft, 0), lines, GBP, 0, now())
}

fn assess_as(
    code: &DiscountCode,
    lines: &[(&str, Option<&str>, i64)],
    currency: Currency,
    uses_of_customer: i64,
    now: DateTime<Utc>,
) -> Result<Vec<i64>, CodeRefusal> {
    let named: Vec<Sku> = lines
        .iter()
        .map(|(sku, ..)| Sku::parse(sku).unwrap())
        .collect();
    let basket: Vec<BasketLine<'_>> = named
        .iter()
        .zip(lines)
        .map(|(sku, &(_, category, amount))| BasketLine {
            sku,
            category,
            amount,
            due: amount,
        })
        .collect();
    code.assess(&basket, currency, GBP, uses_of_customer, now)
}

/// 15.30, 20.34 and 22.00 pounds: 57.64 together.
const THREE: [(&str, Option<&str>, i64); 3] = [
    ("HEART", Some("home"), 1530),
    ("LANTERN", Some("home"), 2034),
    ("CARDS", None, 2200),
];

#[test]
fn a_percentage_is_rounded_once_and_allotted_to_the_penny() {
    // 576.4 is 576; exact shares 152.89, 203.26 and 219.85: two pennies are left for the larger fractions.
    assert_eq!(
        assess(draft("percent", 10), &THREE),
        Ok(vec![153, 203, 220])
    );
    assert_eq!(
        assess(draft("percent", 100), &THREE),
        Ok(vec![1530, 2034, 2200])
    );
}

#[test]
fn half_a_penny_is_rounded_up() {
    for (percent, amount, discount) in [
        (10, 4, 0),
        (10, 5, 1),
        (10, 14, 1),
        (10, 15, 2),
        (15, 10, 2),
        (33, 50, 17),
        (1, 49, 0),
        (1, 50, 1),
    ] {
        assert_eq!(
            assess(draft("percent", percent), &[("A", None, amount)]),
            Ok(vec![discount]),
            "{percent} % of {amount}"
        );
    }
}

#[test]
fn a_percentage_stops_at_its_maximum() {
    let capped = |max| TermsDraft {
        max_discount: Some(max),
        ..draft("percent", 25)
    };
    // 25 % is 1441; of 1000 the exact shares are 265.44, 352.88 and 381.68.
    assert_eq!(assess(capped(1000), &THREE), Ok(vec![265, 353, 382]));
    assert_eq!(
        assess(capped(1440), &THREE).unwrap().iter().sum::<i64>(),
        1440
    );
    assert_eq!(
        assess(capped(1442), &THREE).unwrap().iter().sum::<i64>(),
        1441
    );
}

#[test]
fn a_fixed_amount_is_at_most_what_the_lines_cost() {
    // Exact shares: 132.72, 176.44, 190.84.
    assert_eq!(assess(draft("fixed", 500), &THREE), Ok(vec![133, 176, 191]));
    assert_eq!(
        assess(draft("fixed", 6000), &THREE),
        Ok(vec![1530, 2034, 2200])
    );
    // Nothing to take it off.
    assert_eq!(
        assess(draft("fixed", 500), &[("FREE", None, 0)]),
        Ok(vec![0])
    );
}

#[test]
fn lines_that_the_code_is_not_for_get_nothing() {
    let home = TermsDraft {
        category: Some("home".to_owned()),
        ..draft("percent", 10)
    };
    // 10 % of 3564 is 356; exact shares 152.83 and 203.17.
    assert_eq!(assess(home.clone(), &THREE), Ok(vec![153, 203, 0]));
    let two = TermsDraft {
        skus: skus(&["CARDS", "HEART", "NOBODY-SELLS-IT"]),
        ..draft("fixed", 100)
    };
    // Exact shares of 1530 and 2200: 41.02 and 58.98.
    assert_eq!(assess(two, &THREE), Ok(vec![41, 0, 59]));
    for other in [("CARDS", None, 2200), ("MUG", Some("Home"), 100)] {
        assert_eq!(
            assess(home.clone(), &[other]),
            Err(CodeRefusal::NoEligibleLine)
        );
    }
}

#[test]
fn the_whole_basket_counts_for_the_least_subtotal() {
    let of_5764 = |min_subtotal| TermsDraft {
        min_subtotal,
        skus: skus(&["HEART"]),
        ..draft("percent", 10)
    };
    assert_eq!(assess(of_5764(5764), &THREE), Ok(vec![153, 0, 0]));
    assert_eq!(
        assess(of_5764(5765), &THREE),
        Err(CodeRefusal::SubtotalTooLow { min_subtotal: 5765 })
    );
}

#[test]
fn a_code_holds_from_its_start_until_just_before_its_end() {
    let spring = code(
        TermsDraft {
            starts_at: Some(at("2011-03-01T00:00:00Z")),
            ends_at: Some(at("2011-06-01T00:00:00Z")),
            ..draft("percent", 10)
        },
        0,
    );
    let on = |text: &str| assess_as(&spring, &THREE, GBP, 0, at(text)).map_err(CodeRefusal::kind);
    assert_eq!(on("2011-02-28T23:59:59.999999Z"), Err("not-started"));
    assert!(on("2011-03-01T00:00:00Z").is_ok());
    assert!(on("2011-05-31T23:59:59.999999Z").is_ok());
    assert_eq!(on("2011-06-01T00:00:00Z"), Err("ended"));

    let off = TermsDraft {
        active: false,
        ..draft("percent", 10)
    };
    assert_eq!(assess(off, &THREE), Err(CodeRefusal::Inactive));
}

#[test]
fn a_code_is_used_up_in_all_and_by_one_customer() {
    let limited = TermsDraft {
        max_uses: Some(3),
        max_uses_per_customer: Some(2),
        ..draft("percent", 10)
    };
    let used = |used, by_customer| {
        let code = code(limited.clone(), used);
        assess_as(&code, &THREE, GBP, by_customer, now()).map_err(CodeRefusal::kind)
    };
    assert!(used(2, 1).is_ok());
    assert_eq!(used(3, 0), Err("used-up"));
    assert_eq!(used(2, 2), Err("used-up-by-customer"));
    let free = code(draft("percent", 10), 1_000_000);
    assert!(assess_as(&free, &THREE, GBP, 1_000_000, now()).is_ok());
}

#[test]
fn amounts_are_in_the_shops_currency_and_a_plain_percentage_in_any() {
    let in_euro = |draft| assess_as(&code(draft, 0), &THREE, EUR, 0, now());
    assert_eq!(in_euro(draft("percent", 10)), Ok(vec![153, 203, 220]));
    let refused = Err(CodeRefusal::OtherCurrency { currency: GBP });
    assert_eq!(in_euro(draft("fixed", 1)), refused);
    let capped = TermsDraft {
        max_discount: Some(1_000_000),
        ..draft("percent", 10)
    };
    assert_eq!(in_euro(capped), refused);
    let least = TermsDraft {
        min_subtotal: 1,
        ..draft("percent", 10)
    };
    assert_eq!(in_euro(least), refused);
}

#[test]
fn the_greatest_basket_overflows_nothing() {
    let line = ("A", None, 1_000_000_000_000_000);
    let basket = vec![line; 1000];
    let shares = assess(draft("percent", 99), &basket).unwrap();
    assert_eq!(shares, vec![990_000_000_000_000; 1000]);
}

#[test]
fn a_refusal_says_what_would_help() {
    let ends_at = at("2011-06-01T00:00:00Z");
    for (refusal, text) in [
        (
            CodeRefusal::SubtotalTooLow { min_subtotal: 5000 },
            "the code needs a subtotal of at least 5000",
        ),
        (
            CodeRefusal::Ended { ends_at },
            "the code ended on 2011-06-01T00:00:00Z",
        ),
        (
            CodeRefusal::OtherCurrency { currency: GBP },
            "the code is for orders in GBP",
        ),
    ] {
        assert_eq!(refusal.to_string(), text);
    }
}

type Spoil = fn(&mut TermsDraft);

#[test]
fn terms_that_are_wrong_name_the_field() {
    let good = draft("percent", 10);
    let wrong: [(&str, Spoil); 18] = [
        ("kind", |d| d.kind = "Percent".to_owned()),
        ("value", |d| d.value = 0),
        ("value", |d| d.value = 101),
        ("value", |d| *d = draft("fixed", 0)),
        ("value", |d| *d = draft("fixed", 1_000_000_001)),
        ("max_discount", |d| d.max_discount = Some(0)),
        ("max_discount", |d| {
            *d = TermsDraft {
                max_discount: Some(5),
                ..draft("fixed", 10)
            }
        }),
        ("min_subtotal", |d| d.min_subtotal = -1),
        ("skus", |d| d.skus = Some(Vec::new())),
        ("skus", |d| d.skus = skus(&["A"; 201])),
        ("skus[1]", |d| d.skus = skus(&["A", "a b"])),
        ("category", |d| d.category = Some("  ".to_owned())),
        ("category", |d| d.category = Some("a\u{7}b".to_owned())),
        ("category", |d| {
            d.skus = skus(&["A"]);
            d.category = Some("home".to_owned());
        }),
        ("ends_at", |d| {
            d.starts_at = Some(now());
            d.ends_at = Some(now());
        }),
        // Less than the database can tell apart.
        ("ends_at", |d| {
            d.starts_at = Some(now());
            d.ends_at = Some(now() + TimeDelta::nanoseconds(999));
        }),
        ("max_uses", |d| d.max_uses = Some(0)),
        ("max_uses_per_customer", |d| {
            d.max_uses_per_customer = Some(-1)
        }),
    ];
    for (field, spoil) in wrong {
        let mut draft = good.clone();
        spoil(&mut draft);
        let refused = Terms::parse(draft.clone()).unwrap_err();
        assert_eq!(refused.field(), field, "{draft:?}");
    }
}

#[test]
fn terms_are_written_down_as_they_were_read() {
    let full = TermsDraft {
        max_discount: Some(1000),
        min_subtotal: 5000,
        skus: skus(&["A", "B"]),
        starts_at: Some(now()),
        ends_at: Some(now() + TimeDelta::microseconds(1)),
        max_uses: Some(10),
        max_uses_per_customer: Some(1),
        active: false,
        ..draft("percent", 10)
    };
    let category = TermsDraft {
        category: Some("home".to_owned()),
        ..draft("fixed", 500)
    };
    for draft in [full, category, draft("percent", 1)] {
        assert_eq!(Terms::parse(draft.clone()).unwrap().draft(), draft);
    }
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    let before = TermsDraft {
        max_discount: Some(1000),
        min_subtotal: 5000,
        skus: skus(&["A"]),
        starts_at: Some(now()),
        max_uses: Some(10),
        ..draft("percent", 10)
    };
    let mut spring = code(before.clone(), 3);
    spring.change(TermsChange::default()).unwrap();
    assert_eq!(spring, code(before.clone(), 3));

    let change = TermsChange {
        value: Some(20),
        skus: Some(None),
        category: Some(Some("home".to_owned())),
        max_uses: Some(Some(3)),
        ..TermsChange::default()
    };
    spring.change(change).unwrap();
    let after = TermsDraft {
        value: 20,
        skus: None,
        category: Some("home".to_owned()),
        max_uses: Some(3),
        ..before
    };
    assert_eq!(spring, code(after, 3));
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let before = TermsDraft {
        skus: skus(&["A"]),
        max_uses: Some(10),
        ..draft("fixed", 500)
    };
    let mut spring = code(before.clone(), 3);
    let mut refused = |change| spring.change(change).unwrap_err();
    let fewer = TermsChange {
        max_uses: Some(Some(2)),
        ..TermsChange::default()
    };
    assert_eq!(refused(fewer), InvalidTerms::MaxUsesBelowUsed { used: 3 });
    let both = TermsChange {
        category: Some(Some("home".to_owned())),
        ..TermsChange::default()
    };
    assert_eq!(refused(both), InvalidTerms::TwoScopes);
    let capped = TermsChange {
        max_discount: Some(Some(100)),
        ..TermsChange::default()
    };
    assert_eq!(refused(capped), InvalidTerms::MaxDiscountOfFixed);
    assert_eq!(spring, code(before, 3));
}

/// What is added to an order of 20 pounds that has the code, which took `given` off it.
fn extend(draft: TermsDraft, added: &[(&str, i64)], given: i64) -> Vec<i64> {
    let named: Vec<Sku> = added
        .iter()
        .map(|(sku, _)| Sku::parse(sku).unwrap())
        .collect();
    let lines: Vec<BasketLine<'_>> = named
        .iter()
        .zip(added)
        .map(|(sku, &(_, amount))| BasketLine {
            sku,
            category: None,
            amount,
            due: amount,
        })
        .collect();
    let subtotal = 2_000 + added.iter().map(|(_, amount)| amount).sum::<i64>();
    // All uses are taken, by this order among others.
    let code = code(
        TermsDraft {
            max_uses: Some(1),
            ..draft
        },
        1,
    );
    code.extend(&lines, subtotal, given, GBP, GBP, now())
}

#[test]
fn what_is_added_to_an_order_gets_what_its_code_has_left() {
    let added = [("A", 1_000), ("B", 500)];
    assert_eq!(extend(draft("percent", 10), &added, 200), [100, 50]);
    let capped = || TermsDraft {
        max_discount: Some(260),
        ..draft("percent", 10)
    };
    assert_eq!(extend(capped(), &added, 200), [40, 20]);
    assert_eq!(extend(capped(), &added, 260), [0, 0]);
    // Of five pounds, two were taken off.
    assert_eq!(extend(draft("fixed", 500), &added, 200), [200, 100]);
    assert_eq!(extend(draft("fixed", 500), &added, 500), [0, 0]);
    let one = || TermsDraft {
        skus: skus(&["B"]),
        ..draft("percent", 10)
    };
    assert_eq!(extend(one(), &added, 0), [0, 50]);
}

#[test]
fn a_code_that_does_not_hold_any_more_takes_nothing_off_what_is_added() {
    let added = [("A", 1_000)];
    let inactive = TermsDraft {
        active: false,
        ..draft("percent", 10)
    };
    let ended = TermsDraft {
        ends_at: Some(at("2011-11-30T00:00:00Z")),
        ..draft("percent", 10)
    };
    let dear = TermsDraft {
        min_subtotal: 3_001,
        ..draft("percent", 10)
    };
    for terms in [inactive, ended, dear] {
        assert_eq!(extend(terms, &added, 200), [0]);
    }
}

#[test]
fn a_discount_is_at_most_what_points_leave_to_pay() {
    let sku = Sku::parse("A").unwrap();
    let line = BasketLine {
        sku: &sku,
        category: None,
        amount: 1_000,
        due: 30,
    };
    let ten = code(draft("percent", 10), 0);
    assert_eq!(ten.assess(&[line], GBP, GBP, 0, now()), Ok(vec![30]));
}
