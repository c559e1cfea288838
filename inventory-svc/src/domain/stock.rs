/// A number of pieces that somebody sets: 0 to 1,000,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Pieces(i64);

impl Pieces {
    const MAX: i64 = 1_000_000_000;

    /// None if there cannot be so many.
    #[must_use]
    pub fn parse(number: i64) -> Option<Self> {
        (0..=Self::MAX).contains(&number).then_some(Self(number))
    }

    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// What there is of one SKU, in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Levels {
    pub on_hand: i64,
    pub reserved: i64,
    /// How far beyond what is on hand may be sold.
    pub backorder_limit: i64,
    /// At this many to sell, or fewer, it runs low; None: nobody wants to know.
    pub low_threshold: Option<i64>,
    /// Whether it was said that it runs low.
    pub low: bool,
}

impl Levels {
    /// What can still be sold; never negative.
    #[must_use]
    pub fn available(&self) -> i64 {
        (self.on_hand + self.backorder_limit - self.reserved).max(0)
    }

    /// Whether orders hold more than may be sold.
    #[must_use]
    pub fn is_oversold(&self) -> bool {
        self.reserved > self.on_hand + self.backorder_limit
    }

    fn is_low(&self) -> bool {
        self.low_threshold
            .is_some_and(|threshold| self.available() <= threshold)
    }

    /// What a change of these levels crossed. What was said is told by `before`; `low` of `after` is not looked at.
    #[must_use]
    pub fn crossed(before: &Self, after: &Self) -> Crossing {
        let (had, has) = (before.available() > 0, after.available() > 0);
        let low = after.is_low();
        Crossing {
            low: (low != before.low).then_some(low),
            in_stock: (had != has).then_some(has),
        }
    }
}

/// What a change of the levels crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crossing {
    /// The new value of `low`, if it changes; true is to be said, once.
    pub low: Option<bool>,
    /// Whether there is any to sell, if that changes.
    pub in_stock: Option<bool>,
}

impl Crossing {
    /// Whether nothing was crossed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Why stock moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    Receipt,
    Adjustment,
    Reservation,
    Release,
    Sale,
    Return,
}

impl MovementKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Adjustment => "adjustment",
            Self::Reservation => "reservation",
            Self::Release => "release",
            Self::Sale => "sale",
            Self::Return => "return",
        }
    }
}

/// A movement that a person books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualMovement {
    kind: MovementKind,
    quantity: i64,
    reason: Option<String>,
}

impl ManualMovement {
    const MAX_QUANTITY: i64 = 1_000_000_000;
    const MAX_REASON: usize = 500;

    /// Goods that came in.
    ///
    /// # Errors
    /// When the quantity is not positive, or the reason is too long.
    pub fn receipt(quantity: i64, reason: Option<String>) -> Result<Self, InvalidMovement> {
        if !(1..=Self::MAX_QUANTITY).contains(&quantity) {
            return Err(InvalidMovement::ReceiptQuantity);
        }
        Self::new(MovementKind::Receipt, quantity, reason)
    }

    /// A correction, up or down.
    ///
    /// # Errors
    /// When the quantity is zero, or the reason is too long.
    pub fn adjustment(quantity: i64, reason: Option<String>) -> Result<Self, InvalidMovement> {
        if quantity == 0 || !(-Self::MAX_QUANTITY..=Self::MAX_QUANTITY).contains(&quantity) {
            return Err(InvalidMovement::AdjustmentQuantity);
        }
        Self::new(MovementKind::Adjustment, quantity, reason)
    }

    fn new(
        kind: MovementKind,
        quantity: i64,
        reason: Option<String>,
    ) -> Result<Self, InvalidMovement> {
        if reason
            .as_ref()
            .is_some_and(|reason| reason.chars().count() > Self::MAX_REASON)
        {
            return Err(InvalidMovement::Reason);
        }
        Ok(Self {
            kind,
            quantity,
            reason,
        })
    }

    #[must_use]
    pub fn kind(&self) -> MovementKind {
        self.kind
    }

