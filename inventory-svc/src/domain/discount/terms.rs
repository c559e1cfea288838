use std::{borrow::Cow, collections::BTreeSet};

use chrono::{DateTime, SubsecRound, Utc};

use super::{BasketLine, CodeRefusal};
use crate::domain::Sku;

/// What a code takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Percent {
        /// 1 to 100.
        percent: i64,
        /// Minor units.
        max_discount: Option<i64>,
    },
    Fixed {
        /// Minor units.
        amount: i64,
    },
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Percent { .. } => "percent",
            Self::Fixed { .. } => "fixed",
        }
    }

    /// The discount on `sum` minor units.
    pub(super) fn of(self, sum: i128) -> i64 {
        let discount = match self {
            Self::Percent {
                percent,
                max_discount,
            } => {
                let half_up = (sum * i128::from(percent) + 50) / 100;
                max_discount.map_or(half_up, |max| half_up.min(i128::from(max)))
            }
            Self::Fixed { amount } => sum.min(i128::from(amount)),
        };
        i64::try_from(discount).unwrap_or(i64::MAX)
    }

    /// The discount on `sum` minor units more, where `given` were taken off before.
    pub(super) fn more(self, sum: i128, given: i64) -> i64 {
        match self {
            Self::Percent {
                max_discount: Some(max),
                ..
            } => self.of(sum).min((max - given).max(0)),
            Self::Percent {
                max_discount: None, ..
            } => self.of(sum),
            Self::Fixed { amount } => self.of(sum).min((amount - given).max(0)),
        }
    }
}

/// For which products a code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Not empty.
    Skus(BTreeSet<Sku>),
    /// As the products name it; case counts.
    Category(String),
}

impl Scope {
    pub(super) fn covers(&self, line: &BasketLine<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Skus(skus) => skus.contains(line.sku),
            Self::Category(category) => line.category == Some(category),
        }
    }
}

/// What a code grants, to whom and when. Amounts are minor units of the shop's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    kind: Kind,
    min_subtotal: i64,
    scope: Scope,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    max_uses: Option<i64>,
    max_uses_per_customer: Option<i64>,
    active: bool,
}

/// Terms as they are written down, in a request or a row: anything may be wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermsDraft {
    /// `percent` or `fixed`.
    pub kind: String,
    /// Whole percent, or minor units.
    pub value: i64,
    pub max_discount: Option<i64>,
    pub min_subtotal: i64,
    pub skus: Option<Vec<String>>,
    pub category: Option<String>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub max_uses: Option<i64>,
    pub max_uses_per_customer: Option<i64>,
    pub active: bool,
}

impl Terms {
    /// Above any amount or number that makes sense.
    const MAX: i64 = 1_000_000_000;
    /// Each code of a batch has the list.
    const MAX_SKUS: usize = 200;

    /// # Errors
    /// The first part of the draft that is not acceptable.
    pub fn parse(draft: TermsDraft) -> Result<Self, InvalidTerms> {
        let kind = kind(&draft)?;
        if !(0..=Self::MAX).contains(&draft.min_subtotal) {
            return Err(InvalidTerms::MinSubtotal);
        }
        // The database keeps microseconds.
        let starts_at = draft.starts_at.map(|at| at.trunc_subsecs(6));
        let ends_at = draft.ends_at.map(|at| at.trunc_subsecs(6));
        if let (Some(starts_at), Some(ends_at)) = (starts_at, ends_at)
            && starts_at >= ends_at
        {
            return Err(InvalidTerms::Window);
        }
        Ok(Self {
            kind,
            min_subtotal: draft.min_subtotal,
            scope: scope(draft.skus, draft.category)?,
            starts_at,
            ends_at,
            max_uses: positive(draft.max_uses).ok_or(InvalidTerms::MaxUses)?,
            max_uses_per_customer: positive(draft.max_uses_per_customer)
                .ok_or(InvalidTerms::MaxUsesPerCustomer)?,
            active: draft.active,
        })
    }

