use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use iso_currency::Currency;
use uuid::Uuid;

use super::{
    Account, Basket, BasketLine, Code, CodeRefusal, Crossing, DiscountCode, Levels, LotUse,
    LoyaltyPolicy, Money, PointsRefusal, PricedLine, RefusedReservation, Shortage, Sku, allot,
};

/// A product as it can be had at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub name: String,
    pub category: Option<String>,
    pub price: Money,
    pub active: bool,
    /// As it was found.
    pub found: Levels,
    /// What the granted baskets leave of it.
    pub levels: Levels,
}

/// A discount code, and how often its customers have used it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedCode {
    pub code: DiscountCode,
    pub uses: BTreeMap<Uuid, i64>,
}

/// What baskets are decided on, one after the other: what is granted to one is gone for the next.
#[derive(Debug)]
pub struct Shelf {
    pub offers: BTreeMap<Sku, Offer>,
    /// By the form in which a code is looked up.
    pub codes: BTreeMap<String, OfferedCode>,
    /// By customer; who is missing has no points.
    pub accounts: BTreeMap<Uuid, Account>,
    pub policy: LoyaltyPolicy,
    pub at: DateTime<Utc>,
}

/// What a basket gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub currency: Currency,
    pub lines: Vec<PricedLine>,
    pub code: Option<Code>,
    /// The lots that pay points.
    pub points: Vec<LotUse>,
}

/// What a basket would get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub currency: Currency,
    /// `available` is what there is now.
    pub lines: Vec<PricedLine>,
    /// None when no code was asked for.
    pub code: Option<Result<Code, CodeRefusal>>,
    /// None when no points were asked for.
    pub points: Option<Result<i64, PointsRefusal>>,
    /// Minor units that a point pays.
    pub point_value: i64,
    /// Points that the order would earn.
    pub earns: i64,
}

impl Shelf {
    /// Takes everything that the basket asks for off the shelf; or nothing, and says why it cannot be had. All shortages
    /// are named, not the first alone.
    ///
    /// # Errors
    /// See [`RefusedReservation`].
    pub fn grant(&mut self, basket: &Basket) -> Result<Grant, RefusedReservation> {
        let (currency, mut lines) = self.lines(basket)?;
        let shortages: Vec<Shortage> = lines
            .iter()
            .filter(|line| line.quantity > line.available)
            .map(|line| Shortage {
                sku: line.sku.clone(),
                requested: line.quantity,
                available: line.available,
            })
            .collect();
        if !shortages.is_empty() {
            return Err(RefusedReservation::Shortages(shortages));
        }
        let code = self
            .discount(basket, currency, &mut lines)
            .transpose()
            .map_err(RefusedReservation::Code)?;
        let points = self
            .redeem(basket, currency, &mut lines)
            .map_err(RefusedReservation::Points)?;

        for line in &mut lines {
            line.available -= line.quantity;
            if let Some(offer) = self.offers.get_mut(&line.sku) {
                offer.levels.reserved += line.quantity;
            }
        }
        if let Some(code) = &code
            && let Some(offered) = self.codes.get_mut(&code.lookup())
        {
            offered.code.used += 1;
            *offered.uses.entry(basket.customer_id).or_default() += 1;
        }
        Ok(Grant {
            currency,
            lines,
            code,
            points,
        })
    }

    /// What the granted baskets made of the products, as far as something is to be noted.
    #[must_use]
    pub fn crossed(&self) -> Vec<(Sku, Levels, Crossing)> {
        self.offers
            .iter()
            .map(|(sku, offer)| {
                let crossing = Levels::crossed(&offer.found, &offer.levels);
                (sku.clone(), offer.levels, crossing)
            })
            .filter(|(.., crossing)| !crossing.is_none())
            .collect()
    }

    /// Prices the basket and takes nothing. A code or points that cannot be used are left out, and the quote says why.
    ///
    /// # Errors
    /// When a SKU is unknown or the basket mixes currencies.
    pub fn quote(mut self, basket: &Basket) -> Result<Quote, RefusedReservation> {
        let (currency, mut lines) = self.lines(basket)?;
        let code = self.discount(basket, currency, &mut lines);
        let points = (basket.points() > 0).then(|| {
            self.redeem(basket, currency, &mut lines)
                .map(|uses| uses.iter().map(|used| used.points).sum())
        });
        let earns = if currency == self.policy.currency {
            self.policy.earns(lines.iter().map(to_pay).sum())
        } else {
            0
        };
        Ok(Quote {
            currency,
            lines,
            code,
            points,
            point_value: self.policy.point_value,
            earns,
        })
    }

