use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use iso_currency::Currency;
use uuid::Uuid;

use super::{
    Account, Basket, BasketLine, Code, CodeRefusal, Crossing, DiscountCode, Levels, LotUse,
    LoyaltyPolicy, Money, OrderedLine, PointsRefusal, PricedLine, RefusedReservation, Shortage,
    Sku, allot,
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
    /// The code that is used once more.
    pub code: Option<Code>,
    /// The lots that pay points.
    pub points: Vec<LotUse>,
    /// By line of the basket's context; empty when nothing of it changes.
    pub allotments: Vec<Allotment>,
}

/// Minor units that an incentive takes off, or pays of, a line that its order had before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allotment {
    pub discount: i64,
    pub points_value: i64,
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
    /// By line of the basket's context; empty when nothing of it changes.
    pub allotments: Vec<Allotment>,
}

impl Shelf {
    /// Takes everything that the basket asks for off the shelf; or nothing, and says why it cannot be had. All shortages
    /// are named, not the first alone.
    ///
    /// # Errors
    /// See [`RefusedReservation`].
    pub fn grant(&mut self, basket: &Basket) -> Result<Grant, RefusedReservation> {
        let mut pricing = self.price(basket)?;
        let shortages: Vec<Shortage> = pricing
            .lines
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
            .discount(basket, &mut pricing)
            .transpose()
            .map_err(RefusedReservation::Code)?;
        let points = self
            .redeem(basket, &mut pricing)
            .map_err(RefusedReservation::Points)?;

        for line in &mut pricing.lines {
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
            currency: pricing.currency,
            allotments: pricing.allotments(basket),
            lines: pricing.lines,
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
        let mut pricing = self.price(basket)?;
        let code = self.discount(basket, &mut pricing);
        let points = (basket.points() > 0).then(|| {
            self.redeem(basket, &mut pricing)
                .map(|uses| uses.iter().map(|used| used.points).sum())
        });
        let earns = if pricing.currency == self.policy.currency {
            self.policy.earns(pricing.due().iter().sum())
        } else {
            0
        };
        Ok(Quote {
            currency: pricing.currency,
            allotments: pricing.allotments(basket),
            lines: pricing.lines,
            code,
            points,
            point_value: self.policy.point_value,
            earns,
        })
    }

    /// The lines at their price, each with what there is of it now.
    fn price(&self, basket: &Basket) -> Result<Pricing, RefusedReservation> {
        let mut lines = Vec::with_capacity(basket.lines().len());
        let mut unknown = Vec::new();
        let mut currency = basket.context().map(|context| context.currency);
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
        Ok(Pricing {
            currency: currency.ok_or(RefusedReservation::Empty)?,
            ordered: basket.ordered().to_vec(),
            lines,
        })
    }

    /// Allots what the basket's code takes off. That of the order, if it has one, goes on; only a new one is told.
    fn discount(
        &self,
        basket: &Basket,
        pricing: &mut Pricing,
    ) -> Option<Result<Code, CodeRefusal>> {
        if let Some(offered) = basket.continued_code().and_then(|text| self.code(text)) {
            let lines: Vec<_> = self.assessed(pricing).collect();
            let added = &lines[pricing.ordered.len()..];
            let allotted = offered.code.extend(
                added,
                lines.iter().map(|line| line.amount).sum(),
                pricing.ordered.iter().map(|line| line.discount).sum(),
                pricing.currency,
                self.policy.currency,
                self.at,
            );
            for (line, discount) in pricing.lines.iter_mut().zip(allotted) {
                line.discount = discount;
            }
        }
        let text = basket.discount_code()?;
        let Some(OfferedCode { code, uses }) = self.code(text) else {
            return Some(Err(CodeRefusal::Unknown));
        };
        let uses = uses.get(&basket.customer_id).copied().unwrap_or_default();
        let lines: Vec<_> = self.assessed(pricing).collect();
        let allotted = code.assess(
            &lines,
            pricing.currency,
            self.policy.currency,
            uses,
            self.at,
        );
        Some(allotted.map(|allotted| {
            for (discount, off) in pricing.discounts().zip(allotted) {
                *discount += off;
            }
            code.code.clone()
        }))
    }

    fn code(&self, text: &str) -> Option<&OfferedCode> {
        self.codes.get(&Code::parse(text).ok()?.lookup())
    }

    /// Everything that the order will have, as a code sees it.
    fn assessed<'a>(&'a self, pricing: &'a Pricing) -> impl Iterator<Item = BasketLine<'a>> {
        let category = |sku: &Sku| self.offers.get(sku)?.category.as_deref();
        let ordered = pricing.ordered.iter().map(move |line| BasketLine {
            sku: &line.sku,
            category: category(&line.sku),
            amount: line.amount(),
            due: line.due(),
        });
        ordered.chain(pricing.lines.iter().map(move |line| BasketLine {
            sku: &line.sku,
            category: category(&line.sku),
            amount: line.quantity * line.unit_price,
            due: to_pay(line),
        }))
    }

    /// Takes the basket's points out of the customer's account, and allots what they pay.
    fn redeem(
        &mut self,
        basket: &Basket,
        pricing: &mut Pricing,
    ) -> Result<Vec<LotUse>, PointsRefusal> {
        let points = basket.points();
        if points == 0 {
            return Ok(Vec::new());
        }
        let policy = &self.policy;
        if pricing.currency != policy.currency {
            return Err(PointsRefusal::OtherCurrency {
                currency: policy.currency,
            });
        }
        let due = pricing.due();
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
        for (paid, value) in pricing.points_values().zip(allotted) {
            *paid += value;
        }
        Ok(uses)
    }
}

/// A basket at its prices: the lines that its order has, then those that it asks for.
struct Pricing {
    currency: Currency,
    ordered: Vec<OrderedLine>,
    lines: Vec<PricedLine>,
}

impl Pricing {
    /// What is to be paid for each line, in minor units.
    fn due(&self) -> Vec<i64> {
        let ordered = self.ordered.iter().map(OrderedLine::due);
        ordered.chain(self.lines.iter().map(to_pay)).collect()
    }

    fn discounts(&mut self) -> impl Iterator<Item = &mut i64> {
        let ordered = self.ordered.iter_mut().map(|line| &mut line.discount);
        ordered.chain(self.lines.iter_mut().map(|line| &mut line.discount))
    }

    fn points_values(&mut self) -> impl Iterator<Item = &mut i64> {
        let ordered = self.ordered.iter_mut().map(|line| &mut line.points_value);
        ordered.chain(self.lines.iter_mut().map(|line| &mut line.points_value))
    }

    /// What the lines of the context have got more than before.
    fn allotments(&self, basket: &Basket) -> Vec<Allotment> {
        if self.ordered == basket.ordered() {
            return Vec::new();
        }
        self.ordered
            .iter()
            .zip(basket.ordered())
            .map(|(after, before)| Allotment {
                discount: after.discount - before.discount,
                points_value: after.points_value - before.points_value,
            })
            .collect()
    }
}

/// What is to be paid for a line, in minor units.
fn to_pay(line: &PricedLine) -> i64 {
    line.quantity * line.unit_price - line.discount - line.points_value
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
