use std::net::IpAddr;

use chassis::{Result, trace};
use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde_json::Value;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::Repository;
use crate::domain::{Action, Actor, AuditFilter};

/// So many rows are found and sorted in no time.
const FEW: i64 = 5_000;

/// A row of the audit log.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditEntry {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub action: String,
    pub actor_id: Option<Uuid>,
    pub client_id: Option<String>,
    pub subject: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: String,
    pub details: Value,
}

/// Notes in the audit log what `actor` did to `subject`, in the transaction that does it. What concerns somebody's account
/// or sessions has the user's id as its subject.
pub(super) async fn record(
    tx: &mut PgConnection,
    actor: &Actor,
    action: Action,
    subject: Option<&str>,
    details: Value,
) -> Result<()> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "insert into audit_log (id, at, action, actor_id, client_id, subject, address, user_agent, request_id, details)
         values ($1, $2, $3, $4, $5, $6, $7::text::inet, $8, $9, $10)",
        id,
        time_of(id),
        action.as_str(),
        actor.id,
        actor.client_id,
        subject,
        actor.origin.address.map(|address| address.to_string()),
        actor.origin.user_agent,
        trace::request_id(),
        details,
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Repository {
    /// At most `limit` rows of the audit log that fulfil the filter, newest first, before the row `before`.
    pub async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>> {
        let mut sql = listing(filter);
        if self.are_few_in_ranges(filter).await? {
            sql.push(" and id = any(array(select id from audit_log where true");
            ranges(&mut sql, filter);
            sql.push("))");
        } else {
            ranges(&mut sql, filter);
        }
        if let Some(before) = before {
            sql.push(" and id < ").push_bind(before);
        }
        sql.push(" order by id desc limit ").push_bind(limit);
        let entries = sql
            .build_query_as()
            // Planned each time, for these values: what happens often wants another plan than what is rare.
            .persistent(false)
            .fetch_all(&self.pool)
            .await?;
        Ok(entries)
    }

    /// Whether it is quicker to find all rows in the filter's ranges and sort them than to look for them in the order of
    /// time. The planner cannot know: it takes them to be spread evenly, but an attack is over in an hour.
    async fn are_few_in_ranges(&self, filter: &AuditFilter) -> Result<bool> {
        let mut sql = QueryBuilder::new("select count(*) from (select from audit_log where true");
        if !ranges(&mut sql, filter) {
            return Ok(false);
        }
        sql.push(" limit ").push_bind(FEW + 1).push(") as found");
        let found: i64 = sql
            .build_query_scalar()
            .persistent(false)
            .fetch_one(&self.pool)
            .await?;
        Ok(found <= FEW)
    }
}

/// With the conditions that are asked for and no others, so that each finds its index. The primary key tells the time.
fn listing(filter: &AuditFilter) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(
        "select id, at, action, actor_id, client_id, subject, host(address) as address, user_agent, request_id, details
           from audit_log where true",
    );
    if let Some(actor) = filter.actor {
        sql.push(" and actor_id = ").push_bind(actor);
    }
    if let Some(subject) = &filter.subject {
        sql.push(" and subject = ").push_bind(subject.clone());
    }
    if let Some([action]) = filter.actions.as_deref() {
        sql.push(" and action = ").push_bind(action.as_str());
    }
    if let Some(network) = filter.network.filter(is_one_address) {
        address(&mut sql, " = ", network.network());
    }
    if let Some(from) = filter.from {
        sql.push(" and id >= ").push_bind(first_id_of(from));
    }
    if let Some(to) = filter.to {
        sql.push(" and id < ").push_bind(first_id_of(to));
    }
    sql
}

/// Adds the conditions that several values of a column fulfil, whose index has them not in the order of time; false if
/// there are none.
fn ranges(sql: &mut QueryBuilder<Postgres>, filter: &AuditFilter) -> bool {
    let actions = filter.actions.as_deref().filter(|them| them.len() > 1);
    if let Some(actions) = actions {
        let names: Vec<_> = actions.iter().map(|action| action.as_str()).collect();
        sql.push(" and action = any(").push_bind(names).push(")");
    }
    let network = filter.network.filter(|them| !is_one_address(them));
    if let Some(network) = network {
        // Addresses are ordered, so a network is all between its first and its last.
        address(sql, " >= ", network.network());
        address(sql, " <= ", network.broadcast());
    }
    actions.is_some() || network.is_some()
}

fn is_one_address(network: &IpNet) -> bool {
    network.network() == network.broadcast()
}

fn address(sql: &mut QueryBuilder<Postgres>, comparison: &str, address: IpAddr) {
    sql.push(" and address").push(comparison);
    sql.push_bind(address.to_string()).push("::text::inet");
}

/// When a row got its id, to the millisecond: the time that it shows. RFC 9562, 5.7: the first 48 bits.
fn time_of(id: Uuid) -> DateTime<Utc> {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or_default();
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// The least id of a row that shows `time` or a later one.
fn first_id_of(time: DateTime<Utc>) -> Uuid {
    const LAST: u128 = (1 << 48) - 1;
    // Within a millisecond: the rows that show its beginning are earlier.
    let begun = !time.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    let millis = time.timestamp_millis() + i64::from(begun);
    let millis = u128::try_from(millis).unwrap_or(0).min(LAST);
    Uuid::from_u128(millis << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_in_the_order_of_the_times_that_they_show() {
        let id = Uuid::now_v7();
        let shown = time_of(id);
        let micro = chrono::TimeDelta::microseconds(1);
        assert!(first_id_of(shown) <= id);
        assert!(first_id_of(shown - micro) <= id);
        assert!(first_id_of(shown + micro) > id);
        assert_eq!(time_of(first_id_of(shown)), shown);
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        assert_eq!(first_id_of(DateTime::<Utc>::MIN_UTC), Uuid::nil());
        assert!(first_id_of(DateTime::<Utc>::MAX_UTC) > Uuid::now_v7());
    }
}
