//! Liveness and readiness: a service is ready while each of its registered checks holds.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// All checks of one service.
#[derive(Debug, Clone, Default)]
pub struct Health {
    checks: Arc<Mutex<BTreeMap<String, Check>>>,
}

/// One condition of readiness; false until set.
#[derive(Debug, Clone, Default)]
pub struct Check(Arc<AtomicBool>);

impl Check {
    pub fn set(&self, holds: bool) {
        self.0.store(holds, Ordering::Release);
    }

    #[must_use]
    pub fn holds(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Health {
    /// Adds a condition of readiness.
    #[must_use]
    pub fn register(&self, name: &str) -> Check {
        self.lock().entry(name.to_owned()).or_default().clone()
    }

    /// Each condition, and whether it holds.
    #[must_use]
    pub fn report(&self) -> BTreeMap<String, bool> {
        self.lock()
            .iter()
            .map(|(name, check)| (name.clone(), check.holds()))
            .collect()
    }

    /// Whether all conditions hold.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.lock().values().all(Check::holds)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Check>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
