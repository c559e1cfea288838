use chassis::{Error, Result};
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Repository,
    audit_log::record,
    roles::{require_roles, role_vanished},
    tell_of_account, tell_sessions_ended,
};
use crate::domain::{AccountName, AccountSecret, Action, Actor, Refusal, RoleName, ServiceAccount};

/// Live secrets of an account, at most: the one in use, and the one that is to follow it.
const MAX_SECRETS: i64 = 2;

/// A service account as a row has it.
struct Row {
    id: Uuid,
    name: String,
    created_at: DateTime<Utc>,
    roles: Vec<String>,
    secrets: Vec<Uuid>,
    secrets_made: Vec<DateTime<Utc>>,
}

impl From<Row> for ServiceAccount {
    fn from(row: Row) -> Self {
        let secrets = row.secrets.into_iter().zip(row.secrets_made);
        Self {
            id: row.id,
            name: row.name,
            roles: row.roles,
            secrets: secrets
                .map(|(id, created_at)| AccountSecret { id, created_at })
                .collect(),
            created_at: row.created_at,
        }
    }
}

impl Repository {
    /// Adds an account that holds these roles and has one secret, of this hash; its id.
    ///
    /// # Errors
    /// `validation` naming each unknown role; [`Refusal::AccountExists`].
    pub async fn add_service_account(
        &self,
        actor: &Actor,
        name: &AccountName,
        roles: &[RoleName],
        secret: &[u8; 32],
    ) -> Result<Uuid> {
        let mut tx = self.pool.begin().await?;
        // No token of theirs lives any more.
        sqlx::query!("delete from service_accounts where deleted_at < now() - interval '2 days'")
            .execute(&mut *tx)
            .await?;
        let id = Uuid::now_v7();
        sqlx::query!(
            "insert into service_accounts (id, name) values ($1, $2)",
            id,
            name.as_str()
        )
        .execute(&mut *tx)
        .await
        .map_err(name_taken)?;
        let roles = give_roles(&mut tx, id, roles).await?.given;
        add_secret(&mut tx, id, secret).await?;
        let details = json!({"name": name.as_str(), "roles": roles});
        let action = Action::ServiceAccountAdded;
        record(&mut tx, actor, action, Some(&id.to_string()), details).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// At most `limit` accounts, oldest first, after the one with the id `after`; all, or the one with the id `only`.
    pub async fn service_accounts(
        &self,
        only: Option<Uuid>,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<ServiceAccount>> {
        let rows = sqlx::query_as!(
            Row,
            r#"select id, name, created_at,
                      array(select role from service_account_roles where account_id = a.id order by role) as "roles!",
                      array(select s.id from service_account_secrets s
                             where account_id = a.id and revoked_at is null order by s.id) as "secrets!",
                      array(select s.created_at from service_account_secrets s
                             where account_id = a.id and revoked_at is null order by s.id) as "secrets_made!"
                 from service_accounts a
                where deleted_at is null and ($1::uuid is null or id = $1) and ($2::uuid is null or id > $2)
                order by id limit $3"#,
            only,
            after,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(ServiceAccount::from).collect())
    }

    /// Gives the account these roles and no others; false if there is no such account. Roles held already are no change,
    /// and no event.
    ///
    /// # Errors
    /// `validation` naming each unknown role.
    pub async fn set_account_roles(
        &self,
        actor: &Actor,
        account: Uuid,
        roles: &[RoleName],
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account).await? {
            return Ok(false);
        }
        let change = give_roles(&mut tx, account, roles).await?;
        if change.added > 0 || change.removed > 0 {
            tell_of_account(&mut tx, account).await?;
            let details = json!({"roles": change.given});
            let action = Action::ServiceAccountRolesSet;
            record(&mut tx, actor, action, Some(&account.to_string()), details).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Adds a secret of this hash; None if there is no such account.
    ///
    /// # Errors
    /// [`Refusal::TooManySecrets`].
    pub async fn add_account_secret(
        &self,
        actor: &Actor,
        account: Uuid,
        hash: &[u8; 32],
    ) -> Result<Option<AccountSecret>> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account).await? {
            return Ok(None);
        }
        let live = sqlx::query_scalar!(
            r#"select count(*) as "n!" from service_account_secrets where account_id = $1 and revoked_at is null"#,
            account,
        )
        .fetch_one(&mut *tx)
        .await?;
        if live >= MAX_SECRETS {
            return Err(Refusal::TooManySecrets.into());
        }
        let secret = add_secret(&mut tx, account, hash).await?;
        let details = json!({"secret_id": secret.id});
        let action = Action::ClientSecretAdded;
        record(&mut tx, actor, action, Some(&account.to_string()), details).await?;
        tx.commit().await?;
        Ok(Some(secret))
    }

    /// Ends a secret, and the access tokens that were issued for it; false if the account has none of this id. One that has
    /// ended already is left so, without an event.
    pub async fn end_account_secret(
        &self,
        actor: &Actor,
        account: Uuid,
        secret: Uuid,
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account).await? {
            return Ok(false);
        }
        let found = sqlx::query_scalar!(
            r#"select revoked_at is null as "live!" from service_account_secrets where account_id = $1 and id = $2"#,
            account,
            secret,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if found == Some(true) {
            end_secrets(&mut tx, actor, account, Some(secret)).await?;
        }
        tx.commit().await?;
        Ok(found.is_some())
    }

    /// Deletes an account and ends its access tokens; false if there is none of this id.
    pub async fn delete_service_account(&self, actor: &Actor, account: Uuid) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account).await? {
            return Ok(false);
        }
        sqlx::query!(
            "update service_accounts set deleted_at = now() where id = $1",
            account
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "delete from service_account_roles where account_id = $1",
            account
        )
        .execute(&mut *tx)
        .await?;
        tell_of_account(&mut tx, account).await?;
        let action = Action::ServiceAccountDeleted;
        record(
            &mut tx,
            actor,
            action,
            Some(&account.to_string()),
            json!({}),
        )
        .await?;
        end_secrets(&mut tx, actor, account, None).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Whether there is such an account. Changes of one account take turns until the transaction ends.
async fn lock(tx: &mut PgConnection, account: Uuid) -> Result<bool> {
    let found = sqlx::query!(
        "select from service_accounts where id = $1 and deleted_at is null for no key update",
        account
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

struct RoleChange {
    given: Vec<String>,
    added: u64,
    removed: u64,
}

async fn give_roles(
    tx: &mut PgConnection,
    account: Uuid,
    roles: &[RoleName],
) -> Result<RoleChange> {
    let given: Vec<String> = roles.iter().map(|role| role.as_str().to_owned()).collect();
    require_roles(&mut *tx, &given).await?;
    let removed = sqlx::query!(
        "delete from service_account_roles where account_id = $1 and role <> all ($2)",
        account,
        &given,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    let added = sqlx::query!(
        "insert into service_account_roles (account_id, role) select $1, unnest($2::text[]) on conflict do nothing",
        account,
        &given,
    )
    .execute(tx)
    .await
    .map_err(role_vanished)?
    .rows_affected();
    Ok(RoleChange {
        given,
        added,
        removed,
    })
}

async fn add_secret(
    tx: &mut PgConnection,
    account: Uuid,
    hash: &[u8; 32],
) -> Result<AccountSecret> {
    // No token of theirs lives any more.
    sqlx::query!(
        "delete from service_account_secrets where account_id = $1 and revoked_at < now() - interval '2 days'",
        account,
    )
    .execute(&mut *tx)
    .await?;
    let secret = sqlx::query_as!(
        AccountSecret,
        "insert into service_account_secrets (id, account_id, hash) values ($1, $2, $3) returning id, created_at",
        Uuid::now_v7(),
        account,
        hash,
    )
    .fetch_one(tx)
    .await?;
    Ok(secret)
}

/// Ends this live secret of the account, or all of them.
async fn end_secrets(
    tx: &mut PgConnection,
    actor: &Actor,
    account: Uuid,
    only: Option<Uuid>,
) -> Result<()> {
    let ended = sqlx::query_scalar!(
        "update service_account_secrets set revoked_at = now()
          where account_id = $1 and revoked_at is null and ($2::uuid is null or id = $2) returning id",
        account,
        only,
    )
    .fetch_all(&mut *tx)
    .await?;
    if ended.is_empty() {
        return Ok(());
    }
    for secret in &ended {
        let details = json!({"secret_id": secret});
        let action = Action::ClientSecretEnded;
        record(&mut *tx, actor, action, Some(&account.to_string()), details).await?;
    }
    tell_sessions_ended(tx, account, &ended).await
}

fn name_taken(error: sqlx::Error) -> Error {
    match chassis::postgres::constraint(&error) {
        Some("service_accounts_name_key") => Refusal::AccountExists.into(),
        _ => error.into(),
    }
}
