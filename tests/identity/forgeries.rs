//! Tokens that must not pass, made by who has the key that signs: so that it is the check that refuses them that is tried,
//! and not always the signature.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use chrono::Utc;
use ed25519_dalek::{Signer as _, SigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::Shop;

/// The order of the group of Ed25519, little-endian: 2^252 + 27742317777372353535851937790883648493 (RFC 8032, 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The key that signs, as who has the database could use it.
pub(crate) struct Forge {
    pub(crate) kid: String,
    pub(crate) key: SigningKey,
}

impl Forge {
    pub(crate) async fn of(shop: &Shop) -> Self {
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

    /// The header of a good token.
    pub(crate) fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_bytes(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        let head = URL_SAFE_NO_PAD.encode(header);
        self.sign_parts(&head, &URL_SAFE_NO_PAD.encode(payload))
    }

    fn sign_parts(&self, head: &str, payload: &str) -> String {
        let signed = format!("{head}.{payload}");
        let signature = self.key.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The claims of a good token.
pub(crate) fn claims(user: Uuid) -> Value {
    let now = Utc::now().timestamp();
    json!({
        "iss": "easyorder", "aud": "easyorder", "sub": user, "iat": now, "exp": now + 900,
        "jti": Uuid::now_v7(), "client_id": "easyorder",
    })
}

/// The object with one of its members changed, or left out (null).
pub(crate) fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    let members = object.as_object_mut().expect("an object");
    members.retain(|_, value| !value.is_null());
    object
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// One way to get in, as `docs/security.md` names it, and tokens that try it.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) tokens: Vec<(&'static str, String)>,
}

/// All of them. A token speaks for `user`, or would like to for `stranger`.
pub(crate) fn attacks(forge: &Forge, user: Uuid, stranger: Uuid) -> Vec<Attack> {
    let claims = claims(user);
    let attack = |name, tokens| Attack { name, tokens };
    vec![
        attack("choosing the algorithm", algorithms(forge, &claims)),
        attack(
            "changing what is signed",
            signatures(forge, &claims, stranger),
        ),
        attack("bringing a key along", own_keys(forge, &claims)),
        attack("naming a key that is none", key_ids(forge, &claims)),
        attack(
            "asking for what is not understood",
            critical(forge, &claims),
        ),
        attack("another kind of token", kinds(forge, &claims)),
        attack(
            "from another issuer, for another audience",
            parties(forge, &claims),
        ),
        attack("at another time", times(forge, &claims)),
        attack("one text, two readings", readings(forge, &claims, stranger)),
        attack("no token at all", garbage(forge, &claims)),
    ]
}

fn algorithms(forge: &Forge, claims: &Value) -> Vec<(&'static str, String)> {
    let public = forge.key.verifying_key();
    let by_secret = |secret: &[u8]| {
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(forge.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).expect("a token")
    };
    let named = |alg: &str| forge.sign(&with(&forge.header(), "alg", json!(alg)), claims);
    let unsigned = |alg: &str| {
        let token = named(alg);
        let (signed, _) = token.rsplit_once('.').expect("parts");
        format!("{signed}.")
    };
    vec![
        ("none", unsigned("none")),
        ("None", unsigned("None")),
        ("none, with a signature", named("none")),
        (
            "HS256 with the public key's bytes",
            by_secret(public.as_bytes()),
        ),
        (
            "HS256 with the published x",
            by_secret(URL_SAFE_NO_PAD.encode(public).as_bytes()),
        ),
        ("HS256 with nothing", by_secret(b"")),
        ("ES256", named("ES256")),
        ("RS256", named("RS256")),
        ("PS256", named("PS256")),
        ("an unknown one", named("EdDSA2")),
        (
            "no algorithm",
            forge.sign(&with(&forge.header(), "alg", Value::Null), claims),
        ),
    ]
}

fn signatures(forge: &Forge, claims: &Value, stranger: Uuid) -> Vec<(&'static str, String)> {
    let good = forge.sign(&forge.header(), claims);
    let (signed, signature) = good.rsplit_once('.').expect("parts");
    let (head, payload) = signed.split_once('.').expect("parts");
    let bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let signed_as = |bytes: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
    let other = encoded(&with(claims, "sub", json!(stranger)));
    let other_head = encoded(&with(&forge.header(), "extra", json!(1)));
    let foreign = Forge {
        kid: forge.kid.clone(),
        key: SigningKey::from_bytes(&[7; 32]),
    };
    vec![
        ("no signature", format!("{signed}.")),
        ("two parts", signed.to_owned()),
        ("another payload", format!("{head}.{other}.{signature}")),
        (
            "another header",
            format!("{other_head}.{payload}.{signature}"),
        ),
        ("another's key", foreign.sign(&forge.header(), claims)),
        ("a signature of zeros", signed_as(&[0; 64])),
        ("a signature cut short", signed_as(&bytes[..63])),
        (
            "a signature with a tail",
            signed_as(&[&bytes[..], &[0]].concat()),
        ),
        // It satisfies the equation, too; RFC 8032, 5.1.7 wants S less than the order.
        ("the order added to S", signed_as(&malleated(&bytes))),
        ("two signatures", format!("{good}.{signature}")),
    ]
}

/// The signature with S + L in the place of S.
fn malleated(signature: &[u8]) -> Vec<u8> {
    let mut changed = signature.to_vec();
    let mut carry = 0;
    for (byte, add) in changed[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        [*byte, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
    changed
}

fn own_keys(forge: &Forge, claims: &Value) -> Vec<(&'static str, String)> {
    let foreign = Forge {
        kid: forge.kid.clone(),
        key: SigningKey::from_bytes(&[7; 32]),
    };
    let x = URL_SAFE_NO_PAD.encode(foreign.key.verifying_key());
    let naming = |name, value| foreign.sign(&with(&forge.header(), name, value), claims);
    let elsewhere = json!("https://attacker.example/keys.json");
    vec![
        (
            "jwk",
            naming(
                "jwk",
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x}),
            ),
        ),
        ("jku", naming("jku", elsewhere.clone())),
        ("x5u", naming("x5u", elsewhere)),
        (
            "x5c",
            naming("x5c", json!([STANDARD.encode("no certificate")])),
        ),
    ]
}

fn key_ids(forge: &Forge, claims: &Value) -> Vec<(&'static str, String)> {
    let kid = |kid: Value| forge.sign(&with(&forge.header(), "kid", kid), claims);
    vec![
        ("unknown", kid(json!("2026-01"))),
        ("one that climbs", kid(json!("../../../dev/null"))),
        ("one that is SQL", kid(json!("' or true --"))),
        (
            "one that is an address",
            kid(json!("https://attacker.example/key")),
        ),
        ("empty", kid(json!(""))),
        ("long", kid(json!("k".repeat(3_000)))),
        ("a number", kid(json!(1))),
        ("none", kid(Value::Null)),
    ]
}

fn critical(forge: &Forge, claims: &Value) -> Vec<(&'static str, String)> {
    let critical = |names: Value| with(&forge.header(), "crit", names);
    let unencoded = with(&critical(json!(["b64"])), "b64", json!(false));
    vec![
        (
            "an extension that nobody knows",
            forge.sign(&with(&critical(json!(["x"])), "x", json!(1)), claims),
        ),
        ("a claim", forge.sign(&critical(json!(["exp"])), claims)),
        ("nothing", forge.sign(&critical(json!([])), claims)),
        (
            "a payload that is not encoded (RFC 7797)",
            forge.sign(&unencoded, claims),
        ),
    ]
}

fn kinds(forge: &Forge, claims: &Value) -> Vec<(&'static str, String)> {
    let typ = |typ: Value| forge.sign(&with(&forge.header(), "typ", typ), claims);
    let good = forge.sign(&forge.header(), claims);
    let nested = with(&forge.header(), "cty", json!("JWT"));
    vec![
        ("JWT", typ(json!("JWT"))),
        ("an ID token", typ(json!("id+jwt"))),
        ("a logout token", typ(json!("logout+jwt"))),
        ("a type of another tree", typ(json!("x/at+jwt"))),
        ("no type", typ(Value::Null)),
        (
            "a token within a token",
            forge.sign_bytes(nested.to_string().as_bytes(), good.as_bytes()),
        ),
        (
            "five parts, as an encrypted token has",
            format!("{good}.{}", "AA.AA"),
        ),
    ]
}

fn parties(forge: &Forge, claims: &Value) -> Vec<(&'static str, String)> {
    let claim = |name, value| forge.sign(&forge.header(), &with(claims, name, value));
    vec![
        (
            "another issuer",
            claim("iss", json!("https://login.example")),
        ),
        (
            "an issuer of another case",
            claim("iss", json!("EasyOrder")),
        ),
        (
            "two issuers",
            claim("iss", json!(["https://login.example", "easyorder"])),
        ),
        ("no issuer", claim("iss", Value::Null)),
        ("another audience", claim("aud", json!("another-shop"))),
        (
            "another audience, and ours",
            claim("aud", json!(["another-shop", "easyorder"])),
        ),
        (
            "a list of another audience",
            claim("aud", json!(["another-shop"])),
        ),
        ("no audience", claim("aud", Value::Null)),
        ("no subject", claim("sub", Value::Null)),
        ("a subject that is nobody's id", claim("sub", json!("ann"))),
        (
            "two subjects",
            claim("sub", json!([Uuid::nil(), Uuid::nil()])),
        ),
    ]
}

fn times(forge: &Forge, claims: &Value) -> Vec<(&'static str, String)> {
    let now = Utc::now().timestamp();
    let claim = |name, value| forge.sign(&forge.header(), &with(claims, name, value));
    vec![
        ("expired", claim("exp", json!(now - 60))),
        ("expired before 1970", claim("exp", json!(-1))),
        ("expiring as a text", claim("exp", json!("tomorrow"))),
        ("expiring beyond all numbers", claim("exp", json!(1e300))),
        ("never expiring", claim("exp", Value::Null)),
        ("not valid yet", claim("nbf", json!(now + 3_600))),
        ("valid from a text on", claim("nbf", json!("tomorrow"))),
    ]
}

fn readings(forge: &Forge, claims: &Value, stranger: Uuid) -> Vec<(&'static str, String)> {
    let (header, text) = (forge.header().to_string(), claims.to_string());
    let good = forge.sign(&forge.header(), claims);
    let parts: Vec<&str> = good.split('.').collect();
    // The same member twice: which one counts?
    let twice = |object: &str, member: Value| {
        let member = member.to_string();
        let inside = member.trim_start_matches('{').trim_end_matches('}');
        format!("{{{inside},{}", &object[1..])
    };
    let payload = |text: &str| forge.sign_bytes(header.as_bytes(), text.as_bytes());
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut odd = text.clone();
    while odd.len() % 3 == 0 {
        odd.push(' ');
    }
    // Five of these make a `/` in the alphabet that is not for URLs.
    let slashed = with(claims, "extra", json!("?????")).to_string();
    let json = json!({
        "payload": parts[1],
        "signatures": [{"protected": parts[0], "signature": parts[2]}, {"protected": parts[0], "signature": "AA"}],
    });
    vec![
        (
            "two subjects",
            payload(&twice(&text, json!({"sub": stranger}))),
        ),
        (
            "two times of expiry",
            payload(&twice(&text, json!({"exp": 1}))),
        ),
        (
            "two algorithms",
            forge.sign_bytes(
                twice(&header, json!({"alg": "none"})).as_bytes(),
                text.as_bytes(),
            ),
        ),
        (
            "two key ids",
            forge.sign_bytes(
                twice(&header, json!({"kid": "other"})).as_bytes(),
                text.as_bytes(),
            ),
        ),
        ("UTF-16", forge.sign_bytes(header.as_bytes(), &utf16)),
        (
            "something after the claims",
            payload(&format!("{text}{text}")),
        ),
        ("padding", forge.sign_parts(parts[0], &URL_SAFE.encode(odd))),
        ("a signature with padding", format!("{good}==")),
        (
            "the other base64",
            forge.sign_parts(parts[0], &STANDARD_NO_PAD.encode(slashed)),
        ),
        // 64 bytes leave 4 bits of the last character unused.
        (
            "a last character that means the same",
            last_bit_flipped(&good),
        ),
        (
            "a space within",
            format!("{} .{}.{}", parts[0], parts[1], parts[2]),
        ),
        ("a space that is none", format!("\u{a0}{good}\u{2003}")),
        ("JSON with two signatures", json.to_string()),
        ("quotes around", format!("\"{good}\"")),
    ]
}

/// The token with the lowest bit of its last character changed, which carries nothing.
fn last_bit_flipped(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let at = ALPHABET.find(last).expect("base64") ^ 1;
    format!("{rest}{}", &ALPHABET[at..=at])
}

fn garbage(forge: &Forge, claims: &Value) -> Vec<(&'static str, String)> {
    let claim = |name, value| forge.sign(&forge.header(), &with(claims, name, value));
    let list = json!([claims]);
    vec![
        ("nothing", String::new()),
        ("a word", "token".to_owned()),
        ("dots", "..".to_owned()),
        (
            "letters of another alphabet",
            "тoken.тoken.тoken".to_owned(),
        ),
        ("a list", forge.sign(&forge.header(), &list)),
        (
            "a header that is a list",
            forge.sign(&json!([forge.header()]), claims),
        ),
        ("64 KiB", claim("extra", json!("x".repeat(48 * 1024)))),
        ("64 KiB of nothing", "x".repeat(64 * 1024)),
        (
            "many brackets",
            forge.sign_bytes("[".repeat(2_000).as_bytes(), b"{}"),
        ),
    ]
}
