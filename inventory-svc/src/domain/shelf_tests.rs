use super::*;
use crate::domain::{Context, Incentive, Lot, Quantity, RequestLine, Terms, TermsDraft};

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn request(lines: &[(&str, i64)]) -> Result<Basket, RefusedReservation> {
    let lines = lines
        .iter()
        .enumerate()
        .map(|(index, (name, pieces))| RequestLine {
            sku: sku(name),
            quantity: Quantity::parse(*pieces).unwrap(),
            index,
        })
        .collect();
    Basket::new(Uuid::nil(), lines, None)
}

fn shelf(offers: BTreeMap<Sku, Offer>) -> Shelf {
    Shelf {
        offers,
        codes: BTreeMap::new(),
        accounts: BTreeMap::new(),
        policy: LoyaltyPolicy {
            currency: Currency::GBP,
            earn_rate: 1,
            point_value: 1,
            life: std::time::Duration::from_secs(3_600),
        },
        at: DateTime::UNIX_EPOCH,
    }
}

fn offers(of: &[(&str, i64, Currency)]) -> BTreeMap<Sku, Offer> {
    of.iter()
        .map(|(name, on_hand, currency)| {
            let levels = Levels {
                on_hand: *on_hand,
                ..Levels::default()
            };
            let offer = Offer {
                name: (*name).to_owned(),
                category: None,
                price: Money {
                    amount: 255,
                    currency: *currency,
                },
                active: true,
                found: levels,
                levels,
            };
            (sku(name), offer)
        })
        .collect()
}

#[test]
fn lines_of_one_sku_are_summed_before_they_are_checked() {
    let request = request(&[("A", 6), ("B", 1), ("A", 5)]).unwrap();
    assert_eq!(request.lines().len(), 2);
    let offers = offers(&[("A", 10, Currency::GBP), ("B", 1, Currency::GBP)]);
    let refused = shelf(offers).grant(&request).unwrap_err();
    let short = Shortage {
        sku: sku("A"),
        requested: 11,
        available: 10,
    };
    assert_eq!(refused, RefusedReservation::Shortages(vec![short]));
}

#[test]
fn every_short_sku_is_named() {
    let request = request(&[("A", 2), ("B", 2)]).unwrap();
    let offers = offers(&[("A", 1, Currency::GBP), ("B", 0, Currency::GBP)]);
    let RefusedReservation::Shortages(short) = shelf(offers).grant(&request).unwrap_err() else {
        panic!("shortages");
    };
    assert_eq!(short.len(), 2);
}

#[test]
fn what_is_not_sold_is_unknown() {
    let mut offers = offers(&[("A", 1, Currency::GBP), ("B", 1, Currency::GBP)]);
    offers.get_mut(&sku("B")).unwrap().active = false;
    let refused = shelf(offers).grant(&request(&[("A", 1), ("A", 1), ("B", 1), ("C", 1)]).unwrap());
    assert_eq!(
        refused,
        Err(RefusedReservation::UnknownSkus { lines: vec![2, 3] })
    );
}

#[test]
fn a_basket_has_one_currency() {
    let offers = offers(&[("A", 1, Currency::GBP), ("B", 1, Currency::EUR)]);
    let refused = shelf(offers).grant(&request(&[("A", 1), ("B", 1)]).unwrap());
    assert_eq!(refused, Err(RefusedReservation::OtherCurrency { line: 1 }));
}

#[test]
fn an_empty_request_is_refused() {
    assert_eq!(request(&[]), Err(RefusedReservation::Empty));
}

/// An order of two A for 2.00 each and one B for 5.00, of which a discount took 0.50.
fn ordered(code: Option<&str>) -> Context {
    let line = |name, quantity, unit_price, discount| OrderedLine {
        sku: sku(name),
        quantity,
        unit_price,
        discount,
        points_value: 0,
    };
    Context {
        currency: Currency::GBP,
        lines: vec![line("A", 2, 200, 0), line("B", 1, 500, 50)],
        discount_code: code.map(ToOwned::to_owned),
    }
}

fn incentive(code: Option<&str>, points: Option<i64>) -> Option<Incentive> {
    Some(Incentive {
        discount_code: code.map(ToOwned::to_owned),
        redeem_points: points,
    })
}

/// A shelf with a code of 10 % that can be used `left` times, and 100 points.
fn generous(left: i64) -> Shelf {
    let mut shelf = shelf(offers(&[("A", 0, Currency::GBP), ("C", 5, Currency::GBP)]));
    let terms = TermsDraft {
        kind: "percent".to_owned(),
        value: 10,
        max_discount: None,
        min_subtotal: 0,
        skus: None,
        category: None,
        starts_at: None,
        ends_at: None,
        max_uses: Some(left.max(1)),
        max_uses_per_customer: None,
        active: true,
    };
    let code = DiscountCode {
        code: Code::parse("TEN").unwrap(),
        terms: Terms::parse(terms).unwrap(),
        used: i64::from(left == 0),
    };
    let offered = OfferedCode {
        code,
        uses: BTreeMap::new(),
    };
    shelf.codes.insert("TEN".to_owned(), offered);
    let lot = Lot {
        id: 1,
        remaining: 100,
    };
    let account = Account::new(Uuid::nil(), vec![lot]);
    shelf.accounts.insert(Uuid::nil(), account);
    shelf
}

fn allotted(discount: i64, points_value: i64) -> Allotment {
    Allotment {
        discount,
        points_value,
    }
}

#[test]
fn an_incentive_for_an_order_is_allotted_over_what_it_has_and_takes_no_stock() {
    let asked = incentive(Some("ten"), Some(40));
    let basket = Basket::within(Some(ordered(None)), Uuid::nil(), vec![], asked).unwrap();
    let mut shelf = generous(1);
    let grant = shelf.grant(&basket).unwrap();
    assert_eq!((grant.lines.len(), grant.code.is_some()), (0, true));
    // 90 over 400 and 450, then 40 over what is left of them.
    assert_eq!(grant.allotments, [allotted(42, 19), allotted(48, 21)]);
    assert_eq!(shelf.codes["TEN"].code.used, 1);
    let again = shelf.grant(&basket);
    assert_eq!(again, Err(RefusedReservation::Code(CodeRefusal::UsedUp)));
}

#[test]
fn what_is_added_goes_on_with_the_orders_code_and_uses_it_no_more() {
    let line = RequestLine {
        sku: sku("C"),
        quantity: Quantity::parse(2).unwrap(),
        index: 0,
    };
    let context = Some(ordered(Some("TEN")));
    let basket = Basket::within(context, Uuid::nil(), vec![line], None).unwrap();
    let mut shelf = generous(0);
    let quote = generous(0).quote(&basket).unwrap();
    let grant = shelf.grant(&basket).unwrap();
    assert_eq!((grant.code, quote.code), (None, None));
    assert_eq!(grant.lines[0].discount, 51);
    assert_eq!(quote.lines[0].discount, 51);
    assert_eq!(grant.allotments, []);
    assert_eq!(shelf.codes["TEN"].code.used, 1);
}

#[test]
fn an_order_that_makes_no_sense_is_refused() {
    let mut context = ordered(None);
    context.lines[1].discount = 501;
    let basket = Basket::within(Some(context), Uuid::nil(), vec![], incentive(None, Some(1)));
    assert_eq!(basket, Err(RefusedReservation::Ordered { line: 1 }));
    let nothing = Basket::within(Some(ordered(None)), Uuid::nil(), vec![], None);
    assert_eq!(nothing, Err(RefusedReservation::Empty));
}
