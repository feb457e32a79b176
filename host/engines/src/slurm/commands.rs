//! Slurm by its client commands, with options that Slurm 20 has as well as the newest.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::model::{Job, Node, State, Submission, Submitted, gpus, is_usable, minutes, refusal, text};
use crate::Error;

const TIMEOUT: Duration = Duration::from_secs(60);
/// The programs of Slurm that are used.
pub(crate) const PROGRAMS: [&str; 4] = ["sbatch", "scancel", "scontrol", "squeue"];
/// Job, state, reason, partition, priority, expected start, time limit, and last the name, which may hold anything.
const JOB_FORMAT: &str = "%i|%T|%r|%P|%Q|%S|%l|%j";
/// What a job gets of this host's environment.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "USER", "LANG", "SLURM_CONF"];

pub(super) struct Commands {
    target: String,
}

impl Commands {
    pub(super) fn new(target: &str) -> Self {
        Self { target: target.to_owned() }
    }

    fn away(&self, reason: String) -> Error {
        Error::TargetAway { target: self.target.clone(), reason }
    }

    async fn run(&self, program: &str, words: &[String]) -> Result<Output, Error> {
        let passed_on = PASSED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let mut command = Command::new(program);
        command.args(words).env_clear().envs(passed_on).stdin(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(TIMEOUT, command.output()).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(self.away(format!("{program}: {error}"))),
            Err(_) => Err(self.away(format!("{program} took longer than {} s", TIMEOUT.as_secs()))),
        }
    }

    async fn ask(&self, program: &str, words: &[&str]) -> Result<String, Error> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let output = self.run(program, &words).await?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(self.away(said(&output))),
        }
    }

    pub(super) async fn nodes(&self) -> Result<Vec<Node>, Error> {
        let text = self.ask("scontrol", &["--details", "--oneliner", "show", "nodes"]).await?;
        Ok(text.lines().filter_map(node).collect())
    }

    pub(super) async fn jobs(&self) -> Result<Vec<Job>, Error> {
        let text = self.ask("squeue", &["--noheader", "--states=all", "--format", JOB_FORMAT]).await?;
        Ok(text.lines().filter_map(job).collect())
    }

    pub(super) async fn submit(&self, submission: &Submission) -> Result<Submitted, Error> {
        let output = self.run("sbatch", &options(submission)).await?;
        let printed = String::from_utf8_lossy(&output.stdout);
        // With several clusters, the cluster's name follows.
        let id = printed.trim().split(';').next().and_then(|id| id.parse().ok());
        match (output.status.success(), id) {
            (true, Some(id)) => Ok(Submitted::Job(id)),
            (true, None) => Err(self.away(format!("sbatch printed '{}'", printed.trim()))),
            (false, _) => Ok(refusal(&said(&output))),
        }
    }

    pub(super) async fn cancel(&self, job: u32, signal: Option<&str>) -> Result<(), Error> {
        let mut words = vec![job.to_string()];
        if let Some(signal) = signal {
            words.extend(["--full".into(), format!("--signal={signal}")]);
        }
        let output = self.run("scancel", &words).await?;
        let said = said(&output);
        let is_over = ["Invalid job id", "already completing", "already completed"]
            .iter()
            .any(|sign| said.contains(sign));
        match output.status.success() || is_over {
            true => Ok(()),
            false => Err(self.away(said)),
        }
    }
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned())
}

/// The words of sbatch for a job.
fn options(submission: &Submission) -> Vec<String> {
    let Submission { name, script, output, directory, nodes, cpus, memory_mib, place, .. } = submission;
    let mut words = vec![
        "--parsable".into(),
        format!("--job-name={name}"),
        format!("--output={}", text(output).replace('%', "%%")),
        "--open-mode=append".into(),
        format!("--chdir={}", text(directory)),
        format!("--nodes={nodes}"),
        "--ntasks-per-node=1".into(),
        format!("--cpus-per-task={cpus}"),
        format!("--mem={memory_mib}"),
        if submission.requeue { "--requeue" } else { "--no-requeue" }.into(),
    ];
    let values = [
        ("gres", submission.gres()),
        ("time", submission.time_limit_minutes.map(|minutes| minutes.to_string())),
        ("partition", place.partition.clone()),
        ("account", place.account.clone()),
        ("qos", place.qos.clone()),
        ("reservation", place.reservation.clone()),
        ("constraint", place.constraint.clone()),
        ("exclude", place.exclude.clone()),
    ];
    words.extend(values.into_iter().filter_map(|(option, value)| Some(format!("--{option}={}", value?))));
    words.push(text(script));
    words
}

fn job(line: &str) -> Option<Job> {
    let mut fields = line.splitn(8, '|');
    let mut next = || fields.next().map(str::trim);
    Some(Job {
        id: next()?.parse().ok()?,
        state: State::of(next()?),
        reason: next()?.into(),
        partition: next()?.into(),
        priority: next()?.parse().unwrap_or(0),
        expected: next().filter(|text| *text != "N/A").map(str::to_owned),
        time_limit_minutes: minutes(next()?),
        name: next()?.into(),
    })
}

