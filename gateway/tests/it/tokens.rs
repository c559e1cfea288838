//! Access tokens, good and bad.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::testing;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};
use uuid::Uuid;

pub const KID: &str = "key-1";

/// The key that identity-svc would have.
pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// identity-svc, as far as it says whom to trust; where it answers.
pub async fn trust() -> String {
    let trust = testing::trust(KID, key().verifying_key().to_bytes(), "a token");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(
        Server::builder()
            .add_service(trust)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    url
}

fn now() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

pub fn claims() -> Value {
    json!({
        "iss": "easyorder", "aud": "easyorder", "sub": Uuid::now_v7(), "jti": Uuid::now_v7(), "client_id": "test",
        "iat": now(), "exp": now() + 300,
    })
}

/// The claims with one of them changed, or taken away (null).
pub fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

pub fn header() -> Header {
    Header {
        typ: Some("at+jwt".to_owned()),
        kid: Some(KID.to_owned()),
        ..Header::new(Algorithm::EdDSA)
    }
}

pub fn sign(header: &Header, claims: &Value, key: &SigningKey) -> String {
    let der = key.to_pkcs8_der().unwrap();
    encode(header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
}

pub fn valid() -> String {
    sign(&header(), &claims(), &key())
}

/// What no check of the gateway may let pass, by what is wrong with it.
pub fn bad() -> Vec<(&'static str, String)> {
    let good = valid();
    let (signed, _) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let other_key = SigningKey::from_bytes(&[8; 32]);
    let with = |name, value| sign(&header(), &claims_with(name, value), &key());
    let typed = |typ: Option<&str>| {
        let header = Header {
            typ: typ.map(str::to_owned),
            ..header()
        };
        sign(&header, &claims(), &key())
    };
    let kid = |kid: Option<&str>| {
        let header = Header {
            kid: kid.map(str::to_owned),
            ..header()
        };
        sign(&header, &claims(), &key())
    };
    let none = part(json!({ "alg": "none", "typ": "at+jwt", "kid": KID }));
    let symmetric = Header {
        alg: Algorithm::HS256,
        ..header()
    };
    let public = key().verifying_key();
    vec![
        ("empty", String::new()),
        ("no token", "x".to_owned()),
        ("three empty parts", "..".to_owned()),
        ("no signature", format!("{signed}.")),
        ("signature cut", good[..good.len() - 4].to_owned()),
        (
            "other payload",
            format!(
                "{head}.{}.{}",
                part(claims()),
                good.rsplit_once('.').unwrap().1
            ),
        ),
        ("alg none, no signature", format!("{none}.{payload}.")),
        (
            "alg none, our signature",
            format!("{none}.{payload}.{}", good.rsplit_once('.').unwrap().1),
        ),
        (
            "signed with the public key as a secret",
            encode(
                &symmetric,
                &claims(),
                &EncodingKey::from_secret(public.as_bytes()),
            )
            .unwrap(),
        ),
        ("signed by another", sign(&header(), &claims(), &other_key)),
        ("typ JWT", typed(Some("JWT"))),
        ("no typ", typed(None)),
        ("unknown kid", kid(Some("key-2"))),
        ("no kid", kid(None)),
        ("expired", with("exp", json!(now() - 60))),
        ("no exp", with("exp", Value::Null)),
        ("other issuer", with("iss", json!("elsewhere"))),
        ("no issuer", with("iss", Value::Null)),
        ("other audience", with("aud", json!("elsewhere"))),
        ("no audience", with("aud", Value::Null)),
        ("subject that is no user", with("sub", json!("admin"))),
    ]
}

/// One of several that a user may have.
pub fn valid_for(user: Uuid) -> String {
    sign(&header(), &claims_with("sub", json!(user)), &key())
}
