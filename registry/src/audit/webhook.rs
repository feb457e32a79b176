//! Entries sent to a URL, each signed: <https://www.standardwebhooks.com>.

use std::time::Duration;

use chandlery_package::webhook::WebhookSecret;
use chandlery_package::wire::AuditEntry;
use jiff::Timestamp;
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::json;

/// How long one entry may take.
const TIMEOUT: Duration = Duration::from_secs(10);

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
        let (id, now) = (format!("audit-{}", entry.number), Timestamp::now());
        let signature = WebhookSecret::written(&self.secret).sign(&id, now, &body);
        let sent = client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_second().to_string())
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
}
