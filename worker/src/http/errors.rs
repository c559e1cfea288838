use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Query},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, QueryBuilder, types::Json as Jsonb};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    plain,
    policy::{NotOperator, Operator},
};

/// What a service logged at ERROR.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedError {
    id: Uuid,
    #[schema(example = "order-svc")]
    service: String,
    version: String,
    /// The module that logged it.
    #[schema(example = "order_svc::relay")]
    target: String,
    message: String,
    /// The trace it belongs to: 32 hexadecimal digits.
    trace_id: Option<String>,
    fields: BTreeMap<String, String>,
    occurred_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct ErrorRow {
    id: Uuid,
    service: String,
    version: String,
    target: String,
    message: String,
    trace_id: Option<String>,
    fields: Jsonb<BTreeMap<String, String>>,
    occurred_at: DateTime<Utc>,
}

impl From<ErrorRow> for LoggedError {
    fn from(row: ErrorRow) -> Self {
        Self {
            id: row.id,
            service: row.service,
            version: row.version,
            target: row.target,
            message: row.message,
            trace_id: row.trace_id,
            fields: row.fields.0,
            occurred_at: row.occurred_at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only errors of this service.
    #[serde(default, deserialize_with = "plain")]
    service: Option<String>,
    /// Only errors of this trace.
    #[serde(default, deserialize_with = "plain")]
    trace_id: Option<String>,
}

/// List the errors, newest first.
#[utoipa::path(
    get,
    path = "/v1/errors",
    tag = "errors",
    security(("bearer" = [])),
    params(Page, Filter),
    responses(
        (status = 200, description = "A page", body = List<LoggedError>),
        NotOperator,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_errors(
    _: Operator,
    State(pool): State<PgPool>,
    Query(page): Query<Page>,
    Query(filter): Query<Filter>,
) -> Result<Json<List<LoggedError>>> {
    let limit = page.limit()?;
    let mut query = QueryBuilder::new(
        "select id, service, version, target, message, trace_id, fields, occurred_at from errors where true",
    );
    if let Some(service) = filter.service {
        query.push(" and service = ").push_bind(service);
    }
    if let Some(trace_id) = filter.trace_id {
        query.push(" and trace_id = ").push_bind(trace_id);
    }
    if let Some((occurred_at, id)) = page.after::<(DateTime<Utc>, Uuid)>()? {
        query
            .push(" and (occurred_at, id) < (")
            .push_bind(occurred_at)
            .push(", ")
            .push_bind(id)
            .push(")");
    }
    query
        .push(" order by occurred_at desc, id desc limit ")
        .push_bind(limit + 1);
    let rows: Vec<ErrorRow> = query.build_query_as().fetch_all(&pool).await?;
    let list = List::page(rows, limit, |row| (row.occurred_at, row.id))?;
    Ok(Json(list.map(LoggedError::from)))
}
