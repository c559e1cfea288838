use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chassis::{
    Result,
    audit::{Checked, Findings, Violation},
};
use uuid::Uuid;

use crate::{
    application::ports::{KEEPINGS, Keepings, Kept, Ledgers, Range},
    domain::{Hold, HoldKey, OrderTarget},
};

/// Checks everything that must hold in this service, and between it and the orders.
pub struct Audit {
    /// Also set right what follows from the ledgers.
    pub repair: bool,
    /// Orders that changed within this time may still be on their way.
    pub settle: Duration,
}

pub struct AuditHandler {
    ledgers: Arc<dyn Ledgers>,
    keepings: Arc<dyn Keepings>,
}

/// What order-svc and this service must agree on.
struct Agreement {
    not_followed: Checked,
    lines: Checked,
    without_order: Checked,
}

impl AuditHandler {
    pub(crate) fn new(ledgers: Arc<dyn Ledgers>, keepings: Arc<dyn Keepings>) -> Self {
        Self { ledgers, keepings }
    }

    /// # Errors
    /// `unavailable` when the database or order-svc is away. What was found until then has been told.
    #[tracing::instrument(name = "audit", skip_all, fields(audit.repair = command.repair))]
    pub async fn handle(&self, command: Audit, findings: &Findings) -> Result<()> {
        let Audit { repair, settle } = command;
        let mut own = self.ledgers.check(settle).await?;
        if repair && own.iter().any(|checked| checked.total > 0) {
            self.ledgers.repair(&own).await?;
            let again = self.ledgers.check(settle).await?;
            own = own
                .into_iter()
                .zip(again)
                .map(|(before, after)| before.after_repair(after))
                .collect();
        }
        for checked in own {
            findings.tell(checked).await?;
        }
        let Agreement {
            not_followed,
            lines,
            without_order,
        } = self.with_orders(repair, settle).await?;
        for checked in [not_followed, lines, without_order] {
            findings.tell(checked).await?;
        }
        Ok(())
    }

    async fn with_orders(&self, repair: bool, settle: Duration) -> Result<Agreement> {
        let mut found = Agreement {
            not_followed: Checked::new("order-not-followed"),
            lines: Checked::new("order-holds-are-its-lines"),
            without_order: Checked::new("hold-without-order"),
        };
        let mut after = None;
        loop {
            let page = self.keepings.page(after, settle).await?;
            let ids: Vec<Uuid> = page.iter().map(|target| target.order_id).collect();
            // After the page was read: what has changed since is newer here, not older.
            let kept = self.ledgers.kept(&ids).await?;
            for target in &page {
                self.compare(target, &kept, repair, &mut found).await?;
            }
            let until = if page.len() < KEEPINGS {
                None
            } else {
                ids.last().copied()
            };
            let range = Range { after, until };
            self.unclaimed(&range, &page, settle, &mut found.without_order)
                .await?;
            match until {
                Some(last) => after = Some(last),
                None => return Ok(found),
            }
        }
    }

    async fn compare(
        &self,
        target: &OrderTarget,
        kept: &Kept,
        repair: bool,
        found: &mut Agreement,
    ) -> Result<()> {
        found.not_followed.rows += 1;
        found.lines.rows += 1;
        let order_id = target.order_id;
        let followed = kept.followed.get(&order_id).copied();
        let violation = |detail, repaired| Violation {
            table: "orders",
            key: order_id.to_string(),
            detail,
            repaired,
        };
        if followed < Some(target.version) {
            let mut detail = match followed {
                Some(followed) => {
                    format!("is at version {}, followed to {followed}", target.version)
                }
                None => format!("is at version {}, and was never followed", target.version),
            };
            let mut repaired = false;
            if repair {
                match self.ledgers.follow(target).await {
                    Ok(()) => repaired = true,
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => detail = format!("{detail}; it cannot be: {error:?}"),
                }
            }
            found.not_followed.found(violation(detail, repaired));
        } else if followed == Some(target.version) {
            let first = kept
                .holds
                .partition_point(|hold| hold.key.order_id < order_id);
            let end = kept
                .holds
                .partition_point(|hold| hold.key.order_id <= order_id);
            let holds: &[Hold] = &kept.holds[first..end];
            if let Some(detail) = target.disagreement(holds) {
                found.lines.found(violation(detail, false));
            }
        }
        // A newer version than order-svc told a moment ago: the order moves, and is compared another time.
        Ok(())
    }

    /// Holds that no order of the page lists. The page leaves out orders that are not settled, so whatever seems to
    /// have no order is looked up among all of them.
    async fn unclaimed(
        &self,
        range: &Range,
        page: &[OrderTarget],
        settle: Duration,
        found: &mut Checked,
    ) -> Result<()> {
        let known: Vec<HoldKey> = page.iter().flat_map(committed).collect();
        let unclaimed = self.ledgers.unclaimed(range, &known, settle).await?;
        found.rows += unclaimed.rows;
        let Some(last) = unclaimed.keys.last().map(|key| key.order_id) else {
            return Ok(());
        };
        let (mut orders, mut claimed) = (BTreeSet::new(), BTreeSet::new());
        let mut after = range.after;
        loop {
            let page = self.keepings.page(after, Duration::ZERO).await?;
            orders.extend(page.iter().map(|target| target.order_id));
            claimed.extend(page.iter().flat_map(committed));
            after = page.last().map(|target| target.order_id);
            if page.len() < KEEPINGS || after >= Some(last) {
                break;
            }
        }
        for key in unclaimed.keys {
            if claimed.contains(&key) {
                continue;
            }
            let detail = if orders.contains(&key.order_id) {
                "is kept, but its order has not committed it"
            } else {
                "is kept, but there is no such order"
            };
            found.found(Violation {
                table: "holds",
                key: format!("{}/{}", key.order_id, key.hold_no),
                detail: detail.to_owned(),
                repaired: false,
            });
        }
        Ok(())
    }
}

fn committed(target: &OrderTarget) -> impl Iterator<Item = HoldKey> {
    let order_id = target.order_id;
    target
        .holds
        .iter()
        .map(move |&hold_no| HoldKey { order_id, hold_no })
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
