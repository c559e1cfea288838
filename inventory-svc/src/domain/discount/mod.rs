//! Discount codes: what they are, when they hold, and what they take off each line of a basket.

mod allot;
mod change;
mod code;
mod terms;

use chrono::{DateTime, SecondsFormat, Utc};
use iso_currency::Currency;

pub use allot::allot;
pub use change::TermsChange;
pub use code::{BatchPrefix, BatchSize, Code};
pub use terms::{InvalidTerms, Kind, Scope, Terms, TermsDraft};

use super::Sku;

/// A code with what it grants and how often it was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscountCode {
    pub code: Code,
    pub terms: Terms,
    /// Uses that count, of all customers.
    pub used: i64,
}

/// A line of an order, as far as a discount depends on it.
#[derive(Debug, Clone, Copy)]
pub struct BasketLine<'a> {
    pub sku: &'a Sku,
    pub category: Option<&'a str>,
    /// Minor units: quantity times unit price. Not negative.
    pub amount: i64,
    /// Minor units that are left to pay of it: less than `amount` where points pay a part.
    pub due: i64,
}

/// Why a code takes nothing off an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    #[error("no such discount code")]
    Unknown,
    #[error("the code is not active")]
    Inactive,
    #[error("the code starts on {}", time(.starts_at))]
    NotStarted { starts_at: DateTime<Utc> },
    #[error("the code ended on {}", time(.ends_at))]
    Ended { ends_at: DateTime<Utc> },
    #[error("the code was used as often as it may be")]
    UsedUp,
    #[error("you have used the code as often as one customer may")]
    UsedUpByCustomer,
    #[error("the code needs a subtotal of at least {min_subtotal}")]
    SubtotalTooLow {
        /// Minor units.
        min_subtotal: i64,
    },
    #[error("the code is for none of these products")]
    NoEligibleLine,
    #[error("the code is for orders in {}", currency.code())]
    OtherCurrency {
        /// In which the code's amounts are.
        currency: Currency,
    },
}

impl CodeRefusal {
    /// The stable name of the reason.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::NotStarted { .. } => "not-started",
            Self::Ended { .. } => "ended",
            Self::UsedUp => "used-up",
            Self::UsedUpByCustomer => "used-up-by-customer",
            Self::SubtotalTooLow { .. } => "subtotal-too-low",
            Self::NoEligibleLine => "no-eligible-line",
            Self::OtherCurrency { .. } => "other-currency",
        }
    }
}

fn time(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

impl DiscountCode {
    /// What the code takes off each line of the basket, in minor units and in the basket's order; zero for a line that
    /// it is not for.
    ///
    /// A percentage is of the eligible lines' sum, rounded half up once, then capped; a fixed amount is at most that
    /// sum. Neither is more than what is left to pay. The whole is allotted over the eligible lines by [`allot`], so it adds
    /// up and no line gets more than is left of it.
    ///
    /// `currency` is the basket's, `policy_currency` the shop's, in which amounts of codes are. `uses_of_customer` are
    /// the uses of this customer that count, `at` is the time of the order.
    ///
    /// # Errors
    /// See [`CodeRefusal`].
    pub fn assess(
        &self,
        basket: &[BasketLine<'_>],
        currency: Currency,
        policy_currency: Currency,
        uses_of_customer: i64,
        at: DateTime<Utc>,
    ) -> Result<Vec<i64>, CodeRefusal> {
        let terms = &self.terms;
        terms.check_time(at)?;
        if terms.max_uses().is_some_and(|max| self.used >= max) {
            return Err(CodeRefusal::UsedUp);
        }
        if terms
            .max_uses_per_customer()
            .is_some_and(|max| uses_of_customer >= max)
        {
            return Err(CodeRefusal::UsedUpByCustomer);
        }
        // Before the subtotal: amounts of two currencies do not compare.
        if currency != policy_currency && terms.names_amounts() {
            return Err(CodeRefusal::OtherCurrency {
                currency: policy_currency,
            });
        }
        let eligible = || basket.iter().filter(|line| terms.scope().covers(line));
        if eligible().next().is_none() {
            return Err(CodeRefusal::NoEligibleLine);
        }
        if sum(basket.iter().map(|line| line.amount)) < i128::from(terms.min_subtotal()) {
            return Err(CodeRefusal::SubtotalTooLow {
                min_subtotal: terms.min_subtotal(),
            });
        }
        let total = terms.kind().of(sum(eligible().map(|line| line.amount)));
        Ok(self.allot(total, basket))
    }

    /// What the code takes off lines that are added to an order that has it. It is not used a second time, so its limits do
    /// not count; and what it gave stays, so a percentage is of the added lines alone, and of a cap or a fixed amount
    /// there is what `given` has left. A code that does not hold any more takes nothing off.
    ///
    /// `subtotal` is the order's, with the added lines, `given` what the code has taken off it; in minor units.
    #[must_use]
    pub fn extend(
        &self,
        added: &[BasketLine<'_>],
        subtotal: i64,
        given: i64,
        currency: Currency,
        policy_currency: Currency,
        at: DateTime<Utc>,
    ) -> Vec<i64> {
        let terms = &self.terms;
        let holds = terms.check_time(at).is_ok()
            && (currency == policy_currency || !terms.names_amounts())
            && subtotal >= terms.min_subtotal();
        if !holds {
            return vec![0; added.len()];
        }
        let eligible = added.iter().filter(|line| terms.scope().covers(line));
        let total = terms
            .kind()
            .more(sum(eligible.map(|line| line.amount)), given);
        self.allot(total, added)
    }

    /// Divides `total`, or what is left to pay if that is less, over the lines that the code is for.
    fn allot(&self, total: i64, lines: &[BasketLine<'_>]) -> Vec<i64> {
        let due: Vec<i64> = lines
            .iter()
            .map(|line| {
                if self.terms.scope().covers(line) {
                    line.due
                } else {
                    0
                }
            })
            .collect();
        let most = i64::try_from(sum(due.iter().copied())).unwrap_or(i64::MAX);
        allot(total.min(most), &due)
    }
}

fn sum(amounts: impl Iterator<Item = i64>) -> i128 {
    amounts.map(i128::from).sum()
}

#[cfg(test)]
mod tests;
