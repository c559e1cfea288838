//! Sending mails: to a mail server, or into a folder where none is configured.

mod folder;
mod post;
mod smtp;
mod wording;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use chassis::config::Secret;
use lettre::{
    Message,
    message::{Mailbox, MultiPart},
};

use self::{folder::Folder, smtp::Smtp};
pub use self::{
    post::{Post, addressee},
    wording::Wording,
};

#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct Config {
    /// Mail server, for example smtp://user:password@mail.example.com:587?tls=required; without one, mails go to MAIL_DIR
    #[arg(
        long,
        env = "MAIL_SMTP_URL",
        value_name = "MAIL_SMTP_URL",
        hide_env_values = true
    )]
    pub mail_smtp_url: Option<Secret>,

    /// Folder for mails (.eml) where there is no mail server
    #[arg(
        long,
        env = "MAIL_DIR",
        value_name = "MAIL_DIR",
        default_value = "var/mail"
    )]
    pub mail_dir: PathBuf,

    /// Sender of all mails
    #[arg(
        long,
        env = "MAIL_FROM",
        value_name = "MAIL_FROM",
        default_value = "EasyOrder <orders@localhost>"
    )]
    pub mail_from: Mailbox,
}

/// A mail to one person.
#[derive(Debug)]
pub struct Letter {
    /// What it is about, once and for all: two letters with one key are the same mail.
    pub key: String,
    pub from: Mailbox,
    pub to: Mailbox,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Letter {
    fn message(self) -> Result<Message, lettre::error::Error> {
        let id = format!(
            "<{}@{}>",
            self.key.replace(':', "."),
            self.from.email.domain()
        );
        Message::builder()
            .message_id(Some(id))
            .from(self.from)
            .to(self.to)
            .subject(self.subject)
            .multipart(MultiPart::alternative_plain_html(self.text, self.html))
    }
}

/// Where letters go.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a letter over for delivery.
    async fn send(&self, letter: Letter) -> anyhow::Result<()>;
}

/// The mailer that the configuration asks for.
///
/// # Errors
/// When the mail server's address is malformed.
pub fn mailer(config: &Config) -> anyhow::Result<Arc<dyn Mailer>> {
    Ok(match &config.mail_smtp_url {
        Some(url) => Arc::new(Smtp::new(url)?),
        None => Arc::new(Folder::new(config.mail_dir.clone())),
    })
}
