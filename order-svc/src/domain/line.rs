use super::PricedLine;

/// A line of an order. Price, discount and points of a piece are frozen when it is bought.
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

    /// What the returned pieces had cost, in minor units.
    #[must_use]
    pub fn returned_cost(&self) -> i64 {
        self.total() - self.cost_of(self.kept()).total
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

    /// Takes out `pieces` that were ordered, as if they had never been on it. What the others cost stays.
    pub(super) fn take_out(&mut self, pieces: i64) {
        let cost = self.cost_of(self.ordered() - pieces);
        self.quantity -= pieces;
        self.make_cost(cost.discount, cost.points_value);
    }

    /// Puts in `pieces` at the line's price, with what is taken off them. What the others cost stays.
    pub(super) fn put_in(&mut self, pieces: i64, discount: i64, points_value: i64) {
        let cost = self.cost_of(self.ordered());
        self.quantity += pieces;
        self.make_cost(cost.discount + discount, cost.points_value + points_value);
    }

    /// Sets discount and points so that the pieces that were not cancelled have exactly these. Cancelled ones carry the
    /// same per piece, which nobody pays.
    fn make_cost(&mut self, discount: i64, points_value: i64) {
        let ordered = self.ordered();
        self.discount = whole(discount, ordered, self.quantity);
        let left = ordered * self.unit_price - discount;
        let left_of_all = self.quantity * self.unit_price - self.discount;
        self.points_value = whole(points_value, left, left_of_all);
    }
}

impl From<PricedLine> for Line {
    fn from(line: PricedLine) -> Self {
        Self {
            sku: line.sku,
            name: line.name,
            quantity: line.quantity,
            unit_price: line.unit_price,
            discount: line.discount,
            points_value: line.points_value,
            cancelled_quantity: 0,
            returned_quantity: 0,
            restocked_quantity: 0,
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

/// The amount of which [`share`] gives `amount` for `part` in `whole`: rounded down, as that rounds up. Zero if there is
/// no part.
fn whole(amount: i64, part: i64, whole: i64) -> i64 {
    let (exact, part) = (i128::from(amount) * i128::from(whole), i128::from(part));
    if part == 0 {
        return 0;
    }
    i64::try_from(exact / part).unwrap_or(i64::MAX)
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

    #[test]
    fn a_discount_on_the_pieces_that_are_left_is_theirs_alone() {
        let mut line = line(5, 1_000, 0, 0);
        line.cancelled_quantity = 2;
        line.put_in(0, 100, 0);
        assert_eq!(line.total(), 2_900);
        line.cancelled_quantity = 5;
        assert_eq!(line.total(), 0);
    }

    proptest! {
        #[test]
        fn pieces_come_and_go_and_the_others_cost_what_they_did(
            quantity in 1_i64..200, unit_price in 0_i64..5_000, off in 0.0_f64..=1.0, paid in 0.0_f64..=1.0,
            cancelled in 0.0_f64..=1.0, gone in 0.0_f64..=1.0, more in 0_i64..50, more_off in 0.0_f64..=1.0,
        ) {
            let amount = quantity * unit_price;
            let discount = (amount as f64 * off) as i64;
            let mut line = line(quantity, unit_price, discount, ((amount - discount) as f64 * paid) as i64);
            line.cancelled_quantity = (quantity as f64 * cancelled) as i64;
            let gone = (line.ordered() as f64 * gone) as i64;

            let cost = line.cost_of(line.ordered() - gone);
            line.take_out(gone);
            prop_assert_eq!(line.cost_of(line.ordered()), cost);

            let more_off = (more as f64 * unit_price as f64 * more_off) as i64;
            line.put_in(more, more_off, 0);
            let after = line.cost_of(line.ordered());
            prop_assert_eq!((after.discount, after.points_value), (cost.discount + more_off, cost.points_value));
            prop_assert_eq!(after.total, cost.total + more * unit_price - more_off);
            prop_assert!(line.discount + line.points_value <= line.quantity * line.unit_price);
        }

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
