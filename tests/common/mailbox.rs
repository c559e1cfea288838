use std::fs;

use quoted_printable::{ParseMode, decode};

use super::{Shop, until};

/// The mails about something that were sent, decoded: about an `order-confirmation`, or an `account-mail`.
pub fn mails(shop: &Shop, about: &str) -> Vec<String> {
    let Ok(files) = fs::read_dir(&shop.configs.worker.mail.mail_dir) else {
        return Vec::new();
    };
    files
        .map(|file| file.expect("a readable folder"))
        .filter(|file| {
            let name = file.file_name().into_string().expect("a name in UTF-8");
            name.starts_with(about) && name.ends_with(".eml")
        })
        .map(|file| {
            let mail = fs::read(file.path()).expect("a readable mail");
            let text = decode(mail, ParseMode::Robust).expect("quoted-printable text");
            String::from_utf8(text).expect("UTF-8")
        })
        .collect()
}

/// The token of the link in the mail to this address about this subject, once it has arrived.
pub async fn mailed_token(shop: &Shop, email: &str, subject: &str) -> String {
    let mut token = None;
    until("the mail arrives", async || {
        token = mails(shop, "account-mail")
            .iter()
            .filter(|mail| mail.contains(&format!("<{email}>")) && mail.contains(subject))
            .find_map(|mail| mail.split("#token=").nth(1))
            .map(|rest| rest.chars().take(43).collect());
        token.is_some()
    })
    .await;
    token.expect("a token")
}
