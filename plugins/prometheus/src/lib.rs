//! Alerts through Alertmanager's API v2. An alert is raised when a deployment degrades or fails, and resolved when it is
//! well again or gone; what is raised is kept, so that nothing is resolved that never was an alert.

use chandlery_sdk::integrations::*;

struct Prometheus;

impl Integration for Prometheus {
    fn on_event(event: Event) -> Result<(), Problem> {
        match event.kind {
            EventKind::Degraded => raise(&event, "warning"),
            EventKind::Failed => raise(&event, "critical"),
            EventKind::RolledOut | EventKind::Recovered | EventKind::Removed => resolve(&event),
            // Raised and resolved at once: it shows up nowhere, and every step of the way was tried.
            EventKind::Test => send(alert(&event, "none", &event.at, Some(&event.at))?),
            EventKind::Planned | EventKind::UsageThreshold => Ok(()),
        }
    }
}

/// Severities, the worst first; a deployment may have been degraded before it failed.
const SEVERITIES: [&str; 2] = ["critical", "warning"];

fn raise(event: &Event, severity: &str) -> Result<(), Problem> {
    kept()?
        .set(&key(event, severity), event.at.as_bytes())
        .map_err(|error| Problem::of(format!("{error:?}")))?;
    send(alert(event, severity, &event.at, None)?)
}

fn resolve(event: &Event) -> Result<(), Problem> {
    let kept = kept()?;
    for severity in SEVERITIES {
        let key = key(event, severity);
        let raised = kept.get(&key).map_err(|error| Problem::of(format!("{error:?}")))?;
        if let Some(since) = raised {
            send(alert(event, severity, &String::from_utf8_lossy(&since), Some(&event.at))?)?;
            kept.delete(&key).map_err(|error| Problem::of(format!("{error:?}")))?;
        }
    }
    Ok(())
}

fn key(event: &Event, severity: &str) -> String {
    format!("{severity}/{}/{}", event.target, event.deployment)
}

/// Alertmanager knows an alert again by its labels, so they hold nothing that changes.
fn alert(event: &Event, severity: &str, since: &str, until: Option<&str>) -> Result<Value, Problem> {
    let mut labels: Value = setting_json("labels")?.unwrap_or(json!({}));
    labels["alertname"] = json!("ChandleryDeployment");
    labels["deployment"] = json!(event.deployment);
    labels["target"] = json!(event.target);
    labels["severity"] = json!(severity);
    if let Some(team) = &event.team {
        labels["team"] = json!(team);
    }
    let mut alert = json!({
        "labels": labels,
        "annotations": {
            "summary": format!("{} on {} is not well", event.deployment, event.target),
            "description": event.detail,
            "release": event.release,
        },
        "startsAt": since,
    });
    if let Some(until) = until {
        alert["endsAt"] = json!(until);
    }
    Ok(alert)
}

fn send(alert: Value) -> Result<(), Problem> {
    let url = format!("{}/api/v2/alerts", required("url")?.trim_end_matches('/'));
    Request::post_json(url, &json!([alert])).send()?.ok()?;
    Ok(())
}

chandlery_sdk::export_integration!(Prometheus);
