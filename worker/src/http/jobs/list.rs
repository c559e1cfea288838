use axum::{Json, extract::State};
use chassis::{
    Problem, Result,
    http::{List, Page, Query},
};
use serde::Deserialize;
use sqlx::{PgPool, QueryBuilder};
use ulid::Ulid;
use utoipa::IntoParams;

use super::{Job, JobRow, SELECT};
use crate::{
    http::{
        plain,
        policy::{NotOperator, Operator},
    },
    queue::JobState,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only jobs in this state.
    #[param(inline)]
    state: Option<JobState>,
    /// Only jobs of this kind.
    #[serde(default, deserialize_with = "plain")]
    kind: Option<String>,
}

/// List the jobs, newest first.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "jobs",
    security(("bearer" = [])),
    params(Page, Filter),
    responses(
        (status = 200, description = "A page", body = List<Job>),
        NotOperator,
        (status = 422, description = "A parameter is not acceptable", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_jobs(
    _: Operator,
    State(pool): State<PgPool>,
    Query(page): Query<Page>,
    Query(filter): Query<Filter>,
) -> Result<Json<List<Job>>> {
    let limit = page.limit()?;
    let mut query = QueryBuilder::new(SELECT);
    query.push("where true");
    if let Some(state) = filter.state {
        query
            .push(" and job_state(status, attempts, max_attempts) = ")
            .push_bind(state.as_str());
    }
    if let Some(kind) = filter.kind {
        query.push(" and job_type = ").push_bind(kind);
    }
    if let Some(after) = page.after::<Ulid>()? {
        query.push(" and id < ").push_bind(after.to_string());
    }
    query.push(" order by id desc limit ").push_bind(limit + 1);
    let rows: Vec<JobRow> = query.build_query_as().fetch_all(&pool).await?;
    let list = List::page(rows, limit, |row| row.id.clone())?;
    Ok(Json(list.map(Job::from)))
}
