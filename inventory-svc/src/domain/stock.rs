/// What there is of one SKU, in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    pub on_hand: i64,
    pub reserved: i64,
    /// How far beyond what is on hand may be sold.
    pub backorder_limit: i64,
}

impl Levels {
    /// What can still be sold; never negative.
    #[must_use]
    pub fn available(&self) -> i64 {
        (self.on_hand + self.backorder_limit - self.reserved).max(0)
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
        };
        assert_eq!(levels(10, 4, 0).available(), 6);
        assert_eq!(levels(0, 0, 5).available(), 5);
        assert_eq!(levels(0, 3, 0).available(), 0);
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
