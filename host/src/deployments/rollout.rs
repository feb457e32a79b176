//! How a deployment fares, and whether a revision has arrived or failed on its way.

use chandlery_package::wire::host::{Health, Replica, ReplicaState};
use jiff::Timestamp;

use super::record::Record;
use crate::engines::Desired;
use chandlery_package::plan::{Check, Plan, Probe, Scale, Workload, WorkloadKind};

/// How often a replica that never was ready may end before its rollout has failed.
const FAILED_STARTS: i64 = 2;
/// What a rollout may take beside the time that its replicas have to become ready: environments and images are made then.
const PREPARATION_SECONDS: i64 = 600;

/// What has become of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rollout {
    /// It is on its way.
    UnderWay,
    /// Everything that should run does, and nothing else.
    Arrived,
    /// It will not arrive, for this reason.
    Failed(String),
}

/// Judges the rollout of the revision that should run.
pub(super) fn judge(record: &Record, desired: &Desired, replicas: &[Replica], now: Timestamp) -> Rollout {
    let (current, old): (Vec<_>, Vec<_>) =
        replicas.iter().partition(|replica| replica.revision == desired.revision);
    let done = |replica: &&Replica| matches!(replica.state, ReplicaState::Ready | ReplicaState::Succeeded);
    if old.is_empty() && is_complete(desired, &current) && current.iter().all(done) {
        return Rollout::Arrived;
    }
    let hopeless = |replica: &&&Replica| {
        replica.state == ReplicaState::Failed || (!replica.was_ready && replica.restarts >= FAILED_STARTS)
    };
    if let Some(replica) = current.iter().find(hopeless) {
        return Rollout::Failed(format!("{}-{}: {}", replica.workload, replica.index, replica.detail));
    }
    if record.rollout_until.is_some_and(|until| until < now) {
        let waits = current.iter().find(|replica| !done(replica));
        let waits =
            waits.map(|replica| format!("{}-{}: {}", replica.workload, replica.index, replica.detail));
        return Rollout::Failed(format!(
            "it was not ready in time: {}",
            waits.unwrap_or_else(|| "replicas of the former revision are still there".into())
        ));
    }
    Rollout::UnderWay
}

/// Whether there are as many replicas as there should be: a number, or a range where a metric decides.
fn is_complete(desired: &Desired, current: &[&Replica]) -> bool {
    let of_plan = |workload: &Workload| {
        let Scale { replicas_min, replicas_max, target, .. } = &workload.scale;
        let most = if target.is_some() { *replicas_max.max(replicas_min) } else { *replicas_min };
        let are = current.iter().filter(|replica| replica.workload == workload.name).count();
        (*replicas_min as usize..=most as usize).contains(&are)
    };
    desired.plan.workloads.iter().all(of_plan)
}

/// How long a rollout of this plan may take, unless something else is said: none, where a job has to run to its end.
pub(super) fn patience_seconds(plan: &Plan) -> Option<i64> {
    if plan.workloads.iter().any(|workload| workload.kind == WorkloadKind::Job) {
        return None;
    }
    let timeout = |probe: &Probe| match probe.check {
        Check::Http { .. } | Check::Tcp(_) | Check::Exec(_) => i64::from(probe.timeout_seconds),
    };
    let probes = plan.workloads.iter().filter_map(|workload| workload.readiness.as_ref());
    // Replicas may have to be replaced one after the other.
    let longest = probes.map(timeout).max().unwrap_or(0);
    let replicas = plan.workloads.iter().map(|workload| i64::from(workload.scale.replicas_min)).max();
    Some(PREPARATION_SECONDS + longest * (1 + replicas.unwrap_or(1)))
}

/// How a deployment fares.
pub(super) fn health(record: &Record, desired: &Desired, replicas: &[Replica]) -> Health {
    if let Some(health) = record.overruling() {
        return health;
    }
    let wanted: u32 = desired.plan.workloads.iter().map(|workload| workload.scale.replicas_min).sum();
    let current: Vec<_> = replicas.iter().filter(|replica| replica.revision == desired.revision).collect();
    let complete = is_complete(desired, &current);
    let all = |state| complete && current.iter().all(|replica| replica.state == state);
    let any = |state| current.iter().any(|replica| replica.state == state);
    let done = |replica: &&Replica| matches!(replica.state, ReplicaState::Ready | ReplicaState::Succeeded);
    let is_first_try = record.is_rolling_out();
    match () {
        () if any(ReplicaState::Failed) => Health::Failed,
        () if wanted > 0 && all(ReplicaState::Succeeded) => Health::Succeeded,
        () if complete && current.iter().all(done) && !is_first_try => Health::Ready,
        () if !is_first_try || current.iter().any(|replica| replica.restarts > 0) => Health::Degraded,
        () => Health::RollingOut,
    }
}
