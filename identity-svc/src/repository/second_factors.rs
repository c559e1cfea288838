use chassis::{Error, Result};
use chrono::{DateTime, Utc};
use proto::events::identity::MailKind;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Repository, audit_log::record, ending::end_all, mails::request_mail,
    recovery_codes::replace_codes,
};
use crate::domain::{Action, Actor, Ending, FactorSecret, RecoveryCode, Refusal};

/// Somebody who has begun shall finish within so many minutes: the secret has been shown and guards nothing yet.
const UNCONFIRMED_MINUTES: i32 = 15;

/// A user's second factor.
#[derive(Clone)]
pub struct SecondFactor {
    pub secret: FactorSecret,
    /// None until the owner has shown that the app has the secret; it guards nothing before.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// How many are still good.
    pub recovery_codes: i64,
}

impl Repository {
    /// The user's second factor, confirmed or begun a moment ago.
    pub async fn second_factor(&self, user: Uuid) -> Result<Option<SecondFactor>> {
        let row = sqlx::query!(
            r#"select secret, confirmed_at,
                      (select count(*) from recovery_codes c
                        where c.user_id = f.user_id and c.used_at is null) as "recovery_codes!"
                 from second_factors f
                where user_id = $1 and (confirmed_at is not null
                                        or created_at > now() - make_interval(mins => $2))"#,
            user,
            UNCONFIRMED_MINUTES,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(SecondFactor {
                secret: secret(row.secret)?,
                confirmed_at: row.confirmed_at,
                recovery_codes: row.recovery_codes,
            })
        })
        .transpose()
    }

    /// The secret of the second factor that guards the user's account, if one does.
    pub async fn guarding_secret(&self, user: Uuid) -> Result<Option<FactorSecret>> {
        let stored = sqlx::query_scalar!(
            "select secret from second_factors where user_id = $1 and confirmed_at is not null",
            user
        )
        .fetch_optional(&self.pool)
        .await?;
        stored.map(secret).transpose()
    }

    /// Keeps a secret until it is confirmed, in place of another that never was.
    ///
    /// # Errors
    /// [`Refusal::SecondFactorEnabled`].
    pub async fn begin_second_factor(&self, user: Uuid, secret: &FactorSecret) -> Result<()> {
        let begun = sqlx::query!(
            "insert into second_factors as f (user_id, secret) values ($1, $2)
             on conflict (user_id) do update set secret = excluded.secret, created_at = now()
              where f.confirmed_at is null",
            user,
            &secret.0,
        )
        .execute(&self.pool)
        .await?
        .rows_affected();
        if begun == 0 {
            return Err(Refusal::SecondFactorEnabled.into());
        }
        Ok(())
    }

    /// Lets the secret guard the account, whose code for the step was shown, and ends all sessions but `kept`.
    ///
    /// # Errors
    /// [`Refusal::AccountChanged`] if another secret was begun or confirmed meanwhile.
    pub async fn confirm_second_factor(
        &self,
        actor: &Actor,
        user: Uuid,
        (secret, step): (&FactorSecret, i64),
        codes: &[RecoveryCode],
        kept: Option<Uuid>,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        change_guard(&mut tx, user).await?;
        let confirmed = sqlx::query!(
            "update second_factors set confirmed_at = now(), last_step = $3
              where user_id = $1 and secret = $2 and confirmed_at is null",
            user,
            &secret.0,
            step,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if confirmed == 0 {
            return Err(Refusal::AccountChanged.into());
        }
        replace_codes(&mut tx, user, codes).await?;
        end_all(&mut tx, actor, user, kept, Ending::SecondFactorChanged).await?;
        let subject = user.to_string();
        let action = Action::SecondFactorEnabled;
        record(&mut tx, actor, action, Some(&subject), json!({})).await?;
        request_mail(&mut tx, user, MailKind::SecondFactorEnabled).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Accepts the code of this step; false if it was accepted before, or a newer one was. Of many at once, one is.
    pub async fn accept_step(&self, user: Uuid, secret: &FactorSecret, step: i64) -> Result<bool> {
        let accepted = sqlx::query!(
            "update second_factors set last_step = $3
              where user_id = $1 and secret = $2 and confirmed_at is not null and last_step < $3",
            user,
            &secret.0,
            step,
        )
        .execute(&self.pool)
        .await?
        .rows_affected();
        Ok(accepted > 0)
    }

    /// Notes that somebody who knows the password, or has a link that resets it, does not know the code.
    pub async fn note_wrong_code(&self, actor: &Actor, user: Uuid) -> Result<()> {
        let mut conn = self.pool.acquire().await?;
        let subject = user.to_string();
        let action = Action::SecondFactorFailed;
        record(&mut conn, actor, action, Some(&subject), json!({})).await
    }

    /// Takes the second factor away by its owner's will; false if there is none that guards the account.
    ///
    /// # Errors
    /// [`Refusal::PasswordTooShort`] if the password may not guard the account alone.
    pub async fn disable_second_factor(&self, actor: &Actor, user: Uuid) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let Some(guard) = change_guard(&mut tx, user).await? else {
            return Ok(false);
        };
        if !take_away(&mut tx, actor, user).await? {
            return Ok(false);
        }
        if guard.password_needs_factor {
            return Err(Refusal::PasswordTooShort.into());
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Takes the second factor away from somebody who has lost everything, and ends all sessions; false if there is no
    /// such user. Of a password that may not guard the account alone, `unknown_hash` takes the place: its owner gets a
    /// mail to set another.
    pub async fn remove_second_factor(
        &self,
        actor: &Actor,
        user: Uuid,
        unknown_hash: &str,
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let Some(guard) = change_guard(&mut tx, user).await? else {
            return Ok(false);
        };
        if !take_away(&mut tx, actor, user).await? {
            return Ok(true);
        }
        if guard.password_needs_factor {
            sqlx::query!(
                "update users set password_hash = $2, password_needs_factor = false where id = $1",
                user,
                unknown_hash,
            )
            .execute(&mut *tx)
            .await?;
            request_mail(&mut tx, user, MailKind::PasswordReset).await?;
        }
        end_all(&mut tx, actor, user, None, Ending::SecondFactorChanged).await?;
        tx.commit().await?;
        Ok(true)
    }
}

struct Guard {
    password_needs_factor: bool,
}

/// Makes worthless what was proven by what guarded the account so far, and holds the user until the transaction ends; None
/// if there is none.
async fn change_guard(tx: &mut PgConnection, user: Uuid) -> Result<Option<Guard>> {
    let guard = sqlx::query_as!(
        Guard,
        "update users set guard_version = guard_version + 1 where id = $1 returning password_needs_factor",
        user,
    )
    .fetch_optional(tx)
    .await?;
    Ok(guard)
}

/// False if there was none that guarded the account.
async fn take_away(tx: &mut PgConnection, actor: &Actor, user: Uuid) -> Result<bool> {
    let taken = sqlx::query!(
        "delete from second_factors where user_id = $1 and confirmed_at is not null",
        user
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if taken == 0 {
        return Ok(false);
    }
    let subject = user.to_string();
    let action = Action::SecondFactorDisabled;
    record(tx, actor, action, Some(&subject), json!({})).await?;
    request_mail(tx, user, MailKind::SecondFactorDisabled).await?;
    Ok(true)
}

/// The table's check holds the length; the error shows none of the bytes.
fn secret(bytes: Vec<u8>) -> Result<FactorSecret> {
    let bytes = bytes.try_into();
    bytes
        .map(FactorSecret)
        .map_err(|_| Error::internal(anyhow::anyhow!("a stored secret has a wrong length")))
}
