use std::{fmt::Write as _, sync::Arc};

use axum::{extract::State, response::IntoResponse};
use chassis::{
    Problem, Result,
    auth::{NotPermitted, Permitted},
    http::{Json, List, Page, Path, Query},
    idempotency::{IdempotencyKey, Once},
};
use chrono::{DateTime, Utc};
use http::{
    StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{discount_codes::Kind, policy::IncentivesManage};
use crate::{
    application::{
        App,
        commands::CreateCodeBatch,
        ports::CodeBatchView,
        queries::{ExportCodeBatch, GetCodeBatch, ListCodeBatches},
    },
    domain::{BatchPrefix, BatchSize, Terms, TermsDraft},
};

/// Codes that were made together, to be used once each.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiscountCodeBatch)]
pub(super) struct BatchBody {
    id: Uuid,
    #[schema(example = "XMAS-")]
    prefix: String,
    /// How many codes were made.
    #[schema(example = 1000)]
    size: i64,
    /// How many of them are used.
    used: i64,
    created_at: DateTime<Utc>,
}

impl From<CodeBatchView> for BatchBody {
    fn from(view: CodeBatchView) -> Self {
        Self {
            id: view.id,
            prefix: view.prefix,
            size: view.size,
            used: view.used,
            created_at: view.created_at,
        }
    }
}

/// The terms are those of each code, see the terms of a discount code.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDiscountCodeBatch)]
pub(super) struct NewBatch {
    /// How the codes begin: 1 to 28 letters, digits, `_`, `-`, the first a letter or digit. 12 random characters follow.
    #[schema(
        example = "XMAS-",
        max_length = 28,
        pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,27}$"
    )]
    prefix: String,
    /// How many codes to make, 1 to 10,000.
    #[schema(example = 1000, minimum = 1, maximum = 10_000)]
    size: i64,
    kind: Kind,
    /// 1 to 100 percent, or minor units of the shop's currency.
    #[schema(example = 10, minimum = 1, maximum = 1_000_000_000)]
    value: i64,
    /// Of a percentage only: it takes at most this much off, in minor units.
    #[schema(example = 5000, minimum = 1, maximum = 1_000_000_000)]
    max_discount: Option<i64>,
    /// The whole order must cost at least this much, in minor units.
    #[schema(default = 0, minimum = 0, maximum = 1_000_000_000)]
    min_subtotal: Option<i64>,
    /// For these products alone, 1 to 200; not with `category`.
    #[schema(example = json!(["85123A-255"]), min_items = 1, max_items = 200)]
    skus: Option<Vec<String>>,
    /// For the products of this category alone; not with `skus`.
    #[schema(example = json!(null), min_length = 1, max_length = 100)]
    category: Option<String>,
    /// The first moment at which the codes hold.
    starts_at: Option<DateTime<Utc>>,
    /// The first moment at which they hold no more.
    #[schema(example = "2026-12-31T23:59:59Z")]
    ends_at: Option<DateTime<Utc>>,
    #[schema(default = true)]
    active: Option<bool>,
}

/// List batches of codes
///
/// Newest first.
#[utoipa::path(get, path = "/v1/discount-code-batches", operation_id = "list_discount_code_batches", tag = "discount codes", security(("bearer" = [])), params(Page),
    responses((status = 200, description = "A page of batches", body = List<BatchBody>), NotPermitted<IncentivesManage>,
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _: Permitted<IncentivesManage>,
    Query(page): Query<Page>,
) -> Result<Json<List<BatchBody>>> {
    let batches = app
        .queries
        .list_code_batches
        .handle(ListCodeBatches { page })
        .await?;
    Ok(Json(batches.map(BatchBody::from)))
}

/// Get a batch of codes
#[utoipa::path(get, path = "/v1/discount-code-batches/{id}", operation_id = "get_discount_code_batch", tag = "discount codes", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The batch's id")),
    responses((status = 200, description = "The batch", body = BatchBody), NotPermitted<IncentivesManage>,
        (status = 404, description = "No such batch", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _: Permitted<IncentivesManage>,
    Path(id): Path<Uuid>,
) -> Result<Json<BatchBody>> {
    let batch = app
        .queries
        .get_code_batch
        .handle(GetCodeBatch { id })
        .await?;
    Ok(Json(BatchBody::from(batch)))
}

/// Make a batch of codes
///
/// As many codes as asked for, which nobody can guess, each to be used once. Send an `Idempotency-Key`, so that a retry makes no
/// second batch.
#[utoipa::path(post, path = "/v1/discount-code-batches", operation_id = "create_discount_code_batch", tag = "discount codes", request_body = NewBatch,
    security(("bearer" = [])), params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Made", body = BatchBody), NotPermitted<IncentivesManage>,
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Permitted { caller, .. }: Permitted<IncentivesManage>,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewBatch>,
) -> Result<impl IntoResponse> {
    let once = key
        .map(|key| Once::new(caller.id, key, "create_code_batch", &body))
        .transpose()?;
    let command = CreateCodeBatch {
        prefix: BatchPrefix::parse(&body.prefix)?,
        size: BatchSize::parse(body.size)?,
        terms: Terms::parse(TermsDraft {
            kind: body.kind.as_str().to_owned(),
            value: body.value,
            max_discount: body.max_discount,
            min_subtotal: body.min_subtotal.unwrap_or(0),
            skus: body.skus,
            category: body.category,
            starts_at: body.starts_at,
            ends_at: body.ends_at,
            max_uses: Some(1),
            max_uses_per_customer: None,
            active: body.active.unwrap_or(true),
        })?,
        caller: caller.id,
        once,
    };
    let answer = app.commands.create_code_batch.handle(command).await?;
    Ok(answer.map(|batch| {
        let location = format!("/v1/discount-code-batches/{}", batch.id);
        (
            StatusCode::CREATED,
            [(LOCATION, location)],
            Json(BatchBody::from(batch)),
        )
    }))
}

/// Export the codes of a batch
///
/// All of them in one answer, with a first row that names the columns: `code,used`.
#[utoipa::path(get, path = "/v1/discount-code-batches/{id}/codes", operation_id = "export_discount_code_batch", tag = "discount codes", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The batch's id")),
    responses((status = 200, description = "The codes", body = String, content_type = "text/csv", example = "code,used\r\nXMAS-7KQ2X0M49TRB,0\r\n"), NotPermitted<IncentivesManage>,
        (status = 404, description = "No such batch", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    _: Permitted<IncentivesManage>,
    Path(id): Path<Uuid>,
) -> Result<impl IntoResponse> {
    let export = app
        .queries
        .export_code_batch
        .handle(ExportCodeBatch { id })
        .await?;
    // A code has nothing in it that CSV would quote, nor begins like a formula; a prefix has nothing that a header would.
    let mut csv = "code,used\r\n".to_owned();
    for row in &export.codes {
        // Writing to a string cannot fail.
        let _ = write!(csv, "{},{}\r\n", row.code, row.used);
    }
    let name = export.batch.prefix.trim_end_matches(['-', '_']);
    let file = format!("attachment; filename=\"{name}-codes.csv\"");
    Ok((
        [
            (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (CONTENT_DISPOSITION, file),
        ],
        csv,
    ))
}
