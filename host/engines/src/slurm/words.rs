//! What Slurm says of a job, in words that say what to do about it.

use std::collections::BTreeMap;

use super::model::{Job, State};
use crate::fleet::Liveness;

/// Why a job does not run yet: as `JOB REASON CODES` in squeue(1).
const REASONS: [(&str, &str); 16] = [
    ("AssocGrpBillingMinutes", "the account has used up what it was granted"),
    ("AssocGrpGRES", "the account holds as many GPUs as it may"),
    ("AssocMaxJobsLimit", "the account runs as many jobs as it may"),
    ("BadConstraints", "no node has what it asks for; the site must change that, or the plan must"),
    ("BeginTime", "it is to begin later"),
    ("Dependency", "it waits for another job"),
    ("JobHeldAdmin", "an administrator holds it; ask for `scontrol release`"),
    ("JobHeldUser", "it is held; `scontrol release` lets it go on"),
    ("NodeDown", "a node that it needs is down"),
    ("None", "the scheduler has not looked at it yet"),
    ("PartitionDown", "the partition takes no jobs now"),
    (
        "PartitionTimeLimit",
        "it asks for more time than the partition gives; set the target's time_limit_minutes",
    ),
    ("Priority", "others are before it"),
    ("QOSMaxGRESPerUser", "its user holds as many GPUs as the QOS allows"),
    ("ReqNodeNotAvail", "a node that it needs is not available"),
    ("Resources", "nothing that it needs is free"),
];
/// Slurm has tried, and will not again by itself.
const LAUNCH_FAILED: [&str; 2] = ["launch failed requeued held", "launch_failed_requeued_held"];

/// How a job fares; `exit` is what its script left behind.
pub(super) fn liveness(job: &Job, exit: Option<i32>, all: &BTreeMap<u32, Job>) -> Liveness {
    let ended = |reason: String| Liveness::Ended { well: false, reason };
    match job.state {
        State::Pending if LAUNCH_FAILED.contains(&job.reason.as_str()) => {
            ended(format!("job {} could not be launched on its node, and Slurm holds it", job.id))
        }
        State::Pending => Liveness::Waiting(waits(job, all)),
        State::Suspended => Liveness::Waiting(format!("job {} is suspended", job.id)),
        State::Running | State::Other => Liveness::Running,
        State::OutOfMemory => ended("out of memory: it needed more than it was allowed".into()),
        State::TimedOut => ended(format!("job {} ran into its time limit", job.id)),
        State::Cancelled => ended(format!("job {} was cancelled", job.id)),
        State::Preempted => ended(format!("job {} made room for one of higher priority", job.id)),
        State::NodeFailed => ended(format!("the node of job {} failed", job.id)),
        State::Completed => {
            Liveness::Ended { well: exit.is_none_or(|code| code == 0), reason: exit_words(job, exit) }
        }
        State::Failed => ended(exit_words(job, exit)),
    }
}

fn exit_words(job: &Job, exit: Option<i32>) -> String {
    match exit {
        Some(code) => format!("exit status: {code}"),
        None if job.reason == "None" || job.reason == "NonZeroExitCode" => format!("job {} failed", job.id),
        None => format!("job {} failed: {}", job.id, job.reason),
    }
}

fn waits(job: &Job, all: &BTreeMap<u32, Job>) -> String {
    let known =
        REASONS.iter().find(|(code, _)| job.reason == *code || job.reason.starts_with(&format!("{code},")));
    let why = known.map_or(job.reason.as_str(), |(_, words)| words);
    let queue: Vec<_> = all
        .values()
        .filter(|other| other.state == State::Pending && other.partition == job.partition)
        .collect();
    let before = |other: &&&Job| (other.priority, u32::MAX - other.id) > (job.priority, u32::MAX - job.id);
    let place = 1 + queue.iter().filter(before).count();
    let expected = job.expected.as_ref().map(|at| format!(", expected to start at {at}")).unwrap_or_default();
    format!(
        "job {} waits ({}): {why}; place {place} of {} in '{}'{expected}",
        job.id,
        job.reason,
        queue.len(),
        job.partition
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u32, state: State, reason: &str, priority: u64) -> Job {
        Job {
            id,
            name: "x".into(),
            state,
            reason: reason.into(),
            partition: "main".into(),
            priority,
            expected: None,
            time_limit_minutes: None,
        }
    }

    #[test]
    fn a_job_that_waits_says_for_what_and_behind_whom() {
        let jobs = [
            job(1, State::Running, "None", 9),
            job(2, State::Pending, "Resources", 5),
            job(3, State::Pending, "Priority", 4),
        ];
        let all = jobs.iter().map(|job| (job.id, job.clone())).collect();
        let Liveness::Waiting(words) = liveness(&jobs[1], None, &all) else { panic!("it waits") };
        assert_eq!(words, "job 2 waits (Resources): nothing that it needs is free; place 1 of 2 in 'main'");
        let Liveness::Waiting(words) = liveness(&jobs[2], None, &all) else { panic!("it waits") };
        assert!(words.contains("others are before it; place 2 of 2"), "{words}");
    }

    #[test]
    fn a_job_that_ended_is_not_one_that_waits() {
        let all = BTreeMap::new();
        for (state, reason, exit, words) in [
            (State::Failed, "NonZeroExitCode", Some(3), "exit status: 3"),
            (State::Failed, "RaisedSignal:9(Killed)", None, "job 1 failed: RaisedSignal:9(Killed)"),
            (
                State::OutOfMemory,
                "OutOfMemory",
                Some(137),
                "out of memory: it needed more than it was allowed",
            ),
            (
                State::Pending,
                "launch failed requeued held",
                None,
                "job 1 could not be launched on its node, and Slurm holds it",
            ),
            (State::TimedOut, "TimeLimit", None, "job 1 ran into its time limit"),
        ] {
            let expected = Liveness::Ended { well: false, reason: words.into() };
            assert_eq!(liveness(&job(1, state, reason, 1), exit, &all), expected);
        }
        let well = Liveness::Ended { well: true, reason: "exit status: 0".into() };
        assert_eq!(liveness(&job(1, State::Completed, "None", 1), Some(0), &all), well);
    }
}
