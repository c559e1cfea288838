use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use chassis::{
    Problem, Result,
    auth::{NotPermitted, Permitted},
    http::{IfMatch, Json, List, Page, Path, Query, etag},
    idempotency::{IdempotencyKey, Once},
};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::policy::IncentivesManage;
use crate::{
    application::{
        App,
        commands::{ChangeDiscountCode, CreateDiscountCode, RemoveDiscountCode},
        ports::{CodeFilter, DiscountCodeView},
        queries::{GetDiscountCode, ListDiscountCodes},
    },
    domain::{Code, Terms, TermsChange, TermsDraft},
};

#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DiscountKind)]
pub(super) enum Kind {
    /// `value` is whole percent.
    Percent,
    /// `value` is an amount.
    Fixed,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Fixed => "fixed",
        }
    }
}

/// What a code takes off an order. Amounts are minor units of the shop's currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiscountCode)]
pub(super) struct CodeBody {
    /// As it was written; it is found whatever the case.
    #[schema(example = "Spring10")]
    code: String,
    #[schema(value_type = Kind)]
    kind: String,
    /// Whole percent, or minor units.
    #[schema(example = 10)]
    value: i64,
    /// A percentage takes at most this much off.
    max_discount: Option<i64>,
    /// The whole order must cost at least this much.
    min_subtotal: i64,
    /// For these products alone.
    skus: Option<Vec<String>>,
    /// For the products of this category alone.
    category: Option<String>,
    /// The first moment at which the code holds.
    starts_at: Option<DateTime<Utc>>,
    /// The first moment at which it holds no more.
    #[schema(example = "2026-12-31T23:59:59Z")]
    ends_at: Option<DateTime<Utc>>,
    max_uses: Option<i64>,
    max_uses_per_customer: Option<i64>,
    active: bool,
    /// How often it was used; a use whose order was cancelled does not count.
    used: i64,
    /// The batch with which it was made.
    batch_id: Option<Uuid>,
    #[schema(example = 1)]
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<DiscountCodeView> for CodeBody {
    fn from(view: DiscountCodeView) -> Self {
        Self {
            code: view.code,
            kind: view.kind,
            value: view.value,
            max_discount: view.max_discount,
            min_subtotal: view.min_subtotal,
            skus: view.skus,
            category: view.category,
            starts_at: view.starts_at,
            ends_at: view.ends_at,
            max_uses: view.max_uses,
            max_uses_per_customer: view.max_uses_per_customer,
            active: view.active,
            used: view.used,
            batch_id: view.batch_id,
            version: view.version,
            created_at: view.created_at,
            updated_at: view.updated_at,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDiscountCode)]
pub(super) struct NewCode {
    /// 3 to 40 letters, digits, `_`, `-`, the first a letter or digit.
    #[schema(
        example = "Spring10",
        max_length = 40,
        pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$"
    )]
    code: String,
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
    /// The first moment at which the code holds.
    starts_at: Option<DateTime<Utc>>,
    /// The first moment at which it holds no more.
    #[schema(example = "2026-12-31T23:59:59Z")]
    ends_at: Option<DateTime<Utc>>,
    #[schema(example = 1000, minimum = 1, maximum = 1_000_000_000)]
    max_uses: Option<i64>,
    #[schema(example = 1, minimum = 1, maximum = 1_000_000_000)]
    max_uses_per_customer: Option<i64>,
    #[schema(default = true)]
    active: Option<bool>,
}

/// What is absent stays as it is; null takes it away. What kind of code it is stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiscountCodePatch)]
pub(super) struct CodePatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, nullable = false, example = 15, minimum = 1, maximum = 1_000_000_000)]
    value: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, example = 5000, minimum = 1, maximum = 1_000_000_000)]
    max_discount: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, example = 2000, minimum = 0, maximum = 1_000_000_000)]
    min_subtotal: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["85123A-255"]), min_items = 1, max_items = 200)]
    skus: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = json!(null), min_length = 1, max_length = 100)]
    category: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    starts_at: Option<Option<DateTime<Utc>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<DateTime<Utc>>, example = "2026-12-31T23:59:59Z")]
    ends_at: Option<Option<DateTime<Utc>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, example = 1000, minimum = 1, maximum = 1_000_000_000)]
    max_uses: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, example = 1, minimum = 1, maximum = 1_000_000_000)]
    max_uses_per_customer: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>, nullable = false)]
    active: Option<bool>,
}

/// A field that is there, be it null: serde alone takes null for absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The code's beginning, in any case.
    q: Option<String>,
    /// Whether they can be used, as far as that hangs on `active`.
    active: Option<bool>,
    /// Codes of this batch; without it, the codes that are of none.
    batch_id: Option<Uuid>,
}

/// A code in a path; a text that cannot be one names none.
fn code(text: &str) -> Result<Code> {
    Code::parse(text).map_err(|_| chassis::Error::not_found("no such discount code"))
}

