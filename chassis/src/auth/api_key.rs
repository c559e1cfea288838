use uuid::Uuid;

use super::{ClientSecret, base62};

/// Digits of an id.
const ID: usize = 22;

/// What lets a program act for a person: `eo_`, the key's id, `_`, and its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: Uuid,
    pub secret: ClientSecret,
}

impl ApiKey {
    /// Every key begins so, and no access token does.
    pub const PREFIX: &str = "eo_";

    /// Reads what [`encode`](Self::encode) wrote; None for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(Self::PREFIX)?.split_once('_')?;
        if id.len() != ID {
            return None;
        }
        Some(Self {
            id: Uuid::from_u128(base62::decode(id)?),
            secret: ClientSecret::parse(secret)?,
        })
    }

    /// For whoever is to have it.
    #[must_use]
    pub fn encode(&self) -> String {
        let id = base62::encode(self.id.as_u128(), ID);
        format!("{}{id}_{}", Self::PREFIX, self.secret.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_wire() {
        let key = ApiKey {
            id: Uuid::now_v7(),
            secret: ClientSecret::random(),
        };
        let text = key.encode();
        assert_eq!(text.len(), 76);
        assert_eq!(ApiKey::parse(&text), Some(key));
        for text in [
            "",
            "eo_",
            "eo__",
            &text[3..],
            &text.replace("eo_", "eo_0"),
            &text.replacen('_', "-", 2),
            &format!("{text} "),
        ] {
            assert_eq!(ApiKey::parse(text), None, "{text:?}");
        }
    }
}
