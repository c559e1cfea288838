mod sheet;

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request, State},
    response::IntoResponse,
};
use bytes::Bytes;
use chassis::{
    Code, Error, Problem, Result,
    auth::{NotPermitted, Permission as _, Permitted},
    http::{Json, Query},
    idempotency::{IdempotencyKey, Once},
};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use sheet::Sheet;
use utoipa::{IntoParams, ToSchema};

use super::policy::{CatalogueManage, StockManage};
use crate::{
    application::{
        App,
        commands::ImportProducts,
        errors::faulty_file,
        ports::{Import, ImportReport},
    },
    domain::Column,
};

/// The longest file, in bytes; the gateway passes as much on.
pub(super) const MAX_BYTES: usize = 10 * 1024 * 1024;
/// The longest file, in lines after the header.
const MAX_ROWS: usize = 50_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// Check everything, and write nothing.
    #[serde(default)]
    #[param(default = false)]
    dry_run: bool,
}

/// What the import did; with `dry_run`, what it would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub(super) struct ReportBody {
    dry_run: bool,
    /// Products in the file.
    rows: u64,
    /// Products added, or brought back.
    created: u64,
    /// Products of which something else than the stock changed.
    changed: u64,
    /// The others.
    unchanged: u64,
    /// Stock movements booked.
    movements: u64,
}

impl From<ImportReport> for ReportBody {
    fn from(report: ImportReport) -> Self {
        let ImportReport {
            dry_run,
            rows,
            created,
            changed,
            unchanged,
            movements,
        } = report;
        Self {
            dry_run,
            rows,
            created,
            changed,
            unchanged,
            movements,
        }
    }
}

/// A file of comma-separated values.
#[derive(Debug)]
pub(super) struct Csv(Bytes);

impl<S: Send + Sync> FromRequest<S> for Csv {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.map(|value| value.to_str().unwrap_or_default());
        // Without a word it is what is asked for.
        let kind = kind.unwrap_or("text/csv").split(';').next();
        if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv")) {
            return Err(Error::new(
                Code::UnsupportedMediaType,
                "unsupported-media-type",
                "send the file as `Content-Type: text/csv`",
            ));
        }
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(
                too_large(format!("the file is longer than {MAX_BYTES} bytes")),
            ),
            Err(rejection) => Err(Error::bad_request(rejection.body_text())),
        }
    }
}

fn too_large(detail: String) -> Error {
    Error::new(Code::PayloadTooLarge, "payload-too-large", detail)
}

/// Import products
///
/// Adds and changes up to 50,000 products from a CSV file of up to 10 MiB: UTF-8, comma-separated, its first line names
/// the columns. These are `sku`, `name`, `price` (minor units), `currency`, `category`, `on_hand`, `low_threshold`,
/// `backorder_limit`, in any order; only `sku` must be there. An empty cell, or a column that is not there, leaves
/// things as they are. A product that is not in the catalogue needs name, price and currency. `on_hand` is what the
/// count on the shelf was: the difference is booked as a movement with the reason `import`, a `receipt` for a new
/// product, else an `adjustment`.
///
/// All of it is written or nothing. In the problem of a file that is not acceptable the field `lines[7].price` is the
/// price in line 7, as an editor counts lines; the header is line 1. At most 1,000 are named; `more_errors` says how
/// many others there are. A dry run makes all the same checks.
///
/// Needs `catalogue:manage`, and `stock:manage` if the file has the column `on_hand`.
#[utoipa::path(post, path = "/v1/products/import", operation_id = "import_products", tag = "products", security(("bearer" = [])),
    request_body(content = String, content_type = "text/csv", example = "sku,name,price,currency,on_hand\n85123A-255,WHITE HANGING HEART T-LIGHT HOLDER,255,GBP,100\n"),
    params(How, ("Idempotency-Key" = Option<String>, Header)),
    extensions(("x-permission-for-some" = json!(StockManage::NAME))),
    responses((status = 200, description = "What was done", body = ReportBody), NotPermitted<CatalogueManage>,
        (status = 409, description = "`product-exists`: somebody else added one of the products just now", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The file is too long", body = Problem, content_type = "application/problem+json"), (status = 415, description = "It is no `text/csv`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Lines are not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import(
    State(app): State<Arc<App>>,
    Permitted { caller, .. }: Permitted<CatalogueManage>,
    Query(how): Query<How>,
    key: Option<IdempotencyKey>,
    Csv(file): Csv,
) -> Result<impl IntoResponse> {
    let sheet = Sheet::open(&file).map_err(faulty_file)?;
    if sheet.has(Column::OnHand) {
        caller.require(StockManage::NAME).await?;
    }
    let (rows, faults) = sheet
        .read(MAX_ROWS)
        .ok_or_else(|| too_large(format!("the file has more than {MAX_ROWS} lines")))?;
    let once = key
        .map(|key| Once::new(caller.id, key, "import_products", &(how.dry_run, &file[..])))
        .transpose()?;
    let command = ImportProducts(Import {
        rows,
        faults,
        actor: caller.id,
        dry_run: how.dry_run,
        once,
    });
    let answer = app.commands.import_products.handle(command).await?;
    Ok(answer.map(|report| Json(ReportBody::from(report))))
}
