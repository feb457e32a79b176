//! Secrets by reference: a plugin names them and has them used; their values stay here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chandlery_package::{Permission, SecretName, random_bytes};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Capabilities;

/// What comes before the key in a secret of Standard Webhooks.
const WEBHOOK_PREFIX: &str = "whsec_";

pub(crate) enum SecretError {
    NotGranted,
    NotSet,
}

impl Capabilities {
    fn secret(&self, name: &str, what: &str) -> Result<&str, SecretError> {
        let name: SecretName = name.parse().map_err(|_| SecretError::NotGranted)?;
        if !self.may(&Permission::Secret(name.clone()), what) {
            return Err(SecretError::NotGranted);
        }
        self.secrets.get(&name).map(String::as_str).ok_or(SecretError::NotSet)
    }

    /// A word for the secret that nobody can guess, so that only who was given it can have the secret used.
    pub(crate) fn secret_reference(&mut self, name: &str) -> Result<String, SecretError> {
        let value = self.secret(name, "refer to it in requests")?.to_owned();
        let reference = format!("secret-{}", hex::encode(random_bytes::<16>()));
        self.references.insert(reference.clone(), value);
        self.outgoing.refer(&self.references);
        Ok(reference)
    }

    pub(crate) fn hmac_sha256(&self, name: &str, message: &[u8]) -> Result<Vec<u8>, SecretError> {
        let value = self.secret(name, "sign with it")?;
        let webhook_key = value.strip_prefix(WEBHOOK_PREFIX).and_then(|key| BASE64.decode(key).ok());
        let key = webhook_key.unwrap_or_else(|| value.as_bytes().to_vec());
        // A key of any length will do.
        let mut hmac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| SecretError::NotSet)?;
        hmac.update(message);
        Ok(hmac.finalize().into_bytes().to_vec())
    }
}
