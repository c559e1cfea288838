//! Mail servers that take mails, and that do not.

use clap::Parser as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use worker::{Config, mail};

/// A mail server for one mail, which answers the recipient so. Gives what it was sent.
async fn mail_server(to_the_recipient: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let session = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = stream.split();
        let mut lines = BufReader::new(reader).lines();
        let mut mail = String::new();
        let mut in_mail = false;
        writer.write_all(b"220 ready\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            if in_mail && line != "." {
                mail += &line;
                mail += "\n";
                continue;
            }
            let answer = match line
                .split_once([' ', ':'])
                .map_or(line.as_str(), |(verb, _)| verb)
            {
                "RCPT" => to_the_recipient,
                "DATA" => {
                    in_mail = true;
                    "354 go on"
                }
                "." => {
                    in_mail = false;
                    "250 taken"
                }
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            writer.write_all(answer.as_bytes()).await.unwrap();
            writer.write_all(b"\r\n").await.unwrap();
            if line == "QUIT" {
                break;
            }
        }
        mail
    });
    (url, session)
}

async fn send(url: &str) -> anyhow::Result<()> {
    let mut config = Config::parse_from(["worker"]).mail;
    config.mail_smtp_url = Some(url.into());
    let letter = mail::Letter {
        key: "order-confirmation:1".to_owned(),
        from: config.mail_from.clone(),
        to: "Ada <ada@example.com>".parse().unwrap(),
        subject: "Your order 1".to_owned(),
        text: "text".to_owned(),
        html: "<p>html</p>".to_owned(),
    };
    mail::mailer(&config)?.send(letter).await
}

#[tokio::test]
async fn a_mail_is_handed_to_the_mail_server() {
    let (url, session) = mail_server("250 fine").await;

    send(&url).await.unwrap();

    let mail = session.await.unwrap();
    assert!(mail.contains("To: Ada <ada@example.com>"), "{mail}");
    assert!(
        mail.contains("Message-ID: <order-confirmation.1@localhost>"),
        "{mail}"
    );
}

#[tokio::test]
async fn what_a_mail_server_says_about_an_address_is_not_repeated() {
    for (answer, reason) in [
        (
            "550 no mailbox ada@example.com",
            "not worth another try: the mail server refused the mail: 550",
        ),
        (
            "450 ada@example.com is over quota",
            "the mail server cannot take the mail now: 450",
        ),
    ] {
        let (url, _session) = mail_server(answer).await;
        let error = send(&url).await.unwrap_err();
        assert_eq!(format!("{error:#}"), reason);
    }
}

#[tokio::test]
async fn a_malformed_address_of_a_mail_server_is_refused_without_its_password() {
    let error = send("smtp://user:secret@[bad").await.unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("MAIL_SMTP_URL") && !text.contains("secret"),
        "{text}"
    );
}
