use std::time::Duration;

use anyhow::anyhow;
use askama::Template;
use async_trait::async_trait;
use chassis::grpc::{self, Channel};
use proto::{
    events::identity::{MailData, MailKind},
    identity::v1::{
        PrepareMailRequest, PrepareMailResponse, identity_service_client::IdentityServiceClient,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    config::PublicUrl,
    mail::{Letter, Post, Wording, addressee},
    queue::{Job, NewJob, Policy, permanent},
    text::one_line,
};

const PREPARE_DEADLINE: Duration = Duration::from_secs(5);

/// Tells somebody of what concerns their account, once per event.
pub struct AccountMail {
    pub users: IdentityServiceClient<Channel>,
    pub post: Post,
    /// Where links lead.
    pub public_url: PublicUrl,
}

/// Which mail to whom. What it says is asked of identity-svc when it is written: a link's token is stored nowhere here.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct AccountMailRequest {
    /// The event that asked for it.
    pub event_id: Uuid,
    pub user_id: Uuid,
    pub kind: MailKind,
}

impl AccountMailRequest {
    /// The job for a mail that an event asks for.
    #[must_use]
    pub fn of(event_id: Uuid, mail: &MailData) -> NewJob<Self> {
        let request = Self {
            event_id,
            user_id: mail.user_id,
            kind: mail.kind,
        };
        NewJob::new(request.key(), request)
    }

    /// Names the one mail that an event brings.
    fn key(&self) -> String {
        format!("account-mail:{}", self.event_id)
    }
}

#[async_trait]
impl Job for AccountMail {
    const KIND: &'static str = "account_mail";
    const POLICY: Policy = Policy {
        // The pauses add up to more than an hour, so that a mail server's maintenance costs no mail.
        max_attempts: 15,
        concurrency: 4,
        ..Policy::DEFAULT
    };
    type Payload = AccountMailRequest;

    async fn run(&self, request: AccountMailRequest) -> anyhow::Result<()> {
        if self.post.has_sent(&request.key()).await? {
            return Ok(());
        }
        let prepared = self.prepare(request).await?;
        if prepared.obsolete {
            tracing::debug!("nothing needs to be said any more");
            return Ok(());
        }
        self.post.send(self.write(request, &prepared)?).await
    }
}

impl AccountMail {
    async fn prepare(&self, request: AccountMailRequest) -> anyhow::Result<PrepareMailResponse> {
        let message = PrepareMailRequest {
            user_id: request.user_id.to_string(),
            kind: request.kind.as_str().to_owned(),
        };
        match self
            .users
            .clone()
            .prepare_mail(grpc::request(message, PREPARE_DEADLINE))
            .await
        {
            Ok(response) => Ok(response.into_inner()),
            Err(status) if status.code() == tonic::Code::NotFound => {
                Err(permanent(anyhow!("there is no user {}", request.user_id)))
            }
            Err(status) => Err(anyhow!("identity-svc answered {:?}", status.code())
                .context("asking what the mail says")),
        }
    }

    fn write(
        &self,
        request: AccountMailRequest,
        prepared: &PrepareMailResponse,
    ) -> anyhow::Result<Letter> {
        let name = &one_line(&prepared.name);
        let wording = &Wording::of(request.kind);
        let link = &self.public_url.link(wording.page, &prepared.token);
        let lifetime = lifetime(prepared.token_minutes);
        Ok(Letter {
            key: request.key(),
            from: self.post.from.clone(),
            to: addressee(&prepared.email, name)?,
            subject: wording.subject.to_owned(),
            text: TextMail {
                name,
                wording,
                link,
                lifetime: lifetime.clone(),
            }
            .render()?,
            html: HtmlMail {
                name,
                wording,
                link,
                lifetime,
            }
            .render()?,
        })
    }
}

/// How long a link works, if it does for a time only.
fn lifetime(minutes: i32) -> Option<String> {
    match minutes {
        ..=0 => None,
        hours if hours >= 120 && hours % 60 == 0 => Some(format!("{} hours", hours / 60)),
        minutes => Some(format!("{minutes} minutes")),
    }
}

#[derive(Template)]
#[template(path = "mail/account.txt")]
struct TextMail<'a> {
    name: &'a str,
    wording: &'a Wording,
    link: &'a str,
    lifetime: Option<String>,
}

#[derive(Template)]
#[template(path = "mail/account.html")]
struct HtmlMail<'a> {
    name: &'a str,
    wording: &'a Wording,
    link: &'a str,
    lifetime: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_told_in_what_people_count_in() {
        for (minutes, told) in [
            (0, None),
            (30, Some("30 minutes")),
            (90, Some("90 minutes")),
            (2_880, Some("48 hours")),
        ] {
            assert_eq!(lifetime(minutes).as_deref(), told);
        }
    }

    #[test]
    fn every_mail_says_the_same_in_both_forms() {
        for kind in MailKind::ALL {
            let wording = &Wording::of(kind);
            for lifetime in [None, lifetime(30)] {
                let (name, link) = ("Ann", "https://shop.example/account/x#token=abc_-1");
                let text = TextMail {
                    name,
                    wording,
                    link,
                    lifetime: lifetime.clone(),
                };
                let text = text.render().unwrap();
                let html = HtmlMail {
                    name,
                    wording,
                    link,
                    lifetime,
                };
                let html = html.render().unwrap();
                for said in [
                    wording.before,
                    wording.label,
                    wording.after,
                    link,
                    "Hello Ann,",
                ] {
                    assert!(text.contains(said), "`{said}` is missing in\n{text}");
                    assert!(html.contains(said), "`{said}` is missing in\n{html}");
                }
                assert!(text.ends_with("\n\nEasyOrder"), "{text}");
                assert!(!text.contains("\n\n\n"), "{text}");
            }
        }
    }
}
