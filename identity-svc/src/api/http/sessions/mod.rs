//! Where somebody is signed in.

pub mod end_of_user;
pub mod end_one;
pub mod end_own;
pub mod list_of_user;
pub mod list_own;

use chassis::{
    Result,
    auth::Caller,
    http::{List, Page},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain,
    service::{Identity, LiveSession},
};

/// A sign-in that goes on.
#[derive(Serialize, ToSchema)]
pub struct Session {
    id: Uuid,
    /// What the client seems to be, by what it calls itself.
    #[schema(example = "Firefox on Linux")]
    device: String,
    /// What the client calls itself, and where it was, when it signed in or refreshed last.
    user_agent: Option<String>,
    #[schema(example = "203.0.113.9")]
    address: Option<String>,
    created_at: DateTime<Utc>,
    /// When it was refreshed last.
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Whether it is the one of this request.
    current: bool,
}

impl Session {
    fn seen_by(caller: &Caller) -> impl Fn(LiveSession) -> Self {
        let current = caller.claims.sid;
        move |session| Self {
            id: session.id,
            device: domain::device(session.user_agent.as_deref()),
            user_agent: session.user_agent,
            address: session.address,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            current: current == Some(session.id),
        }
    }
}

/// A page of the user's sessions, newest first.
async fn page_of(
    identity: &Identity,
    user: Uuid,
    page: &Page,
    caller: &Caller,
) -> Result<List<Session>> {
    let limit = page.limit()?;
    let sessions = identity.sessions(user, page.after()?, limit + 1).await?;
    let list = List::page(sessions, limit, |session| session.id)?;
    Ok(list.map(Session::seen_by(caller)))
}
