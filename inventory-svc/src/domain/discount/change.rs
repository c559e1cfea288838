use chrono::{DateTime, Utc};

use super::{DiscountCode, InvalidTerms, Terms};

/// What is to change of a code's terms. Of two options, the outer one tells whether to change it; the inner one is what
/// it becomes.
#[derive(Debug, Clone, Default)]
pub struct TermsChange {
    /// Whole percent, or minor units: what kind it is stays.
    pub value: Option<i64>,
    pub max_discount: Option<Option<i64>>,
    pub min_subtotal: Option<i64>,
    pub skus: Option<Option<Vec<String>>>,
    pub category: Option<Option<String>>,
    pub starts_at: Option<Option<DateTime<Utc>>>,
    pub ends_at: Option<Option<DateTime<Utc>>>,
    pub max_uses: Option<Option<i64>>,
    pub max_uses_per_customer: Option<Option<i64>>,
    pub active: Option<bool>,
}

impl DiscountCode {
    /// Changes the terms for uses to come; those that were granted stay as they are.
    ///
    /// # Errors
    /// When the new terms are not acceptable, or allow fewer uses than there were.
    pub fn change(&mut self, change: TermsChange) -> Result<(), InvalidTerms> {
        let mut draft = self.terms.draft();
        set(&mut draft.value, change.value);
        set(&mut draft.max_discount, change.max_discount);
        set(&mut draft.min_subtotal, change.min_subtotal);
        set(&mut draft.skus, change.skus);
        set(&mut draft.category, change.category);
        set(&mut draft.starts_at, change.starts_at);
        set(&mut draft.ends_at, change.ends_at);
        set(&mut draft.max_uses, change.max_uses);
        set(
            &mut draft.max_uses_per_customer,
            change.max_uses_per_customer,
        );
        set(&mut draft.active, change.active);
        let terms = Terms::parse(draft)?;
        if terms.max_uses().is_some_and(|max| max < self.used) {
            return Err(InvalidTerms::MaxUsesBelowUsed { used: self.used });
        }
        self.terms = terms;
        Ok(())
    }
}

fn set<T>(field: &mut T, change: Option<T>) {
    if let Some(value) = change {
        *field = value;
    }
}
