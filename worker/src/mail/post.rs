use std::sync::Arc;

use anyhow::anyhow;
use lettre::{Address, message::Mailbox};
use sqlx::PgPool;

use super::{Letter, Mailer};
use crate::{queue::permanent, text::one_line};

/// Sends each letter once.
#[derive(Clone)]
pub struct Post {
    pub pool: PgPool,
    pub from: Mailbox,
    pub mailer: Arc<dyn Mailer>,
}

impl Post {
    /// Whether the letter with this key has been sent.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn has_sent(&self, key: &str) -> anyhow::Result<bool> {
        let sent = sqlx::query_scalar("select exists (select from mails where key = $1)")
            .bind(key)
            .fetch_one(&self.pool)
            .await?;
        Ok(sent)
    }

    /// Sends a letter and notes that.
    ///
    /// # Errors
    /// When it cannot be handed over, or the database is away.
    pub async fn send(&self, letter: Letter) -> anyhow::Result<()> {
        let key = letter.key.clone();
        self.mailer.send(letter).await?;
        // Lost between these two, the mail is sent again, under the same Message-ID.
        sqlx::query("insert into mails (key) values ($1) on conflict do nothing")
            .bind(key)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// Whom a letter goes to.
///
/// # Errors
/// When the address is malformed, for good.
pub fn addressee(email: &str, name: &str) -> anyhow::Result<Mailbox> {
    let address: Address = email
        .parse()
        // The parser's error quotes the address.
        .map_err(|_| permanent(anyhow!("the e-mail address is malformed")))?;
    let name = one_line(name);
    Ok(Mailbox::new((!name.is_empty()).then_some(name), address))
}