    /// The same, written down.
    #[must_use]
    pub fn draft(&self) -> TermsDraft {
        let (value, max_discount) = match self.kind {
            Kind::Percent {
                percent,
                max_discount,
            } => (percent, max_discount),
            Kind::Fixed { amount } => (amount, None),
        };
        let (skus, category) = match &self.scope {
            Scope::All => (None, None),
            Scope::Skus(skus) => (Some(skus.iter().map(Sku::to_string).collect()), None),
            Scope::Category(category) => (None, Some(category.clone())),
        };
        TermsDraft {
            kind: self.kind.as_str().to_owned(),
            value,
            max_discount,
            min_subtotal: self.min_subtotal,
            skus,
            category,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            max_uses: self.max_uses,
            max_uses_per_customer: self.max_uses_per_customer,
            active: self.active,
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Minor units; 0 for none.
    #[must_use]
    pub fn min_subtotal(&self) -> i64 {
        self.min_subtotal
    }

    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    #[must_use]
    pub fn max_uses(&self) -> Option<i64> {
        self.max_uses
    }

    #[must_use]
    pub fn max_uses_per_customer(&self) -> Option<i64> {
        self.max_uses_per_customer
    }

    /// # Errors
    /// `Inactive`, `NotStarted`, `Ended`.
    pub(super) fn check_time(&self, at: DateTime<Utc>) -> Result<(), CodeRefusal> {
        if !self.active {
            return Err(CodeRefusal::Inactive);
        }
        match (self.starts_at, self.ends_at) {
            (Some(starts_at), _) if at < starts_at => Err(CodeRefusal::NotStarted { starts_at }),
            (_, Some(ends_at)) if at >= ends_at => Err(CodeRefusal::Ended { ends_at }),
            _ => Ok(()),
        }
    }

    /// Whether there is an amount in them, which is of one currency; a plain percentage is of any.
    pub(super) fn names_amounts(&self) -> bool {
        self.min_subtotal > 0
            || !matches!(
                self.kind,
                Kind::Percent {
                    max_discount: None,
                    ..
                }
            )
    }
}

fn kind(draft: &TermsDraft) -> Result<Kind, InvalidTerms> {
    let max_discount = positive(draft.max_discount).ok_or(InvalidTerms::MaxDiscount)?;
    match draft.kind.as_str() {
        "percent" if (1..=100).contains(&draft.value) => Ok(Kind::Percent {
            percent: draft.value,
            max_discount,
        }),
        "percent" => Err(InvalidTerms::Percent),
        "fixed" if max_discount.is_some() => Err(InvalidTerms::MaxDiscountOfFixed),
        "fixed" if (1..=Terms::MAX).contains(&draft.value) => Ok(Kind::Fixed {
            amount: draft.value,
        }),
        "fixed" => Err(InvalidTerms::Amount),
        _ => Err(InvalidTerms::Kind),
    }
}

fn scope(skus: Option<Vec<String>>, category: Option<String>) -> Result<Scope, InvalidTerms> {
    match (skus, category) {
        (None, None) => Ok(Scope::All),
        (Some(_), Some(_)) => Err(InvalidTerms::TwoScopes),
        (Some(skus), None) if (1..=Terms::MAX_SKUS).contains(&skus.len()) => skus
            .iter()
            .enumerate()
            .map(|(index, sku)| Sku::parse(sku).map_err(|_| InvalidTerms::Sku { index }))
            .collect::<Result<_, _>>()
            .map(Scope::Skus),
        (Some(_), None) => Err(InvalidTerms::Skus),
        (None, Some(category)) => {
            let category = category.trim();
            let valid = (1..=100).contains(&category.chars().count())
                && !category.chars().any(char::is_control);
            valid
                .then(|| Scope::Category(category.to_owned()))
                .ok_or(InvalidTerms::Category)
        }
    }
}

/// The number if it is there and in range; None if it is out of range.
fn positive(number: Option<i64>) -> Option<Option<i64>> {
    number
        .is_none_or(|number| (1..=Terms::MAX).contains(&number))
        .then_some(number)
}

/// Which part of a discount code or of a batch is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerms {
    #[error("3 to 40 letters, digits, `_` or `-`, the first a letter or digit")]
    Code,
    #[error("1 to 28 letters, digits, `_` or `-`, the first a letter or digit")]
    Prefix,
    #[error("from 1 to 10,000 codes")]
    Size,
    #[error("`percent` or `fixed`")]
    Kind,
    #[error("from 1 to 100 percent")]
    Percent,
    #[error("from 1 to 1,000,000,000 minor units")]
    Amount,
    #[error("from 1 to 1,000,000,000 minor units")]
    MaxDiscount,
    #[error("is for a percentage; a fixed amount is its own maximum")]
    MaxDiscountOfFixed,
    #[error("from 0 to 1,000,000,000 minor units")]
    MinSubtotal,
    #[error("from 1 to 200 SKUs; leave it out for every product")]
    Skus,
    #[error("1 to 64 letters, digits, `.`, `_` or `-`")]
    Sku { index: usize },
    #[error("1 to 100 characters, no control characters")]
    Category,
    #[error("a code is for some SKUs or for a category, not for both")]
    TwoScopes,
    #[error("must be after `starts_at`")]
    Window,
    #[error("from 1 to 1,000,000,000 uses")]
    MaxUses,
    #[error("the code was used {used} times already")]
    MaxUsesBelowUsed { used: i64 },
    #[error("from 1 to 1,000,000,000 uses")]
    MaxUsesPerCustomer,
}

impl InvalidTerms {
    /// The path of the field in a request.
    #[must_use]
    pub fn field(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Code => "code",
            Self::Prefix => "prefix",
            Self::Size => "size",
            Self::Kind => "kind",
            Self::Percent | Self::Amount => "value",
            Self::MaxDiscount | Self::MaxDiscountOfFixed => "max_discount",
            Self::MinSubtotal => "min_subtotal",
            Self::Skus => "skus",
            Self::Sku { index } => return Cow::Owned(format!("skus[{index}]")),
            Self::Category | Self::TwoScopes => "category",
            Self::Window => "ends_at",
            Self::MaxUses | Self::MaxUsesBelowUsed { .. } => "max_uses",
            Self::MaxUsesPerCustomer => "max_uses_per_customer",
        })
    }
}
