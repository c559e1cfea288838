//! Whether what is kept for an order is what the order says.

use std::collections::BTreeMap;

use super::{Hold, MovementKind, OrderTarget, Sku, Stage};

impl OrderTarget {
    /// How the order's holds differ from what the order says, if they do. The order must be at a version that was
    /// followed.
    #[must_use]
    pub fn disagreement(&self, holds: &[Hold]) -> Option<String> {
        let changes = match self.reach(&mut holds.to_vec()) {
            Ok(changes) => changes,
            Err(error) => return Some(error.to_string()),
        };
        if let Some((key, state)) = changes.transitions.first() {
            return Some(format!("hold {} should be {}", key.hold_no, state.as_str()));
        }
        let kept = self.difference(&self.kept(holds));
        let returned = changes
            .moves
            .iter()
            .find(|change| change.kind == MovementKind::Return)
            .map(|change| {
                format!(
                    "{} of {} should be back in stock",
                    change.quantity, change.sku
                )
            });
        match self.stage {
            // Nothing is kept in a hold that was given back.
            Stage::Cancelled => None,
            Stage::Live | Stage::Shipped | Stage::Delivered => {
                self.given_back(holds).or(kept).or(returned)
            }
        }
    }

    /// A committed hold that was given back. To an event that may be late this is no error; here nothing is late.
    fn given_back(&self, holds: &[Hold]) -> Option<String> {
        holds
            .iter()
            .find(|hold| self.holds.contains(&hold.key.hold_no) && hold.state.is_closed())
            .map(|hold| format!("hold {} was given back", hold.key.hold_no))
    }

    /// The first SKU of which the holds keep more or less than the order wants.
    fn difference(&self, kept: &BTreeMap<Sku, i64>) -> Option<String> {
        kept.keys().chain(self.wanted.keys()).find_map(|sku| {
            let of = |quantities: &BTreeMap<Sku, i64>| quantities.get(sku).copied().unwrap_or(0);
            let (kept, wanted) = (of(kept), of(&self.wanted));
            (kept != wanted)
                .then(|| format!("of {sku} the holds keep {kept}, and the order wants {wanted}"))
        })
    }

    /// What the committed holds keep, or have sold, by SKU.
    fn kept(&self, holds: &[Hold]) -> BTreeMap<Sku, i64> {
        let mut kept = BTreeMap::new();
        let own = holds
            .iter()
            .filter(|hold| self.holds.contains(&hold.key.hold_no));
        for line in own.flat_map(|hold| &hold.lines) {
            *kept.entry(line.sku.clone()).or_default() += line.quantity;
        }
        kept
    }
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
