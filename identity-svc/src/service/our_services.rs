use chassis::{Result, auth::INTERNAL_CALL};
use subtle::ConstantTimeEq as _;

use super::Identity;
use crate::domain::OurService;

/// A token for a program.
pub struct ClientToken {
    /// A JWT.
    pub access: String,
    /// Seconds until it is worthless.
    pub expires_in: i64,
    /// The permissions that it gives, separated by spaces; None: all that its subject holds.
    pub scope: Option<String>,
}

impl Identity {
    /// A token that lets one of our services call the others; None if this is not its secret.
    ///
    /// # Errors
    /// When signing fails.
    pub fn service_token(&self, service: OurService, secret: &str) -> Result<Option<ClientToken>> {
        let own = self.system_secret.of(service.name());
        if !bool::from(own.expose().as_bytes().ct_eq(secret.as_bytes())) {
            return Ok(None);
        }
        let claims = chassis::auth::Claims {
            entitlements: vec![INTERNAL_CALL.to_owned()],
            ..self
                .access
                .claims(service.id(), service.name(), chrono::Utc::now())
        };
        Ok(Some(ClientToken {
            access: self.access.sign(&claims)?,
            expires_in: self.access.lifetime(),
            scope: None,
        }))
    }
}
