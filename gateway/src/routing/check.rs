//! From what the file says to what the gateway does. What cannot be is refused here, with its line.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use http::{HeaderValue, Method};
use serde_spanned::Spanned;

use super::{
    Access, Cors, HealthCheck, Origins, Quota, Refusal, Route, Table, Target, Upstream, file,
};
use crate::config::Config;

/// Paths of the gateway's own, which no route may take.
const OWN: [&str; 8] = [
    "/docs",
    "/docs/{*rest}",
    "/openapi.json",
    "/asyncapi.json",
    "/asyncapi",
    "/asyncapi.css",
    "/health/{*rest}",
    "/metrics",
];
const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];
/// A budget cannot be larger, in retries a second.
const MOST_RETRIES: u32 = 1_000_000;
/// In the place of a rate limit's name.
const NONE: &str = "none";

pub(super) fn table(text: &str, config: &Config) -> Result<Table, Refusal> {
    let file: file::File = toml::from_str(text).map_err(|error| Refusal {
        line: error.span().map(|span| line(text, span.start)),
        reason: error.message().to_owned(),
    })?;
    Check { text, config }.file(file)
}

/// The number of the line that holds the byte at `offset`.
fn line(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

struct Check<'a> {
    text: &'a str,
    config: &'a Config,
}

