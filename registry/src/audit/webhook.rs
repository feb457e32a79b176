//! Entries sent to a URL, each signed: <https://www.standardwebhooks.com>.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::wire::AuditEntry;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::json;
use sha2::Sha256;

/// How long one entry may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How a secret begins that is written as the specification has it, in Base64.
const PREFIX: &str = "whsec_";

/// A URL that each entry is sent to, and the secret that it is signed with.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where it is.
    pub url: String,
    /// What both sides know: any text, or `whsec_` and bytes in Base64.
    pub secret: String,
}

impl Webhook {
    /// Sends one entry after the other: how many were taken, and why no more were.
    pub(super) async fn tell(&self, entries: &[AuditEntry]) -> (usize, Result<(), String>) {
        let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build();
        let client = match client {
            Ok(client) => client,
            Err(error) => return (0, Err(error.to_string())),
        };
        for (taken, entry) in entries.iter().enumerate() {
            if let Err(why) = self.send(&client, entry).await {
                return (taken, Err(why));
            }
        }
        (entries.len(), Ok(()))
    }

    async fn send(&self, client: &Client, entry: &AuditEntry) -> Result<(), String> {
        let kind = format!("audit.{}", entry.act.as_str().replace('-', "_"));
        let body = json!({ "type": kind, "timestamp": entry.at, "data": entry }).to_string();
        let (id, now) = (format!("audit-{}", entry.number), Timestamp::now().as_second());
        let signature = self.sign(&format!("{id}.{now}.{body}"))?;
        let sent = client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await;
        // The URL may be a secret itself.
        let answer = sent.map_err(|error| error.without_url().to_string())?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answers with status {status}")),
        }
    }

    fn sign(&self, message: &str) -> Result<String, String> {
        let decoded = self.secret.strip_prefix(PREFIX).and_then(|key| BASE64_STANDARD.decode(key).ok());
        let key = decoded.unwrap_or_else(|| self.secret.as_bytes().to_vec());
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
        mac.update(message.as_bytes());
        Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn a_signature_is_as_the_specification_has_it() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let webhook = Webhook { url: String::new(), secret };
        let message = r#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        assert_eq!(webhook.sign(message).unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
