//! Figures that reports have in common.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The median of the rounds, the least and the most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self {
            median: f64::midpoint(at(last / 2), at(values.len() / 2)),
            min: at(0),
            max: at(last),
        }
    }

    /// From the worst round of these over the best of those to the other way round.
    pub fn over(self, other: Self) -> Option<Self> {
        (other.min > 0.0).then(|| Self {
            median: self.median / other.median,
            min: self.min / other.max,
            max: self.max / other.min,
        })
    }
}

/// Milliseconds from a request to its answer, of those that were granted.
#[derive(Debug, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

impl Latency {
    pub fn of(latency: &Histogram<u64>) -> Self {
        let ms = |microseconds: u64| microseconds as f64 / 1000.0;
        let at = |quantile| ms(latency.value_at_quantile(quantile));
        Self {
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            max: ms(latency.max()),
        }
    }
}

/// None over nothing.
pub fn ratio(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}
