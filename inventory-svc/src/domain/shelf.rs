use std::collections::BTreeMap;

use iso_currency::Currency;

use super::{Levels, Money, PricedLine, RefusedReservation, Request, Shortage, Sku};

/// A product as it can be had at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub name: String,
    pub price: Money,
    pub active: bool,
    pub levels: Levels,
}

/// What requests are decided on, one after the other: what is granted to one is gone for the next.
#[derive(Debug)]
pub struct Shelf {
    offers: BTreeMap<Sku, Offer>,
}

/// What a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub currency: Currency,
    pub lines: Vec<PricedLine>,
}

impl Shelf {
    #[must_use]
    pub fn new(offers: BTreeMap<Sku, Offer>) -> Self {
        Self { offers }
    }

    /// Takes the whole request off the shelf, or nothing and says why it cannot be had. All shortages are named, not the
    /// first alone.
    ///
    /// # Errors
    /// See [`RefusedReservation`].
    pub fn grant(&mut self, request: &Request) -> Result<Grant, RefusedReservation> {
        refuse_incentive(request.incentive.as_ref())?;
        let grant = self.price(request)?;
        for line in &grant.lines {
            if let Some(offer) = self.offers.get_mut(&line.sku) {
                offer.levels.reserved += line.quantity;
            }
        }
        Ok(grant)
    }

    fn price(&self, request: &Request) -> Result<Grant, RefusedReservation> {
        let mut lines = Vec::with_capacity(request.lines().len());
        let mut unknown = Vec::new();
        let mut shortages = Vec::new();
        let mut currency = None;
        for line in request.lines() {
            let Some(offer) = self.offers.get(&line.sku).filter(|offer| offer.active) else {
                unknown.push(line.index);
                continue;
            };
            if *currency.get_or_insert(offer.price.currency) != offer.price.currency {
                return Err(RefusedReservation::OtherCurrency { line: line.index });
            }
            let available = offer.levels.available();
            let requested = line.quantity.get();
            if requested > available {
                shortages.push(Shortage {
                    sku: line.sku.clone(),
                    requested,
                    available,
                });
                continue;
            }
            lines.push(PricedLine {
                sku: line.sku.clone(),
                name: offer.name.clone(),
                quantity: requested,
                unit_price: offer.price.amount,
                discount: 0,
                available: available - requested,
            });
        }
        if !unknown.is_empty() {
            return Err(RefusedReservation::UnknownSkus { lines: unknown });
        }
        if !shortages.is_empty() {
            return Err(RefusedReservation::Shortages(shortages));
        }
        let currency = currency.ok_or(RefusedReservation::Empty)?;
        Ok(Grant { currency, lines })
    }
}

/// No discount code exists yet and every balance is zero, so whatever is asked for is refused.
fn refuse_incentive(incentive: Option<&super::Incentive>) -> Result<(), RefusedReservation> {
    match incentive {
        Some(super::Incentive {
            discount_code: Some(_),
            ..
        }) => Err(RefusedReservation::UnknownCode),
        Some(super::Incentive {
            redeem_points: Some(1..),
            ..
        }) => Err(RefusedReservation::NotEnoughPoints { balance: 0 }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{HoldKey, Quantity, RequestLine};

    fn sku(text: &str) -> Sku {
        Sku::parse(text).unwrap()
    }

    fn request(lines: &[(&str, i64)]) -> Result<Request, RefusedReservation> {
        let lines = lines
            .iter()
            .enumerate()
            .map(|(index, (name, pieces))| RequestLine {
                sku: sku(name),
                quantity: Quantity::parse(*pieces).unwrap(),
                index,
            })
            .collect();
        let key = HoldKey {
            order_id: Uuid::nil(),
            hold_no: 1,
        };
        Request::new(key, Uuid::nil(), lines, None)
    }

    fn offers(of: &[(&str, i64, Currency)]) -> BTreeMap<Sku, Offer> {
        of.iter()
            .map(|(name, on_hand, currency)| {
                let offer = Offer {
                    name: (*name).to_owned(),
                    price: Money {
                        amount: 255,
                        currency: *currency,
                    },
                    active: true,
                    levels: Levels {
                        on_hand: *on_hand,
                        reserved: 0,
                        backorder_limit: 0,
                    },
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
        let refused = Shelf::new(offers).grant(&request).unwrap_err();
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
        let RefusedReservation::Shortages(short) = Shelf::new(offers).grant(&request).unwrap_err()
        else {
            panic!("shortages");
        };
        assert_eq!(short.len(), 2);
    }

    #[test]
    fn what_is_not_sold_is_unknown() {
        let mut offers = offers(&[("A", 1, Currency::GBP), ("B", 1, Currency::GBP)]);
        offers.get_mut(&sku("B")).unwrap().active = false;
        let refused =
            Shelf::new(offers).grant(&request(&[("A", 1), ("A", 1), ("B", 1), ("C", 1)]).unwrap());
        assert_eq!(
            refused,
            Err(RefusedReservation::UnknownSkus { lines: vec![2, 3] })
        );
    }

    #[test]
    fn a_basket_has_one_currency() {
        let offers = offers(&[("A", 1, Currency::GBP), ("B", 1, Currency::EUR)]);
        let refused = Shelf::new(offers).grant(&request(&[("A", 1), ("B", 1)]).unwrap());
        assert_eq!(refused, Err(RefusedReservation::OtherCurrency { line: 1 }));
    }

    #[test]
    fn an_empty_request_is_refused() {
        assert_eq!(request(&[]), Err(RefusedReservation::Empty));
    }
}
