use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::JwkSet};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::App;

#[tokio::test]
async fn the_published_keys_verify_a_token_and_show_nothing_private() {
    let app = App::start().await;
    let (id, token) = app.customer("ann@example.com").await;
    let response = app
        .request(Method::GET, "/.well-known/jwks.json")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    // A new key signs 300 s after it is published.
    assert_eq!(response.headers()["cache-control"], "public, max-age=290");
    let set: Value = response.json().await.unwrap();
    let members: Vec<_> = set["keys"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);

    let set: JwkSet = serde_json::from_value(set).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(header.alg, Algorithm::EdDSA);
    let key = DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["easyorder"]);
    validation.set_audience(&["easyorder"]);
    let claims = jsonwebtoken::decode::<Value>(&token, &key, &validation)
        .unwrap()
        .claims;
    assert_eq!(claims["sub"], id);
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        900
    );
    assert!(claims["jti"].as_str().unwrap().parse::<Uuid>().is_ok());
    assert!(claims["client_id"].is_string());
    assert_eq!(
        claims.as_object().unwrap().len(),
        8,
        "no more than that: {claims}"
    );
}

#[tokio::test]
async fn another_service_verifies_tokens_and_asks_for_permissions() {
    let app = App::start().await;
    let (id, token) = app.customer("ann@example.com").await;
    let auth = app.auth();
    assert_eq!(auth.verify(&token).await.unwrap().sub.to_string(), id);
    assert!(auth.verify(&format!("{token}x")).await.is_err());
}

/// The key that signs, as somebody with the database could read it.
struct Forge {
    kid: String,
    key: SigningKey,
}

impl Forge {
    async fn of(app: &App) -> Self {
        let (kid, seed): (String, Vec<u8>) = sqlx::query_as("select kid, seed from signing_keys")
            .fetch_one(&app.db.pool)
            .await
            .unwrap();
        let key = SigningKey::from_bytes(&seed.try_into().unwrap());
        Self { kid, key }
    }

    fn header(&self) -> Header {
        Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        }
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        let der = self.key.to_pkcs8_der().unwrap();
        jsonwebtoken::encode(header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
    }
}

fn with(claims: &Value, member: &str, value: Value) -> Value {
    let mut changed = claims.clone();
    changed[member] = value;
    changed
}

fn without(claims: &Value, member: &str) -> Value {
    let mut changed = claims.clone();
    changed.as_object_mut().unwrap().remove(member);
    changed
}

#[tokio::test]
async fn no_forged_token_passes() {
    let app = App::start().await;
    let (id, _) = app.customer("ann@example.com").await;
    let forge = Forge::of(&app).await;
    let now = chrono::Utc::now().timestamp();
    let claims = json!({
        "iss": "easyorder", "aud": "easyorder", "sub": id, "exp": now + 900, "iat": now,
        "jti": Uuid::now_v7(), "client_id": "easyorder",
    });
    let header = forge.header();
    let good = forge.sign(&header, &claims);
    app.get(&good, "/v1/me").await.expect(200);

    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = encode(json!({"alg": "none", "typ": "at+jwt", "kid": forge.kid}));
    let public_key = forge.key.verifying_key().to_bytes();
    let symmetric = Header {
        alg: Algorithm::HS256,
        ..header.clone()
    };
    let hs256 =
        jsonwebtoken::encode(&symmetric, &claims, &EncodingKey::from_secret(&public_key)).unwrap();
    let typ = |typ: Option<&str>| Header {
        typ: typ.map(ToOwned::to_owned),
        ..header.clone()
    };
    let kid = |kid: Option<&str>| Header {
        kid: kid.map(ToOwned::to_owned),
        ..header.clone()
    };
    let foreign = Forge {
        kid: forge.kid.clone(),
        key: SigningKey::from_bytes(&[7; 32]),
    };

    let mut forgeries = vec![
        ("alg none", format!("{none}.{payload}.")),
        (
            "alg none, signature kept",
            format!("{none}.{payload}.{signature}"),
        ),
        ("HS256 with the public key as secret", hs256),
        ("no signature", format!("{head}.{payload}.")),
        (
            "another payload",
            format!(
                "{head}.{}.{signature}",
                encode(with(&claims, "sub", json!(Uuid::nil())))
            ),
        ),
        ("another key", foreign.sign(&header, &claims)),
        ("typ JWT", forge.sign(&typ(Some("JWT")), &claims)),
        ("no typ", forge.sign(&typ(None), &claims)),
        ("unknown kid", forge.sign(&kid(Some("other")), &claims)),
        ("no kid", forge.sign(&kid(None), &claims)),
        (
            "expired",
            forge.sign(&header, &with(&claims, "exp", json!(now - 60))),
        ),
        (
            "another issuer",
            forge.sign(&header, &with(&claims, "iss", json!("other"))),
        ),
        (
            "another audience",
            forge.sign(&header, &with(&claims, "aud", json!("other"))),
        ),
        (
            "sub is no user id",
            forge.sign(&header, &with(&claims, "sub", json!("ann"))),
        ),
        ("not a token", "x".to_owned()),
        ("empty", String::new()),
    ];
    for member in ["iss", "aud", "sub", "exp", "iat", "jti", "client_id"] {
        forgeries.push((member, forge.sign(&header, &without(&claims, member))));
    }
    for (what, token) in forgeries {
        let response = app
            .request(Method::GET, "/v1/me")
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 401, "{what}");
        assert!(
            response.headers().contains_key("www-authenticate"),
            "{what}"
        );
    }

    // A good token of somebody who is not known.
    let stranger = forge.sign(&header, &with(&claims, "sub", json!(Uuid::now_v7())));
    app.get(&stranger, "/v1/me").await.expect(401);
    app.get(&stranger, "/v1/users").await.expect(403);
}
