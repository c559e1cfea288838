//! Answers that are made of several services'. Each service is asked with the caller's own token, so that nobody sees here what
//! they would not see there.

pub(crate) mod dashboard;
mod expand;

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use chassis::{Error, Result, trace::REQUEST_TIMEOUT};
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use crate::{
    current::Plan,
    gate::Gate,
    proxy::{self, ANSWER_LIMIT},
    routing::{Route, Target},
};

pub(crate) use expand::{describe, expand, wanted};

/// Asks services on behalf of one caller.
pub(crate) struct Asker<'a> {
    plan: Arc<Plan>,
    /// Of the call that is to be answered.
    route: &'a Route,
    client: Option<IpAddr>,
    headers: HeaderMap,
    deadline: Instant,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(
        gate: &Gate,
        route: &'a Route,
        client: Option<IpAddr>,
        headers: &HeaderMap,
    ) -> Self {
        let kept = [header::AUTHORIZATION, header::USER_AGENT];
        Self {
            plan: gate.current.plan(),
            route,
            client,
            headers: kept
                .into_iter()
                .filter_map(|name| Some((name.clone(), headers.get(name)?.clone())))
                .collect(),
            deadline: Instant::now() + proxy::time(route, headers),
        }
    }

    /// The JSON that a service answers to `GET` of `path`, which belongs to the route `template`; None when it is away.
    ///
    /// # Errors
    /// When it answers something else than 200: that is the answer to the caller, too.
    async fn get(&self, template: &str, path: &str) -> Result<Option<Value>, Box<Response>> {
        match self.forward(template, path).await {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(json(answer).await.ok()),
            // Away, or kept from answering by another that is.
            Ok(answer) if answer.status().is_server_error() => Ok(None),
            Ok(answer) => Err(Box::new(answer)),
            Err(error) if error.code().http().is_server_error() => Ok(None),
            Err(error) => Err(Box::new(error.into_response())),
        }
    }

    /// What a service answers to it.
    ///
    /// # Errors
    /// When nothing answers it, or not in time.
    pub(crate) async fn forward(&self, template: &str, path: &str) -> Result<Response> {
        let missing = || Error::unavailable(anyhow::anyhow!("`{template}` has no route"));
        let route = self.plan.table.find(&Method::GET, template);
        let route = route.ok_or_else(missing)?;
        let Target::Upstream(name) = &route.target else {
            return Err(missing());
        };
        let upstream = self.plan.upstream(name).ok_or_else(missing)?;
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().map_err(Error::internal)?;
        request.headers_mut().clone_from(&self.headers);
        let left = self.deadline.saturating_duration_since(Instant::now());
        request
            .headers_mut()
            .insert(REQUEST_TIMEOUT, proxy::millis(left));
        proxy::forward(upstream, route, self.client, request).await
    }
}

async fn json(answer: Response) -> Result<Value> {
    let body = Limited::new(answer.into_body(), ANSWER_LIMIT)
        .collect()
        .await
        .map_err(|error| Error::unavailable(anyhow::Error::from_boxed(error)))?;
    Ok(serde_json::from_slice(&body.to_bytes())?)
}
