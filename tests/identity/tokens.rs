//! No token but our own passes: the attacks of RFC 8725, at the gateway and at each service behind it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Client, Shop};

/// The key that signs, as who has the database could use it.
pub struct Forge {
    kid: String,
    key: SigningKey,
}

impl Forge {
    pub async fn of(shop: &Shop) -> Self {
        let (kid, seed): (String, Vec<u8>) =
            sqlx::query_as("select kid, seed from signing_keys where active")
                .fetch_one(&shop.databases.identity.pool)
                .await
                .expect("a signing key");
        let seed = seed.try_into().expect("32 bytes");
        Self {
            kid,
            key: SigningKey::from_bytes(&seed),
        }
    }

    fn header(&self) -> Header {
        Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        }
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        let der = self.key.to_pkcs8_der().expect("a key");
        let key = EncodingKey::from_ed_der(der.as_bytes());
        jsonwebtoken::encode(header, claims, &key).expect("a token")
    }
}

fn claims(user: Uuid) -> Value {
    let now = Utc::now().timestamp();
    json!({
        "iss": "easyorder", "aud": "easyorder", "sub": user, "iat": now, "exp": now + 900,
        "jti": Uuid::now_v7(), "client_id": "easyorder",
    })
}

/// The claims with one of them changed, or left out (null).
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    let members = claims.as_object_mut().expect("claims");
    members.retain(|_, value| !value.is_null());
    claims
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// What must not pass, and why.
pub fn forgeries(forge: &Forge, user: Uuid, stranger: Uuid) -> Vec<(&'static str, String)> {
    let (header, claims) = (forge.header(), claims(user));
    let now = Utc::now().timestamp();
    let good = forge.sign(&header, &claims);
    let mut parts = good.split('.');
    let (head, payload, signature) = (
        parts.next().expect("a header"),
        parts.next().expect("a payload"),
        parts.next().expect("a signature"),
    );
    let none = |alg: &str| part(&json!({"alg": alg, "typ": "at+jwt", "kid": forge.kid}));
    let hs256 = Header {
        alg: Algorithm::HS256,
        ..header.clone()
    };
    let public = forge.key.verifying_key();
    let by_secret = |secret: &[u8]| {
        jsonwebtoken::encode(&hs256, &claims, &EncodingKey::from_secret(secret)).expect("a token")
    };
    let typ = |typ: Option<&str>| {
        let header = Header {
            typ: typ.map(str::to_owned),
            ..header.clone()
        };
        forge.sign(&header, &claims)
    };
    let kid = |kid: Option<&str>| {
        let header = Header {
            kid: kid.map(str::to_owned),
            ..header.clone()
        };
        forge.sign(&header, &claims)
    };
    let claim = |name, value| forge.sign(&header, &with(&claims, name, value));
    let other_key = SigningKey::from_bytes(&[7; 32]);
    let x = URL_SAFE_NO_PAD.encode(other_key.verifying_key());
    let foreign = Forge {
        kid: forge.kid.clone(),
        key: other_key,
    };
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x});
    let own_key = Header {
        jwk: Some(serde_json::from_value(jwk).expect("a key")),
        ..header.clone()
    };
    vec![
        ("alg none", format!("{}.{payload}.", none("none"))),
        ("alg None", format!("{}.{payload}.", none("None"))),
        (
            "alg none with a signature",
            format!("{}.{payload}.{signature}", none("none")),
        ),
        (
            "HS256 with the public key's bytes",
            by_secret(public.as_bytes()),
        ),
        (
            "HS256 with the published x",
            by_secret(URL_SAFE_NO_PAD.encode(public).as_bytes()),
        ),
        ("no signature", format!("{head}.{payload}.")),
        ("two parts", format!("{head}.{payload}")),
        (
            "another's payload under the signature",
            format!(
                "{head}.{}.{signature}",
                part(&with(&claims, "sub", json!(stranger)))
            ),
        ),
        ("signed by another key", foreign.sign(&header, &claims)),
        (
            "a key that it names itself",
            foreign.sign(&own_key, &claims),
        ),
        ("typ JWT", typ(Some("JWT"))),
        ("no typ", typ(None)),
        ("an unknown kid", kid(Some("2026-01"))),
        ("a kid that climbs", kid(Some("../../etc/passwd"))),
        ("no kid", kid(None)),
        ("expired", claim("exp", json!(now - 60))),
        ("exp as text", claim("exp", json!("tomorrow"))),
        ("no exp", claim("exp", Value::Null)),
        (
            "another issuer",
            claim("iss", json!("https://login.example")),
        ),
        ("no iss", claim("iss", Value::Null)),
        ("another audience", claim("aud", json!("another-shop"))),
        ("no aud", claim("aud", Value::Null)),
        ("no sub", claim("sub", Value::Null)),
        ("sub is nobody's id", claim("sub", json!("ann"))),
        ("no token at all", "token".to_owned()),
        ("nothing", String::new()),
    ]
}

/// A route of each service that wants a token, on the service's own port.
pub fn doors(shop: &Shop) -> Vec<(Client, &'static str)> {
    let at = |addr: std::net::SocketAddr| Client::new(&format!("http://{addr}"));
    vec![
        (shop.visitor(), "/v1/me"),
        // Where a visitor may look, a bad token is bad all the same.
        (shop.visitor(), "/v1/products"),
        (at(shop.configs.identity.http_addr), "/v1/me"),
        (
            at(shop.configs.inventory.http_addr),
            "/v1/products/HEART/stock",
        ),
        (at(shop.configs.order.http_addr), "/v1/orders"),
        (at(shop.configs.worker.http_addr), "/v1/jobs"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_token_passes_at_any_door() {
    let shop = Shop::open().await;
    let admin = shop.admin().await;
    let (id, stranger) = (admin.id().await, shop.customer().await.id().await);
    shop.product(&admin, "HEART", 255, 0).await;
    let forge = Forge::of(&shop).await;
    let good = forge.sign(&forge.header(), &claims(id));
    for (door, path) in doors(&shop) {
        door.with_token(&good).get(path).await.expect(200);
        for (what, token) in forgeries(&forge, id, stranger) {
            let answer = door.with_token(&token).get(path).await;
            assert_eq!(answer.status, 401, "{what} at {path}: {answer:#?}");
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(
                challenge.starts_with("Bearer"),
                "{what} at {path}: {challenge}"
            );
            answer.expect_problem(401, "unauthenticated");
        }
        // All of them did it no harm.
        door.with_token(&good).get(path).await.expect(200);
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_are_published_and_nothing_private_with_them() {
    let shop = Shop::open().await;
    let set = shop
        .visitor()
        .get("/.well-known/jwks.json")
        .await
        .expect(200);
    let forge = Forge::of(&shop).await;
    let keys = set["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["kid"], forge.kid);
    assert_eq!(
        keys[0]["x"],
        URL_SAFE_NO_PAD.encode(forge.key.verifying_key())
    );
    assert_eq!(keys[0].get("d"), None);
    shop.close().await;
}
