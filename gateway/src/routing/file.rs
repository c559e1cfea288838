//! The file as it is written.

use std::{collections::BTreeMap, time::Duration};

use bytesize::ByteSize;
use serde::Deserialize;
use serde_spanned::Spanned;

use super::{Access, Balance, Breaker, Ejection, Expansion, HealthCheck, Own, RetryBudget};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) defaults: Defaults,
    pub(super) rate_limits: BTreeMap<String, Spanned<RateLimit>>,
    pub(super) cors: Cors,
    pub(super) upstreams: BTreeMap<String, Spanned<Upstream>>,
    pub(super) routes: BTreeMap<Spanned<String>, Spanned<Route>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    pub(super) route: RouteDefaults,
    pub(super) upstream: UpstreamDefaults,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteDefaults {
    pub(super) access: Access,
    pub(super) rate_limit: Spanned<String>,
    #[serde(with = "humantime_serde")]
    pub(super) timeout: Duration,
    pub(super) body_limit: ByteSize,
    #[serde(with = "humantime_serde")]
    pub(super) body_pause: Duration,
    pub(super) retries: u32,
}

/// What differs from the defaults.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    pub(super) to: Option<Spanned<String>>,
    /// What the gateway itself answers, in place of `to`.
    pub(super) own: Option<Own>,
    pub(super) access: Option<Access>,
    pub(super) permission: Option<Spanned<String>>,
    pub(super) rate_limit: Option<Spanned<String>>,
    #[serde(default, with = "humantime_serde")]
    pub(super) timeout: Option<Duration>,
    pub(super) body_limit: Option<ByteSize>,
    #[serde(default, with = "humantime_serde")]
    pub(super) body_pause: Option<Duration>,
    pub(super) retries: Option<u32>,
    #[serde(default, with = "humantime_serde")]
    pub(super) cache: Option<Duration>,
    #[serde(default)]
    pub(super) expand: Vec<Expansion>,
    #[serde(default)]
    pub(super) clears: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamDefaults {
    pub(super) balance: Balance,
    pub(super) max_in_flight: usize,
    #[serde(with = "humantime_serde")]
    pub(super) connect_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) resolve_every: Duration,
    pub(super) health: HealthCheck,
    pub(super) ejection: Ejection,
    pub(super) breaker: Breaker,
    pub(super) retry_budget: RetryBudget,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upstream {
    pub(super) addresses: Vec<Spanned<String>>,
    pub(super) openapi: Option<String>,
    pub(super) ready: Option<String>,
    pub(super) balance: Option<Balance>,
    pub(super) max_in_flight: Option<usize>,
    #[serde(default, with = "humantime_serde")]
    pub(super) connect_timeout: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    pub(super) resolve_every: Option<Duration>,
    pub(super) health: Option<HealthCheck>,
    pub(super) ejection: Option<Ejection>,
    pub(super) breaker: Option<Breaker>,
    pub(super) retry_budget: Option<RetryBudget>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimit {
    pub(super) requests: u32,
    #[serde(with = "humantime_serde")]
    pub(super) per: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cors {
    pub(super) origins: Vec<Spanned<String>>,
    #[serde(with = "humantime_serde")]
    pub(super) max_age: Duration,
}
