//! A ledger in memory, for the tests of what orders do to it.

use std::{collections::BTreeMap, time::Duration};

use iso_currency::Currency;
use uuid::Uuid;

use crate::domain::{
    Account, Booking, Entry, HeldPoints, HoldKey, HoldState, Lot, LotChange, LotState, LotUse,
    Lots, LoyaltyPolicy, OrderPoints, PointsEvent, PointsStage, PointsTarget, Reason, ReturnedUse,
    Side,
};

pub(super) const POLICY: LoyaltyPolicy = LoyaltyPolicy {
    currency: Currency::GBP,
    earn_rate: 1,
    point_value: 1,
    life: Duration::from_secs(60),
};

pub(super) const ORDER: Uuid = Uuid::from_u128(1);
/// Another order of the customer.
pub(super) const OTHER: Uuid = Uuid::from_u128(2);

/// One customer's ledger, as the database keeps it.
#[derive(Default)]
pub(super) struct World {
    pub(super) entries: Vec<Entry>,
    pub(super) balances: BTreeMap<Side, i64>,
    pub(super) lots: Lots,
    /// Of each lot the order that earned it, and how many points it had.
    pub(super) origins: BTreeMap<i64, (Option<Uuid>, i64)>,
    /// Points that each hold took, by lot; newest last.
    pub(super) uses: Vec<(HoldKey, Vec<LotUse>)>,
    pub(super) events: Vec<PointsEvent>,
    pub(super) version: i64,
}

impl World {
    pub(super) fn new_lot(&mut self, order_id: Option<Uuid>, points: i64) {
        let id = i64::try_from(self.lots.len()).unwrap() + 1;
        let state = LotState {
            remaining: points,
            expired: 0,
            past: false,
        };
        self.lots.insert(id, state);
        self.origins.insert(id, (order_id, points));
    }

    pub(super) fn transfer(&mut self, from: Side, to: Side, points: i64) {
        assert!(points > 0);
        *self.balances.entry(from).or_default() -= points;
        *self.balances.entry(to).or_default() += points;
    }

    pub(super) fn grant(&mut self, points: i64) {
        self.transfer(Side::Issued, Side::Available, points);
        self.new_lot(None, points);
    }

    pub(super) fn balance(&self, side: Side) -> i64 {
        self.balances.get(&side).copied().unwrap_or_default()
    }

    pub(super) fn apply(&mut self, booking: Booking) {
        let entry = booking.entry;
        let twin = |known: &Entry| {
            (known.order_id, known.reason, known.no) == (entry.order_id, entry.reason, entry.no)
        };
        assert!(!self.entries.iter().any(twin), "booked once: {entry:?}");
        self.entries.push(entry);
        self.transfer(entry.from, entry.to, entry.points);
        for change in booking.lots {
            match change {
                LotChange::Take { lot_id, points } => {
                    self.lots.get_mut(&lot_id).unwrap().remaining -= points;
                }
                LotChange::Return { lot_id, points } => {
                    self.lots.get_mut(&lot_id).unwrap().remaining += points;
                }
                LotChange::New { order_id, points } => self.new_lot(order_id, points),
            }
        }
        for ReturnedUse {
            key,
            lot_id,
            points,
        } in booking.returned
        {
            let (_, uses) = self.uses.iter_mut().find(|(of, _)| *of == key).unwrap();
            let used = uses.iter_mut().find(|used| used.lot_id == lot_id).unwrap();
            used.points -= points;
        }
        self.events.extend(booking.event);
    }

    /// As the ledger says.
    pub(super) fn found(&self) -> OrderPoints {
        let sum = |of: &dyn Fn(&Entry) -> bool| -> i64 {
            let own = self.entries.iter().filter(|entry| entry.order_id == ORDER);
            own.filter(|entry| of(entry))
                .map(|entry| entry.points)
                .sum()
        };
        OrderPoints {
            pending: sum(&|entry| entry.to == Side::Pending)
                - sum(&|entry| entry.from == Side::Pending),
            matured: sum(&|entry| entry.reason == Reason::Matured),
            reversed: sum(&|entry| (entry.from, entry.to) == (Side::Available, Side::Issued)),
            withheld: sum(&|entry| entry.reason == Reason::Withheld),
            rate: self.entries.iter().find_map(|entry| entry.rate),
            lots: self
                .origins
                .iter()
                .filter(|(_, (order, _))| *order == Some(ORDER))
                .map(|(id, _)| *id)
                .collect(),
            holds: self.holds(ORDER),
        }
    }

