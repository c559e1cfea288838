use std::collections::BTreeMap;

use uuid::Uuid;

use super::{HoldKey, InvalidProduct, Levels, Money, Sku};

/// Pieces of one line: 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity(i64);

impl Quantity {
    pub const MAX: i64 = 1_000_000;

    #[must_use]
    pub fn parse(pieces: i64) -> Option<Self> {
        (1..=Self::MAX).contains(&pieces).then_some(Self(pieces))
    }

    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    pub sku: Sku,
    pub quantity: Quantity,
    /// Its place, from 0, in what the caller wrote. A refusal names the line by it.
    pub index: usize,
}

/// What the buyer wants to use for the order beside money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incentive {
    pub discount_code: Option<String>,
    pub redeem_points: Option<i64>,
}

/// What an order asks to hold: its lines are distinct by SKU, and there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub key: HoldKey,
    pub customer_id: Uuid,
    lines: Vec<RequestLine>,
    pub incentive: Option<Incentive>,
}

impl Request {
    /// Lines of one SKU are summed into the first of them.
    ///
    /// # Errors
    /// When there is no line, or a sum is beyond [`Quantity::MAX`].
    pub fn new(
        key: HoldKey,
        customer_id: Uuid,
        lines: Vec<RequestLine>,
        incentive: Option<Incentive>,
    ) -> Result<Self, RefusedReservation> {
        let mut distinct: Vec<RequestLine> = Vec::with_capacity(lines.len());
        let mut position = BTreeMap::new();
        for line in lines {
            match position.get(&line.sku) {
                None => {
                    position.insert(line.sku.clone(), distinct.len());
                    distinct.push(line);
                }
                Some(&first) => {
                    let sum = &mut distinct[first].quantity;
                    *sum = Quantity::parse(sum.get() + line.quantity.get())
                        .ok_or(RefusedReservation::Quantity { line: line.index })?;
                }
            }
        }
        if distinct.is_empty() {
            return Err(RefusedReservation::Empty);
        }
        Ok(Self {
            key,
            customer_id,
            lines: distinct,
            incentive,
        })
    }

    #[must_use]
    pub fn lines(&self) -> &[RequestLine] {
        &self.lines
    }
}

/// A product as it can be had at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub name: String,
    pub price: Money,
    pub active: bool,
    pub levels: Levels,
}

/// A line with what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    pub sku: Sku,
    pub name: String,
    pub quantity: i64,
    /// Minor units, for one piece.
    pub unit_price: i64,
    /// Minor units, for the whole line.
    pub discount: i64,
    /// What is left to sell after this line.
    pub available: i64,
}

/// A SKU of which there is not enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    pub sku: Sku,
    pub requested: i64,
    pub available: i64,
}

/// Why nothing was held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedReservation {
    #[error("a hold needs at least one line")]
    Empty,
    #[error("must be from 1 to {max}", max = Quantity::MAX)]
    Quantity { line: usize },
    #[error("{reason}")]
    Sku { line: usize, reason: InvalidProduct },
    #[error("unknown SKU")]
    UnknownSkus { lines: Vec<usize> },
    #[error("is priced in another currency than the first line")]
    OtherCurrency { line: usize },
    #[error("not enough stock")]
    Shortages(Vec<Shortage>),
    #[error("unknown discount code")]
    UnknownCode,
    #[error("more points than the balance of {balance}")]
    NotEnoughPoints { balance: i64 },
}

/// Prices the whole request, or says why it cannot be had. All shortages are named, not the first alone.
///
/// # Errors
/// See [`RefusedReservation`].
pub fn price(
    request: &Request,
    offers: &BTreeMap<Sku, Offer>,
) -> Result<Vec<PricedLine>, RefusedReservation> {
    refuse_incentive(request.incentive.as_ref())?;
    let mut lines = Vec::with_capacity(request.lines.len());
    let mut unknown = Vec::new();
    let mut shortages = Vec::new();
    let mut currency = None;
    for line in &request.lines {
        let Some(offer) = offers.get(&line.sku).filter(|offer| offer.active) else {
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
    Ok(lines)
}

/// No discount code exists yet and every balance is zero, so whatever is asked for is refused.
fn refuse_incentive(incentive: Option<&Incentive>) -> Result<(), RefusedReservation> {
    match incentive {
        Some(Incentive {
            discount_code: Some(_),
            ..
        }) => Err(RefusedReservation::UnknownCode),
        Some(Incentive {
            redeem_points: Some(1..),
            ..
        }) => Err(RefusedReservation::NotEnoughPoints { balance: 0 }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use iso_currency::Currency;

    use super::*;

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
                        ..Levels::default()
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
        let refused = price(&request, &offers).unwrap_err();
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
        let RefusedReservation::Shortages(short) = price(&request, &offers).unwrap_err() else {
            panic!("shortages");
        };
        assert_eq!(short.len(), 2);
    }

    #[test]
    fn what_is_not_sold_is_unknown() {
        let mut offers = offers(&[("A", 1, Currency::GBP), ("B", 1, Currency::GBP)]);
        offers.get_mut(&sku("B")).unwrap().active = false;
        let refused = price(
            &request(&[("A", 1), ("A", 1), ("B", 1), ("C", 1)]).unwrap(),
            &offers,
        );
        assert_eq!(
            refused,
            Err(RefusedReservation::UnknownSkus { lines: vec![2, 3] })
        );
    }

    #[test]
    fn a_basket_has_one_currency() {
        let offers = offers(&[("A", 1, Currency::GBP), ("B", 1, Currency::EUR)]);
        let refused = price(&request(&[("A", 1), ("B", 1)]).unwrap(), &offers);
        assert_eq!(refused, Err(RefusedReservation::OtherCurrency { line: 1 }));
    }

    #[test]
    fn an_empty_request_is_refused() {
        assert_eq!(request(&[]), Err(RefusedReservation::Empty));
    }
}
