use chassis::{Result, amqp::outbox};
use chrono::{DateTime, Utc};
use proto::{
    cloudevents::CloudEvent,
    events::identity::{KEYS_CHANGED, KeysData, SOURCE},
};
use serde_json::json;
use sqlx::PgConnection;

use super::{NewKey, Repository, audit_log};
use crate::domain::{Action, Actor};

/// When a new key takes over. All in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// It signs after `lead`, when all who verify know it. The key before verifies for `overlap` more, until its last token
    /// has expired. Nothing happens if the newest key was made less than `if_older_than` ago.
    Orderly {
        if_older_than: i64,
        lead: i64,
        overlap: i64,
    },
    /// It signs at once, and no other key verifies any more: somebody has a copy of one.
    AtOnce,
}

/// What became of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The newest key.
    pub kid: String,
    pub signs_from: DateTime<Utc>,
    /// Whether it was made now.
    pub is_new: bool,
}

impl Repository {
    /// Puts a new key in the place of those before. Who waits while another does the same finds it done.
    pub async fn rotate_keys(
        &self,
        new: NewKey,
        takeover: Takeover,
        actor: &Actor,
    ) -> Result<Rotated> {
        let mut tx = self.pool.begin().await?;
        lock(&mut tx).await?;
        let rotated = match takeover {
            Takeover::Orderly {
                if_older_than,
                lead,
                overlap,
            } => {
                if let Some(newest) = younger_than(&mut tx, if_older_than).await? {
                    return Ok(newest);
                }
                succeed(&mut tx, &new, lead, overlap).await?
            }
            Takeover::AtOnce => replace_all(&mut tx, &new).await?,
        };
        settle(&mut tx).await?;
        let details = json!({
            "signs_from": rotated.signs_from,
            "at_once": takeover == Takeover::AtOnce,
        });
        audit_log::record(
            &mut tx,
            actor,
            Action::KeysRotated,
            Some(&rotated.kid),
            details,
        )
        .await?;
        tell_of_keys(&mut tx).await?;
        tx.commit().await?;
        Ok(rotated)
    }

    /// Brings the table to where time has gone: `active` names the key that signs, and of a key that verifies no more
    /// nothing is left.
    pub async fn settle_keys(&self) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        lock(&mut tx).await?;
        if settle(&mut tx).await? {
            tell_of_keys(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Whoever changes keys takes turns until the transaction ends. Who reads them does not wait.
async fn lock(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!("lock table signing_keys in share row exclusive mode")
        .execute(tx)
        .await?;
    Ok(())
}

/// The newest key, unless it was made `age` seconds or more before this transaction began.
async fn younger_than(tx: &mut PgConnection, age: i64) -> Result<Option<Rotated>> {
    let newest = sqlx::query!(
        "select kid, signs_from from
             (select * from signing_keys order by signs_from desc, created_at desc limit 1) newest
          where created_at > now() - make_interval(secs => $1::bigint)",
        age,
    )
    .fetch_optional(tx)
    .await?;
    Ok(newest.map(|row| Rotated {
        kid: row.kid,
        signs_from: row.signs_from,
        is_new: false,
    }))
}

/// Adds a key that signs after `lead` seconds, and not before one that waits already. The one before it verifies for
/// `overlap` seconds more.
async fn succeed(tx: &mut PgConnection, new: &NewKey, lead: i64, overlap: i64) -> Result<Rotated> {
    // Not `now()`: who has waited for the lock sees by the time of making that it came too late.
    let signs_from = sqlx::query_scalar!(
        r#"insert into signing_keys (kid, seed, active, created_at, signs_from)
           select $1, $2, false, clock_timestamp(),
                  greatest(clock_timestamp() + make_interval(secs => $3::bigint), max(signs_from)) from signing_keys
           returning signs_from"#,
        new.kid,
        &new.seed,
        lead,
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "update signing_keys set verifies_until = $2::timestamptz + make_interval(secs => $3::bigint)
          where kid <> $1 and verifies_until is null",
        new.kid,
        signs_from,
        overlap,
    )
    .execute(tx)
    .await?;
    Ok(Rotated {
        kid: new.kid.clone(),
        signs_from,
        is_new: true,
    })
}

/// Leaves this key alone.
async fn replace_all(tx: &mut PgConnection, new: &NewKey) -> Result<Rotated> {
    sqlx::query!("delete from signing_keys")
        .execute(&mut *tx)
        .await?;
    let signs_from = sqlx::query_scalar!(
        "insert into signing_keys (kid, seed, active, created_at, signs_from)
         values ($1, $2, true, clock_timestamp(), now()) returning signs_from",
        new.kid,
        &new.seed,
    )
    .fetch_one(tx)
    .await?;
    Ok(Rotated {
        kid: new.kid.clone(),
        signs_from,
        is_new: true,
    })
}

/// See [`Repository::settle_keys`]; whether a key is gone.
async fn settle(tx: &mut PgConnection) -> Result<bool> {
    // One after the other: not even for a moment are two active.
    sqlx::query!(
        "update signing_keys set active = false
          where active and kid <> (select kid from signing_keys where signs_from <= now()
                                    order by signs_from desc, created_at desc limit 1)"
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "update signing_keys set active = true
          where not active and kid = (select kid from signing_keys where signs_from <= now()
                                       order by signs_from desc, created_at desc limit 1)"
    )
    .execute(&mut *tx)
    .await?;
    let retired = sqlx::query!("delete from signing_keys where verifies_until <= now()")
        .execute(tx)
        .await?
        .rows_affected();
    Ok(retired > 0)
}

/// Writes the event that other keys are published than before into the outbox.
async fn tell_of_keys(tx: &mut PgConnection) -> Result<()> {
    let row = sqlx::query!(
        r#"select array(select kid from signing_keys order by signs_from, created_at) as "kids!", now() as "at!""#
    )
    .fetch_one(&mut *tx)
    .await?;
    let data = KeysData { kids: row.kids };
    let event = CloudEvent::new(SOURCE, KEYS_CHANGED, "signing-keys", None, row.at, &data)?;
    outbox::append(tx, vec![event]).await
}
