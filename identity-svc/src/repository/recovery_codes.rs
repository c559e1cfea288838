use chassis::Result;
use proto::events::identity::MailKind;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Repository, audit_log::record, mails::request_mail};
use crate::domain::{Action, Actor, RecoveryCode};

impl Repository {
    /// Uses a code up, and tells the owner; false if it is none of the user's, or was used before. Of many at once, one
    /// uses it.
    pub async fn use_recovery_code(
        &self,
        actor: &Actor,
        user: Uuid,
        code: &RecoveryCode,
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let used = sqlx::query!(
            "update recovery_codes set used_at = now()
              where user_id = $1 and hash = $2 and used_at is null",
            user,
            &code.hash(),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if used == 0 {
            return Ok(false);
        }
        let left = sqlx::query_scalar!(
            r#"select count(*) as "left!" from recovery_codes where user_id = $1 and used_at is null"#,
            user,
        )
        .fetch_one(&mut *tx)
        .await?;
        let (subject, details) = (user.to_string(), json!({"left": left}));
        let action = Action::RecoveryCodeUsed;
        record(&mut tx, actor, action, Some(&subject), details).await?;
        request_mail(&mut tx, user, MailKind::RecoveryCodeUsed).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Gives the user these codes in place of all before; false if no second factor guards the account.
    pub async fn renew_recovery_codes(
        &self,
        actor: &Actor,
        user: Uuid,
        codes: &[RecoveryCode],
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        // Who renews at the same time waits: else both lists would be good.
        let guarding = sqlx::query!(
            "select from second_factors where user_id = $1 and confirmed_at is not null for no key update",
            user,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if guarding.is_none() {
            return Ok(false);
        }
        replace_codes(&mut tx, user, codes).await?;
        let subject = user.to_string();
        let action = Action::RecoveryCodesRenewed;
        record(&mut tx, actor, action, Some(&subject), json!({})).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Gives the user these codes in place of all before. The transaction holds the second factor.
pub(super) async fn replace_codes(
    tx: &mut PgConnection,
    user: Uuid,
    codes: &[RecoveryCode],
) -> Result<()> {
    sqlx::query!("delete from recovery_codes where user_id = $1", user)
        .execute(&mut *tx)
        .await?;
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| code.hash().to_vec()).collect();
    sqlx::query!(
        "insert into recovery_codes (user_id, hash) select $1, unnest($2::bytea[])",
        user,
        &hashes,
    )
    .execute(tx)
    .await?;
    Ok(())
}