impl Check<'_> {
    fn refuse<T, R>(&self, at: &Spanned<T>, reason: R) -> Refusal
    where
        R: Into<String>,
    {
        Refusal {
            line: Some(line(self.text, at.span().start)),
            reason: reason.into(),
        }
    }

    fn file(&self, file: file::File) -> Result<Table, Refusal> {
        let quotas = file
            .rate_limits
            .into_iter()
            .map(|(name, limit)| Ok((name.clone(), Arc::new(self.quota(name, &limit)?))))
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let upstreams = file
            .upstreams
            .into_iter()
            .map(|(name, upstream)| self.upstream(name, upstream, &file.defaults.upstream))
            .collect::<Result<Vec<_>, _>>()?;
        let names: BTreeSet<&str> = upstreams
            .iter()
            .map(|upstream| upstream.name.as_str())
            .collect();
        let mut paths = Paths::new();
        let mut routes = Vec::with_capacity(file.routes.len());
        // In the order of the file.
        let mut entries: Vec<_> = file.routes.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, entry) in entries {
            let route = self.route(&key, entry, &file.defaults.route, &quotas, &names)?;
            paths
                .add(&route)
                .map_err(|reason| self.refuse(&key, reason))?;
            routes.push(Arc::new(route));
        }
        Ok(Table {
            routes,
            upstreams,
            quotas,
            cors: self.cors(file.cors)?,
        })
    }

    fn quota(&self, name: String, limit: &Spanned<file::RateLimit>) -> Result<Quota, Refusal> {
        let file::RateLimit { requests, per } = *limit.get_ref();
        if name == NONE {
            return Err(self.refuse(limit, "`none` means no rate limit, so none has this name"));
        }
        if requests == 0 || per.as_secs() == 0 || per.subsec_nanos() > 0 {
            return Err(self.refuse(
                limit,
                "`requests` must be at least 1, and `per` one or more whole seconds",
            ));
        }
        Ok(Quota {
            name,
            requests,
            per,
        })
    }

    fn upstream(
        &self,
        name: String,
        entry: Spanned<file::Upstream>,
        defaults: &file::UpstreamDefaults,
    ) -> Result<Upstream, Refusal> {
        let mut addresses = Vec::new();
        for address in &entry.get_ref().addresses {
            let origins = match address.get_ref().strip_prefix('$') {
                Some(variable) => self.config.origins(variable),
                None => address.get_ref().parse(),
            };
            let origins = origins.map_err(|error| self.refuse(address, format!("{error:#}")))?;
            addresses.extend(origins.0);
        }
        if addresses.is_empty() {
            return Err(self.refuse(&entry, format!("`{name}` has no address")));
        }
        let at = entry.clone_span();
        let file = entry.into_inner();
        let upstream = Upstream {
            name,
            addresses,
            openapi: file.openapi,
            ready: file.ready,
            balance: file.balance.unwrap_or(defaults.balance),
            max_in_flight: file.max_in_flight.unwrap_or(defaults.max_in_flight),
            connect_timeout: file.connect_timeout.unwrap_or(defaults.connect_timeout),
            resolve_every: file.resolve_every.unwrap_or(defaults.resolve_every),
            health: file.health.unwrap_or_else(|| defaults.health.clone()),
            ejection: file.ejection.unwrap_or_else(|| defaults.ejection.clone()),
            breaker: file.breaker.unwrap_or_else(|| defaults.breaker.clone()),
            retry_budget: file
                .retry_budget
                .unwrap_or_else(|| defaults.retry_budget.clone()),
        };
        match fault(&upstream) {
            Some(reason) => Err(self.refuse(&at, format!("`{}`: {reason}", upstream.name))),
            None => Ok(upstream),
        }
    }

    fn route(
        &self,
        key: &Spanned<String>,
        entry: Spanned<file::Route>,
        defaults: &file::RouteDefaults,
        quotas: &BTreeMap<String, Arc<Quota>>,
        upstreams: &BTreeSet<&str>,
    ) -> Result<Route, Refusal> {
        let (methods, path) = call(key.get_ref()).map_err(|reason| self.refuse(key, reason))?;
        let at = entry.clone_span();
        let file = entry.into_inner();
        let known = |name: &Spanned<String>| {
            if upstreams.contains(name.get_ref().as_str()) {
                Ok(name.get_ref().clone())
            } else {
                Err(self.refuse(name, format!("there is no upstream `{}`", name.get_ref())))
            }
        };
        let target = match (&file.to, file.own) {
            (Some(name), None) => Target::Upstream(known(name)?),
            (None, Some(own)) => Target::Own(own),
            _ => return Err(self.refuse(&at, "a route has either `to` or `own`")),
        };
        let limit = file.rate_limit.as_ref().unwrap_or(&defaults.rate_limit);
        let quota =
            match limit.get_ref().as_str() {
                NONE => None,
                name => Some(quotas.get(name).cloned().ok_or_else(|| {
                    self.refuse(limit, format!("there is no rate limit `{name}`"))
                })?),
            };
        let access = file.access.unwrap_or(defaults.access);
        if let Some(permission) = &file.permission
            && access != Access::SignedIn
        {
            return Err(self.refuse(permission, "only who is signed in has a permission"));
        }
        // The answer to one caller must not be given to another.
        if file.cache.is_some() && access != Access::Anyone {
            return Err(self.refuse(&at, "only what anyone may read can be kept in a cache"));
        }
        if file.to.is_none() && !(file.expand.is_empty() && file.clears.is_empty()) {
            return Err(self.refuse(&at, "`expand` and `clears` go with `to`"));
        }
        let timeout = file.timeout.unwrap_or(defaults.timeout);
        let body_pause = file.body_pause.unwrap_or(defaults.body_pause);
        if timeout.is_zero() || body_pause.is_zero() {
            return Err(self.refuse(&at, "`timeout` and `body_pause` must be longer than 0"));
        }
        Ok(Route {
            methods,
            path,
            target,
            access,
            permission: file.permission.map(Spanned::into_inner),
            quota,
            timeout,
            body_limit: file.body_limit.unwrap_or(defaults.body_limit).as_u64(),
            body_pause,
            retries: file.retries.unwrap_or(defaults.retries),
            cache: file.cache,
            expand: file.expand,
            clears: file.clears.iter().map(known).collect::<Result<_, _>>()?,
        })
    }

    fn cors(&self, cors: file::Cors) -> Result<Cors, Refusal> {
        let any = cors.origins.iter().any(|origin| origin.get_ref() == "*");
        let origins = if any {
            Origins::Any
        } else {
            let origin = |origin: &Spanned<String>| {
                let text = origin.get_ref();
                let is_one = text
                    .split_once("://")
                    .is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
                HeaderValue::from_str(text)
                    .ok()
                    .filter(|_| is_one)
                    .ok_or_else(|| {
                        self.refuse(
                            origin,
                            format!("`{text}` is no origin, such as https://shop.example"),
                        )
                    })
            };
            Origins::These(cors.origins.iter().map(origin).collect::<Result<_, _>>()?)
        };
        Ok(Cors {
            origins,
            max_age: cors.max_age,
        })
    }
}

