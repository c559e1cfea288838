//! What the world hears of a hold.

use std::collections::BTreeMap;

use chassis::Result;
use chrono::Utc;
use proto::{
    cloudevents::CloudEvent,
    events::inventory::{
        HoldData, HoldLine, RESERVATION_EXPIRED, SOURCE, STOCK_CONFIRMED, STOCK_RELEASED,
        STOCK_RESERVED, StockConfirmed,
    },
};
use serde::Serialize;

use crate::domain::{Changes, Hold, HoldKey, HoldState, MovementKind, PricedLine};

/// The event of a new hold.
pub(super) fn reserved(key: HoldKey, lines: &[PricedLine]) -> Result<CloudEvent> {
    let data = HoldData {
        order_id: key.order_id,
        hold_no: key.hold_no,
        lines: lines
            .iter()
            .map(|line| HoldLine {
                sku: line.sku.to_string(),
                quantity: line.quantity,
            })
            .collect(),
    };
    event(STOCK_RESERVED, key, 1, &data)
}

/// The events of what was decided about holds.
pub(super) struct EventsOf<'a> {
    pub changes: &'a Changes,
    /// As they stand after the decision.
    pub holds: &'a [Hold],
    /// Of those that changed.
    pub versions: BTreeMap<HoldKey, i64>,
}

impl EventsOf<'_> {
    pub(super) fn build(&self) -> Result<Vec<CloudEvent>> {
        let mut events = Vec::new();
        for (key, state) in &self.changes.transitions {
            let version = self.versions.get(key).copied().unwrap_or_default();
            match state {
                HoldState::Confirmed => {
                    let holds = self.confirmed(key);
                    let data = StockConfirmed {
                        order_id: key.order_id,
                        holds,
                    };
                    events.push(event(STOCK_CONFIRMED, *key, version, &data)?);
                }
                HoldState::Expired => {
                    events.push(event(
                        RESERVATION_EXPIRED,
                        *key,
                        version,
                        &self.given_back(key),
                    )?);
                }
                HoldState::Held | HoldState::Fulfilled | HoldState::Released => {}
            }
        }
        // Also a hold that stays may have given back a part.
        let mut releasing: Vec<HoldKey> = self
            .changes
            .moves
            .iter()
            .filter(|change| change.kind == MovementKind::Release)
            .map(|change| change.key)
            .collect();
        releasing.sort_unstable();
        releasing.dedup();
        for key in releasing {
            if !self
                .changes
                .transitions
                .contains(&(key, HoldState::Expired))
            {
                let version = self.versions.get(&key).copied().unwrap_or_default();
                events.push(event(STOCK_RELEASED, key, version, &self.given_back(&key))?);
            }
        }
        Ok(events)
    }

    /// Numbers of all holds of the order that are safe from the sweeper.
    fn confirmed(&self, key: &HoldKey) -> Vec<i32> {
        self.holds
            .iter()
            .filter(|hold| hold.key.order_id == key.order_id)
            .filter(|hold| matches!(hold.state, HoldState::Confirmed | HoldState::Fulfilled))
            .map(|hold| hold.key.hold_no)
            .collect()
    }

    fn given_back(&self, key: &HoldKey) -> HoldData {
        HoldData {
            order_id: key.order_id,
            hold_no: key.hold_no,
            lines: self
                .changes
                .moves
                .iter()
                .filter(|change| change.key == *key && change.kind == MovementKind::Release)
                .map(|change| HoldLine {
                    sku: change.sku.to_string(),
                    quantity: change.quantity,
                })
                .collect(),
        }
    }
}

fn event(kind: &str, key: HoldKey, version: i64, data: &impl Serialize) -> Result<CloudEvent> {
    let subject = format!("{}/{}", key.order_id, key.hold_no);
    Ok(CloudEvent::new(
        SOURCE,
        kind,
        subject,
        Some(version),
        Utc::now(),
        data,
    )?)
}
