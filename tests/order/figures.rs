//! What a coupon's figures are after a cancellation, a partial cancellation, a return: the table of `docs/incentives.md`.

use std::collections::BTreeMap;

use chrono::DateTime;
use inventory_svc::domain::{
    Account, Basket, Code, DiscountCode, Incentive, Levels, Lot, LoyaltyPolicy, Money, Offer,
    OfferedCode, Quantity, RequestLine, Shelf, Sku, Terms, TermsDraft,
};
use iso_currency::Currency;
use order_svc::domain::{Line, Order, PricedLine, Pricing};
use uuid::Uuid;

/// SKU, category, pieces, price of one in pence.
const GOODS: [(&str, Option<&str>, i64, i64); 3] = [
    ("HEART", Some("home"), 6, 255),
    ("LANTERN", Some("home"), 3, 678),
    ("CARDS", None, 10, 220),
];

const POLICY: LoyaltyPolicy = LoyaltyPolicy {
    currency: Currency::GBP,
    earn_rate: 1,
    point_value: 1,
    life: std::time::Duration::from_secs(3_600),
};

fn draft() -> TermsDraft {
    TermsDraft {
        kind: "percent".to_owned(),
        value: 10,
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

/// The codes of the table, by what it calls them.
fn terms(name: &str) -> Option<TermsDraft> {
    Some(match name {
        "none" => return None,
        "10 %" => draft(),
        "25 %, at most 1000" => TermsDraft {
            value: 25,
            max_discount: Some(1_000),
            ..draft()
        },
        "500 off" => TermsDraft {
            kind: "fixed".to_owned(),
            value: 500,
            ..draft()
        },
        "6000 off" => TermsDraft {
            kind: "fixed".to_owned(),
            value: 6_000,
            ..draft()
        },
        "10 %, category home" => TermsDraft {
            category: Some("home".to_owned()),
            ..draft()
        },
        other => panic!("no code is called {other}"),
    })
}

/// The order as inventory-svc prices it and order-svc places it.
fn place(code: &str, points: i64) -> Order {
    let customer = Uuid::nil();
    let parse = |sku: &str| Sku::parse(sku).unwrap();
    let offers = GOODS
        .iter()
        .map(|(sku, category, _, price)| {
            let levels = Levels {
                on_hand: 1_000,
                ..Levels::default()
            };
            let offer = Offer {
                name: (*sku).to_owned(),
                category: category.map(ToOwned::to_owned),
                price: Money {
                    amount: *price,
                    currency: Currency::GBP,
                },
                active: true,
                found: levels,
                levels,
            };
            (parse(sku), offer)
        })
        .collect();
    let codes = terms(code)
        .map(|draft| {
            let code = DiscountCode {
                code: Code::parse("CODE").unwrap(),
                terms: Terms::parse(draft).unwrap(),
                used: 0,
            };
            let uses = BTreeMap::new();
            ("CODE".to_owned(), OfferedCode { code, uses })
        })
        .into_iter()
        .collect();
    let lots = vec![Lot {
        id: 1,
        remaining: 10_000,
    }];
    let mut shelf = Shelf {
        offers,
        codes,
        accounts: [(customer, Account::new(customer, lots))].into(),
        policy: POLICY,
        at: DateTime::UNIX_EPOCH,
    };
    let lines = GOODS
        .iter()
        .enumerate()
        .map(|(index, (sku, _, pieces, _))| RequestLine {
            sku: parse(sku),
            quantity: Quantity::parse(*pieces).unwrap(),
            index,
        })
        .collect();
    let incentive = Incentive {
        discount_code: (code != "none").then(|| "code".to_owned()),
        redeem_points: Some(points),
    };
    let basket = Basket::new(customer, lines, Some(incentive)).unwrap();
    let grant = shelf.grant(&basket).unwrap();
    let pricing = Pricing {
        currency: grant.currency.code().to_owned(),
        lines: grant
            .lines
            .into_iter()
            .map(|line| PricedLine {
                sku: line.sku.to_string(),
                name: line.name,
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
                points_value: line.points_value,
            })
            .collect(),
        points: grant.points.iter().map(|used| used.points).sum(),
        point_value: POLICY.point_value,
        discount_code: grant.code.map(|code| code.to_string()),
        allotments: Vec::new(),
    };
    Order::place(customer, customer, 1, pricing, None, DateTime::UNIX_EPOCH).0
}

/// `cancel 2 HEART`, `return 5 CARDS`, `cancel all`: one after the other.
fn change(order: &mut Order, what: &str) {
    for step in what.split(", ").filter(|step| *step != "placed") {
        if step == "cancel all" {
            order.cancel(None, DateTime::UNIX_EPOCH).unwrap();
            continue;
        }
        let mut words = step.split(' ');
        let (verb, pieces, sku) = (
            words.next().unwrap(),
            words.next().unwrap().parse::<i64>().unwrap(),
            words.next().unwrap(),
        );
        let line = order.lines.iter_mut().find(|line| line.sku == sku).unwrap();
        match verb {
            "cancel" => line.cancelled_quantity += pieces,
            "return" => line.returned_quantity += pieces,
            other => panic!("what is {other}?"),
        }
        assert!(line.kept() >= 0);
    }
}

/// The figures of one row, worked out.
fn row(code: &str, points: i64, what: &str) -> String {
    let mut order = place(code, points);
    change(&mut order, what);
    let of = |line: &Line| {
        let cost = line.cost_of(line.kept());
        format!("{} ({})", cost.total, cost.discount)
    };
    let lines: Vec<String> = order.lines.iter().map(of).collect();
    let use_counts = match (code, what) {
        ("none", _) => "-",
        (_, "cancel all") => "no",
        _ => "yes",
    };
    format!(
        "| {code} | {points} | {what} | {} | {} | {} | {} | {} | {} |",
        lines.join(" | "),
        order.total(),
        order.total() - order.net(),
        order.points_returned(),
        use_counts,
        POLICY.earns(order.net()),
    )
}

#[test]
fn every_worked_example_is_what_the_system_works_out() {
    let document = include_str!("../../docs/incentives.md");
    let examples: Vec<&str> = document
        .lines()
        .skip_while(|line| !line.starts_with("| code | points |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(examples.len() >= 16, "the table is gone");
    let worked_out: Vec<String> = examples
        .iter()
        .map(|example| {
            let cells: Vec<&str> = example.split('|').map(str::trim).collect();
            row(cells[1], cells[2].parse().unwrap(), cells[3])
        })
        .collect();
    let worked_out = worked_out.join("\n");
    assert_eq!(examples.join("\n"), worked_out, "\n{worked_out}");
}

#[test]
fn however_an_order_comes_back_its_parts_add_up_to_the_whole() {
    for code in ["none", "10 %", "25 %, at most 1000", "500 off", "6000 off"] {
        for points in [0, 7, 300] {
            if code == "6000 off" && points > 0 {
                continue;
            }
            let whole = place(code, points);
            let (mut order, mut back, mut points_back) = (whole.clone(), 0, 0);
            for (sku, _, pieces, _) in GOODS {
                for _ in 0..pieces {
                    let (net, returned) = (order.net(), order.points_returned());
                    change(&mut order, &format!("return 1 {sku}"));
                    assert!(order.net() <= net && order.points_returned() >= returned);
                    back += net - order.net();
                    points_back += order.points_returned() - returned;
                }
            }
            assert_eq!(
                (back, points_back),
                (whole.total(), points),
                "{code}, {points}"
            );
            assert_eq!(order.net(), 0);
        }
    }
}
