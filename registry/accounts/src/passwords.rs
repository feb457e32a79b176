//! Secrets: random ones, and passwords of which only a hash is kept.

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use rand::RngCore as _;

use crate::Error;

const PASSWORD_CHARACTERS_MIN: usize = 12;

/// 256 random bits.
pub(crate) fn random_text() -> String {
    let mut bytes = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    format!("chy_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

pub(crate) async fn hash_password(password: String) -> Result<String, Error> {
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        return Err(Error::Invalid(format!("a password has at least {PASSWORD_CHARACTERS_MIN} characters")));
    }
    off_thread(move || {
        Argon2::default()
            .hash_password(password.as_bytes(), &SaltString::generate(&mut OsRng))
            .map(|hash| hash.to_string())
            .map_err(|error| Error::Damaged(format!("a password could not be hashed: {error}")))
    })
    .await
}

pub(crate) async fn verify_password(password: String, hash: String) -> Result<bool, Error> {
    off_thread(move || {
        let hash = PasswordHash::new(&hash)
            .map_err(|error| Error::Damaged(format!("a password hash cannot be read: {error}")))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

/// Password hashing is slow on purpose, and must not hold up other requests.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Damaged(error.to_string()))?
}
