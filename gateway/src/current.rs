//! What holds now: the table of routes, and the upstreams that it names.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;

use crate::{
    routing::Table,
    upstream::{Upstream, Watched},
};

/// One for the whole gateway.
#[derive(Clone)]
pub(crate) struct Current(Arc<ArcSwap<Plan>>);

/// What held at one moment.
pub(crate) struct Plan {
    pub(crate) table: Table,
    upstreams: BTreeMap<String, Arc<Watched>>,
}

impl Current {
    pub(crate) async fn new(table: Table) -> Self {
        let plan = Plan::new(table, &BTreeMap::new()).await;
        Self(Arc::new(ArcSwap::from_pointee(plan)))
    }

    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.0.load_full()
    }

    /// An upstream of which nothing changes goes on with all that is known of it.
    pub(crate) async fn replace(&self, table: Table) {
        let plan = Plan::new(table, &self.plan().upstreams).await;
        self.0.store(Arc::new(plan));
    }
}

impl Plan {
    async fn new(table: Table, before: &BTreeMap<String, Arc<Watched>>) -> Self {
        let mut upstreams = BTreeMap::new();
        for plan in &table.upstreams {
            let before = before.get(&plan.name);
            let watched = match before {
                Some(before) if before.upstream.plan() == plan => before.clone(),
                _ => Arc::new(Watched::new(plan.clone(), before.map(Arc::as_ref)).await),
            };
            upstreams.insert(plan.name.clone(), watched);
        }
        Self { table, upstreams }
    }

    pub(crate) fn upstream(&self, name: &str) -> Option<&Arc<Upstream>> {
        Some(&self.upstreams.get(name)?.upstream)
    }

    /// By name.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.values().map(|watched| &watched.upstream)
    }
}