    /// Newest first.
    pub(super) fn holds(&self, order_id: Uuid) -> Vec<HeldPoints> {
        let own = self.uses.iter().rev();
        own.filter(|(key, _)| key.order_id == order_id)
            .map(|(key, uses)| HeldPoints {
                key: *key,
                customer_id: Uuid::nil(),
                redeemed: self.entries.iter().any(|entry| {
                    (entry.order_id, entry.reason, entry.no)
                        == (key.order_id, Reason::Redeemed, i64::from(key.hold_no))
                }),
                uses: uses.iter().rev().copied().collect(),
            })
            .collect()
    }

    pub(super) fn target(
        &mut self,
        stage: PointsStage,
        net: i64,
        points_spent: i64,
    ) -> PointsTarget {
        self.version += 1;
        PointsTarget {
            order_id: ORDER,
            customer_id: Uuid::nil(),
            version: self.version,
            stage,
            currency: "GBP".to_owned(),
            net,
            points_spent,
            holds: self
                .uses
                .iter()
                .filter(|(key, _)| key.order_id == ORDER)
                .map(|(key, _)| key.hold_no)
                .collect(),
        }
    }

    pub(super) fn follow(&mut self, target: &PointsTarget) -> Vec<PointsEvent> {
        self.events.clear();
        // A decision sees and changes a copy, as it does a read of the database.
        let (found, mut lots) = (self.found(), self.lots.clone());
        let returned = target.return_redeemed(&found, &mut lots);
        let earned = target.reach_earned(&found, &mut lots, &POLICY);
        for booking in returned.into_iter().chain(earned) {
            self.apply(booking);
        }
        for (id, lot) in lots {
            assert_eq!(lot, self.lots[&id], "the decision knows what it did");
        }
        self.check();
        std::mem::take(&mut self.events)
    }

    pub(super) fn reach(&mut self, stage: PointsStage, net: i64) -> Vec<PointsEvent> {
        let spent = self.holds(ORDER).iter().map(HeldPoints::points).sum();
        let target = self.target(stage, net, spent);
        self.follow(&target)
    }

    /// A hold takes points and is settled.
    pub(super) fn spend(&mut self, order_id: Uuid, points: i64, state: HoldState) -> bool {
        let open = |(id, lot): (&i64, &LotState)| {
            (!lot.past && lot.remaining > 0).then_some(Lot {
                id: *id,
                remaining: lot.remaining,
            })
        };
        let lots = self.lots.iter().filter_map(open).collect();
        let Ok(uses) = Account::new(Uuid::nil(), lots).spend(points) else {
            return false;
        };
        for used in &uses {
            self.lots.get_mut(&used.lot_id).unwrap().remaining -= used.points;
        }
        self.transfer(Side::Available, Side::Held, points);
        let hold_no = i32::try_from(self.uses.len()).unwrap() + 1;
        let key = HoldKey { order_id, hold_no };
        self.uses.push((key, uses));
        self.settle(key, state);
        true
    }

    pub(super) fn settle(&mut self, key: HoldKey, state: HoldState) {
        let mut lots = self.lots.clone();
        let holds = self.holds(key.order_id);
        let hold = holds.iter().find(|hold| hold.key == key).unwrap();
        if let Some(booking) = hold.settle(state, &mut lots) {
            self.apply(booking);
        }
        self.check();
    }

    /// The day of every lot passes, and the job runs if it does.
    pub(super) fn expire(&mut self, job: bool) {
        let mut expired = 0;
        for lot in self.lots.values_mut() {
            lot.past = true;
            if job {
                expired += lot.remaining;
                lot.expired += lot.remaining;
                lot.remaining = 0;
            }
        }
        if expired > 0 {
            // Whichever account of the shop.
            self.transfer(Side::Available, Side::Redeemed, expired);
        }
        self.check();
    }

    pub(super) fn check(&self) {
        for side in [Side::Pending, Side::Available, Side::Held] {
            assert!(self.balance(side) >= 0, "{side:?}");
        }
        let remaining: i64 = self.lots.values().map(|lot| lot.remaining).sum();
        assert_eq!(self.balance(Side::Available), remaining);
        for (id, lot) in &self.lots {
            let (_, points) = self.origins[id];
            assert!(lot.remaining >= 0 && lot.expired >= 0);
            assert!(lot.remaining + lot.expired <= points);
        }
    }

    /// What the order has brought, less what was taken back or withheld.
    pub(super) fn earned(&self) -> i64 {
        let found = self.found();
        found.pending + found.matured - found.reversed - found.withheld
    }
}