/// What cannot be about an upstream.
fn fault(upstream: &Upstream) -> Option<&'static str> {
    let HealthCheck {
        path: _,
        every,
        timeout,
        failures,
    } = &upstream.health;
    let share = |share: f64| (0.0..=1.0).contains(&share);
    let path =
        |path: &str| path.starts_with('/') && path.parse::<http::uri::PathAndQuery>().is_ok();
    let own_paths = [&upstream.openapi, &upstream.ready];
    if !path(&upstream.health.path) || !own_paths.into_iter().flatten().all(|own| path(own)) {
        Some("a path must begin with `/`")
    } else if every.is_zero() || timeout.is_zero() || upstream.resolve_every.is_zero() {
        Some("`every`, `timeout` and `resolve_every` must be longer than 0")
    } else if upstream.connect_timeout.is_zero() || upstream.max_in_flight == 0 {
        Some("`connect_timeout` must be longer than 0, `max_in_flight` at least 1")
    } else if *failures == 0 || upstream.ejection.failures == 0 || upstream.breaker.failures == 0 {
        Some("`failures` must be at least 1")
    } else if upstream.retry_budget.per_second > MOST_RETRIES {
        Some("`per_second` is too large")
    } else if !share(upstream.breaker.share) || !share(upstream.retry_budget.share.into()) {
        Some("`share` must be from 0 to 1")
    } else {
        None
    }
}

/// `GET, POST /v1/orders`.
fn call(key: &str) -> Result<(Vec<Method>, String), String> {
    let wanted = "a route is called METHODS PATH, such as \"GET, POST /v1/orders\"";
    let (methods, path) = key.rsplit_once(' ').ok_or(wanted)?;
    let methods = methods
        .split(',')
        .map(|name| {
            let name = name.trim();
            let known = METHODS.iter().find(|method| method.as_str() == name);
            known
                .cloned()
                .ok_or_else(|| format!("`{name}` is none of GET, POST, PUT, PATCH, DELETE"))
        })
        .collect::<Result<_, _>>()?;
    if !path.starts_with('/') {
        return Err(wanted.to_owned());
    }
    // What axum 0.7 had for parameters, and 0.8 will not take.
    if path.split('/').any(|part| part.starts_with([':', '*'])) {
        return Err("a parameter is written {name}, and the rest of a path {*name}".to_owned());
    }
    Ok((methods, path.to_owned()))
}

/// The paths so far, in a router like the one that they are for.
struct Paths {
    taken: matchit::Router<()>,
    calls: BTreeMap<String, BTreeSet<String>>,
}

impl Paths {
    fn new() -> Self {
        let mut taken = matchit::Router::new();
        for path in OWN {
            // They are no two alike.
            let _ = taken.insert(path, ());
        }
        Self {
            taken,
            calls: BTreeMap::new(),
        }
    }

    fn add(&mut self, route: &Route) -> Result<(), String> {
        if !self.calls.contains_key(&route.path) {
            self.taken
                .insert(route.path.as_str(), ())
                .map_err(|error| match error {
                    matchit::InsertError::Conflict { with } => {
                        format!("`{}` cannot be told from `{with}`", route.path)
                    }
                    other => other.to_string(),
                })?;
        }
        let methods = self.calls.entry(route.path.clone()).or_default();
        for method in &route.methods {
            if !methods.insert(method.to_string()) {
                return Err(format!("{method} {} has a route already", route.path));
            }
        }
        Ok(())
    }
}

/// The place of a value, without the value.
trait CloneSpan {
    fn clone_span(&self) -> Spanned<()>;
}

impl<T> CloneSpan for Spanned<T> {
    fn clone_span(&self) -> Spanned<()> {
        Spanned::new(self.span(), ())
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
