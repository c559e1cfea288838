use chassis::Result;
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Repository, account_failures::forgive, audit_log::record, ending::note_ended};
use crate::domain::{AccountKey, Action, Actor, Ending, Proven, RefreshToken};

/// So many sessions of a user go on at once, so that nobody fills the table.
const MOST_SESSIONS: i64 = 100;

/// A sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    pub id: Uuid,
    pub user_id: Uuid,
}

/// A session that goes on, for its owner to know it again.
#[derive(Debug, Clone)]
pub struct LiveSession {
    pub id: Uuid,
    /// What signed in or refreshed last calls itself, and where it was.
    pub user_agent: Option<String>,
    pub address: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// Its successor is in force: it was spent now, or a moment ago by a client that lost the answer.
    By(Session),
    /// It was spent long ago: somebody has a copy. The whole family is revoked.
    Reused(Session),
    /// Unknown, expired or revoked.
    Refused,
}

impl Repository {
    /// Opens a session of `lifetime` seconds, however often it is refreshed, and forgets what failed at the account
    /// before; drops those of the user that are over, and ends the oldest of too many. None if the user is disabled, or
    /// something else guards the account by now: all sessions ended when that changed, and this one would be left.
    pub async fn open_session(
        &self,
        actor: &Actor,
        owner: &Proven,
        account: &AccountKey,
        token: &RefreshToken,
        lifetime: i64,
    ) -> Result<Option<Session>> {
        let user = owner.user;
        let mut tx = self.pool.begin().await?;
        // Who disables the user, or sets what guards the account, waits until the session is there to be ended; who opens
        // another, until it is counted.
        let unchanged = sqlx::query!(
            "select from users where id = $1 and disabled_at is null and guard_version = $2 for no key update",
            user,
            owner.guard_version,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if unchanged.is_none() {
            return Ok(None);
        }
        forgive(&mut tx, account).await?;
        let actor = actor.known_as(user);
        make_room(&mut tx, &actor, user).await?;
        let session = Session {
            id: Uuid::now_v7(),
            user_id: user,
        };
        sqlx::query!(
            "insert into refresh_families (id, user_id, expires_at, user_agent, address)
             values ($1, $2, now() + make_interval(secs => $3::bigint), $4, $5::text::inet)",
            session.id,
            user,
            lifetime,
            actor.origin.user_agent,
            actor.origin.address.map(|address| address.to_string()),
        )
        .execute(&mut *tx)
        .await?;
        add_token(&mut tx, session, token).await?;
        let subject = user.to_string();
        let details = json!({"session": session.id});
        let action = Action::SessionOpened;
        record(&mut tx, &actor, action, Some(&subject), details).await?;
        tx.commit().await?;
        Ok(Some(session))
    }

    /// At most `limit` sessions of the user that go on, newest first, before the one with the id `before`.
    pub async fn sessions(
        &self,
        user: Uuid,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<LiveSession>> {
        let sessions = sqlx::query_as!(
            LiveSession,
            "select id, user_agent, host(address) as address, created_at, last_used_at, expires_at
               from refresh_families
              where user_id = $1 and revoked_at is null and expires_at > now() and ($2::uuid is null or id < $2)
              order by id desc limit $3",
            user,
            before,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(sessions)
    }

    /// Spends `token` and puts `successor` in its place. Of twins at once, one spends it and the others find it spent a
    /// moment ago, which for `grace` seconds is the same answer.
    pub async fn rotate(
        &self,
        actor: &Actor,
        token: &RefreshToken,
        successor: &RefreshToken,
        grace: i64,
    ) -> Result<Refreshed> {
        let mut tx = self.pool.begin().await?;
        // The session first, as whoever ends or drops it does.
        let Some(found) = sqlx::query!(
            r#"select f.id, f.user_id, t.spent_at <= now() - make_interval(secs => $2::bigint) as late
                 from refresh_tokens t join refresh_families f on f.id = t.family_id
                where t.hash = $1 and f.revoked_at is null and f.expires_at > now()
                  for no key update of f, t"#,
            &token.hash(),
            grace,
        )
        .fetch_optional(&mut *tx)
        .await?
        else {
            return Ok(Refreshed::Refused);
        };
        let session = Session {
            id: found.id,
            user_id: found.user_id,
        };
        let outcome = match found.late {
            // Not spent yet.
            None => {
                spend(&mut tx, token).await?;
                add_token(&mut tx, session, successor).await?;
                note_use(&mut tx, actor, session).await?;
                Refreshed::By(session)
            }
            Some(false) => Refreshed::By(session),
            Some(true) => {
                end_stolen(&mut tx, actor, session).await?;
                Refreshed::Reused(session)
            }
        };
        tx.commit().await?;
        Ok(outcome)
    }

    /// Whether a refresh token was ever given out, however its session ended.
    pub async fn was_issued(&self, token: &RefreshToken) -> Result<bool> {
        let issued = sqlx::query_scalar!(
            r#"select exists (select from refresh_tokens where hash = $1) as "issued!""#,
            &token.hash(),
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(issued)
    }
}

/// Drops the user's sessions that nobody asks about any more, and ends the oldest ones so that one more may be opened.
async fn make_room(tx: &mut PgConnection, actor: &Actor, user: Uuid) -> Result<()> {
    // No access token of one that ended so long ago is good any more.
    sqlx::query!(
        "delete from refresh_families
          where user_id = $1 and (expires_at < now() or revoked_at < now() - interval '2 days')",
        user
    )
    .execute(&mut *tx)
    .await?;
    let ended = sqlx::query_scalar!(
        "update refresh_families set revoked_at = now()
          where id in (select id from refresh_families
                        where user_id = $1 and revoked_at is null and expires_at > now()
                        order by created_at desc, id desc offset $2)
         returning id",
        user,
        MOST_SESSIONS - 1,
    )
    .fetch_all(&mut *tx)
    .await?;
    note_ended(tx, actor, user, &ended, Ending::TooMany).await
}

async fn add_token(tx: &mut PgConnection, session: Session, token: &RefreshToken) -> Result<()> {
    sqlx::query!(
        "insert into refresh_tokens (hash, family_id) values ($1, $2)",
        &token.hash(),
        session.id
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn spend(tx: &mut PgConnection, token: &RefreshToken) -> Result<()> {
    sqlx::query!(
        "update refresh_tokens set spent_at = now() where hash = $1",
        &token.hash()
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn note_use(tx: &mut PgConnection, actor: &Actor, session: Session) -> Result<()> {
    sqlx::query!(
        "update refresh_families set last_used_at = now(), user_agent = $2, address = $3::text::inet where id = $1",
        session.id,
        actor.origin.user_agent,
        actor.origin.address.map(|address| address.to_string()),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends a session of whose refresh tokens somebody has a copy. Who of the two came with it nobody knows.
async fn end_stolen(tx: &mut PgConnection, actor: &Actor, session: Session) -> Result<()> {
    sqlx::query!(
        "update refresh_families set revoked_at = now() where id = $1",
        session.id
    )
    .execute(&mut *tx)
    .await?;
    let subject = session.user_id.to_string();
    let details = json!({"session": session.id});
    let action = Action::RefreshTokenReused;
    record(tx, actor, action, Some(&subject), details).await?;
    let ended = [session.id];
    note_ended(tx, actor, session.user_id, &ended, Ending::TokenReused).await
}
