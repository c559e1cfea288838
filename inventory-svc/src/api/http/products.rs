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
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::CatalogueManage;
use crate::{
    application::{
        App,
        commands::{ChangeProduct, CreateProduct, RemoveProduct},
        ports::{ProductChange, ProductView},
        queries::{GetProduct, ListProducts},
    },
    domain::{Money, Product, ProductName, Sku},
};

/// An amount in minor units of a currency.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money)]
pub(super) struct MoneyBody {
    #[schema(example = 255)]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "GBP")]
    currency: String,
}

/// A product and what there is of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(super) struct ProductBody {
    #[schema(example = "85123A-255")]
    sku: String,
    #[schema(example = "WHITE HANGING HEART T-LIGHT HOLDER")]
    name: String,
    price: MoneyBody,
    /// Pieces that can be sold now.
    available: i64,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<ProductView> for ProductBody {
    fn from(view: ProductView) -> Self {
        Self {
            sku: view.sku,
            name: view.name,
            price: MoneyBody {
                amount: view.price,
                currency: view.currency,
            },
            available: view.available,
            version: view.version,
            created_at: view.created_at,
            updated_at: view.updated_at,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProduct {
    /// 1 to 64 letters, digits, `.`, `_`, `-`.
    #[schema(example = "85123A-255")]
    sku: String,
    /// 1 to 200 characters.
    #[schema(example = "WHITE HANGING HEART T-LIGHT HOLDER")]
    name: String,
    price: MoneyBody,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductPatch {
    name: Option<String>,
    price: Option<MoneyBody>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Part of the name, or the SKU's beginning.
    q: Option<String>,
}

/// A SKU in a path; one that cannot be a SKU names no product.
pub(super) fn sku(text: &str) -> Result<Sku> {
    Sku::parse(text).map_err(|_| chassis::Error::not_found("no product has this SKU"))
}

/// List products
///
/// By SKU.
#[utoipa::path(get, path = "/v1/products", tag = "products", params(Search, Page),
    responses((status = 200, description = "A page of products", body = List<ProductBody>), (status = 422, description = "A field is not acceptable", body = Problem)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(search): Query<Search>,
    Query(page): Query<Page>,
) -> Result<Json<List<ProductBody>>> {
    let products = app
        .queries
        .list_products
        .handle(ListProducts {
            search: search.q,
            page,
        })
        .await?;
    Ok(Json(products.map(ProductBody::from)))
}

/// Get a product
#[utoipa::path(get, path = "/v1/products/{sku}", tag = "products", params(("sku" = String, Path)),
    responses((status = 200, description = "The product", body = ProductBody), (status = 404, description = "No product has this SKU", body = Problem)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
) -> Result<impl IntoResponse> {
    let product = app
        .queries
        .get_product
        .handle(GetProduct { sku: sku(&text)? })
        .await?;
    Ok(([etag(product.version)], Json(ProductBody::from(product))))
}

/// Add a product
///
/// A product that was removed comes back with the new name and price. Needs `catalogue:manage`.
#[utoipa::path(post, path = "/v1/products", tag = "products", request_body = NewProduct, security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Added", body = ProductBody), NotPermitted<CatalogueManage>,
        (status = 409, body = Problem, description = "The SKU is taken"), (status = 422, description = "A field is not acceptable", body = Problem)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Permitted { caller, .. }: Permitted<CatalogueManage>,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewProduct>,
) -> Result<impl IntoResponse> {
    let once = key
        .map(|key| Once::new(caller.id, key, "create_product", &body))
        .transpose()?;
    let product = Product {
        sku: Sku::parse(&body.sku)?,
        name: ProductName::parse(&body.name)?,
        price: Money::price(body.price.amount, &body.price.currency)?,
    };
    let answer = app
        .commands
        .create_product
        .handle(CreateProduct { product, once })
        .await?;
    let location = format!("/v1/products/{}", body.sku);
    Ok(answer.map(|product| {
        let headers = [etag(product.version)];
        (
            StatusCode::CREATED,
            headers,
            [(http::header::LOCATION, location)],
            Json(ProductBody::from(product)),
        )
    }))
}

/// Change a product's name or price
///
/// Orders keep the price at which they were placed. Needs `catalogue:manage`.
#[utoipa::path(patch, path = "/v1/products/{sku}", tag = "products", request_body = ProductPatch,
    security(("bearer" = [])), params(("sku" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, description = "The product", body = ProductBody), NotPermitted<CatalogueManage>,
        (status = 404, description = "No product has this SKU", body = Problem), (status = 412, description = "The product has changed since", body = Problem), (status = 422, description = "A field is not acceptable", body = Problem)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    _: Permitted<CatalogueManage>,
    Path(text): Path<String>,
    expected: Option<IfMatch>,
    Json(body): Json<ProductPatch>,
) -> Result<impl IntoResponse> {
    let change = ProductChange {
        name: body.name.as_deref().map(ProductName::parse).transpose()?,
        price: body
            .price
            .map(|price| Money::price(price.amount, &price.currency))
            .transpose()?,
    };
    let expected_version = expected.map(|IfMatch(version)| version);
    let command = ChangeProduct {
        sku: sku(&text)?,
        change,
        expected_version,
    };
    let product = app.commands.change_product.handle(command).await?;
    Ok(([etag(product.version)], Json(ProductBody::from(product))))
}

/// Remove a product
///
/// It is no longer sold; orders that have it stay as they are. Needs `catalogue:manage`.
#[utoipa::path(delete, path = "/v1/products/{sku}", tag = "products", security(("bearer" = [])),
    params(("sku" = String, Path)),
    responses((status = 204, description = "Removed"), NotPermitted<CatalogueManage>,
        (status = 404, description = "No product has this SKU", body = Problem)))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    _: Permitted<CatalogueManage>,
    Path(text): Path<String>,
) -> Result<StatusCode> {
    app.commands
        .remove_product
        .handle(RemoveProduct { sku: sku(&text)? })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
