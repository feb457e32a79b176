//! Signatures of webhooks, as <https://www.standardwebhooks.com> has them: whoever receives one knows who has sent it, and when.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

/// How a secret begins that is written as the specification has it, in Base64.
const PREFIX: &str = "whsec_";

/// What both sides know. Its `Display` is the form in which receivers are told it, `whsec_` and bytes in Base64.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// The secret that these bytes are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// As it is written: `whsec_` and bytes in Base64, or any other text, which is taken as it is.
    pub fn written(text: &str) -> Self {
        let decoded = text.strip_prefix(PREFIX).and_then(|key| BASE64_STANDARD.decode(key).ok());
        Self(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
    }

    /// The value of `webhook-signature` for a message of this id (`webhook-id`) that is sent at this moment (`webhook-timestamp`, in
    /// seconds): `v1,` and the HMAC-SHA256 in Base64.
    pub fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let message = format!("{id}.{}.{body}", at.as_second());
        format!("v1,{}", BASE64_STANDARD.encode(authenticated(&self.0, &[message.as_bytes()])))
    }
}

impl fmt::Display for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

/// The HMAC-SHA256 of these parts, one after the other, by a key of any length.
#[allow(clippy::expect_used)]
pub(crate) fn authenticated(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn a_signature_is_as_the_specification_has_it() {
        let secret = WebhookSecret::written("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_is_read_as_it_is_written() {
        let secret = WebhookSecret::new([7; 32]);
        assert_eq!(WebhookSecret::written(&secret.to_string()), secret);
        assert_eq!(WebhookSecret::written("any text"), WebhookSecret::new("any text".as_bytes()));
        assert!(!format!("{secret:?}").contains('7'));
    }
}
