//! Keeps up with an upstream's addresses: what its names mean now, and which of them serve.

use std::{collections::BTreeSet, net::IpAddr, net::SocketAddr, sync::Arc};

use futures::future::join_all;
use http::{Request, StatusCode};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{Member, Upstream, uri};

/// Until it is aborted.
pub(super) async fn run(upstream: Arc<Upstream>) {
    let plan = upstream.plan();
    let mut ticks = interval(plan.health.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resolved = Instant::now();
    loop {
        ticks.tick().await;
        if resolved.elapsed() >= plan.resolve_every {
            resolve(&upstream).await;
            resolved = Instant::now();
        }
        let members = upstream.members();
        join_all(members.iter().map(async |member| {
            let well = check(&upstream, member).await;
            member.checked(well, plan.health.failures);
        }))
        .await;
        let serving = members.iter().filter(|member| member.serves()).count();
        metrics::gauge!("gateway_upstream_serving", "upstream" => plan.name.clone())
            .set(serving as f64);
    }
}

async fn check(upstream: &Upstream, member: &Member) -> bool {
    let health = &upstream.plan().health;
    let path = health.path.parse().ok();
    let Ok(request) = Request::get(uri(member, path)).body(axum::body::Body::empty()) else {
        return false;
    };
    let answer = timeout(health.timeout, upstream.client().request(request)).await;
    matches!(answer, Ok(Ok(answer)) if answer.status() == StatusCode::OK)
}

/// Finds out what the addresses mean. Where a name has no answer, what it meant before stands.
pub(super) async fn resolve(upstream: &Upstream) {
    let mut found = BTreeSet::new();
    let mut unknown = false;
    for origin in &upstream.plan().addresses {
        if let Ok(ip) = origin.host().parse::<IpAddr>() {
            found.insert(SocketAddr::new(ip, origin.port()));
            continue;
        }
        match tokio::net::lookup_host((origin.host(), origin.port())).await {
            Ok(addresses) => found.extend(addresses),
            Err(error) => {
                tracing::warn!(upstream = upstream.name(), %origin, %error, "cannot be resolved");
                unknown = true;
            }
        }
    }
    let before = upstream.members();
    let kept = |address: &SocketAddr| {
        before
            .iter()
            .find(|member| member.address() == *address)
            .cloned()
    };
    if unknown {
        found.extend(before.iter().map(|member| member.address()));
    }
    let changed = found.len() != before.len()
        || before
            .iter()
            .any(|member| !found.contains(&member.address()));
    if changed {
        let members = found
            .into_iter()
            .filter_map(|address| {
                kept(&address).or_else(|| Member::new(upstream.name(), address).ok().map(Arc::new))
            })
            .collect();
        upstream.members.store(Arc::new(members));
    }
}
