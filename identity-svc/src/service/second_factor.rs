use chassis::{Error, Result};
use uuid::Uuid;

use super::{
    Identity,
    proof::{Second, Unproven},
    users::no_such_user,
};
use crate::{
    domain::{AccountKey, Actor, FactorSecret, Limit, RecoveryCode, Refusal},
    repository::SecondFactor,
};

/// A second factor that waits to be confirmed.
pub struct Enrolment {
    pub secret: FactorSecret,
    /// For a QR code.
    pub uri: String,
}

impl Identity {
    /// The user's second factor, confirmed or not.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn second_factor(&self, user: Uuid) -> Result<Option<SecondFactor>> {
        self.repository.second_factor(user).await
    }

    /// Makes a secret for the user's authenticator app. It guards nothing until it is confirmed.
    ///
    /// # Errors
    /// `not-found`; `invalid-credentials`; `second-factor-enabled`; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "begin_second_factor", skip_all, fields(user.id = %user))]
    pub async fn begin_second_factor(
        &self,
        actor: &Actor,
        user: Uuid,
        password: &str,
    ) -> Result<Enrolment> {
        let (owner, _) = self
            .prove_owner(actor, user, password, Second::NotAsked)
            .await?;
        let secret = FactorSecret::random();
        let uri = secret.uri(&owner.email).map_err(Error::internal)?;
        self.repository.begin_second_factor(user, &secret).await?;
        Ok(Enrolment { secret, uri })
    }

    /// Lets the secret guard the account whose code this is, ends all sessions but `session`, and gives out the recovery
    /// codes.
    ///
    /// # Errors
    /// `not-found` if none was begun, or too long ago; `second-factor-enabled`; `invalid-code`; `account-changed`;
    /// `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "confirm_second_factor", skip_all, fields(user.id = %user))]
    pub async fn confirm_second_factor(
        &self,
        actor: &Actor,
        user: Uuid,
        session: Option<Uuid>,
        code: &str,
    ) -> Result<Vec<RecoveryCode>> {
        let account = AccountKey::of(&self.user(user).await?.email);
        // Codes are guessed one after the other here, too.
        let _turn = self.passwords.turn().await?;
        self.hear(actor, &account).await?;
        let Some(begun) = self.repository.second_factor(user).await? else {
            return Err(no_second_factor());
        };
        if begun.confirmed_at.is_some() {
            return Err(Refusal::SecondFactorEnabled.into());
        }
        let Some(step) = begun.secret.step_of(code, chrono::Utc::now()) else {
            self.repository.note_wrong_code(actor, user).await?;
            self.repository
                .note_failure(
                    actor,
                    None,
                    &account,
                    Some(user),
                    self.limit(&Limit::FAILURES),
                )
                .await?;
            return Err(Unproven::Code.by_owner());
        };
        let codes = recovery_codes();
        self.repository
            .confirm_second_factor(actor, user, (&begun.secret, step), &codes, session)
            .await?;
        Ok(codes)
    }

    /// Gives out other recovery codes; those before are void.
    ///
    /// # Errors
    /// `invalid-credentials`, `invalid-code`; `not-found` without a second factor; `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "renew_recovery_codes", skip_all, fields(user.id = %user))]
    pub async fn renew_recovery_codes(
        &self,
        actor: &Actor,
        user: Uuid,
        password: &str,
        code: &str,
    ) -> Result<Vec<RecoveryCode>> {
        let second = Second::Asked(Some(code));
        self.prove_owner(actor, user, password, second).await?;
        let codes = recovery_codes();
        if self
            .repository
            .renew_recovery_codes(actor, user, &codes)
            .await?
        {
            Ok(codes)
        } else {
            Err(no_second_factor())
        }
    }

    /// Takes the second factor away by its owner's will.
    ///
    /// # Errors
    /// `invalid-credentials`, `invalid-code`; `not-found` without a second factor; `password-too-short`;
    /// `too-many-attempts`; `unavailable`.
    #[tracing::instrument(name = "disable_second_factor", skip_all, fields(user.id = %user))]
    pub async fn disable_second_factor(
        &self,
        actor: &Actor,
        user: Uuid,
        password: &str,
        code: &str,
    ) -> Result<()> {
        let second = Second::Asked(Some(code));
        self.prove_owner(actor, user, password, second).await?;
        if self.repository.disable_second_factor(actor, user).await? {
            Ok(())
        } else {
            Err(no_second_factor())
        }
    }

    /// Takes the second factor away from somebody who has lost everything. Without one there is nothing to do.
    ///
    /// # Errors
    /// `not-found`; `own-second-factor`: whoever took over a manager's session must not get rid of the manager's;
    /// `unavailable`.
    #[tracing::instrument(name = "remove_second_factor", skip_all, fields(user.id = %user))]
    pub async fn remove_second_factor(&self, actor: &Actor, user: Uuid) -> Result<()> {
        if actor.id == Some(user) {
            return Err(Refusal::OwnSecondFactor.into());
        }
        let unknown = self.passwords.unknown_hash();
        if self
            .repository
            .remove_second_factor(actor, user, unknown)
            .await?
        {
            Ok(())
        } else {
            Err(no_such_user())
        }
    }
}

fn recovery_codes() -> Vec<RecoveryCode> {
    std::iter::repeat_with(RecoveryCode::random)
        .take(RecoveryCode::COUNT)
        .collect()
}

fn no_second_factor() -> Error {
    Error::not_found("there is no second factor; begin with one")
}
