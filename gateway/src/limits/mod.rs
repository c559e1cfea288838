//! How much each caller may ask for. Calls are counted for each caller and route in windows, of which the first begins with
//! the caller's first call, and each next one with the first call after the end of the one before. So what a caller gets in
//! one window is exact, however many replicas count; and at most twice as much, in a time as long as a window, if it is at the
//! end of one and the beginning of the next.

mod local;
mod redis;

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use chassis::{Code, Error};
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::{
    config::{Config, RateLimits},
    routing::Quota,
};

/// [draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/)
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Whose calls are counted together. All of it is verified: a header that anybody can write is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    User(Uuid),
    ApiKey(Uuid),
    Address(IpAddr),
}

impl Who {
    /// Somebody of whom no more is known. A network of IPv6 is one customer's: a house has 2^64 addresses.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & (u128::MAX << 64);
                Ipv6Addr::from(network).into()
            }
        })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::ApiKey(id) => write!(f, "key:{id}"),
            Self::Address(address) => write!(f, "address:{address}"),
        }
    }
}

/// What is counted: one caller's calls of one route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Counter {
    pub(crate) who: Who,
    /// The route's template.
    pub(crate) route: Arc<str>,
    /// Calls of a route may be counted by more than one quota: after a reload, for example.
    pub(crate) quota: Arc<str>,
}

/// A window after a call was counted in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    /// Calls, this one too.
    count: u64,
    /// Until the next window.
    left: Duration,
}

pub(crate) struct Limits {
    on: bool,
    local: local::Windows,
    redis: Option<redis::Windows>,
}

impl Limits {
    /// # Errors
    /// When the address of Redis is none.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            on: config.rate_limits == RateLimits::On,
            local: local::Windows::new(),
            redis: config
                .redis_url
                .as_ref()
                .map(redis::Windows::new)
                .transpose()?,
        })
    }

    /// Counts a call; None: nothing is counted.
    pub(crate) async fn take(&self, quota: &Arc<Quota>, counter: Counter) -> Option<Taken> {
        if !self.on {
            return None;
        }
        let limit = u64::from(quota.requests);
        // Who has had all of it is refused without asking again: a window only ever fills.
        let spent = self.local.spent(&counter, limit);
        let window = match (spent, &self.redis) {
            (Some(window), _) => window,
            (None, None) => self.local.count(counter, quota.per),
            (None, Some(redis)) => match redis.count(&counter, quota.per).await {
                Some(window) => {
                    if window.count >= limit {
                        self.local.set(counter, window);
                    }
                    window
                }
                // Better one limit for each replica than none, or than no service.
                None => self.local.count(counter, quota.per),
            },
        };
        Some(Taken {
            quota: quota.clone(),
            window,
        })
    }
}

/// A call that was counted.
pub(crate) struct Taken {
    quota: Arc<Quota>,
    window: Window,
}

impl Taken {
    /// # Errors
    /// `TooManyRequests`, with the time until the next window.
    pub(crate) fn admit(&self) -> Result<(), Error> {
        if self.window.count <= u64::from(self.quota.requests) {
            return Ok(());
        }
        metrics::counter!("gateway_rate_limited_total", "quota" => self.quota.name.clone())
            .increment(1);
        let Quota { requests, per, .. } = *self.quota;
        let per = per.as_secs();
        Err(Error::new(
            Code::TooManyRequests,
            "too-many-requests",
            format!("no more than {requests} of these requests are answered in {per} s"),
        )
        .with_retry_after(Duration::from_secs(self.seconds_left())))
    }

    /// Tells the caller what is left.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Quota {
            name,
            requests,
            per,
        } = self.quota.as_ref();
        let rest = u64::from(*requests).saturating_sub(self.window.count);
        let policy = format!("\"{name}\";q={requests};w={}", per.as_secs());
        let state = format!("\"{name}\";r={rest};t={}", self.seconds_left());
        for (header, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(header, value);
            }
        }
    }

    /// Rounded up: who comes then does not come too early.
    fn seconds_left(&self) -> u64 {
        let left = self.window.left;
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let who = |address: &str| Who::at(address.parse().unwrap());
        assert_eq!(who("2001:db8::1"), who("2001:db8::ffff:2"));
        assert_ne!(who("2001:db8::1"), who("2001:db8:0:1::1"));
        assert_ne!(who("192.0.2.1"), who("192.0.2.2"));
    }

    #[test]
    fn what_is_left_is_told_in_whole_seconds() {
        let quota = Quota {
            name: "standard".to_owned(),
            requests: 10,
            per: Duration::from_secs(60),
        };
        let taken = |count| Taken {
            quota: Arc::new(Quota {
                name: quota.name.clone(),
                ..quota
            }),
            window: Window {
                count,
                left: Duration::from_millis(12_001),
            },
        };
        let mut headers = HeaderMap::new();
        taken(4).tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"standard\";q=10;w=60");
        assert_eq!(headers["ratelimit"], "\"standard\";r=6;t=13");
        assert!(taken(10).admit().is_ok());
        let refused = taken(11).admit().unwrap_err();
        assert_eq!(refused.code(), Code::TooManyRequests);
        taken(11).tell(&mut headers);
        assert_eq!(headers["ratelimit"], "\"standard\";r=0;t=13");
    }
}
