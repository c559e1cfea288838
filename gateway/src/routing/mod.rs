//! Which call goes where, and on which terms: what `gateway.toml` says, checked. Nothing else in the gateway knows a path
//! of a service.

mod check;
mod file;
mod reload;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use axum::routing::MethodFilter;
use http::{HeaderValue, Method};
use serde::Deserialize;

use crate::config::{Config, Origin};

pub(crate) use reload::Source;

/// The file that is built in.
pub const BUILT_IN: &str = include_str!("../../gateway.toml");

/// Whom the gateway lets through; what a user may do is for the service to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Anybody; but a bad token is refused, so that its owner learns of it at once.
    Anyone,
    /// Anybody; the call brings credentials of its own, and an expired token beside them is no matter.
    SigningIn,
    SignedIn,
}

/// What the gateway answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// What a customer sees first: their latest orders, and their points.
    Dashboard,
    /// What happens to the caller's orders and points, as it happens.
    MyEvents,
    /// What happens to one order.
    OrderEvents,
}

/// What the gateway adds to an order, if the call says `?expand=` with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expansion {
    Products,
    History,
}

/// Who answers a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The upstream of this name.
    Upstream(String),
    Own(Own),
}

/// One row of the file.
#[derive(Debug, Clone)]
pub struct Route {
    pub methods: Vec<Method>,
    /// A template in axum's syntax.
    pub path: String,
    pub target: Target,
    pub access: Access,
    /// Needed, beside what the service itself asks for.
    pub permission: Option<String>,
    pub quota: Option<Arc<Quota>>,
    pub timeout: Duration,
    /// The longest request body that is passed on, in bytes.
    pub body_limit: u64,
    /// How long nothing may come of a body that is not complete.
    pub body_pause: Duration,
    pub retries: u32,
    /// How long an answer is kept for whoever asks for the same.
    pub cache: Option<Duration>,
    /// What may be asked for beside the answer itself.
    pub expand: Vec<Expansion>,
    /// Upstreams of whose answers, beside those of its own, none is kept after a call that changes something.
    pub clears: Vec<String>,
}

/// How much a caller may ask for.
#[derive(Debug, PartialEq, Eq)]
pub struct Quota {
    pub name: String,
    pub requests: u32,
    pub per: Duration,
}

/// A service with one or more addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    pub name: String,
    pub addresses: Vec<Origin>,
    /// Where it has its OpenAPI document.
    pub openapi: Option<String>,
    /// Where it tells whether it is ready; the gateway is when all are.
    pub ready: Option<String>,
    pub balance: Balance,
    /// Requests at once, at most.
    pub max_in_flight: usize,
    pub connect_timeout: Duration,
    pub resolve_every: Duration,
    pub health: HealthCheck,
    pub ejection: Ejection,
    pub breaker: Breaker,
    pub retry_budget: RetryBudget,
}

/// Which address gets the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    LeastInFlight,
    RoundRobin,
}

/// How the gateway finds out by itself whether an address serves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    pub path: String,
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// After so many in a row it does not.
    pub failures: u32,
}

/// When an address gets no requests because those that it got failed on their way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ejection {
    /// So many in a row.
    pub failures: u32,
    /// How long; each time twice as long as before.
    #[serde(with = "humantime_serde")]
    pub time: Duration,
    #[serde(with = "humantime_serde")]
    pub at_most: Duration,
}

/// When a whole upstream gets no requests.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Of the last 10 s.
    pub failures: u32,
    /// Of the requests of the last 10 s, from 0 to 1.
    pub share: f64,
    #[serde(with = "humantime_serde")]
    pub time: Duration,
}

/// How many retries there may be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryBudget {
    /// Of the requests of the last 10 s, from 0 to 1.
    pub share: f32,
    /// Whatever the share is.
    pub per_second: u32,
}

/// Which pages of other origins may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    pub origins: Origins,
    pub max_age: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    Any,
    These(Vec<HeaderValue>),
}

/// All that the file says.
#[derive(Debug)]
pub struct Table {
    /// Each path and method once.
    pub routes: Vec<Arc<Route>>,
    pub upstreams: Vec<Upstream>,
    pub quotas: BTreeMap<String, Arc<Quota>>,
    pub cors: Cors,
}

/// Why a file is not taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// From 1; None: it concerns no line of its own.
    pub line: Option<usize>,
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

impl Table {
    /// Reads and checks a file's text.
    ///
    /// # Errors
    /// When it is no TOML, or says what cannot be.
    pub fn parse(text: &str, config: &Config) -> Result<Self, Refusal> {
        check::table(text, config)
    }

    /// The route of a call.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<&Arc<Route>> {
        self.routes
            .iter()
            .find(|route| route.path == path && route.methods.contains(method))
    }

    /// Whether a call that an upstream's document describes is passed on to it.
    #[must_use]
    pub fn is_routed(&self, upstream: &str, method: &str, template: &str) -> bool {
        self.routes.iter().any(|route| {
            matches!(&route.target, Target::Upstream(name) if name == upstream)
                && route.is(method, template)
        })
    }
}

impl Route {
    /// The methods as axum's router wants them; `GET` answers `HEAD`, too.
    pub(crate) fn filter(&self) -> Option<MethodFilter> {
        self.methods
            .iter()
            .filter_map(|method| MethodFilter::try_from(method.clone()).ok())
            .reduce(MethodFilter::or)
    }

    /// Whether a document means this route by `method` and `template`; the names of parameters may differ.
    #[must_use]
    pub fn is(&self, method: &str, template: &str) -> bool {
        let parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
        let (mut ours, mut theirs) = (self.path.split('/'), template.split('/'));
        self.methods
            .iter()
            .any(|own| own.as_str().eq_ignore_ascii_case(method))
            && loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => break true,
                    (Some(a), Some(b)) if a == b || parameter(a) && parameter(b) => {}
                    _ => break false,
                }
            }
    }
}
