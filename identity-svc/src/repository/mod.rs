//! identity-svc's tables. A function here is one transaction: rows, version and event together.

mod account_failures;
mod address_counts;
mod administrators;
mod api_keys;
mod audit_log;
mod clients;
mod credentials;
mod disabling;
mod email_verification;
mod ended_sessions;
mod ending;
mod key_rotation;
mod keys;
mod mails;
mod one_time_tokens;
mod password_changes;
mod recovery_codes;
mod registration;
mod roles;
mod second_factors;
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
pub use audit_log::AuditEntry;
pub use clients::Credential;
pub use credentials::Credentials;
pub use ended_sessions::EndedSession;
pub use key_rotation::{Rotated, Takeover};
pub use keys::{NewKey, StoredKey};
pub use one_time_tokens::Holder;
pub use password_changes::NewPassword;
pub use second_factors::SecondFactor;
pub use sessions::{LiveSession, Refreshed, Session};
pub use users::NewUser;

use crate::domain::{ADMIN, Refusal, Role};

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

/// Refuses what has left nobody who can manage users: the transaction must not be committed then.
///
/// # Errors
/// [`Refusal::LastAdministrator`].
async fn require_administrator(tx: &mut PgConnection) -> Result<()> {
    let left = sqlx::query_scalar!(
        r#"select exists (select from user_roles join users on id = user_id
                           where role = $1 and disabled_at is null) as "left!""#,
        ADMIN,
    )
    .fetch_one(tx)
    .await?;
    if left {
        Ok(())
    } else {
        Err(Refusal::LastAdministrator.into())
    }
}

/// Writes an event about a user into the outbox, with the roles and the version of this transaction.
async fn tell(tx: &mut PgConnection, kind: &str, user: Uuid) -> Result<()> {
    let row = sqlx::query!(
        r#"select version, now() as "at!", disabled_at is not null as "disabled!",
                  array(select role from user_roles where user_id = id order by role) as "roles!"
             from users where id = $1"#,
        user,
    )
    .fetch_one(&mut *tx)
    .await?;
    let data = UserData {
        user_id: user,
        roles: row.roles,
        disabled: row.disabled,
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
