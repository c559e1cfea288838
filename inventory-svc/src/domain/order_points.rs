use uuid::Uuid;

use super::loyalty::{
    Booking, Entry, HeldPoints, LotChange, Lots, LoyaltyPolicy, PointsEvent, Reason, Side, earns,
    give_back,
};

/// The state of an order that its points must be brought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsTarget {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    pub version: i64,
    pub stage: PointsStage,
    /// ISO 4217.
    pub currency: String,
    /// Minor units that the customer pays for what they keep.
    pub net: i64,
    /// Points redeemed less those returned, by the holds of `holds`.
    pub points_spent: i64,
    /// Numbers of the holds that the order has committed. A later one may have been confirmed already; it is not of
    /// this version.
    pub holds: Vec<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointsStage {
    /// What it earns is pending.
    Open,
    /// What it earns can be spent.
    Delivered,
    /// It earns nothing.
    Cancelled,
}

/// The points of an order as they stand, by its entries in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderPoints {
    pub pending: i64,
    /// All that ever became available.
    pub matured: i64,
    /// Of these, what was taken back.
    pub reversed: i64,
    /// Of these, what had been spent when it should be taken back.
    pub withheld: i64,
    /// Points for 100 minor units, as when it first earned some.
    pub rate: Option<i64>,
    /// The lots that it earned.
    pub lots: Vec<i64>,
    /// Of its holds, newest first, those that took points.
    pub holds: Vec<HeldPoints>,
}

impl PointsTarget {
    /// Gives back what the order no longer uses of the points it redeemed.
    #[must_use]
    pub fn return_redeemed(&self, found: &OrderPoints, lots: &mut Lots) -> Option<Booking> {
        let own = || {
            found
                .holds
                .iter()
                .filter(|hold| hold.redeemed && self.holds.contains(&hold.key.hold_no))
        };
        let redeemed: i64 = own().map(HeldPoints::points).sum();
        let points = redeemed - self.points_spent.max(0);
        if points <= 0 {
            return None;
        }
        let mut booking = self.book(
            Side::Redeemed,
            Side::Available,
            points,
            Reason::RedemptionReturned,
        );
        give_back(points, own(), lots, &mut booking);
        booking.event = Some(PointsEvent::RedeemedReversed { points });
        Some(booking)
    }

    /// Brings what the order has earned to what it should earn, whatever was seen before.
    #[must_use]
    pub fn reach_earned(
        &self,
        found: &OrderPoints,
        lots: &mut Lots,
        policy: &LoyaltyPolicy,
    ) -> Vec<Booking> {
        let rate = self.rate(found, policy);
        let wanted = match self.stage {
            PointsStage::Open | PointsStage::Delivered => earns(self.net, rate),
            PointsStage::Cancelled => 0,
        };
        let matures = match self.stage {
            PointsStage::Delivered => true,
            // What has matured does not become pending again.
            PointsStage::Open | PointsStage::Cancelled => found.matured > 0,
        };
        if !matures {
            return self
                .reach_pending(wanted, found, rate)
                .into_iter()
                .collect();
        }
        let kept = found.matured - found.reversed - found.withheld;
        let missing = wanted - kept;
        let mut bookings: Vec<Booking> = self
            .reach_pending(missing.max(0), found, rate)
            .into_iter()
            .collect();
        if missing > 0 {
            let mut booking = self.book(Side::Pending, Side::Available, missing, Reason::Matured);
            booking.lots.push(LotChange::New {
                order_id: Some(self.order_id),
                points: missing,
            });
            bookings.push(booking);
        } else {
            bookings.extend(self.take_back(-missing, found, lots));
        }
        bookings
    }

    /// Points for 100 minor units: an order keeps the rate at which it first earned some.
    fn rate(&self, found: &OrderPoints, policy: &LoyaltyPolicy) -> i64 {
        found.rate.unwrap_or_else(|| {
            if self.currency == policy.currency.code() {
                policy.earn_rate
            } else {
                0
            }
        })
    }

    fn reach_pending(&self, wanted: i64, found: &OrderPoints, rate: i64) -> Option<Booking> {
        let points = wanted - found.pending;
        if points > 0 {
            let mut booking = self.book(Side::Issued, Side::Pending, points, Reason::Earned);
            booking.entry.rate = Some(rate);
            booking.event = Some(PointsEvent::Earned { points });
            Some(booking)
        } else if points < 0 {
            let points = -points;
            let mut booking = self.book(Side::Pending, Side::Issued, points, Reason::Reversed);
            booking.event = Some(PointsEvent::EarnedReversed {
                points,
                withheld: 0,
                withheld_total: found.withheld,
            });
            Some(booking)
        } else {
            None
        }
    }

    /// Takes back what is not earned any more: first what remains in the order's lots. Then counts what has expired of
    /// them, of which the customer had no good; it is part of `points` each time, so nothing need be booked. The rest
    /// was spent, and is withheld.
    fn take_back(&self, points: i64, found: &OrderPoints, lots: &mut Lots) -> Vec<Booking> {
        let mut left = points;
        let mut taken = Vec::new();
        let mut expired = 0;
        for lot_id in &found.lots {
            let Some(lot) = lots.get_mut(lot_id) else {
                continue;
            };
            expired += lot.expired;
            let points = left.min(lot.remaining);
            if points > 0 {
                lot.remaining -= points;
                left -= points;
                taken.push(LotChange::Take {
                    lot_id: *lot_id,
                    points,
                });
            }
        }
        let reversed = points - left;
        let withheld = (left - expired).max(0);
        let mut bookings = Vec::new();
        if reversed > 0 {
            let mut booking = self.book(Side::Available, Side::Issued, reversed, Reason::Reversed);
            booking.lots = taken;
            bookings.push(booking);
        }
        if withheld > 0 {
            bookings.push(self.book(Side::Withheld, Side::Issued, withheld, Reason::Withheld));
        }
        if let Some(last) = bookings.last_mut() {
            last.event = Some(PointsEvent::EarnedReversed {
                points: reversed + withheld,
                withheld,
                withheld_total: found.withheld + withheld,
            });
        }
        bookings
    }

    fn book(&self, from: Side, to: Side, points: i64, reason: Reason) -> Booking {
        Booking::of(Entry {
            customer_id: self.customer_id,
            order_id: self.order_id,
            from,
            to,
            points,
            reason,
            no: self.version,
            rate: None,
        })
    }
}

#[cfg(test)]
#[path = "order_points_tests.rs"]
mod tests;
