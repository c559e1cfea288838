//! identity-svc's tables. A function here is one transaction: rows, version and event together.

mod administrators;
mod api_keys;
mod audit_log;
mod clients;
mod ended_sessions;
mod key_rotation;
mod keys;
mod roles;
mod service_accounts;
mod sessions;
mod users;

use chassis::{Result, amqp::outbox};
use proto::{
    cloudevents::CloudEvent,
    events::identity::{
        ROLE_CHANGED, RoleData, SESSIONS_ENDED, SOURCE, SessionsData, USER_CHANGED, UserData,
    },
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

pub use administrators::Administrator;
pub use clients::Credential;
pub use ended_sessions::EndedSession;
pub use key_rotation::{Rotated, Takeover};
pub use keys::{NewKey, StoredKey};
pub use sessions::{Refreshed, Session};
pub use users::NewUser;

use crate::domain::{ADMIN, Role};

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Repository {
    pool: PgPool,
}

impl Repository {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

/// Whoever makes or dismisses administrators takes turns until the transaction ends; else two who dismiss each other
/// could each be the last. Comes before any lock on a user, so that no two changes wait for each other.
async fn lock_administrators(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!("select from roles where name = $1 for no key update", ADMIN)
        .fetch_optional(tx)
        .await?;
    Ok(())
}

/// Writes an event about a user into the outbox, with the roles and the version of this transaction.
async fn tell(tx: &mut PgConnection, kind: &str, user: Uuid) -> Result<()> {
    let row = sqlx::query!(
        r#"select version, now() as "at!",
                  array(select role from user_roles where user_id = id order by role) as "roles!"
             from users where id = $1"#,
        user,
    )
    .fetch_one(&mut *tx)
    .await?;
    let data = UserData {
        user_id: user,
        roles: row.roles,
        disabled: false,
    };
    let event = CloudEvent::new(SOURCE, kind, user, Some(row.version), row.at, &data)?;
    outbox::append(tx, vec![event]).await
}

/// Writes the event that a role permits something else into the outbox, with the role's next version.
async fn tell_of_role(tx: &mut PgConnection, role: &Role) -> Result<()> {
    let row = sqlx::query!(
        r#"update roles set version = version + 1 where name = $1 returning version, now() as "at!""#,
        role.name,
    )
    .fetch_one(&mut *tx)
    .await?;
    let data = RoleData {
        role: role.name.clone(),
        permissions: role.permissions.clone(),
    };
    let version = Some(row.version);
    let event = CloudEvent::new(SOURCE, ROLE_CHANGED, &role.name, version, row.at, &data)?;
    outbox::append(tx, vec![event]).await
}

/// Writes the event that a service account may do something else, or is gone, into the outbox, with its next version.
async fn tell_of_account(tx: &mut PgConnection, account: Uuid) -> Result<()> {
    let row = sqlx::query!(
        r#"update service_accounts set version = version + 1 where id = $1
           returning version, now() as "at!", deleted_at is not null as "deleted!",
                     array(select role from service_account_roles where account_id = id order by role) as "roles!""#,
        account,
    )
    .fetch_one(&mut *tx)
    .await?;
    let data = UserData {
        user_id: account,
        roles: row.roles,
        disabled: row.deleted,
    };
    let version = Some(row.version);
    let event = CloudEvent::new(SOURCE, USER_CHANGED, account, version, row.at, &data)?;
    outbox::append(tx, vec![event]).await
}

/// Writes the event that these sessions of `owner` ended in this transaction into the outbox.
async fn tell_sessions_ended(tx: &mut PgConnection, owner: Uuid, ids: &[Uuid]) -> Result<()> {
    let now = sqlx::query_scalar!(r#"select now() as "now!""#)
        .fetch_one(&mut *tx)
        .await?;
    let data = SessionsData {
        owner_id: owner,
        session_ids: ids.to_vec(),
        ended_at: now,
    };
    let event = CloudEvent::new(SOURCE, SESSIONS_ENDED, owner, None, now, &data)?;
    outbox::append(tx, vec![event]).await
}