    /// The change of `on_hand`.
    #[must_use]
    pub fn quantity(&self) -> i64 {
        self.quantity
    }

    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

/// Which part of a movement is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMovement {
    #[error("a receipt is of 1 to 1,000,000,000 pieces")]
    ReceiptQuantity,
    #[error("an adjustment is not zero, and of at most 1,000,000,000 pieces")]
    AdjustmentQuantity,
    #[error("at most 500 characters")]
    Reason,
}

impl InvalidMovement {
    /// The path of the field in a request.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::ReceiptQuantity | Self::AdjustmentQuantity => "quantity",
            Self::Reason => "reason",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_counts_backorders_and_is_never_negative() {
        let levels = |on_hand, reserved, backorder_limit| Levels {
            on_hand,
            reserved,
            backorder_limit,
            ..Levels::default()
        };
        assert_eq!(levels(10, 4, 0).available(), 6);
        assert_eq!(levels(0, 0, 5).available(), 5);
        assert_eq!(levels(0, 3, 0).available(), 0);
    }

    #[test]
    fn low_is_said_once_until_there_is_more_again() {
        let levels = |on_hand, low| Levels {
            on_hand,
            reserved: 2,
            backorder_limit: 1,
            low_threshold: Some(5),
            low,
        };
        let low = |before, after| Levels::crossed(&before, &after).low;
        // 6 can be sold, then 5, then 4.
        assert_eq!(low(levels(8, false), levels(7, false)), None);
        assert_eq!(low(levels(7, false), levels(6, false)), Some(true));
        assert_eq!(low(levels(6, true), levels(5, true)), None);
        assert_eq!(low(levels(5, true), levels(6, true)), None);
        assert_eq!(low(levels(6, true), levels(7, true)), Some(false));
        assert_eq!(low(levels(7, false), levels(0, false)), Some(true));
    }

    #[test]
    fn a_threshold_that_comes_or_goes_is_looked_at_too() {
        let levels = |low_threshold, low| Levels {
            on_hand: 3,
            low_threshold,
            low,
            ..Levels::default()
        };
        let low = |before, after| Levels::crossed(&before, &after).low;
        assert_eq!(low(levels(None, false), levels(Some(2), false)), None);
        assert_eq!(low(levels(None, false), levels(Some(3), false)), Some(true));
        assert_eq!(low(levels(Some(3), true), levels(Some(9), true)), None);
        assert_eq!(
            low(levels(Some(3), true), levels(Some(2), true)),
            Some(false)
        );
        assert_eq!(low(levels(Some(3), true), levels(None, true)), Some(false));
        assert_eq!(low(levels(None, false), levels(None, false)), None);
    }

    #[test]
    fn the_last_piece_and_the_first_one_are_noticed() {
        let levels = |on_hand, reserved, backorder_limit| Levels {
            on_hand,
            reserved,
            backorder_limit,
            ..Levels::default()
        };
        let in_stock = |before, after| Levels::crossed(&before, &after).in_stock;
        assert_eq!(in_stock(levels(2, 1, 0), levels(2, 2, 0)), Some(false));
        assert_eq!(in_stock(levels(0, 0, 0), levels(0, 0, 1)), Some(true));
        assert_eq!(in_stock(levels(2, 0, 0), levels(2, 1, 0)), None);
        assert_eq!(in_stock(levels(0, 0, 0), levels(1, 1, 0)), None);
        assert!(Levels::crossed(&levels(2, 0, 0), &levels(2, 1, 0)).is_none());
        assert!(!Levels::crossed(&levels(2, 0, 0), &levels(0, 0, 0)).is_none());
    }

    #[test]
    fn a_receipt_brings_something() {
        assert!(ManualMovement::receipt(1, None).is_ok());
        assert_eq!(
            ManualMovement::receipt(0, None),
            Err(InvalidMovement::ReceiptQuantity)
        );
        assert_eq!(
            ManualMovement::adjustment(0, None),
            Err(InvalidMovement::AdjustmentQuantity)
        );
        assert!(ManualMovement::adjustment(-3, None).is_ok());
    }
}
