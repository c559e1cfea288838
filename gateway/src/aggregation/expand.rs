//! An order, with its products and its history if the call wants them: `?expand=products,history`.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use chassis::{Error, Result};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::join_all, stream};
use http::{StatusCode, Uri, header};
use serde_json::{Value, json};

use super::{Asker, json};
use crate::{
    proxy,
    routing::{Expansion, Route},
    upstream::Upstream,
};

const PARAMETER: &str = "expand";
/// inventory-svc answers so many SKUs at once.
const SKUS: usize = 100;
/// Calls for products at once: an order may have two thousand.
const AT_ONCE: usize = 4;
/// The longest page of a history.
const CHANGES: usize = 100;

/// What a call wants, and how it is passed on without saying so; None: nothing.
pub(crate) struct Wanted {
    parts: Vec<Expansion>,
    rest: Uri,
}

impl Expansion {
    fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::History => "history",
        }
    }
}

/// # Errors
/// `validation` when the call wants what the route does not have.
pub(crate) fn wanted(route: &Route, uri: &Uri) -> Result<Option<Wanted>> {
    let Some(query) = uri.query() else {
        return Ok(None);
    };
    let mut parts = Vec::new();
    let mut rest = Vec::new();
    let mut asked = false;
    for pair in query.split('&') {
        let Some(("expand", names)) = pair.split_once('=') else {
            rest.push(pair);
            continue;
        };
        asked = true;
        for name in names.replace("%2C", ",").replace("%2c", ",").split(',') {
            let known = route.expand.iter().find(|part| part.name() == name);
            let part = known.ok_or_else(|| {
                let known: Vec<_> = route.expand.iter().map(|part| part.name()).collect();
                let known = known.join(", ");
                Error::invalid_field(
                    PARAMETER,
                    format!("one or more of {known}, separated by commas"),
                )
            })?;
            if !parts.contains(part) {
                parts.push(*part);
            }
        }
    }
    if !asked {
        return Ok(None);
    }
    let path = if rest.is_empty() {
        uri.path().to_owned()
    } else {
        format!("{}?{}", uri.path(), rest.join("&"))
    };
    let rest = path.parse().map_err(Error::internal)?;
    Ok(Some(Wanted { parts, rest }))
}

/// Answers an order and what is wanted with it. A part that cannot be had is null, and named in `unavailable`.
pub(crate) async fn expand(
    asker: &Asker<'_>,
    upstream: &Arc<Upstream>,
    wanted: Wanted,
    mut request: Request,
) -> Result<Response> {
    // An order that has not changed may have products that have.
    request.headers_mut().remove(header::IF_NONE_MATCH);
    let path = wanted.rest.path().to_owned();
    *request.uri_mut() = wanted.rest;
    let answer = proxy::forward(upstream, asker.route, asker.client, request).await?;
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    let (mut head, body) = answer.into_parts();
    let mut order = json(Response::new(body)).await?;
    let parts = wanted.parts.iter().map(|part| match part {
        Expansion::Products => products(asker, &order).boxed(),
        Expansion::History => history(asker, &path).boxed(),
    });
    let values = join_all(parts).await;
    let mut unavailable = Vec::new();
    for (part, value) in wanted.parts.iter().zip(values) {
        let name = part.name();
        // What the caller may not see is missing, too: they see the order.
        let value = value.ok().flatten().unwrap_or_default();
        if value.is_null() {
            unavailable.push(name);
        }
        order[name] = value;
    }
    if !unavailable.is_empty() {
        order["unavailable"] = json!(unavailable);
    }
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::CONTENT_TYPE);
    let mut answer = Json(order).into_response();
    answer.headers_mut().extend(head.headers);
    Ok(answer)
}

/// The products of its lines as they are now, by SKU. One that is not sold any more is not among them.
async fn products(asker: &Asker<'_>, order: &Value) -> Result<Option<Value>, Box<Response>> {
    let lines = order["lines"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let skus: BTreeSet<&str> = lines
        .iter()
        .filter_map(|line| line["sku"].as_str())
        .collect();
    let skus: Vec<&str> = skus.into_iter().collect();
    let mut calls = Vec::new();
    for skus in skus.chunks(SKUS) {
        let path = format!("/v1/products?limit={SKUS}&skus={}", skus.join(","));
        calls.push(async move { asker.get("/v1/products", &path).await }.boxed());
    }
    let pages: Option<Vec<Value>> = stream::iter(calls)
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?
        .into_iter()
        .collect();
    Ok(pages.map(|pages| {
        pages
            .into_iter()
            .flat_map(|mut page| match page["items"].take() {
                Value::Array(items) => items,
                _ => Vec::new(),
            })
            .collect()
    }))
}

async fn history(asker: &Asker<'_>, path: &str) -> Result<Option<Value>, Box<Response>> {
    let path = format!("{path}/history?limit={CHANGES}");
    asker.get("/v1/orders/{id}/history", &path).await
}

/// Adds to the merged document what the gateway adds to its routes.
pub(crate) fn describe(document: &mut Value, routes: &[Arc<Route>]) {
    for route in routes.iter().filter(|route| !route.expand.is_empty()) {
        let item = document["paths"].get_mut(&route.path);
        let Some(operation) = item.and_then(|item| item.get_mut("get")?.as_object_mut()) else {
            continue;
        };
        let names: Vec<_> = route.expand.iter().map(|part| part.name()).collect();
        let parameter = json!({
            "name": PARAMETER,
            "in": "query",
            "description": "What to answer beside it: `products`, those of its lines as they are now; `history`, the first \
                            hundred changes. One that cannot be had is null and named in `unavailable`.",
            "style": "form",
            "explode": false,
            "schema": { "type": "array", "items": { "type": "string", "enum": names }, "minItems": 1 },
            "example": names,
        });
        match operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut)
        {
            Some(parameters) => parameters.push(parameter),
            None => {
                operation.insert("parameters".to_owned(), json!([parameter]));
            }
        }
    }
}
