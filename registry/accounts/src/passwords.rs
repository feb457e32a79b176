//! Secrets: random ones, and passwords of which only a hash is kept.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::random_bytes;

use crate::Error;

const PASSWORD_CHARACTERS_MIN: usize = 12;

/// 256 random bits.
pub(crate) fn random_text() -> String {
    format!("chy_{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

pub(crate) async fn hash_password(password: String) -> Result<String, Error> {
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        return Err(Error::Invalid(format!("a password has at least {PASSWORD_CHARACTERS_MIN} characters")));
    }
    off_thread(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| Error::damaged(format!("a password could not be hashed: {error}")))
    })
    .await
}

pub(crate) async fn verify_password(password: String, hash: String) -> Result<bool, Error> {
    off_thread(move || {
        let hash = PasswordHash::new(&hash)
            .map_err(|error| Error::damaged(format!("a password hash cannot be read: {error}")))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

/// Password hashing is slow on purpose, and must not hold up other requests.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::damaged(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::verify_password;

    #[tokio::test]
    async fn a_hash_that_another_implementation_made_is_verified() {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$RJ1sY/uLSiHi0TP1oW8rw19AvL2Hwpt7ELvhU4n7eXg";
        assert!(verify_password("correct horse battery".into(), hash.into()).await.unwrap());
        assert!(!verify_password("correct horse".into(), hash.into()).await.unwrap());
    }
}
