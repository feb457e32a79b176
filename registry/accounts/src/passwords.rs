//! Secrets: random ones, and passwords of which only a hash is kept.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::{Namespace, random_bytes};
use tokio::sync::Semaphore;

use crate::Error;
use crate::strength::must_be_strong;

/// The longest password, in bytes: whoever sends more does not remember it either.
const PASSWORD_BYTES_MAX: usize = 1024;
/// How many passwords are hashed at once. Each takes 19 MiB and a processor.
const HASHED_AT_ONCE: usize = 2;
/// How many more may wait for it: as many as are done in a few seconds.
const WAITING_MAX: usize = 64;

static HASHING: Pool = Pool::new();

/// 256 random bits.
pub(crate) fn random_text() -> String {
    format!("chy_{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

pub(crate) async fn hash_password(password: String) -> Result<String, Error> {
    must_be_short(&password)?;
    HASHING
        .run(move || {
            Argon2::default()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| Error::damaged(format!("a password could not be hashed: {error}")))
        })
        .await
}

pub(crate) async fn verify_password(password: String, hash: String) -> Result<bool, Error> {
    must_be_short(&password)?;
    HASHING
        .run(move || {
            let hash = PasswordHash::new(&hash)
                .map_err(|error| Error::damaged(format!("a password hash cannot be read: {error}")))?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
}

/// Refuses what cannot become a password of this account.
pub(crate) async fn check_new(password: &str, account: &Namespace) -> Result<(), Error> {
    must_be_short(password)?;
    let (password, account) = (password.to_owned(), account.clone());
    HASHING.run(move || must_be_strong(&password, account.as_str())).await
}

fn must_be_short(password: &str) -> Result<(), Error> {
    match password.len() <= PASSWORD_BYTES_MAX {
        true => Ok(()),
        false => Err(Error::Invalid(format!("a password has at most {PASSWORD_BYTES_MAX} bytes"))),
    }
}

/// Password hashing is slow and large on purpose, and must not hold up other requests: a few are done at once, a few more wait,
/// and whoever comes then is refused.
struct Pool {
    turns: Semaphore,
    places: Semaphore,
}

impl Pool {
    const fn new() -> Self {
        Self { turns: Semaphore::const_new(HASHED_AT_ONCE), places: Semaphore::const_new(WAITING_MAX) }
    }

    /// Does some work on a thread of its own.
    async fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        let turn = self.turns.acquire().await.map_err(|closed| Error::damaged(closed.to_string()))?;
        // The thread goes on when nobody waits for it any more, and so keeps the turn itself.
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::damaged(error.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_hash_that_another_implementation_made_is_verified() {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$RJ1sY/uLSiHi0TP1oW8rw19AvL2Hwpt7ELvhU4n7eXg";
        assert!(verify_password("correct horse battery".into(), hash.into()).await.unwrap());
        assert!(!verify_password("correct horse".into(), hash.into()).await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_of_passwords_is_refused_and_passes() {
        static OWN: Pool = Pool::new();
        let hash = || OWN.run(|| Ok(Argon2::default().hash_password(b"correct horse battery").is_ok()));
        let outcomes = join_all((0..WAITING_MAX * 3).map(|_| hash())).await;
        let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::Busy))).count();
        assert_eq!(refused, WAITING_MAX * 2);
        assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(true))).count(), WAITING_MAX);
        assert!(hash().await.unwrap());
    }
}