    /// The lines at their price, each with what there is of it now.
    fn lines(&self, basket: &Basket) -> Result<(Currency, Vec<PricedLine>), RefusedReservation> {
        let mut lines = Vec::with_capacity(basket.lines().len());
        let mut unknown = Vec::new();
        let mut currency = None;
        for line in basket.lines() {
            let Some(offer) = self.offers.get(&line.sku).filter(|offer| offer.active) else {
                unknown.push(line.index);
                continue;
            };
            if *currency.get_or_insert(offer.price.currency) != offer.price.currency {
                return Err(RefusedReservation::OtherCurrency { line: line.index });
            }
            lines.push(PricedLine {
                sku: line.sku.clone(),
                name: offer.name.clone(),
                quantity: line.quantity.get(),
                unit_price: offer.price.amount,
                discount: 0,
                points_value: 0,
                available: offer.levels.available(),
            });
        }
        if !unknown.is_empty() {
            return Err(RefusedReservation::UnknownSkus { lines: unknown });
        }
        let currency = currency.ok_or(RefusedReservation::Empty)?;
        Ok((currency, lines))
    }

    /// Allots what the basket's code takes off.
    fn discount(
        &self,
        basket: &Basket,
        currency: Currency,
        lines: &mut [PricedLine],
    ) -> Option<Result<Code, CodeRefusal>> {
        let text = basket.discount_code()?;
        let offered = Code::parse(text)
            .ok()
            .and_then(|code| self.codes.get(&code.lookup()));
        let Some(OfferedCode { code, uses }) = offered else {
            return Some(Err(CodeRefusal::Unknown));
        };
        let priced: Vec<BasketLine<'_>> = lines
            .iter()
            .map(|line| BasketLine {
                sku: &line.sku,
                category: self
                    .offers
                    .get(&line.sku)
                    .and_then(|offer| offer.category.as_deref()),
                amount: line.quantity * line.unit_price,
            })
            .collect();
        let uses = uses.get(&basket.customer_id).copied().unwrap_or_default();
        let allotted = code.assess(&priced, currency, self.policy.currency, uses, self.at);
        Some(allotted.map(|allotted| {
            for (line, discount) in lines.iter_mut().zip(allotted) {
                line.discount = discount;
            }
            code.code.clone()
        }))
    }

    /// Takes the basket's points out of the customer's account, and allots what they pay.
    fn redeem(
        &mut self,
        basket: &Basket,
        currency: Currency,
        lines: &mut [PricedLine],
    ) -> Result<Vec<LotUse>, PointsRefusal> {
        let points = basket.points();
        if points == 0 {
            return Ok(Vec::new());
        }
        let policy = &self.policy;
        if currency != policy.currency {
            return Err(PointsRefusal::OtherCurrency {
                currency: policy.currency,
            });
        }
        let due: Vec<i64> = lines.iter().map(to_pay).collect();
        let most = due.iter().sum::<i64>() / policy.point_value;
        let uses = self
            .accounts
            .get_mut(&basket.customer_id)
            .ok_or(PointsRefusal::NotEnough { balance: 0 })
            .and_then(|account| {
                let balance = account.spendable();
                if points > balance {
                    return Err(PointsRefusal::NotEnough { balance });
                }
                if points > most {
                    return Err(PointsRefusal::MoreThanTotal { most });
                }
                account
                    .spend(points)
                    .map_err(|short| PointsRefusal::NotEnough {
                        balance: short.balance,
                    })
            })?;
        let allotted = allot(points * policy.point_value, &due);
        for (line, value) in lines.iter_mut().zip(allotted) {
            line.points_value = value;
        }
        Ok(uses)
    }
}

/// What is to be paid for a line, in minor units.
fn to_pay(line: &PricedLine) -> i64 {
    line.quantity * line.unit_price - line.discount - line.points_value
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
