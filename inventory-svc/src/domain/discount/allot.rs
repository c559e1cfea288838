use std::cmp::Reverse;

/// Divides `total` in proportion to `weights` by the method of the largest remainder (Hamilton): each gets the whole
/// part of its exact share, and what is left goes, one each, to the largest fractions; of equal ones to the earlier.
///
/// The shares are in the order of the weights and add up to `total`; none is more than its weight, and each is less than
/// one away from its exact share.
///
/// Requires `0 <= total <= sum of weights`, and that no weight is negative.
#[must_use]
pub fn allot(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().copied().map(i128::from).sum();
    debug_assert!(weights.iter().all(|weight| *weight >= 0));
    debug_assert!((0..=sum).contains(&i128::from(total)));
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut shares = Vec::with_capacity(weights.len());
    let mut fractions = Vec::with_capacity(weights.len());
    let mut left = total;
    for (index, weight) in weights.iter().enumerate() {
        let product = i128::from(total) * i128::from(*weight);
        // At most the weight, so it fits.
        let share = i64::try_from(product / sum).unwrap_or(*weight);
        left -= share;
        shares.push(share);
        fractions.push((Reverse(product % sum), index));
    }
    fractions.sort_unstable();
    // The fractions add up to `left`, so more than `left` of them are positive unless all are zero: who gets one more
    // had a fraction, and therefore a whole part below its weight.
    for (_, index) in fractions
        .into_iter()
        .take(usize::try_from(left).unwrap_or(0))
    {
        shares[index] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn what_is_left_goes_to_the_largest_fractions_and_of_equal_ones_to_the_earlier() {
        // Exact: 0.625, 1.25, 3.125.
        assert_eq!(allot(5, &[1, 2, 5]), [1, 1, 3]);
        // Exact: 33.33 each.
        assert_eq!(allot(100, &[500, 500, 500]), [34, 33, 33]);
        // Exact: 3.5 and 6.5: a tie of different weights.
        assert_eq!(allot(10, &[7, 13]), [4, 6]);
        assert_eq!(allot(10, &[13, 7]), [7, 3]);
    }

    #[test]
    fn nothing_and_everything_can_be_allotted() {
        assert_eq!(allot(0, &[]), Vec::<i64>::new());
        assert_eq!(allot(0, &[0, 0]), [0, 0]);
        assert_eq!(allot(0, &[3, 4]), [0, 0]);
        assert_eq!(allot(7, &[3, 0, 4]), [3, 0, 4]);
        assert_eq!(allot(1, &[0, 0, 1]), [0, 0, 1]);
        assert_eq!(
            allot(i64::MAX, &[i64::MAX, i64::MAX]),
            [i64::MAX / 2 + 1, i64::MAX / 2]
        );
    }

    /// Weights, a total that they bear, and an order to shuffle them into.
    fn cases() -> impl Strategy<Value = (i64, Vec<i64>, Vec<usize>)> {
        let weight = prop_oneof![Just(0), 1..=20_i64, 1..=1_000_000_000_000_000_i64];
        vec(weight, 0..12).prop_flat_map(|weights| {
            let order: Vec<usize> = (0..weights.len()).collect();
            let sum = weights.iter().sum();
            (0..=sum, Just(weights), Just(order).prop_shuffle())
        })
    }

    /// The fraction of the exact share, in units of one over the weights' sum.
    fn fraction(total: i64, weight: i64, weights: &[i64]) -> i128 {
        let sum: i128 = weights.iter().copied().map(i128::from).sum();
        i128::from(total) * i128::from(weight) % sum
    }

    proptest! {
        #[test]
        fn shares_add_up_and_none_is_more_than_its_weight((total, weights, _) in cases()) {
            let shares = allot(total, &weights);
            prop_assert_eq!(shares.len(), weights.len());
            prop_assert_eq!(shares.iter().sum::<i64>(), total);
            for (share, weight) in shares.iter().zip(&weights) {
                prop_assert!((0..=*weight).contains(share), "{} of {}", share, weight);
            }
        }

        #[test]
        fn each_share_is_less_than_one_away_from_the_exact_one((total, weights, _) in cases()) {
            let sum: i128 = weights.iter().copied().map(i128::from).sum();
            for (share, weight) in allot(total, &weights).into_iter().zip(&weights) {
                let distance = i128::from(share) * sum - i128::from(total) * i128::from(*weight);
                prop_assert!(distance.abs() < sum.max(1), "{} of {}", share, weight);
            }
        }

        #[test]
        fn the_order_decides_between_equal_fractions_alone((total, weights, order) in cases()) {
            let shares = allot(total, &weights);
            let shuffled: Vec<i64> = order.iter().map(|&index| weights[index]).collect();
            let fractions: BTreeSet<i128> = order
                .iter()
                .zip(allot(total, &shuffled))
                .filter(|&(&index, share)| shares[index] != share)
                .map(|(&index, _)| fraction(total, weights[index], &weights))
                .collect();
            prop_assert!(fractions.len() <= 1, "{:?}", fractions);
        }
    }
}
