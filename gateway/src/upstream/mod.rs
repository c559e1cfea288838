//! The services behind the gateway: which of their addresses serve, which of them gets the next request, and when none is to
//! get any.

mod breaker;
mod member;
mod watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use chassis::{Code, Error, Result};
use http::{
    Uri,
    uri::{Parts, PathAndQuery, Scheme},
};
use rand::RngExt as _;
use tokio_util::task::AbortOnDropHandle;
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::{
    cache::Answers,
    client::{Client, client},
    routing::{self, Balance},
};

pub(crate) use member::{InFlight, Member};

/// Over which time retries are set against requests.
const BUDGET_TIME: Duration = Duration::from_secs(10);
/// The longest wait before a first retry; it doubles with each further one. The wait is a random part of it.
const RETRY_WAIT: Duration = Duration::from_millis(50);

pub(crate) struct Upstream {
    plan: routing::Upstream,
    client: Client,
    members: ArcSwap<Vec<Arc<Member>>>,
    /// Whose turn it is.
    turn: AtomicUsize,
    in_flight: AtomicUsize,
    breaker: breaker::Breaker,
    budget: TpsBudget,
    answers: Answers,
}

/// An upstream whose members are watched, as long as somebody has it.
pub(crate) struct Watched {
    pub(crate) upstream: Arc<Upstream>,
    _task: AbortOnDropHandle<()>,
}

impl Watched {
    /// Finds out the addresses and watches them. What is known of an address from `before` counts on.
    pub(crate) async fn new(plan: routing::Upstream, before: Option<&Self>) -> Self {
        let budget = &plan.retry_budget;
        let upstream = Arc::new(Upstream {
            members: ArcSwap::from_pointee(before.map_or_else(Vec::new, |before| {
                before.upstream.members.load().as_ref().clone()
            })),
            turn: AtomicUsize::default(),
            in_flight: AtomicUsize::default(),
            breaker: breaker::Breaker::new(plan.breaker.clone()),
            budget: TpsBudget::new(BUDGET_TIME, budget.per_second, budget.share),
            client: client(plan.connect_timeout),
            answers: before.map_or_else(Answers::default, |before| before.upstream.answers.clone()),
            plan,
        });
        watch::resolve(&upstream).await;
        let task = tokio::spawn(watch::run(upstream.clone()));
        Self {
            upstream,
            _task: AbortOnDropHandle::new(task),
        }
    }
}

impl Upstream {
    pub(crate) fn name(&self) -> &str {
        &self.plan.name
    }

    pub(crate) fn plan(&self) -> &routing::Upstream {
        &self.plan
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Lets a request in, unless there are too many.
    ///
    /// # Errors
    /// `unavailable`: it is told to come again in a second.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Permit> {
        // First, so that of two at once one is too many.
        let permit = Permit(self.clone());
        let before = self.in_flight.fetch_add(1, Relaxed);
        if before < self.plan.max_in_flight {
            self.budget.deposit();
            Ok(permit)
        } else {
            Err(self.overloaded())
        }
    }

    /// What a request is told that cannot be let in now; None: it can.
    pub(crate) fn refusal(&self) -> Option<Error> {
        let is_full = self.in_flight.load(Relaxed) >= self.plan.max_in_flight;
        is_full.then(|| self.overloaded())
    }

    fn overloaded(&self) -> Error {
        metrics::counter!("gateway_shed_total", "upstream" => self.plan.name.clone()).increment(1);
        refuse(
            "overloaded",
            "there is more to do than can be done at once; try again",
            Duration::from_secs(1),
        )
    }

    /// The address for the next request; another one than `last`, if there is one.
    ///
    /// # Errors
    /// `unavailable` when none serves.
    pub(crate) fn pick(&self, last: Option<&Member>) -> Result<InFlight> {
        if let Err(wait) = self.breaker.admit() {
            return Err(away(wait));
        }
        let members = self.members.load();
        let count = members.len();
        let first = self.turn.fetch_add(1, Relaxed);
        let serving = (0..count)
            .map(|offset| &members[(first + offset) % count])
            .filter(|member| member.serves());
        let is_last = |member: &Member| last.is_some_and(|last| std::ptr::eq(last, member));
        let chosen = match self.plan.balance {
            // Of those that have equally little to do, the one whose turn it is.
            Balance::LeastInFlight => {
                serving.min_by_key(|member| (is_last(member), member.in_flight()))
            }
            Balance::RoundRobin => serving.min_by_key(|member| is_last(member)),
        };
        match chosen {
            Some(member) => Ok(InFlight::of(member.clone())),
            None => Err(away(self.plan.health.every)),
        }
    }

    /// A request got an answer.
    pub(crate) fn succeeded(&self, member: &Member) {
        member.succeeded();
        self.breaker.succeeded();
    }

    /// A request failed on its way.
    pub(crate) fn failed(&self, member: &Member) {
        member.failed(&self.plan.ejection);
        if self.breaker.failed() {
            let upstream = self.name();
            tracing::warn!(
                upstream,
                "most of its requests fail; it gets none for a time"
            );
        }
    }

    /// How long to wait before the retry of this number, from 0; None: there are too many retries already.
    pub(crate) fn retry(&self, number: u32, failed: &Member) -> Option<Duration> {
        if !self.budget.withdraw() {
            return None;
        }
        metrics::counter!("gateway_retries_total", "upstream" => self.plan.name.clone())
            .increment(1);
        if self.has_other(failed) {
            return Some(Duration::ZERO);
        }
        // Full jitter: those who failed together do not come together again.
        let longest = RETRY_WAIT * 2_u32.saturating_pow(number.min(6));
        Some(longest.mul_f64(rand::rng().random_range(0.0..1.0)))
    }

    /// Whether another address than this one serves.
    pub(crate) fn has_other(&self, member: &Member) -> bool {
        let others = self.members.load();
        others
            .iter()
            .any(|other| !std::ptr::eq(other.as_ref(), member) && other.serves())
    }

    fn members(&self) -> Vec<Arc<Member>> {
        self.members.load().as_ref().clone()
    }
}

/// Where a member answers `path`.
pub(crate) fn uri(member: &Member, path: Option<PathAndQuery>) -> Uri {
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(member.authority().clone());
    parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    // All three parts are present, which is all that is asked of them.
    Uri::from_parts(parts).unwrap_or_default()
}

/// A request that was let in, until its answer begins.
pub(crate) struct Permit(Arc<Upstream>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

fn away(wait: Duration) -> Error {
    refuse(
        "unavailable",
        "a part of the system is away for a moment; try again",
        wait,
    )
}

/// An error that nobody logs: who refuses thousands must not write thousands of lines. What led to it was logged.
fn refuse(kind: &'static str, detail: &'static str, wait: Duration) -> Error {
    // In whole seconds, and never at once.
    let wait = Duration::from_secs(wait.as_secs_f64().ceil().max(1.0) as u64);
    Error::new(Code::Unavailable, kind, detail).with_retry_after(wait)
}
