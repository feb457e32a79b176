//! Slurm by slurmrestd, in version 0.0.38 of its interface (Slurm 22.05 and 23.02).

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::model::{Job, Node, State, Submission, Submitted, gpus, is_usable, refusal, text};
use crate::Error;

const TIMEOUT: Duration = Duration::from_secs(60);
const VERSION: &str = "v0.0.38";
/// SIGTERM, in numbers as slurmrestd has it.
const TERM: &str = "15";
/// What Slurm says of a job that has ended.
const IS_OVER: [i64; 2] = [2017, 2021];

pub(super) struct Rest {
    target: String,
    http: Client,
    base: String,
    user: Option<String>,
    token: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    errors: Vec<Fault>,
    #[serde(default)]
    nodes: Vec<RestNode>,
    #[serde(default)]
    jobs: Vec<RestJob>,
    job_id: Option<u32>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    description: String,
    #[serde(default)]
    error: String,
    #[serde(default, alias = "error_code")]
    error_number: i64,
}

impl Fault {
    fn text(&self) -> String {
        match self.description.is_empty() {
            true => self.error.clone(),
            false => self.description.clone(),
        }
    }
}

#[derive(Deserialize)]
struct RestNode {
    name: String,
    address: Option<String>,
    architecture: Option<String>,
    state: Option<String>,
    #[serde(default)]
    state_flags: Vec<String>,
    #[serde(default)]
    partitions: Vec<String>,
    active_features: Option<String>,
    gres: Option<String>,
    gres_used: Option<String>,
    tres_used: Option<String>,
    idle_cpus: Option<u32>,
    real_memory: Option<u64>,
    alloc_memory: Option<u64>,
}

#[derive(Deserialize)]
struct RestJob {
    job_id: u32,
    name: Option<String>,
    job_state: Option<String>,
    state_reason: Option<String>,
    partition: Option<String>,
    priority: Option<u64>,
    start_time: Option<i64>,
    time_limit: Option<u64>,
}

impl Rest {
    pub(super) fn new(
        target: &str,
        url: &str,
        user: Option<String>,
        token: Option<String>,
    ) -> Result<Self, Error> {
        let refuse = |reason: String| Error::Target { target: target.into(), reason };
        // The token is in a header that a redirect would take along.
        let stay = reqwest::redirect::Policy::none();
        let builder = Client::builder().timeout(TIMEOUT).no_proxy().redirect(stay);
        let (builder, base) = match url.strip_prefix("unix:") {
            Some(path) => (builder.unix_socket(path), "http://slurmrestd".to_owned()),
            None if url.starts_with("http://") || url.starts_with("https://") => {
                (builder, url.trim_end_matches('/').to_owned())
            }
            None => return Err(refuse(format!("rest is unix:/path or http://host:port, and not '{url}'"))),
        };
        let http = builder.build().map_err(|error| refuse(error.to_string()))?;
        Ok(Self { target: target.into(), http, base, user, token })
    }

