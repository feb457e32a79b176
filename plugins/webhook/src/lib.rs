//! Sends events to a URL, signed: <https://www.standardwebhooks.com>. The signing key stays with the host.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chandlery_sdk::integrations::*;

struct Webhook;

impl Integration for Webhook {
    fn on_event(event: Event) -> Result<(), Problem> {
        let body = payload(&event);
        let signed = format!("{}.{}.{body}", event.id, event.attempted_at);
        let signature = BASE64.encode(hmac_sha256("webhook-signing", signed.as_bytes())?);
        Request::post_json(required("url")?, &body)
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", event.attempted_at.to_string())
            .header("webhook-signature", format!("v1,{signature}"))
            .send()?
            .ok()?;
        Ok(())
    }
}

fn payload(event: &Event) -> Value {
    json!({
        "type": format!("deployment.{}", word(event.kind)),
        "timestamp": event.at,
        "data": {
            "deployment": event.deployment,
            "target": event.target,
            "team": event.team,
            "release": event.release,
            "revision": event.revision,
            "detail": event.detail,
        },
    })
}

fn word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Planned => "planned",
        EventKind::RolledOut => "rolled_out",
        EventKind::Degraded => "degraded",
        EventKind::Recovered => "recovered",
        EventKind::Failed => "failed",
        EventKind::Removed => "removed",
        EventKind::UsageThreshold => "usage_threshold",
        EventKind::Test => "test",
    }
}

chandlery_sdk::export_integration!(Webhook);
