use chassis::{Code, Error, Result};
use uuid::Uuid;

use super::{Identity, passwords::Turn};
use crate::{
    domain::{AccountKey, Action, Actor, Email, Limit, Password, Proven, RecoveryCode, User},
    repository::Credentials,
};

/// Whether the second factor of an account that has one is asked for beside the password.
#[derive(Clone, Copy)]
pub(super) enum Second<'a> {
    NotAsked,
    /// A code of the app or a recovery code; None if none was given.
    Asked(Option<&'a str>),
}

/// What somebody did not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unproven {
    Password,
    /// The password was right, a code is needed and was not given. That is no failure.
    CodeNeeded,
    Code,
}

impl Unproven {
    /// For somebody who is not signed in.
    pub(super) fn by_visitor(self) -> Error {
        self.refusal(
            Code::Unauthenticated,
            "the e-mail address or the password is wrong",
        )
    }

    /// For somebody who is, as the owner of the account.
    pub(super) fn by_owner(self) -> Error {
        self.refusal(Code::PermissionDenied, "the current password is wrong")
    }

    fn refusal(self, code: Code, wrong_password: &str) -> Error {
        let (kind, detail) = match self {
            Self::Password => ("invalid-credentials", wrong_password),
            Self::CodeNeeded => (
                "second-factor-required",
                "a code of the second factor is needed, too",
            ),
            Self::Code => (
                "invalid-code",
                "the code is wrong, or has been used; the next one may be right",
            ),
        };
        Error::new(code, kind, detail)
    }
}

impl Identity {
    /// As whom the address, the password and, if it is asked for, the code let somebody in.
    ///
    /// Looking at the throttle, at what was given, and counting a failure are one turn at hashing: of guesses that come at
    /// once, no more are looked at than the throttle lets through and others are being hashed meanwhile. Who does not know
    /// the password learns nothing of a second factor.
    ///
    /// # Errors
    /// `too-many-attempts` while nobody is heard, whatever the password is; `unavailable`.
    pub(super) async fn prove(
        &self,
        actor: &Actor,
        email: &str,
        password: &str,
        second: Second<'_>,
    ) -> Result<Result<Proven, Unproven>> {
        let account = AccountKey::of(email);
        let turn = self.passwords.turn().await?;
        self.hear(actor, &account).await?;
        let known = match Email::parse(email) {
            Ok(email) => self.repository.credentials(&email).await?,
            Err(_) => None,
        };
        let user = known.as_ref().map(|known| known.owner.user);
        let proof = match known_by(&turn, password, known).await? {
            Some(owner) => self.prove_second(actor, owner, second).await?,
            None => Err(Unproven::Password),
        };
        let action = match proof {
            Ok(_) | Err(Unproven::CodeNeeded) => return Ok(proof),
            Err(Unproven::Password) => Some(Action::SignInFailed),
            // It has been noted where it was looked at.
            Err(Unproven::Code) => None,
        };
        let limit = self.limit(&Limit::FAILURES);
        self.repository
            .note_failure(actor, action, &account, user, limit)
            .await?;
        Ok(proof)
    }

    /// The same for somebody who is signed in as `user` and has to prove it once more.
    ///
    /// # Errors
    /// `not-found`; `invalid-credentials`, `second-factor-required` or `invalid-code`; `too-many-attempts`; `unavailable`.
    pub(super) async fn prove_owner(
        &self,
        actor: &Actor,
        user: Uuid,
        password: &str,
        second: Second<'_>,
    ) -> Result<(User, Proven)> {
        let user = self.user(user).await?;
        let proven = self
            .prove(actor, &user.email, password, second)
            .await?
            .map_err(Unproven::by_owner)?;
        Ok((user, proven))
    }

    async fn prove_second(
        &self,
        actor: &Actor,
        owner: Proven,
        second: Second<'_>,
    ) -> Result<Result<Proven, Unproven>> {
        let Second::Asked(code) = second else {
            return Ok(Ok(owner));
        };
        let proof = self.prove_code(actor, owner.user, code).await?;
        Ok(proof.map(|()| owner))
    }

    /// Whether the code is good, or none is needed. It is used up by this.
    pub(super) async fn prove_code(
        &self,
        actor: &Actor,
        user: Uuid,
        code: Option<&str>,
    ) -> Result<Result<(), Unproven>> {
        let Some(secret) = self.repository.guarding_secret(user).await? else {
            return Ok(Ok(()));
        };
        let Some(code) = code else {
            return Ok(Err(Unproven::CodeNeeded));
        };
        let good = if let Some(code) = RecoveryCode::parse(code) {
            let actor = actor.known_as(user);
            self.repository
                .use_recovery_code(&actor, user, &code)
                .await?
        } else if let Some(step) = secret.step_of(code, chrono::Utc::now()) {
            self.repository.accept_step(user, &secret, step).await?
        } else {
            false
        };
        if good {
            return Ok(Ok(()));
        }
        self.repository.note_wrong_code(actor, user).await?;
        Ok(Err(Unproven::Code))
    }
}

/// Whose the password is; without an account, that takes as long.
async fn known_by(
    turn: &Turn<'_>,
    password: &str,
    known: Option<Credentials>,
) -> Result<Option<Proven>> {
    let (owner, hash) = known
        .map(|known| (known.owner, known.password_hash))
        .unzip();
    let hash = hash.flatten();
    let verified = turn.verify(Password::attempt(password), hash).await?;
    Ok(owner.filter(|_| verified))
}