fn node(line: &str) -> Option<Node> {
    let field = |name: &str| {
        let at = line.find(&format!("{name}=")).filter(|at| *at == 0 || line.as_bytes()[at - 1] == b' ')?;
        line[at + name.len() + 1..].split(' ').next()
    };
    let number = |name: &str| field(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let name = field("NodeName")?.to_owned();
    Some(Node {
        address: field("NodeAddr").unwrap_or(&name).to_owned(),
        architecture: field("Arch").unwrap_or("x86_64").to_owned(),
        is_usable: is_usable(field("State").unwrap_or_default().split('+')),
        partitions: words(field("Partitions")),
        features: words(field("ActiveFeatures").or(field("AvailableFeatures"))),
        gpus: gpus(
            field("Gres").unwrap_or_default(),
            field("GresUsed").unwrap_or_default(),
            field("AllocTRES").unwrap_or_default(),
        ),
        free_cpus: u32::try_from(number("CPUTot").saturating_sub(number("CPUAlloc"))).unwrap_or(u32::MAX),
        free_mib: number("RealMemory").saturating_sub(number("AllocMem")),
        name,
    })
}

/// The words of a list; none of `(null)`.
fn words(list: Option<&str>) -> Vec<String> {
    let list = list.filter(|list| *list != "(null)").unwrap_or_default();
    list.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::model::Place;
    use super::*;

    #[test]
    fn a_job_goes_where_its_target_says() {
        let place = Place {
            partition: Some("main".into()),
            reservation: Some("launch".into()),
            constraint: Some("ib&h100".into()),
            exclude: Some("n1,n7".into()),
            ..Place::default()
        };
        let submission = Submission {
            name: "x".into(),
            script: "/s/job-0.sh".into(),
            output: "/s/log".into(),
            directory: "/s".into(),
            nodes: 1,
            cpus: 1,
            memory_mib: 512,
            gpus: None,
            time_limit_minutes: None,
            requeue: false,
            place,
        };
        let words = options(&submission);
        for word in ["--partition=main", "--reservation=launch", "--constraint=ib&h100", "--exclude=n1,n7"] {
            assert!(words.iter().any(|said| said == word), "{word}: {words:?}");
        }
        assert!(!words.iter().any(|said| said.starts_with("--qos")), "{words:?}");
    }

    #[test]
    fn nodes_and_jobs_are_read_as_slurm_writes_them() {
        let line = "NodeName=n1 Arch=x86_64 CoresPerSocket=1  CPUAlloc=2 CPUEfctv=8 CPUTot=8 CPULoad=1.87 \
                    AvailableFeatures=ib,h100 ActiveFeatures=ib Gres=gpu:h100:2 GresDrain=N/A GresUsed=gpu:h100:1(IDX:0) NodeAddr=10.0.0.1 \
                    OS=Linux 6.1 #1 SMP  RealMemory=16000 AllocMem=4000 FreeMem=1 State=MIXED+CLOUD Partitions=main,long \
                    CfgTRES=cpu=8,mem=16000M,billing=8 AllocTRES=cpu=2,mem=4000M";
        let found = node(line).unwrap();
        assert_eq!((found.name.as_str(), found.address.as_str(), found.is_usable), ("n1", "10.0.0.1", true));
        assert_eq!((found.free_cpus, found.free_mib, found.free_gpus("h100")), (6, 12000, 1));
        assert_eq!(found.partitions, ["main", "long"]);
        assert_eq!(found.features, ["ib"]);
        assert!(node("NodeName=n1 ActiveFeatures=(null)").unwrap().features.is_empty());
        let found =
            job("12|PENDING|Resources|main|4294901758|N/A|1-00:00:00|ocr.server-0@ab.cd.0|odd").unwrap();
        assert_eq!((found.id, found.state, found.time_limit_minutes), (12, State::Pending, Some(1440)));
        assert_eq!((found.name.as_str(), found.expected), ("ocr.server-0@ab.cd.0|odd", None));
    }

    #[test]
    fn what_slurm_does_not_write_is_no_node_and_no_job() {
        let most = u64::MAX;
        for line in ["", " ", "=", "NodeName", "XNodeName=n1", "\u{fc}NodeName=n1", "slurm_load_node error"] {
            assert_eq!(node(line), None, "{line}");
        }
        for numbers in [
            format!("CPUTot={most} RealMemory={most}"),
            format!("CPUAlloc={most} AllocMem={most}"),
            "CPUTot=-1".into(),
        ] {
            assert!(
                node(&format!("NodeName=\u{fc} {numbers} Gres= GresUsed=( AllocTRES=,")).is_some(),
                "{numbers}"
            );
        }
        let line = |id: &str, limit: &str| job(&format!("{id}|PENDING|None|main|{most}0|N/A|{limit}|x"));
        assert!(line("1", &format!("{most}-0:0:0")).is_some_and(|job| job.time_limit_minutes.is_none()));
        for id in ["", "-1", "4294967296", "1_1", "1.batch"] {
            assert_eq!(line(id, "1:00"), None, "{id}");
        }
        assert_eq!(job("1|PENDING|None"), None);
    }
}
