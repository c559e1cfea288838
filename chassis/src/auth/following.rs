use std::sync::Arc;

use proto::{
    cloudevents::CloudEvent,
    events::identity::{
        KEYS_CHANGED, ROLE_CHANGED, SESSIONS_ENDED, SessionsData, USER_CHANGED, UserData,
    },
};

use super::{permissions::RemotePermissions, trust::RemoteTrust};
use crate::amqp::EventListener;

/// The events after which something that is kept here may be another.
pub(super) const CHANGES: &[&str] = &[USER_CHANGED, ROLE_CHANGED, SESSIONS_ENDED, KEYS_CHANGED];

/// Hears what identity-svc says of changes, and ends what is kept and no longer true.
pub(super) struct Following {
    pub(super) trust: Arc<RemoteTrust>,
    pub(super) permissions: Arc<RemotePermissions>,
}

impl EventListener for Following {
    fn set_hearing(&self, hearing: bool) {
        self.permissions.set_hearing(hearing);
        self.trust.set_hearing(hearing);
    }

    fn hear(&self, event: &CloudEvent) -> anyhow::Result<()> {
        match event.kind.as_str() {
            USER_CHANGED => self
                .permissions
                .user_changed(event.data::<UserData>()?.user_id),
            ROLE_CHANGED => self.permissions.role_changed(),
            SESSIONS_ENDED => self
                .trust
                .sessions_ended(event.data::<SessionsData>()?.session_ids),
            KEYS_CHANGED => self.trust.keys_changed(),
            other => anyhow::bail!("nobody asked for {other}"),
        }
        Ok(())
    }
}
