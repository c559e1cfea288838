use chassis::Result;
use proto::events::identity::{MailKind, USER_REGISTERED};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{
    NewUser, Repository,
    audit_log::record,
    mails::{Pace, request_paced_mail},
    tell,
};
use crate::domain::{AccountKey, Action, Actor, CUSTOMER, Email};

impl Repository {
    /// Adds a customer, who gets a mail to verify the address. If the address has an account, that one stays as it is and
    /// its owner gets another mail; the work is the same, so that nobody can tell by the time it takes.
    pub async fn register(&self, actor: &Actor, new: NewUser) -> Result<()> {
        // Again only if somebody else registers the address between the look and the insert.
        while !self.try_register(actor, &new).await? {}
        Ok(())
    }

    async fn try_register(&self, actor: &Actor, new: &NewUser) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let owner = owner(&mut tx, &new.email).await?;
        let id = Uuid::now_v7();
        let email = match owner {
            // Nobody's, and it is taken back at once.
            Some(_) => format!("{id}@invalid"),
            None => new.email.as_str().to_owned(),
        };
        let mut draft = tx.begin().await?;
        if !add_customer(&mut draft, actor, id, &email, new).await? {
            return Ok(false);
        }
        let (user, kind, pace) = match owner {
            Some(owner) => {
                draft.rollback().await?;
                let kind = MailKind::AlreadyRegistered;
                (owner, kind, Pace::ALREADY_REGISTERED)
            }
            None => {
                draft.commit().await?;
                (id, MailKind::EmailVerification, Pace::VERIFICATION)
            }
        };
        let account = AccountKey::of(new.email.as_str());
        request_paced_mail(&mut tx, &account, Some(user), kind, pace).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn owner(tx: &mut PgConnection, email: &Email) -> Result<Option<Uuid>> {
    let owner = sqlx::query_scalar!("select id from users where email = $1", email.as_str())
        .fetch_optional(tx)
        .await?;
    Ok(owner)
}

/// False if the address has an account.
async fn add_customer(
    tx: &mut PgConnection,
    actor: &Actor,
    id: Uuid,
    email: &str,
    new: &NewUser,
) -> Result<bool> {
    let added = sqlx::query!(
        "insert into users (id, email, name, password_hash) values ($1, $2, $3, $4)
         on conflict (email) do nothing",
        id,
        email,
        new.name.as_str(),
        new.password_hash,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if added == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "insert into user_roles (user_id, role) values ($1, $2)",
        id,
        CUSTOMER
    )
    .execute(&mut *tx)
    .await?;
    tell(tx, USER_REGISTERED, id).await?;
    let subject = id.to_string();
    record(tx, actor, Action::UserRegistered, Some(&subject), json!({})).await?;
    Ok(true)
}
