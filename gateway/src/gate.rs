//! The way of a request through the gateway: found in the table, checked, counted, passed on.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    extract::{ConnectInfo, RawPathParams, Request, rejection::RawPathParamsRejection},
    response::{IntoResponse as _, Response},
    routing::on,
};
use chassis::{
    Error, Result,
    auth::{ApiKey, Auth, Claims},
    client_address::TrustedProxies,
    http::bearer,
    trace::TraceContext,
};
use http::{HeaderMap, header};
use uuid::Uuid;

use crate::{
    aggregation::{self, Asker},
    api_keys::ApiKeys,
    cache::{self, Cache},
    current::Current,
    feed::{self, Asking, Feed, LAST_EVENT_ID},
    limits::{Counter, Limits, Who},
    proxy,
    routing::{Access, Own, Quota, Route, Target},
    upstream::Upstream,
};

/// What every request needs.
pub(crate) struct Gate {
    pub(crate) auth: Auth,
    pub(crate) api_keys: ApiKeys,
    pub(crate) limits: Limits,
    pub(crate) cache: Cache,
    pub(crate) feed: Feed,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) current: Current,
}

/// A route that is served.
pub(crate) struct Way {
    pub(crate) route: Arc<Route>,
    to: To,
    /// The quota, the route's template, and the quota's name: what a counter is made of.
    counted: Option<(Arc<Quota>, Arc<str>, Arc<str>)>,
    clears: Vec<Arc<Upstream>>,
}

enum To {
    Upstream(Arc<Upstream>),
    Own(Own),
}

/// The table as a router.
pub(crate) fn router(gate: &Arc<Gate>) -> Router {
    let plan = gate.current.plan();
    let upstream = |name: &String| plan.upstream(name).cloned();
    let way = |route: &Arc<Route>| {
        let to = match &route.target {
            Target::Upstream(name) => To::Upstream(upstream(name)?),
            Target::Own(own) => To::Own(*own),
        };
        let counted = route.quota.as_ref().map(|quota| {
            (
                quota.clone(),
                Arc::from(route.path.as_str()),
                Arc::from(quota.name.as_str()),
            )
        });
        Some(Arc::new(Way {
            to,
            counted,
            clears: route.clears.iter().filter_map(upstream).collect(),
            route: route.clone(),
        }))
    };
    plan.table
        .routes
        .iter()
        .filter_map(|route| Some((way(route)?, route.filter()?)))
        .fold(Router::new(), |router, (way, methods)| {
            let path = way.route.path.clone();
            let gate = gate.clone();
            let handler = move |params, request| {
                let (gate, way) = (gate.clone(), way.clone());
                async move { gate.pass(&way, params, request).await }
            };
            router.route(&path, on(methods, handler))
        })
}

impl Gate {
    async fn pass(
        &self,
        way: &Way,
        params: std::result::Result<RawPathParams, RawPathParamsRejection>,
        request: Request,
    ) -> Response {
        let params = match check_path(params) {
            Ok(params) => params,
            Err(fault) => return Error::bad_request(fault).into_response(),
        };
        let client = self.client(&request);
        let (mut head, body) = request.into_parts();
        let caller = self.identify(&way.route, &mut head.headers, client).await;
        // Who may not come in is counted, too: a guess costs as much as a call.
        let who = match &caller {
            Ok(caller) => Some(caller.who),
            Err(_) => client.map(Who::at),
        };
        let taken = match (&way.counted, who) {
            (Some((quota, route, name)), Some(who)) => {
                let counter = Counter {
                    who,
                    route: route.clone(),
                    quota: name.clone(),
                };
                self.limits.take(quota, counter).await
            }
            _ => None,
        };
        let admitted = taken.as_ref().map_or(Ok(()), |taken| taken.admit());
        let answered = match admitted.and(caller) {
            Ok(caller) => {
                let request = Request::from_parts(head, body);
                self.serve(way, &params, &caller, client, request).await
            }
            Err(error) => Err(error),
        };
        let mut answer = answered.into_response();
        if let Some(taken) = taken {
            taken.tell(answer.headers_mut());
        }
        answer
    }

