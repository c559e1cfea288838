/// A line of an order. Price, discount and points are frozen when it is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub sku: String,
    pub name: String,
    /// Pieces.
    pub quantity: i64,
    /// Minor units, for one piece.
    pub unit_price: i64,
    /// Minor units that the discount takes off the whole line.
    pub discount: i64,
    /// Minor units of the whole line that points pay.
    pub points_value: i64,
    pub cancelled_quantity: i64,
    pub returned_quantity: i64,
    /// Of the returned quantity, what went back into stock.
    pub restocked_quantity: i64,
}

/// What a number of pieces of a line costs. Amounts are minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub discount: i64,
    pub points_value: i64,
    /// After both.
    pub total: i64,
}

impl Line {
    /// What is to be paid for the line: for what was not cancelled.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.cost_of(self.ordered()).total
    }

    /// Pieces that were not cancelled.
    #[must_use]
    pub fn ordered(&self) -> i64 {
        self.quantity - self.cancelled_quantity
    }

    /// Pieces that were neither cancelled nor returned.
    #[must_use]
    pub fn kept(&self) -> i64 {
        self.ordered() - self.returned_quantity
    }

    /// What `pieces` of the line cost: their price, less their share of the line's own discount, less the share of that
    /// which points pay. The shares of the pieces that go come out of the same sums as those of the pieces that stay, so
    /// nothing is lost by rounding, however many steps it takes; no piece that goes makes another dearer; and what one
    /// line loses never moves to another.
    #[must_use]
    pub fn cost_of(&self, pieces: i64) -> Cost {
        let discount = share(self.discount, pieces, self.quantity);
        // Points pay for what the discount leaves: so the two are never more than the pieces cost.
        let left = pieces * self.unit_price - discount;
        let left_of_all = self.quantity * self.unit_price - self.discount;
        let points_value = share(self.points_value, left, left_of_all);
        Cost {
            discount,
            points_value,
            total: left - points_value,
        }
    }
}

/// `part` in `whole` of an amount, rounded up: in favour of who keeps the part.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let (exact, whole) = (i128::from(amount) * i128::from(part), i128::from(whole));
    if whole == 0 {
        return 0;
    }
    i64::try_from((exact + whole - 1) / whole).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(quantity: i64, unit_price: i64, discount: i64, points_value: i64) -> Line {
        Line {
            sku: "A".to_owned(),
            name: "A".to_owned(),
            quantity,
            unit_price,
            discount,
            points_value,
            cancelled_quantity: 0,
            returned_quantity: 0,
            restocked_quantity: 0,
        }
    }

    #[test]
    fn the_share_of_a_cancelled_piece_goes_with_it() {
        let mut line = line(3, 1_000, 100, 0);
        assert_eq!(line.total(), 2_900);
        line.cancelled_quantity = 1;
        // Two thirds of 100, in favour of who keeps them: 67.
        assert_eq!(line.total(), 2_000 - 67);
        line.cancelled_quantity = 3;
        assert_eq!(line.total(), 0);
    }

    proptest! {
        #[test]
        fn no_piece_is_free_of_its_share_and_none_costs_less_than_nothing(
            quantity in 1_i64..500, unit_price in 0_i64..5_000, off in 0.0_f64..=1.0, paid in 0.0_f64..=1.0,
        ) {
            let amount = quantity * unit_price;
            let discount = (amount as f64 * off) as i64;
            let points_value = ((amount - discount) as f64 * paid) as i64;
            let line = line(quantity, unit_price, discount, points_value);
            let whole = line.cost_of(quantity);
            prop_assert_eq!(whole, Cost { discount, points_value, total: amount - discount - points_value });
            prop_assert_eq!(line.cost_of(0), Cost { discount: 0, points_value: 0, total: 0 });
            for pieces in 0..quantity {
                let (fewer, more) = (line.cost_of(pieces), line.cost_of(pieces + 1));
                prop_assert!(fewer.total >= 0 && fewer.discount >= 0 && fewer.points_value >= 0);
                prop_assert_eq!(fewer.total + fewer.discount + fewer.points_value, pieces * unit_price);
                // What a piece takes with it is its price and its share, to the penny.
                prop_assert!((0..=unit_price).contains(&(more.total - fewer.total)));
                prop_assert!(more.discount >= fewer.discount);
                prop_assert!(more.points_value >= fewer.points_value);
            }
        }
    }
}
