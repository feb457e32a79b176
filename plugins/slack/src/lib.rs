//! Tells a Slack channel what happens to deployments, in Slack's Block Kit, through an incoming webhook. The secret part of
//! the webhook's address stays with the host.

use chandlery_sdk::integrations::*;

struct Slack;

impl Integration for Slack {
    fn on_event(event: Event) -> Result<(), Problem> {
        let (icon, word) = words(event.kind);
        let wanted: Vec<String> = setting_json("events")?.unwrap_or_default();
        if !wanted.iter().any(|kind| kind == word) {
            return Ok(());
        }
        let url = format!("{}/{}", required("url")?.trim_end_matches('/'), secret("slack-webhook")?);
        Request::post_json(url, &message(&event, icon, word)).send()?.ok()?;
        Ok(())
    }
}

fn words(kind: EventKind) -> (&'static str, &'static str) {
    match kind {
        EventKind::Planned => (":memo:", "planned"),
        EventKind::RolledOut => (":rocket:", "rolled-out"),
        EventKind::Degraded => (":warning:", "degraded"),
        EventKind::Recovered => (":white_check_mark:", "recovered"),
        EventKind::Failed => (":rotating_light:", "failed"),
        EventKind::Removed => (":wastebasket:", "removed"),
        EventKind::UsageThreshold => (":bar_chart:", "usage-threshold"),
        EventKind::Test => (":wave:", "test"),
    }
}

fn message(event: &Event, icon: &str, word: &str) -> Value {
    let Event { deployment, target, release, revision, detail, .. } = event;
    let headline = format!("{icon} *{}* on {}: {word}", escape(deployment), escape(target));
    let mut fields = vec![field("Release", &escape(release)), field("Revision", &revision.to_string())];
    if let Some(team) = &event.team {
        fields.push(field("Team", &escape(team)));
    }
    json!({
        // What a notification shows, where blocks cannot be.
        "text": headline,
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": format!("{headline}\n{}", escape(detail)) } },
            { "type": "section", "fields": fields },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": event.at }] },
        ],
    })
}

fn field(name: &str, value: &str) -> Value {
    json!({ "type": "mrkdwn", "text": format!("*{name}*\n{value}") })
}

/// As Slack asks for it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

chandlery_sdk::export_integration!(Slack);
