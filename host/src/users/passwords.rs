//! Passwords, of which only a hash is kept: not judged by digits and signs, but by how many guesses find them.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use chandlery_package::UserName;
use tokio::sync::Semaphore;
use zxcvbn::{Score, zxcvbn};

use super::error::Error;
use crate::system;

/// The longest password, in characters: the estimate takes longer than they are many.
const CHARACTERS_MAX: usize = 128;
/// How many passwords are hashed at once. Each takes 19 MiB and a processor.
const HASHED_AT_ONCE: usize = 2;
/// How many more may wait for it: as many as are done in a few seconds.
const WAITING_MAX: usize = 64;
/// The hash of a password that nobody has: to look at a user who has none, or is not there, takes as long as at any other.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$RJ1sY/uLSiHi0TP1oW8rw19AvL2Hwpt7ELvhU4n7eXg";

static TURNS: Semaphore = Semaphore::const_new(HASHED_AT_ONCE);
static PLACES: Semaphore = Semaphore::const_new(WAITING_MAX);

/// The hash of a new password of this user; refused, where fewer than 10^8 guesses find it.
pub(super) async fn hash(password: &str, user: &UserName) -> Result<String, Error> {
    must_be_short(password)?;
    let (password, user) = (password.to_owned(), user.clone());
    slowly(move || {
        must_be_strong(&password, user.as_str())?;
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| damaged(format!("a password could not be hashed: {error}")))
    })
    .await
}

/// Whether this is the password of which that is the hash; none: nobody's.
pub(super) async fn verify(password: &str, hash: Option<&str>) -> Result<bool, Error> {
    must_be_short(password)?;
    let (password, is_anybodys) = (password.to_owned(), hash.is_some());
    let hash = hash.unwrap_or(NOBODYS).to_owned();
    let is_right = slowly(move || {
        let hash = PasswordHash::new(&hash)
            .map_err(|error| damaged(format!("a password hash cannot be read: {error}")))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    Ok(is_right.await? && is_anybodys)
}

fn must_be_short(password: &str) -> Result<(), Error> {
    match password.chars().nth(CHARACTERS_MAX) {
        None => Ok(()),
        Some(_) => Err(Error::Invalid(format!("a password has at most {CHARACTERS_MAX} characters"))),
    }
}

fn must_be_strong(password: &str, user: &str) -> Result<(), Error> {
    let estimate = zxcvbn(password, &[user, "chandlery"]);
    if estimate.score() >= Score::Three {
        return Ok(());
    }
    let advice = estimate.feedback().map(ToString::to_string).unwrap_or_default();
    Err(Error::Invalid(format!("this password is easy to guess. {advice}").trim_end().to_owned()))
}

fn damaged(what: String) -> Error {
    system::Error::Damaged(what).into()
}

/// Does what is slow and large on purpose on a thread of its own: a few at once, a few more wait, and whoever comes then is refused.
async fn slowly<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let _place = PLACES.try_acquire().map_err(|_| Error::TooMany("too many passwords wait".into()))?;
    let turn = TURNS.acquire().await.map_err(|closed| damaged(closed.to_string()))?;
    // The thread goes on when nobody waits for it any more, and so keeps the turn itself.
    system::blocking(move || {
        let _turn = turn;
        work()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> UserName {
        "globex".parse().unwrap()
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_and_nobody_has_none() {
        let hash = hash("one two three", &user()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("one two three", Some(&hash)).await.unwrap());
        assert!(!verify("one two thre", Some(&hash)).await.unwrap());
        // The password of the hash that stands for nobody's.
        assert!(!verify("correct horse battery", None).await.unwrap());
        assert!(verify("correct horse battery", Some(NOBODYS)).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_easy_to_guess_is_refused_with_the_reason() {
        for (password, said) in [
            ("", "easy to guess"),
            ("password", "common password"),
            ("globexglobexglobex", "Repeats like"),
            ("é".repeat(CHARACTERS_MAX + 1).as_str(), "at most 128 characters"),
        ] {
            let refused = hash(password, &user()).await.unwrap_err().to_string();
            assert!(refused.contains(said), "{password}: {refused}");
        }
    }
}
