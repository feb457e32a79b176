//! How the pages show what a deployment is and does.

use chandlery_package::wire::host::{Deployment, Health, Replica, ReplicaState, RolloutState};
use chandlery_pages::{Link, Tone, badge, number};
use maud::{Markup, html};

const HOUR_MILLIS: u64 = 3_600_000;

/// The list that every page of a deployment stands below.
pub(super) const DEPLOYMENTS: Link<'static> = Link { path: "/deployments", name: "Deployments" };

/// How a deployment fares.
pub(super) fn health(health: Health) -> Markup {
    let tone = match health {
        Health::Ready | Health::Succeeded => Tone::Good,
        Health::RollingOut | Health::Paused | Health::Removing => Tone::Plain,
        Health::Degraded => Tone::Warning,
        Health::Failed => Tone::Bad,
    };
    badge(tone, health.as_str())
}

/// How far a replica is.
pub(super) fn replica_state(state: ReplicaState) -> Markup {
    let tone = match state {
        ReplicaState::Ready | ReplicaState::Succeeded => Tone::Good,
        ReplicaState::Preparing | ReplicaState::Starting | ReplicaState::Stopping => Tone::Plain,
        ReplicaState::BackingOff => Tone::Warning,
        ReplicaState::Failed => Tone::Bad,
    };
    badge(tone, state.as_str())
}

/// How a rollout went.
pub(super) fn rollout(state: RolloutState) -> Markup {
    let tone = match state {
        RolloutState::RolledOut => Tone::Good,
        RolloutState::RollingOut | RolloutState::Superseded => Tone::Plain,
        RolloutState::Failed => Tone::Bad,
    };
    badge(tone, state.as_str())
}

/// What people know a replica by: `server-0`.
pub(super) fn label(replica: &Replica) -> String {
    format!("{}-{}", replica.workload, replica.index)
}

/// Whether a replica does, or has done, what it should.
pub(super) fn is_well(replica: &Replica) -> bool {
    matches!(replica.state, ReplicaState::Ready | ReplicaState::Succeeded)
}

/// The replicas of the revision that should run.
pub(super) fn current(deployment: &Deployment) -> impl Iterator<Item = &Replica> {
    deployment.replicas.iter().filter(|replica| replica.revision == deployment.revision)
}

/// How many replicas are well, of how many that should be: `2/3`.
pub(super) fn replicas(deployment: &Deployment, wanted: u32) -> String {
    let well = current(deployment).filter(|replica| is_well(replica)).count();
    format!("{well}/{wanted}")
}

/// A time that was used, in hours with one digit after the point.
pub(super) fn hours(millis: u64) -> String {
    let tenths = millis / (HOUR_MILLIS / 10);
    format!("{}.{} h", number(tenths / 10), tenths % 10)
}

/// Words or names in a row, with commas between; a dash for none.
pub(super) fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "–".into() } else { items.join(", ") }
}

/// Where a deployment's page is.
pub(super) fn deployment_path(name: &str) -> String {
    format!("/deployments/{name}")
}

/// A link to a deployment's page.
pub(super) fn deployment_link(name: &str) -> Markup {
    html! { a href=(deployment_path(name)) { (name) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_cut_to_a_tenth() {
        for (millis, shown) in [
            (0, "0.0 h"),
            (359_999, "0.0 h"),
            (360_000, "0.1 h"),
            (5_400_000, "1.5 h"),
            (3_600_000_000, "1,000.0 h"),
        ] {
            assert_eq!(hours(millis), shown);
        }
    }
}
