use std::time::Duration;

use chassis::{Result, amqp::outbox};
use chrono::Utc;
use proto::{
    cloudevents::CloudEvent,
    events::identity::{MAIL_REQUESTED, MailData, MailKind, SOURCE},
};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::domain::{AccountKey, Purpose};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Whoever begins to count removes so many counts that are over.
const SWEPT: i64 = 100;

/// How often somebody is sent a mail of one kind that strangers may ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// From one to the next.
    pause: Duration,
    most: i32,
    within: Duration,
}

impl Pace {
    pub const VERIFICATION: Self = Self {
        pause: Duration::from_secs(60),
        most: 60,
        within: HOUR,
    };
    /// Strangers may use it up, but not for longer than the links live that they had sent: the owner has a good one, or
    /// gets another.
    pub const PASSWORD_RESET: Self = Self {
        pause: Duration::from_secs(60),
        most: 5,
        within: Purpose::ResetPassword.lifetime(),
    };
    pub const ALREADY_REGISTERED: Self = Self {
        pause: HOUR,
        most: 1,
        within: HOUR,
    };
}

/// Asks for a mail to the user once the transaction has committed.
pub(super) async fn request_mail(
    tx: &mut PgConnection,
    user_id: Uuid,
    kind: MailKind,
) -> Result<()> {
    let data = MailData { user_id, kind };
    let event = CloudEvent::new(SOURCE, MAIL_REQUESTED, user_id, None, Utc::now(), &data)?;
    outbox::append(tx, vec![event]).await
}

/// The same, unless the account was sent one lately. For an address without an account it does the same, to no effect.
pub(super) async fn request_paced_mail(
    tx: &mut PgConnection,
    account: &AccountKey,
    user: Option<Uuid>,
    kind: MailKind,
    pace: Pace,
) -> Result<()> {
    let due = is_due(tx, account, kind, pace).await?;
    let mut draft = tx.begin().await?;
    request_mail(&mut draft, user.unwrap_or_default(), kind).await?;
    if due && user.is_some() {
        draft.commit().await?;
    } else {
        draft.rollback().await?;
    }
    Ok(())
}

async fn is_due(
    tx: &mut PgConnection,
    account: &AccountKey,
    kind: MailKind,
    pace: Pace,
) -> Result<bool> {
    let count = sqlx::query_scalar!(
        "insert into mail_paces as p (account, kind, last_at, count, ends_at)
         values ($1, $2, now(), 1, now() + make_interval(secs => $5))
         on conflict (account, kind) do update
            set last_at = now(),
                count = case when p.ends_at <= now() then 1 else p.count + 1 end,
                ends_at = case when p.ends_at <= now() then excluded.ends_at else p.ends_at end
          where p.last_at <= now() - make_interval(secs => $3) and (p.ends_at <= now() or p.count < $4)
         returning count",
        account.as_bytes(),
        kind.as_str(),
        pace.pause.as_secs_f64(),
        pace.most,
        pace.within.as_secs_f64(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    if count == Some(1) {
        sweep(tx).await?;
    }
    Ok(count.is_some())
}

async fn sweep(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "delete from mail_paces where (account, kind) in (
             select account, kind from mail_paces where ends_at < now()
              limit $1 for update skip locked)",
        SWEPT,
    )
    .execute(tx)
    .await?;
    Ok(())
}
