use super::*;
use crate::domain::{Quantity, RequestLine};

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
