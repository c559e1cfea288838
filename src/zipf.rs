//! What comes up often, and what seldom.

use rand::{RngExt as _, rngs::SmallRng};

/// Numbers from 0 to n - 1, of which `k` comes up in proportion to `1 / (k + 1)^exponent`.
#[derive(Debug)]
pub struct Zipf {
    /// The probability of a number or a smaller one.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// With an exponent of 0 all numbers are equally likely.
    pub fn new(n: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=n)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|value| *value /= sum);
        Self { cumulative }
    }

    pub fn sample(&self, rng: &mut SmallRng) -> usize {
        let at: f64 = rng.random();
        let number = self.cumulative.partition_point(|value| *value <= at);
        // The last sum may round to less than 1.
        number.min(self.cumulative.len() - 1)
    }

    /// `count` different numbers, or all of them.
    pub fn sample_distinct(&self, count: usize, rng: &mut SmallRng) -> Vec<usize> {
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count.min(self.cumulative.len()) {
            let mut number = self.sample(rng);
            // Not drawn again: where most of the weight is on few numbers, that takes for ever.
            while chosen.contains(&number) {
                number = (number + 1) % self.cumulative.len();
            }
            chosen.push(number);
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn counts(n: usize, exponent: f64) -> Vec<usize> {
        let (zipf, mut rng) = (Zipf::new(n, exponent), SmallRng::seed_from_u64(1));
        let mut counts = vec![0; n];
        for _ in 0..100_000 {
            counts[zipf.sample(&mut rng)] += 1;
        }
        counts
    }

    #[test]
    fn an_exponent_of_zero_prefers_no_number() {
        for count in counts(10, 0.0) {
            assert!((9_500..10_500).contains(&count), "{count}");
        }
    }

    #[test]
    fn with_an_exponent_of_one_the_first_comes_up_k_times_as_often_as_the_kth() {
        let counts = counts(100, 1.0);
        for k in [2, 5, 10] {
            let ratio = counts[0] as f64 / counts[k - 1] as f64;
            assert!((ratio / k as f64 - 1.0).abs() < 0.1, "{k}: {ratio}");
        }
    }

    #[test]
    fn lines_of_one_order_are_about_different_skus() {
        let (zipf, mut rng) = (Zipf::new(5, 3.0), SmallRng::seed_from_u64(1));
        for _ in 0..100 {
            let mut chosen = zipf.sample_distinct(5, &mut rng);
            chosen.sort_unstable();
            assert_eq!(chosen, [0, 1, 2, 3, 4]);
        }
        assert_eq!(Zipf::new(1, 0.0).sample_distinct(1, &mut rng), [0]);
    }
}
