//! Keys that sign access tokens come and go, and no token fails by it.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use clap::Parser as _;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use futures::future::{join, join_all};
use identity_svc::{Config, RotateKeys};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::identity::v1::{RotateKeysRequest, RotateKeysResponse};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, App, PASSWORD, Replica, access_token, config, refresh_token};

const DAY: i64 = 86_400;
/// A replica knows within a second or two what another did.
const SOON: Duration = Duration::from_secs(5);

async fn soon(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn rotate(app: &App, if_older_than_seconds: i64) -> RotateKeysResponse {
    let request = RotateKeysRequest {
        if_older_than_seconds,
    };
    app.grpc().rotate_keys(request).await.unwrap().into_inner()
}

/// `identity-svc rotate-keys`, with these options.
async fn run_rotate_keys(app: &App, options: &[&str]) -> String {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: RotateKeys,
    }
    let cli = Cli::parse_from(["rotate-keys"].iter().chain(options));
    let config = Config {
        database_url: app.db.url.clone(),
        ..config()
    };
    identity_svc::rotate_keys(&config, cli.options)
        .await
        .unwrap()
}

async fn published(app: &App) -> BTreeSet<String> {
    let set = app
        .request(Method::GET, "/.well-known/jwks.json")
        .send()
        .await
        .unwrap();
    let set = Answer::of(set).await.expect(200);
    let kids = set["keys"].as_array().unwrap().iter();
    kids.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn next_tokens(app: &App, tokens: &Value) -> Value {
    app.refresh(&refresh_token(tokens)).await.expect(200)
}

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn works(app: &App, token: &str) -> bool {
    app.get(token, "/v1/me").await.status == 200
}

/// A token for somebody that expires in a year, signed with the key of this id: the database knows its seed.
async fn forge(app: &App, kid: &str, user: &str) -> String {
    let seed: Vec<u8> = sqlx::query_scalar("select seed from signing_keys where kid = $1")
        .bind(kid)
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    let der = SigningKey::from_bytes(&seed.try_into().unwrap()).to_pkcs8_der();
    let now = chrono::Utc::now().timestamp();
    let claims = json!({
        "iss": "easyorder", "aud": "easyorder", "sub": user, "exp": now + 365 * DAY, "iat": now,
        "jti": Uuid::now_v7(), "client_id": "easyorder",
    });
    let header = Header {
        typ: Some("at+jwt".to_owned()),
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    let key = EncodingKey::from_ed_der(der.unwrap().as_bytes());
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

/// The keys as the release before reads them: ids, and which signs.
async fn read_as_before(app: &App) -> Vec<(String, bool)> {
    sqlx::query_as("select kid, active from signing_keys order by created_at")
        .fetch_all(&app.db.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_verifies_until_its_last_token_has_expired() {
    let app = App::start().await;
    let (user, _) = app.customer("ann@example.com").await;
    let before = app.login("ann@example.com", PASSWORD).await.expect(200);
    let old = kid(&access_token(&before));
    let forged = forge(&app, &old, &user).await;

    let rotated = rotate(&app, 0).await;
    assert!(rotated.rotated);
    let both = BTreeSet::from([old.clone(), rotated.kid.clone()]);
    assert_eq!(published(&app).await, both);
    let between = next_tokens(&app, &before).await;
    assert_eq!(kid(&access_token(&between)), old, "the new one waits");
    let overlap: f64 = sqlx::query_scalar(
        "select extract(epoch from verifies_until - (select max(signs_from) from signing_keys))::float8
           from signing_keys where verifies_until is not null",
    )
    .fetch_one(&app.db.pool)
    .await
    .unwrap();
    assert_eq!(overlap, 960.0, "the life of a token and a minute");

    // Five minutes pass.
    app.execute("update signing_keys set signs_from = now() where not active")
        .await;
    let mut after = between.clone();
    soon("the new key signs", async || {
        after = next_tokens(&app, &after).await;
        kid(&access_token(&after)) == rotated.kid
    })
    .await;
    assert_eq!(published(&app).await, both);
    for tokens in [&before, &between, &after] {
        assert!(works(&app, &access_token(tokens)).await);
    }
    assert!(works(&app, &forged).await, "so far its key is good");

    // The rest of its time passes.
    app.execute("update signing_keys set verifies_until = now() where verifies_until is not null")
        .await;
    soon("the old key is refused", async || {
        !works(&app, &forged).await
    })
    .await;
    assert!(!works(&app, &access_token(&before)).await);
    assert!(works(&app, &access_token(&after)).await);
    assert_eq!(published(&app).await, [rotated.kid.clone()].into());
    soon("nothing is left of it", async || {
        read_as_before(&app).await == [(rotated.kid.clone(), true)]
    })
    .await;

    let told: Vec<_> = app.events_about("signing-keys").await;
    let told: Vec<_> = told
        .iter()
        .map(|event| {
            assert_eq!(event["type"], "identity.keys_changed.v1");
            &event["data"]["kids"]
        })
        .collect();
    assert_eq!(told, [&json!([old, rotated.kid]), &json!([rotated.kid])]);
    let audited: Vec<String> =
        sqlx::query_scalar("select subject from audit_log where action = 'keys.rotated'")
            .fetch_all(&app.db.pool)
            .await
            .unwrap();
    assert_eq!(audited, [rotated.kid]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_fails_while_keys_are_rotated_under_load() {
    const ROTATIONS: usize = 3;
    let config = Config {
        access_token_seconds: 3,
        key_lead_seconds: 2,
        ..config()
    };
    let app = App::start_as(&config).await;
    let replica = Replica::start(&app.db, &config).await;
    let http = reqwest::Client::new();
    let (rotations, checked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let urls = [&app.http, &replica.http];
    let works_everywhere = async |token: &str| {
        for url in urls {
            let request = http.get(format!("{url}/v1/me")).bearer_auth(token);
            let status = request.send().await.unwrap().status();
            assert_eq!(status, 200, "signed with {}", kid(token));
            checked.fetch_add(1, Ordering::Relaxed);
        }
    };
    let bearer = async |number: usize| {
        let email = format!("{number}@example.com");
        app.register(&email).await.expect(201);
        let mut tokens = app.login(&email, PASSWORD).await.expect(200);
        let mut kids = BTreeSet::new();
        while rotations.load(Ordering::Relaxed) < ROTATIONS {
            let issued = Instant::now();
            let url = urls[kids.len() % 2];
            let body = json!({"refresh_token": refresh_token(&tokens)});
            let request = http.post(format!("{url}/v1/auth/refresh")).json(&body);
            tokens = Answer::of(request.send().await.unwrap()).await.expect(200);
            let token = access_token(&tokens);
            kids.insert(kid(&token));
            // From its first moment to nearly its last.
            while issued.elapsed() < Duration::from_millis(2_500) {
                works_everywhere(&token).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        kids
    };
    let rotating = async {
        for _ in 0..ROTATIONS {
            assert!(rotate(&app, 0).await.rotated);
            tokio::time::sleep(Duration::from_secs(3)).await;
            rotations.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (kids, ()) = join(join_all((0..4).map(bearer)), rotating).await;
    let kids: BTreeSet<_> = kids.into_iter().flatten().collect();
    assert!(kids.len() >= ROTATIONS, "tokens of every key: {kids:?}");
    assert!(checked.load(Ordering::Relaxed) > 500);
}

#[tokio::test]
async fn a_key_that_was_copied_is_worth_nothing_at_once() {
    let app = App::start().await;
    let (user, token) = app.customer("ann@example.com").await;
    let tokens = app.login("ann@example.com", PASSWORD).await.expect(200);
    let forged = forge(&app, &kid(&token), &user).await;
    assert!(works(&app, &forged).await);
    // One that waits may have been copied, too.
    let waiting = rotate(&app, 0).await.kid;

    let told = run_rotate_keys(&app, &["--now"]).await;
    soon("the copied key is refused", async || {
        !works(&app, &forged).await
    })
    .await;
    assert!(!works(&app, &token).await);
    let next = access_token(&next_tokens(&app, &tokens).await);
    assert!(works(&app, &next).await);
    assert!(told.contains(&kid(&next)), "{told}");
    assert_ne!(kid(&next), waiting);
    assert_eq!(read_as_before(&app).await, [(kid(&next), true)]);
    assert_eq!(published(&app).await, [kid(&next)].into());
}

#[tokio::test]
async fn only_an_old_key_is_replaced_if_age_is_asked_for() {
    let app = App::start().await;
    let first = rotate(&app, 30 * DAY).await;
    assert!(!first.rotated);
    let told = run_rotate_keys(&app, &["--if-older-than-days", "30"]).await;
    assert!(told.contains("nothing was changed"), "{told}");
    app.execute("update signing_keys set created_at = now() - interval '31 days'")
        .await;
    let told = run_rotate_keys(&app, &["--if-older-than-days", "30"]).await;
    assert!(told.contains("signs from 20"), "{told}");
    let second = rotate(&app, 30 * DAY).await;
    assert!(!second.rotated);
    assert_ne!(first.kid, second.kid);
    for age in [-1, i64::MAX] {
        let request = RotateKeysRequest {
            if_older_than_seconds: age,
        };
        let status = app.grpc().rotate_keys(request).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
    }
}

#[tokio::test]
async fn two_rotations_at_once_are_one() {
    let app = App::start().await;
    for age in [0, 30 * DAY] {
        app.execute("update signing_keys set created_at = now() - interval '31 days'")
            .await;
        let mut turn = app.db.pool.begin().await.unwrap();
        sqlx::query("lock table signing_keys in share row exclusive mode")
            .execute(&mut *turn)
            .await
            .unwrap();
        let let_both_go = async {
            soon("both wait for their turn", async || {
                let waiting: i64 = sqlx::query_scalar(
                    "select count(*) from pg_locks where relation = 'signing_keys'::regclass and not granted",
                )
                .fetch_one(&app.db.pool)
                .await
                .unwrap();
                waiting == 2
            })
            .await;
            turn.rollback().await.unwrap();
        };
        let both = join(rotate(&app, age), rotate(&app, age));
        let ((one, other), ()) = join(both, let_both_go).await;
        assert_ne!(one.rotated, other.rotated, "age {age}");
        assert_eq!(one.kid, other.kid);
    }
    assert_eq!(read_as_before(&app).await.len(), 3);
}

#[tokio::test]
async fn the_release_before_reads_the_keys_as_it_did() {
    let app = App::start().await;
    let old = read_as_before(&app).await.remove(0).0;
    let new = rotate(&app, 0).await.kid;
    let stages = [
        [(old.clone(), true), (new.clone(), false)],
        [(old, false), (new, true)],
    ];
    for stage in stages {
        soon("one is active", async || {
            read_as_before(&app).await == stage
        })
        .await;
        // It starts, and does not bring a key of its own.
        app.execute(
            "insert into signing_keys (kid, seed, active) values ('its own', decode(repeat('07', 32), 'hex'), true) on conflict do nothing",
        )
        .await;
        assert_eq!(read_as_before(&app).await, stage);
        app.execute("update signing_keys set signs_from = now() where not active")
            .await;
    }
}
