//! Signatures of webhooks.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The `Stripe-Signature` header of an event's body, at a moment in seconds since 1970; none: the secret cannot be used.
///
/// <https://docs.stripe.com/webhooks#verify-manually>
pub fn sign(secret: &str, body: &str, at: i64) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{at}.{body}").as_bytes());
    Some(format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes())))
}
