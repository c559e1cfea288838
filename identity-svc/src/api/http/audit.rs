use std::sync::Arc;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Query},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    check::Check,
    policy::{Auditor, NotAuditor},
};
use crate::{
    domain::{Action, AuditFilter, Invalid},
    service::{AuditEntry, Identity},
};

/// Something that somebody did, and that security depends on.
#[derive(Serialize, ToSchema)]
pub struct AuditRow {
    id: Uuid,
    at: DateTime<Utc>,
    #[schema(example = "session.opened")]
    action: String,
    actor: AuditActor,
    /// What it was done to: the id of a user, an account or a key, or the name of a role.
    subject: Option<String>,
    /// Where the request came from.
    #[schema(example = "203.0.113.9")]
    address: Option<String>,
    /// What the client calls itself.
    user_agent: Option<String>,
    /// `x-request-id` of the answer.
    request_id: String,
    /// More about it, by action.
    #[schema(value_type = Object)]
    details: Value,
}

/// Who did it. Without an id: somebody who was not signed in or, without an address, the system itself.
#[derive(Serialize, ToSchema)]
pub struct AuditActor {
    id: Option<Uuid>,
    /// The program that acted: `easyorder` for a person who signed in.
    client_id: Option<String>,
}

impl From<AuditEntry> for AuditRow {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            action: entry.action,
            actor: AuditActor {
                id: entry.actor_id,
                client_id: entry.client_id,
            },
            subject: entry.subject,
            address: entry.address,
            user_agent: entry.user_agent,
            request_id: entry.request_id,
            details: entry.details,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only what this user or account did.
    #[param(value_type = Option<Uuid>)]
    actor: Option<String>,
    /// Only what was done to this user, account, key or role.
    subject: Option<String>,
    /// Only this action or, with a full stop at the end, all that begin so: `session.opened`, `session.`.
    action: Option<String>,
    /// Only what came from this address or network: `203.0.113.9`, `10.0.0.0/8`.
    address: Option<String>,
    /// From this time on.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<String>,
    /// Before this time.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<String>,
}

impl Filter {
    fn parse(&self) -> Result<AuditFilter> {
        let mut check = Check::default();
        let filter = AuditFilter {
            actor: given(
                &mut check,
                "actor",
                self.actor.as_deref(),
                AuditFilter::actor,
            ),
            subject: given(
                &mut check,
                "subject",
                self.subject.as_deref(),
                AuditFilter::subject,
            ),
            actions: given(
                &mut check,
                "action",
                self.action.as_deref(),
                Action::matching,
            ),
            network: given(
                &mut check,
                "address",
                self.address.as_deref(),
                AuditFilter::network,
            ),
            from: given(&mut check, "from", self.from.as_deref(), AuditFilter::time),
            to: given(&mut check, "to", self.to.as_deref(), AuditFilter::time),
        };
        check.done(Some(filter))
    }
}

/// The value of a parameter, if it is given and acceptable.
fn given<T>(
    check: &mut Check,
    name: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Option<T> {
    text.and_then(|text| check.field(name, parse(text)))
}

/// Read the audit log, newest first.
///
/// It tells who did what from where: of each sign-in and each that failed, of sessions that ended, and of every change of
/// users and roles. Rows are never changed.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "audit",
    security(("bearer" = [])),
    params(Page, Filter),
    responses(
        (status = 200, description = "A page", body = List<AuditRow>),
        NotAuditor,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_audit_log(
    _: Auditor,
    State(identity): State<Arc<Identity>>,
    Query(page): Query<Page>,
    Query(filter): Query<Filter>,
) -> Result<Json<List<AuditRow>>> {
    let limit = page.limit()?;
    let filter = filter.parse()?;
    let entries = identity
        .audit_log(&filter, page.after()?, limit + 1)
        .await?;
    let list = List::page(entries, limit, |entry| entry.id)?;
    Ok(Json(list.map(AuditRow::from)))
}