    fn away(&self, reason: impl Into<String>) -> Error {
        Error::TargetAway { target: self.target.clone(), reason: reason.into() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}/slurm/{VERSION}/{path}", self.base));
        if let Some(user) = &self.user {
            request = request.header("X-SLURM-USER-NAME", user);
        }
        if let Some(token) = &self.token {
            request = request.header("X-SLURM-USER-TOKEN", token);
        }
        request
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let answer = request.send().await.map_err(|error| {
            let cause = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            self.away(format!("slurmrestd: {}", cause.last().map(ToString::to_string).unwrap_or_default()))
        })?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| self.away(format!("slurmrestd: {error}")))?;
        match status.as_u16() {
            401 => Err(self.away(
                "slurmrestd does not accept the token; `chandlery target add … --credential` sets another",
            )),
            404 if !body.starts_with(b"{") => Err(self.away(format!("slurmrestd does not serve {VERSION}"))),
            _ => serde_json::from_slice(&body).map_err(|error| {
                let text = String::from_utf8_lossy(&body).chars().take(200).collect::<String>();
                self.away(format!("slurmrestd answered {status} with what cannot be read ({error}): {text}"))
            }),
        }
    }

    async fn ask(&self, path: &str) -> Result<Answer, Error> {
        let answer: Answer = self.send(self.request(Method::GET, path)).await?;
        match answer.errors.first() {
            None => Ok(answer),
            Some(fault) => Err(self.away(fault.text())),
        }
    }

    pub(super) async fn nodes(&self) -> Result<Vec<Node>, Error> {
        Ok(self.ask("nodes").await?.nodes.into_iter().map(node).collect())
    }

    pub(super) async fn jobs(&self) -> Result<Vec<Job>, Error> {
        Ok(self.ask("jobs").await?.jobs.into_iter().map(job).collect())
    }

    pub(super) async fn submit(&self, submission: &Submission) -> Result<Submitted, Error> {
        let script = tokio::fs::read_to_string(&submission.script)
            .await
            .map_err(Error::system(text(&submission.script)))?;
        let body = json!({ "script": script, "job": properties(submission) });
        let answer: Answer = self.send(self.request(Method::POST, "job/submit").json(&body)).await?;
        match (answer.errors.first(), answer.job_id) {
            (Some(fault), _) => Ok(refusal(&fault.text())),
            (None, Some(id)) => Ok(Submitted::Job(id)),
            (None, None) => Err(self.away("slurmrestd took a job and did not say its number")),
        }
    }

    pub(super) async fn cancel(&self, job: u32, signal: Option<&str>) -> Result<(), Error> {
        let mut request = self.request(Method::DELETE, &format!("job/{job}"));
        if signal.is_some() {
            request = request.query(&[("signal", TERM)]);
        }
        let answer: Answer = self.send(request).await?;
        match answer.errors.first() {
            Some(fault) if !IS_OVER.contains(&fault.error_number) => Err(self.away(fault.text())),
            _ => Ok(()),
        }
    }
}

/// What a job is, in the words of the interface.
fn properties(submission: &Submission) -> Value {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
    let mut properties = json!({
        "name": submission.name,
        "environment": { "PATH": path, "LANG": "C.UTF-8" },
        "standard_output": text(&submission.output).replace('%', "%%"),
        "open_mode": "append",
        "current_working_directory": text(&submission.directory),
        "nodes": [submission.nodes, submission.nodes],
        "tasks": submission.nodes,
        "tasks_per_node": 1,
        "cpus_per_task": submission.cpus,
        "memory_per_node": submission.memory_mib,
        "requeue": submission.requeue,
    });
    let place = &submission.place;
    let values = [
        ("gres", submission.gres().map(Value::from)),
        ("time_limit", submission.time_limit_minutes.map(Value::from)),
        ("partition", place.partition.clone().map(Value::from)),
        ("account", place.account.clone().map(Value::from)),
        ("qos", place.qos.clone().map(Value::from)),
        ("reservation", place.reservation.clone().map(Value::from)),
        ("constraints", place.constraint.clone().map(Value::from)),
        ("exclude_nodes", place.exclude.clone().map(Value::from)),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            properties[name] = value;
        }
    }
    properties
}

fn node(node: RestNode) -> Node {
    let state = node.state.unwrap_or_default().to_uppercase();
    let states = std::iter::once(state.as_str()).chain(node.state_flags.iter().map(String::as_str));
    Node {
        is_usable: is_usable(states),
        address: node.address.unwrap_or_else(|| node.name.clone()),
        architecture: node.architecture.unwrap_or_else(|| "x86_64".into()),
        partitions: node.partitions,
        features: node.active_features.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect(),
        gpus: gpus(
            &node.gres.unwrap_or_default(),
            &node.gres_used.unwrap_or_default(),
            &node.tres_used.unwrap_or_default(),
        ),
        free_cpus: node.idle_cpus.unwrap_or(0),
        free_mib: node.real_memory.unwrap_or(0).saturating_sub(node.alloc_memory.unwrap_or(0)),
        name: node.name,
    }
}

fn job(job: RestJob) -> Job {
    let state = State::of(&job.job_state.unwrap_or_default());
    let at = job.start_time.filter(|at| *at > 0 && state == State::Pending);
    Job {
        id: job.job_id,
        name: job.name.unwrap_or_default(),
        state,
        reason: job.state_reason.unwrap_or_default(),
        partition: job.partition.unwrap_or_default(),
        priority: job.priority.unwrap_or(0),
        expected: at.and_then(|at| jiff::Timestamp::from_second(at).ok()).map(|at| at.to_string()),
        time_limit_minutes: job.time_limit,
    }
}