/// List discount codes
///
/// By code. Codes of batches are shown by `batch_id` only.
#[utoipa::path(get, path = "/v1/discount-codes", operation_id = "list_discount_codes", tag = "discount codes", security(("bearer" = [])), params(Which, Page),
    responses((status = 200, description = "A page of codes", body = List<CodeBody>), NotPermitted<IncentivesManage>,
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _: Permitted<IncentivesManage>,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Json<List<CodeBody>>> {
    let filter = CodeFilter {
        beginning: which.q.map(|text| text.trim().to_owned()),
        active: which.active,
        batch_id: which.batch_id,
    };
    let query = ListDiscountCodes { filter, page };
    let codes = app.queries.list_discount_codes.handle(query).await?;
    Ok(Json(codes.map(CodeBody::from)))
}

/// Get a discount code
///
/// It is found whatever the case.
#[utoipa::path(get, path = "/v1/discount-codes/{code}", operation_id = "get_discount_code", tag = "discount codes", security(("bearer" = [])),
    params(("code" = String, Path, description = "The code; found whatever its case")),
    responses((status = 200, description = "The code", body = CodeBody, headers(("ETag" = String, description = "The version, for `If-Match`"))), NotPermitted<IncentivesManage>,
        (status = 404, description = "No such code", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _: Permitted<IncentivesManage>,
    Path(text): Path<String>,
) -> Result<impl IntoResponse> {
    let query = GetDiscountCode { code: code(&text)? };
    let view = app.queries.get_discount_code.handle(query).await?;
    Ok(([etag(view.version)], Json(CodeBody::from(view))))
}

/// Add a discount code
///
/// A percentage is of the products that the code is for, rounded half up to the minor unit. A fixed amount is at most what they
/// cost. Either is divided among their lines in proportion, to the penny.
#[utoipa::path(post, path = "/v1/discount-codes", operation_id = "create_discount_code", tag = "discount codes", request_body = NewCode, security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Added", body = CodeBody, headers(("ETag" = String, description = "The version, for `If-Match`"))), NotPermitted<IncentivesManage>,
        (status = 409, body = Problem, content_type = "application/problem+json", description = "`code-exists`: the code is taken, perhaps by one that was removed after it was used"),
        (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Permitted { caller, .. }: Permitted<IncentivesManage>,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewCode>,
) -> Result<impl IntoResponse> {
    let once = key
        .map(|key| Once::new(caller.id, key, "create_discount_code", &body))
        .transpose()?;
    let code = Code::parse(&body.code)?;
    let terms = Terms::parse(TermsDraft {
        kind: body.kind.as_str().to_owned(),
        value: body.value,
        max_discount: body.max_discount,
        min_subtotal: body.min_subtotal.unwrap_or(0),
        skus: body.skus,
        category: body.category,
        starts_at: body.starts_at,
        ends_at: body.ends_at,
        max_uses: body.max_uses,
        max_uses_per_customer: body.max_uses_per_customer,
        active: body.active.unwrap_or(true),
    })?;
    let command = CreateDiscountCode { code, terms, once };
    let answer = app.commands.create_discount_code.handle(command).await?;
    let location = format!("/v1/discount-codes/{}", body.code);
    Ok(answer.map(|view| {
        let headers = [etag(view.version)];
        (
            StatusCode::CREATED,
            headers,
            [(http::header::LOCATION, location)],
            Json(CodeBody::from(view)),
        )
    }))
}

/// Change a discount code
///
/// Orders that used it keep their discount.
#[utoipa::path(patch, path = "/v1/discount-codes/{code}", operation_id = "change_discount_code", tag = "discount codes", request_body = CodePatch,
    security(("bearer" = [])), params(("code" = String, Path, description = "The code; found whatever its case"), ("If-Match" = Option<String>, Header)),
    responses((status = 200, description = "The code", body = CodeBody, headers(("ETag" = String, description = "The version, for `If-Match`"))), NotPermitted<IncentivesManage>,
        (status = 404, description = "No such code", body = Problem, content_type = "application/problem+json"), (status = 412, description = "The code has changed since", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not acceptable, for example fewer uses than there were", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    _: Permitted<IncentivesManage>,
    Path(text): Path<String>,
    expected: Option<IfMatch>,
    Json(body): Json<CodePatch>,
) -> Result<impl IntoResponse> {
    let change = TermsChange {
        value: body.value,
        max_discount: body.max_discount,
        min_subtotal: body.min_subtotal.map(Option::unwrap_or_default),
        skus: body.skus,
        category: body.category,
        starts_at: body.starts_at,
        ends_at: body.ends_at,
        max_uses: body.max_uses,
        max_uses_per_customer: body.max_uses_per_customer,
        active: body.active,
    };
    let command = ChangeDiscountCode {
        code: code(&text)?,
        change,
        expected_version: expected.and_then(|IfMatch(version)| version),
    };
    let view = app.commands.change_discount_code.handle(command).await?;
    Ok(([etag(view.version)], Json(CodeBody::from(view))))
}

/// Remove a discount code
///
/// Orders that used it keep their discount, and its name stays taken. A code that was never used is gone without a trace.
#[utoipa::path(delete, path = "/v1/discount-codes/{code}", operation_id = "remove_discount_code", tag = "discount codes", security(("bearer" = [])),
    params(("code" = String, Path, description = "The code; found whatever its case")),
    responses((status = 204, description = "Removed"), NotPermitted<IncentivesManage>,
        (status = 404, description = "No such code", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    _: Permitted<IncentivesManage>,
    Path(text): Path<String>,
) -> Result<StatusCode> {
    let command = RemoveDiscountCode { code: code(&text)? };
    app.commands.remove_discount_code.handle(command).await?;
    Ok(StatusCode::NO_CONTENT)
}
