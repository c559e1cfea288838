use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use chassis::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::{Invalid, OwnerWords, Password};

/// OWASP's Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Who waits longer for their turn is told to try again: a flood of sign-ins must neither take all memory nor pile up.
const PATIENCE: Duration = Duration::from_secs(3);

/// Hashes passwords, so many at once: each takes 19 MiB and a core for some 30 ms.
pub struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    /// No password's hash; to spend the same time on an address that has no account.
    decoy: String,
}

/// The right to hash. While one is held, somebody else waits.
pub struct Turn<'a> {
    passwords: &'a Passwords,
    permit: Arc<OwnedSemaphorePermit>,
}

impl Passwords {
    /// # Errors
    /// When the parameters are out of Argon2's range, or there is no randomness to be had.
    pub fn new(concurrency: usize) -> anyhow::Result<Self> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = argon2
            .hash_password(&rand::random::<[u8; 32]>())?
            .to_string();
        Ok(Self {
            argon2,
            turns: Arc::new(Semaphore::new(concurrency)),
            decoy,
        })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// `unavailable` when too many wait already.
    pub async fn turn(&self) -> Result<Turn<'_>> {
        let permit = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| Error::unavailable(anyhow!("too many passwords wait to be hashed")))?
            .map_err(Error::internal)?;
        Ok(Turn {
            passwords: self,
            permit: Arc::new(permit),
        })
    }

    /// A PHC string that verifies no password that anybody knows.
    #[must_use]
    pub fn unknown_hash(&self) -> &str {
        &self.decoy
    }

    /// A PHC string that verifies the password of this owner.
    ///
    /// # Errors
    /// `validation` of the field `password` when it is guessed easily; `unavailable` when too many wait already.
    pub async fn hash(&self, password: Password, owner: OwnerWords) -> Result<String> {
        let argon2 = self.argon2.clone();
        let turn = self.turn().await?;
        turn.work(move || {
            if let Err(Invalid(detail)) = password.resists_guessing(&owner) {
                return Ok(Err(Error::invalid_field("password", detail)));
            }
            let hash = argon2.hash_password(password.as_bytes())?;
            Ok(Ok(hash.to_string()))
        })
        .await?
    }
}

impl Turn<'_> {
    /// Whether the password is the one of `hash`; without a hash it is not, but takes as long.
    ///
    /// # Errors
    /// `internal` when the hash is none.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool> {
        let argon2 = self.passwords.argon2.clone();
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.passwords.decoy.clone());
        self.work(move || {
            let hash = PasswordHash::new(&hash)?;
            match argon2.verify_password(password.as_bytes(), &hash) {
                Ok(()) => Ok(known),
                Err(password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.permit.clone();
        let done = tokio::task::spawn_blocking(move || {
            // The turn lasts until the work is done, even if nobody waits for it any more.
            let _permit = permit;
            work()
        });
        done.await
            .map_err(Error::internal)?
            .map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use chassis::Code;

    use super::*;

    fn password() -> Password {
        Password::attempt("correct horse battery")
    }

    fn owner() -> OwnerWords {
        OwnerWords::of("ann@example.com", "Ann Lee")
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_alone_and_names_owasps_parameters() {
        let passwords = Passwords::new(1).unwrap();
        let hash = passwords.hash(password(), owner()).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let turn = passwords.turn().await.unwrap();
        assert!(turn.verify(password(), Some(hash.clone())).await.unwrap());
        let other = Password::attempt("x");
        assert!(!turn.verify(other, Some(hash)).await.unwrap());
        assert!(!turn.verify(password(), None).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_guessed_easily_is_not_hashed() {
        let passwords = Passwords::new(1).unwrap();
        let weak = Password::attempt("passwordpassword");
        let error = passwords.hash(weak, owner()).await.unwrap_err();
        assert_eq!(error.fields()[0].field, "password");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_for_a_turn_is_told_to_try_again() {
        let passwords = Passwords::new(1).unwrap();
        let _taken = passwords.turn().await.unwrap();
        let error = passwords.hash(password(), owner()).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
    }
}
