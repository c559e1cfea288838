use anyhow::anyhow;
use async_trait::async_trait;
use chassis::config::Secret;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::{Letter, Mailer};
use crate::queue::permanent;

/// Sends by a mail server.
pub struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    pub fn new(url: &Secret) -> anyhow::Result<Self> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
            // The error may quote the password.
            .map_err(|_| {
                anyhow!("malformed MAIL_SMTP_URL: expected smtp://[USER:PASSWORD@]HOST[:PORT]")
            })?
            .build();
        Ok(Self(transport))
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, letter: Letter) -> anyhow::Result<()> {
        let message = letter.message().map_err(permanent)?;
        let Err(error) = self.0.send(message).await else {
            return Ok(());
        };
        // A server's own words often quote the address, which belongs in no log.
        Err(match error.status() {
            Some(code) if error.is_permanent() => {
                permanent(anyhow!("the mail server refused the mail: {code}"))
            }
            Some(code) => anyhow!("the mail server cannot take the mail now: {code}"),
            None => anyhow!(error).context("the mail server cannot be reached"),
        })
    }
}
