//! Refuses, before anything else is done for them, requests for which their upstream has no room.

use std::{collections::BTreeMap, sync::Arc};

use chassis::Error;
use http::Method;

use crate::{current::Plan, routing::Target, upstream::Upstream};

type Calls = Vec<(Method, Arc<Upstream>)>;

pub(crate) struct Valve(matchit::Router<Calls>);

impl Valve {
    /// Of all routes but those that may have an answer without their upstream.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut calls: BTreeMap<&str, Calls> = BTreeMap::new();
        for route in plan
            .table
            .routes
            .iter()
            .filter(|route| route.cache.is_none())
        {
            if let Target::Upstream(name) = &route.target
                && let Some(upstream) = plan.upstream(name)
            {
                let methods = route.methods.iter();
                let of_path = calls.entry(&route.path).or_default();
                of_path.extend(methods.map(|method| (method.clone(), upstream.clone())));
            }
        }
        let mut paths = matchit::Router::new();
        for (path, calls) in calls {
            // The table has no two that cannot be told apart.
            let _ = paths.insert(path, calls);
        }
        Self(paths)
    }
}

impl chassis::Valve for Valve {
    fn refuse(&self, method: &Method, path: &str) -> Option<Error> {
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let calls = self.0.at(path).ok()?.value;
        let (_, upstream) = calls.iter().find(|(known, _)| known == method)?;
        upstream.refusal()
    }
}
