use chassis::{Code, Error, Result, auth::Claims};
use chrono::Utc;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{Identity, our_services::ClientToken};
use crate::{
    domain::{Actor, Scope, client_secret},
    repository::Credential,
};

impl Identity {
    /// An access token for a service account or the bearer of an API key. With `scope`, permissions that are separated by
    /// spaces, it gives no others.
    ///
    /// # Errors
    /// `invalid-client`, the same for an unknown client and a wrong secret; `invalid-scope` when it names what is no
    /// permission, or what the key does not give; `too-many-attempts` while the actor's address has to wait;
    /// `unavailable`.
    #[tracing::instrument(name = "issue_token", skip_all)]
    pub async fn client_token(
        &self,
        client_id: &str,
        secret: &str,
        scope: Option<&str>,
        actor: &Actor,
    ) -> Result<ClientToken> {
        self.hear_address(actor).await?;
        let client = client_id.parse::<Uuid>().ok();
        let credentials = match client {
            Some(client) => self.repository.credentials_of_client(client).await?,
            None => Vec::new(),
        };
        let known = client.filter(|_| !credentials.is_empty());
        let (Some(client), Some(credential)) = (known, proven(credentials, secret)) else {
            self.repository.note_refused_client(actor, known).await?;
            return self.refuse_token(actor, invalid_client()).await;
        };
        let scope = narrowed(&credential, scope)?.map(|scope| scope.to_string());
        let now = Utc::now();
        let mut claims = Claims {
            sid: Some(credential.id),
            scope: scope.clone(),
            ..self
                .access
                .claims(credential.subject, &client.to_string(), now)
        };
        // It outlives no key.
        if let Some(expires_at) = credential.expires_at {
            claims.exp = claims.exp.min(expires_at.timestamp());
        }
        let actor = Actor {
            client_id: Some(claims.client_id.clone()),
            ..actor.known_as(credential.subject)
        };
        self.repository
            .note_client_token(&actor, credential.id, scope.as_deref())
            .await?;
        Ok(ClientToken {
            access: self.access.sign(&claims)?,
            expires_in: claims.exp - claims.iat,
            scope,
        })
    }
}

/// The one whose secret this is.
fn proven(credentials: Vec<Credential>, secret: &str) -> Option<Credential> {
    let hash = client_secret(secret)?.hash();
    let is_its = |credential: &Credential| bool::from(hash.as_slice().ct_eq(&credential.hash));
    credentials.into_iter().find(is_its)
}

/// What a token is narrowed to; None: not at all.
fn narrowed(credential: &Credential, asked: Option<&str>) -> Result<Option<Scope>> {
    let asked = asked
        .map(Scope::parse)
        .transpose()
        .map_err(|invalid| invalid_scope(invalid.0))?;
    let given = credential.scopes.as_deref().map(Scope::stored);
    match (asked, given) {
        (Some(asked), Some(given)) if !asked.is_within(&given) => Err(invalid_scope(format!(
            "the key gives no more than `{given}`"
        ))),
        (Some(scope), _) | (None, Some(scope)) => Ok(Some(scope)),
        (None, None) => Ok(None),
    }
}

/// One answer for every fault: which check failed helps only who guesses.
pub fn invalid_client() -> Error {
    Error::new(
        Code::Unauthenticated,
        "invalid-client",
        "there is no such client, or its secret is another",
    )
}

fn invalid_scope(detail: String) -> Error {
    Error::new(Code::InvalidArgument, "invalid-scope", detail)
}
