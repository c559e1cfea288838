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

use super::policy::CatalogueManage;
use crate::{
    application::{
        App,
        commands::{ChangeProduct, CreateProduct, RemoveProduct},
        ports::{ProductChange, ProductFilter, ProductView},
        queries::{GetProduct, ListProducts},
    },
    domain::{Category, InvalidProduct, Money, Pieces, Product, ProductName, Sku},
};

/// An amount in minor units of a currency.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money)]
pub(super) struct MoneyBody {
    #[schema(example = 255, minimum = 0, maximum = 1_000_000_000)]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "GBP", pattern = "^[A-Z]{3}$")]
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
    #[schema(example = "Candles")]
    category: Option<String>,
    price: MoneyBody,
    /// Pieces that can be sold now.
    available: i64,
    /// At this many to sell, or fewer, it runs low; null: nobody wants to know.
    low_threshold: Option<i64>,
    /// How many may be sold beyond what is on hand.
    backorder_limit: i64,
    #[schema(example = 1)]
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<ProductView> for ProductBody {
    fn from(view: ProductView) -> Self {
        Self {
            sku: view.sku,
            name: view.name,
            category: view.category,
            price: MoneyBody {
                amount: view.price,
                currency: view.currency,
            },
            available: view.available,
            low_threshold: view.low_threshold,
            backorder_limit: view.backorder_limit,
            version: view.version,
            created_at: view.created_at,
            updated_at: view.updated_at,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProduct {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; not `import`.
    #[schema(
        example = "85123A-255",
        max_length = 64,
        pattern = "^[A-Za-z0-9._-]{1,64}$"
    )]
    sku: String,
    /// 1 to 200 characters.
    #[schema(
        example = "WHITE HANGING HEART T-LIGHT HOLDER",
        min_length = 1,
        max_length = 200
    )]
    name: String,
    price: MoneyBody,
    /// 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Candles", min_length = 1, max_length = 100)]
    category: Option<String>,
    /// At this many to sell, or fewer, `inventory.stock_low` is said, once until there are more again. Pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 10, minimum = 0, maximum = 1_000_000_000)]
    low_threshold: Option<i64>,
    /// How many pieces may be sold beyond what is on hand; without it none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    backorder_limit: Option<i64>,
}

/// What is to change; a field that is not there stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductPatch {
    /// 1 to 200 characters.
    #[schema(example = "WHITE HANGING HEART", min_length = 1, max_length = 200)]
    name: Option<String>,
    price: Option<MoneyBody>,
    /// 1 to 100 characters; null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Candles", min_length = 1, max_length = 100)]
    category: Option<Option<String>>,
    /// Pieces; null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, example = 10, minimum = 0, maximum = 1_000_000_000)]
    low_threshold: Option<Option<i64>>,
    /// Pieces. Not so few that orders hold more already.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    backorder_limit: Option<i64>,
}

/// A field that is there, if only to say null.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Part of the name, or the SKU's beginning, in any case.
    q: Option<String>,
    /// The SKU's beginning, in any case.
    sku: Option<String>,
    /// The whole category; case counts.
    category: Option<String>,
    /// Whether there is any to sell.
    in_stock: Option<bool>,
}

impl Search {
    /// A parameter that is empty asks for nothing.
    fn filter(self) -> Result<ProductFilter> {
        let given = |text: Option<String>| {
            text.map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        Ok(ProductFilter {
            text: given(self.q),
            sku_prefix: given(self.sku),
            category: given(self.category)
                .as_deref()
                .map(Category::parse)
                .transpose()?,
            in_stock: self.in_stock,
        })
    }
}

fn low_threshold(number: i64) -> Result<Pieces, InvalidProduct> {
    Pieces::parse(number).ok_or(InvalidProduct::LowThreshold)
}

fn backorder_limit(number: i64) -> Result<Pieces, InvalidProduct> {
    Pieces::parse(number).ok_or(InvalidProduct::BackorderLimit)
}

/// A SKU in a path; one that cannot be a SKU names no product.
pub(super) fn sku(text: &str) -> Result<Sku> {
    Sku::parse(text).map_err(|_| chassis::Error::not_found("no product has this SKU"))
}

/// List products
///
/// By SKU; those to which everything that is asked applies.
#[utoipa::path(get, path = "/v1/products", operation_id = "list_products", tag = "products", params(Search, Page),
    responses((status = 200, description = "A page of products", body = List<ProductBody>), (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(search): Query<Search>,
    Query(page): Query<Page>,
) -> Result<Json<List<ProductBody>>> {
    let products = app
        .queries
        .list_products
        .handle(ListProducts {
            filter: search.filter()?,
            page,
        })
        .await?;
    Ok(Json(products.map(ProductBody::from)))
}

/// Get a product
#[utoipa::path(get, path = "/v1/products/{sku}", operation_id = "get_product", tag = "products", params(("sku" = String, Path, description = "The product's SKU")),
    responses((status = 200, description = "The product", body = ProductBody, headers(("ETag" = String, description = "The version, for `If-Match`"))), (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json")))]
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
/// A product that was removed comes back as this says, with the stock that there is of it.
#[utoipa::path(post, path = "/v1/products", operation_id = "create_product", tag = "products", request_body = NewProduct, security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Added", body = ProductBody, headers(("ETag" = String, description = "The version, for `If-Match`"))), NotPermitted<CatalogueManage>,
        (status = 409, body = Problem, content_type = "application/problem+json", description = "`product-exists`: the SKU is taken; `stock-is-reserved`: orders hold more of a product that comes back than `backorder_limit` allows"), (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
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
        category: body.category.as_deref().map(Category::parse).transpose()?,
        low_threshold: body.low_threshold.map(low_threshold).transpose()?,
        backorder_limit: backorder_limit(body.backorder_limit.unwrap_or(0))?,
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

/// Change a product
///
/// Fields that are not there stay as they are. Orders keep the price at which they were placed.
#[utoipa::path(patch, path = "/v1/products/{sku}", operation_id = "change_product", tag = "products", request_body = ProductPatch,
    security(("bearer" = [])), params(("sku" = String, Path, description = "The product's SKU"), ("If-Match" = Option<String>, Header)),
    responses((status = 200, description = "The product", body = ProductBody, headers(("ETag" = String, description = "The version, for `If-Match`"))), NotPermitted<CatalogueManage>,
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"), (status = 409, description = "`stock-is-reserved`: orders hold more than the new `backorder_limit` allows", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The product has changed since", body = Problem, content_type = "application/problem+json"), (status = 422, description = "A field is not acceptable", body = Problem, content_type = "application/problem+json")))]
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
        category: body
            .category
            .map(|text| text.as_deref().map(Category::parse).transpose())
            .transpose()?,
        low_threshold: body
            .low_threshold
            .map(|number| number.map(low_threshold).transpose())
            .transpose()?,
        backorder_limit: body.backorder_limit.map(backorder_limit).transpose()?,
    };
    let expected_version = expected.and_then(|IfMatch(version)| version);
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
/// It is no longer sold; orders that have it stay as they are.
#[utoipa::path(delete, path = "/v1/products/{sku}", operation_id = "remove_product", tag = "products", security(("bearer" = [])),
    params(("sku" = String, Path, description = "The product's SKU")),
    responses((status = 204, description = "Removed"), NotPermitted<CatalogueManage>,
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json")))]
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
