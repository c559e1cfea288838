//! The way of a request through the gateway: found in the table, checked, passed on.

use std::sync::Arc;

use axum::{
    Router,
    extract::{RawPathParams, Request, State, rejection::RawPathParamsRejection},
    response::Response,
    routing::{get, on},
};
use chassis::{
    Error, Result,
    auth::{ApiKey, Auth, Claims},
    http::{Path, bearer},
};
use http::{Method, Uri};
use uuid::Uuid;

use crate::{
    api_keys::ApiKeys,
    feed::{self, Asking, Feed, LAST_EVENT_ID},
    proxy::Proxy,
    routes::{Access, ROUTES, Route, Upstream},
};

/// What every request needs.
pub(crate) struct Gate {
    pub(crate) auth: Auth,
    pub(crate) api_keys: ApiKeys,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) feed: Feed,
}

/// The table as a router.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    ROUTES
        .iter()
        .filter_map(|route| Some((route, route.filter()?)))
        .fold(Router::new(), |router, (route, methods)| {
            let handler = move |State(gate): State<Arc<Gate>>, params, request| async move {
                gate.pass(route, params, request).await
            };
            router.route(route.path, on(methods, handler))
        })
        .route("/v1/me/events", get(customer_events))
        .route("/v1/orders/{id}/events", get(order_events))
        .with_state(gate)
}

async fn customer_events(State(gate): State<Arc<Gate>>, mut request: Request) -> Result<Response> {
    let claims = gate.signed_in(&mut request).await?;
    feed::of_customer(&gate.feed, asking(&claims, &request)).await
}

async fn order_events(
    State(gate): State<Arc<Gate>>,
    Path(order): Path<Uuid>,
    mut request: Request,
) -> Result<Response> {
    let claims = gate.signed_in(&mut request).await?;
    let mut get = Request::new(axum::body::Body::empty());
    *get.uri_mut() = Uri::try_from(format!("/v1/orders/{order}")).map_err(Error::internal)?;
    *get.method_mut() = Method::GET;
    if let Some(token) = request.headers().get(http::header::AUTHORIZATION) {
        let headers = get.headers_mut();
        headers.insert(http::header::AUTHORIZATION, token.clone());
    }
    get.extensions_mut().extend(request.extensions().clone());
    let fetch = gate.proxy.forward(Upstream::Order, None, get);
    feed::of_order(&gate.feed, asking(&claims, &request), order, fetch).await
}

fn asking<'a>(claims: &'a Claims, request: &'a Request) -> Asking<'a> {
    Asking {
        claims,
        token: bearer(request.headers()).unwrap_or_default(),
        last_event_id: request.headers().get(LAST_EVENT_ID),
    }
}

impl Gate {
    async fn pass(
        &self,
        route: &Route,
        params: std::result::Result<RawPathParams, RawPathParamsRejection>,
        mut request: Request,
    ) -> Result<Response> {
        check_path(params).map_err(Error::bad_request)?;
        match (route.access, bearer(request.headers()).is_some()) {
            (Access::SigningIn, _) | (Access::Anyone, false) => {}
            (Access::Anyone | Access::SignedIn, _) => drop(self.signed_in(&mut request).await?),
        }
        self.proxy
            .forward(route.upstream, route.body_limit, request)
            .await
    }

    /// Who sends the request. In the place of an API key it bears an access token from then on.
    async fn signed_in(&self, request: &mut Request) -> Result<Arc<Claims>> {
        let token = bearer(request.headers()).ok_or_else(|| {
            Error::unauthenticated("sign in, and send `Authorization: Bearer <access token>`")
        })?;
        if token.starts_with(ApiKey::PREFIX) {
            let key = token.to_owned();
            let client = self.proxy.client(request);
            let headers = request.headers_mut();
            self.api_keys
                .exchange(headers, &key, client, &self.auth)
                .await?;
        }
        let token = bearer(request.headers()).unwrap_or_default();
        self.auth.verify(token).await
    }
}

/// Refuses a path that a service could read as another one than the gateway has matched.
fn check_path(
    params: std::result::Result<RawPathParams, RawPathParamsRejection>,
) -> std::result::Result<(), &'static str> {
    let params = params.map_err(|_| "the path is not UTF-8")?;
    let climbs = |value: &str| {
        value
            .split('/')
            .any(|segment| matches!(segment, "." | ".."))
    };
    if params.iter().any(|(_, value)| climbs(value)) {
        return Err("the path has a segment `.` or `..`");
    }
    Ok(())
}