    /// Where a request comes from, as far as proxies before us may tell.
    pub(crate) fn client(&self, request: &Request) -> Option<IpAddr> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(self.trusted_proxies.client(peer.ip(), request.headers()))
    }

    /// Who calls, if they may: an API key has become an access token then.
    async fn identify(
        &self,
        route: &Route,
        headers: &mut HeaderMap,
        client: Option<IpAddr>,
    ) -> Result<Caller> {
        let stranger = || {
            let address = client.ok_or_else(|| Error::internal(anyhow::anyhow!("no peer")))?;
            Ok(Caller {
                who: Who::at(address),
                claims: None,
            })
        };
        let (who, claims) = match (route.access, bearer(headers)) {
            (Access::SigningIn, _) | (Access::Anyone, None) => return stranger(),
            (Access::Anyone | Access::SignedIn, Some(text)) if text.starts_with(ApiKey::PREFIX) => {
                let text = text.to_owned();
                let (key, claims) = self
                    .api_keys
                    .exchange(headers, &text, client, &self.auth)
                    .await?;
                (Who::ApiKey(key), claims)
            }
            (Access::Anyone | Access::SignedIn, Some(token)) => {
                let claims = self.auth.verify(token).await?;
                (Who::User(claims.sub), claims)
            }
            (Access::SignedIn, None) => {
                return Err(Error::unauthenticated(
                    "sign in, and send `Authorization: Bearer <access token>`",
                ));
            }
        };
        if let Some(context) = TraceContext::current() {
            context.set_caller(claims.sub);
        }
        if let Some(permission) = &route.permission {
            self.auth.require(&claims, permission).await?;
        }
        Ok(Caller {
            who,
            claims: Some(claims),
        })
    }

    async fn serve(
        &self,
        way: &Way,
        params: &RawPathParams,
        caller: &Caller,
        client: Option<IpAddr>,
        request: Request,
    ) -> Result<Response> {
        let route = &way.route;
        let upstream = match &way.to {
            To::Own(Own::Dashboard) => {
                let asker = Asker::new(self, route, client, request.headers());
                return aggregation::dashboard::dashboard(&asker, caller).await;
            }
            To::Own(Own::MyEvents) => {
                return feed::of_customer(&self.feed, caller.asking(request.headers())?).await;
            }
            To::Own(Own::OrderEvents) => {
                let headers = request.headers();
                let asker = Asker::new(self, route, client, headers);
                let order = order_id(params)?;
                let path = format!("/v1/orders/{order}");
                let fetch = asker.forward("/v1/orders/{id}", &path);
                return feed::of_order(&self.feed, caller.asking(headers)?, order, fetch).await;
            }
            To::Upstream(upstream) => upstream,
        };
        if !route.expand.is_empty()
            && let Some(wanted) = aggregation::wanted(route, request.uri())?
        {
            let asker = Asker::new(self, route, client, request.headers());
            return aggregation::expand(&asker, upstream, wanted, request).await;
        }
        let _clearing = (!request.method().is_safe()).then(|| Clearing { way, upstream });
        let Some(life) = route.cache else {
            return proxy::forward(upstream, route, client, request).await;
        };
        let known = request.headers().get(header::IF_NONE_MATCH).cloned();
        let ask = |request| proxy::forward(upstream, route, client, request);
        let answers = upstream.answers();
        let mut answer = self.cache.get(answers, life, request, ask).await?;
        if let Some(known) = known {
            cache::make_conditional(&known, &mut answer);
        }
        Ok(answer)
    }
}

/// Who calls.
pub(crate) struct Caller {
    pub(crate) who: Who,
    /// What the token says, if there is one.
    pub(crate) claims: Option<Arc<Claims>>,
}

impl Caller {
    /// # Errors
    /// `unauthenticated` when nobody has signed in.
    pub(crate) fn claims(&self) -> Result<&Claims> {
        self.claims
            .as_deref()
            .ok_or_else(|| Error::unauthenticated("sign in: this is somebody's own"))
    }

    fn asking<'a>(&'a self, headers: &'a HeaderMap) -> Result<Asking<'a>> {
        Ok(Asking {
            claims: self.claims()?,
            token: bearer(headers).unwrap_or_default(),
            last_event_id: headers.get(LAST_EVENT_ID),
        })
    }
}

/// Ends what is kept of upstreams in which a call may have changed something, whatever became of the call.
struct Clearing<'a> {
    way: &'a Way,
    upstream: &'a Upstream,
}

impl Drop for Clearing<'_> {
    fn drop(&mut self) {
        self.upstream.answers().clear();
        for upstream in &self.way.clears {
            upstream.answers().clear();
        }
    }
}

/// The order that a path names; what is no id names none.
fn order_id(params: &RawPathParams) -> Result<Uuid> {
    params
        .iter()
        .find(|(name, _)| *name == "id")
        .and_then(|(_, id)| id.parse().ok())
        .ok_or_else(|| Error::not_found("there is no such order"))
}

/// Refuses a path that a service could read as another one than the gateway has matched.
fn check_path(
    params: std::result::Result<RawPathParams, RawPathParamsRejection>,
) -> std::result::Result<RawPathParams, &'static str> {
    let params = params.map_err(|_| "the path is not UTF-8")?;
    let climbs = |value: &str| {
        value
            .split('/')
            .any(|segment| matches!(segment, "." | ".."))
    };
    if params.iter().any(|(_, value)| climbs(value)) {
        return Err("the path has a segment `.` or `..`");
    }
    Ok(params)
}
