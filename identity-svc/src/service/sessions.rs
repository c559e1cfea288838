use chassis::{Error, Result};
use uuid::Uuid;

use super::{Identity, users::no_such_user};
use crate::{
    domain::{Actor, Ending},
    repository::LiveSession,
};

impl Identity {
    /// At most `limit` sessions of the user that go on, newest first, before the one with the id `before`.
    ///
    /// # Errors
    /// `not-found` if there is no such user; `unavailable`.
    pub async fn sessions(
        &self,
        user: Uuid,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<LiveSession>> {
        self.user(user).await?;
        self.repository.sessions(user, before, limit).await
    }

    /// Ends a session of the user; one that is over already is no error.
    ///
    /// # Errors
    /// `not-found` if the user has no such session; `unavailable`.
    #[tracing::instrument(name = "end_session", skip_all, fields(user.id = %user))]
    pub async fn end_session(&self, actor: &Actor, user: Uuid, session: Uuid) -> Result<()> {
        if self.repository.end_session_of(actor, user, session).await? {
            Ok(())
        } else {
            Err(Error::not_found("you have no such session"))
        }
    }

    /// Ends all sessions of the user, except `kept`.
    ///
    /// # Errors
    /// `not-found` if there is no such user; `unavailable`.
    #[tracing::instrument(name = "end_sessions", skip_all, fields(user.id = %user))]
    pub async fn end_sessions(
        &self,
        actor: &Actor,
        user: Uuid,
        kept: Option<Uuid>,
        why: Ending,
    ) -> Result<()> {
        if self.repository.end_sessions(actor, user, kept, why).await? {
            Ok(())
        } else {
            Err(no_such_user())
        }
    }
}
