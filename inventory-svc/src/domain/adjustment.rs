/// A correction of a customer's points that a person books: up or down, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    points: i64,
    reason: String,
}

impl Adjustment {
    const MAX_POINTS: i64 = 1_000_000_000;
    const MAX_REASON: usize = 500;

    /// # Errors
    /// When it moves nothing or absurdly much, or gives no reason.
    pub fn new(points: i64, reason: &str) -> Result<Self, InvalidAdjustment> {
        if points == 0 || !(-Self::MAX_POINTS..=Self::MAX_POINTS).contains(&points) {
            return Err(InvalidAdjustment::Points);
        }
        let reason = reason.trim();
        if !(1..=Self::MAX_REASON).contains(&reason.chars().count()) {
            return Err(InvalidAdjustment::Reason);
        }
        Ok(Self {
            points,
            reason: reason.to_owned(),
        })
    }

    /// Never zero; negative takes away.
    #[must_use]
    pub fn points(&self) -> i64 {
        self.points
    }

    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Which part of an adjustment is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAdjustment {
    #[error("an adjustment is not zero, and of at most 1,000,000,000 points")]
    Points,
    #[error("1 to 500 characters")]
    Reason,
}

impl InvalidAdjustment {
    /// The path of the field in a request.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Points => "points",
            Self::Reason => "reason",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adjustment_moves_something_for_a_reason() {
        let refused = |points, reason| Adjustment::new(points, reason).unwrap_err();
        for points in [0, 1_000_000_001, -1_000_000_001, i64::MIN] {
            assert_eq!(refused(points, "why"), InvalidAdjustment::Points);
        }
        for reason in ["", " \n", &"é".repeat(501)] {
            assert_eq!(refused(1, reason), InvalidAdjustment::Reason, "{reason:?}");
        }
        let down = Adjustment::new(-5, &format!(" {} ", "é".repeat(500))).unwrap();
        assert_eq!(down.points(), -5);
        assert_eq!(down.reason().chars().count(), 500);
    }
}
