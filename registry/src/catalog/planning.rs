//! What a release would deploy, asked of the component itself: in a sandbox of this registry, which whoever published it is not trusted
//! with. It is bounded by what a call may use, by how many calls run at once, and by how many a visitor may ask for; what was answered
//! once is kept. The component never leaves: whoever may see a plugin may see its plans, whatever it costs.

mod targets;

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chandlery_edge::{Allowance, Client};
use chandlery_package::component::COMPONENT_BYTES_MAX;
use chandlery_package::parameters::{Misfit, complete};
use chandlery_package::plan::{Facts, Plan, PlanProblem, lacks, needs};
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{ComponentError, Digest, Kind, Manifest};
use chandlery_sandbox::{Limits, Plugin, Request, Sandbox, SandboxError, Worker, inspect};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Error;
use crate::oci::{self, Oci};

pub use targets::{Gpus, all as all_gpus};

/// How many plans a visitor may ask for that are not known yet, in a minute: as many as somebody types.
const ASKED_MAX: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// How many lanes visitors wait in: one plan of each lane is made or waits for its turn, so that nobody's many keep others from theirs.
const LANES: usize = 64;
/// How long a plan waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is kept of answers, and of compiled code on disk, in bytes.
const ANSWERS_BYTES_MAX: u64 = 32 << 20;
const CODE_BYTES_MAX: u64 = 2 << 30;
/// What an answer takes beside its plan, roughly, in bytes.
const ANSWER_BYTES: u64 = 500;
/// Compiled plugins that are kept in memory.
const LOADED_MAX: usize = 64;
/// How long a component that could not be compiled is not tried again, and how many of them are known.
const UNLOADABLE_FOR: Duration = Duration::from_secs(600);
const UNLOADABLE_MAX: usize = 1000;

/// What came of asking for a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A plan that the contract allows and the target can run.
    Plan(Plan),
    /// What stands in the way, for whoever chose the parameters and the target.
    Problems(Vec<PlanProblem>),
    /// A plan that the contract allows and the target cannot run.
    Unfit {
        /// What a target must have for it, in words.
        needs: String,
        /// What of that this target lacks, in words.
        lacks: String,
    },
    /// There is none, whatever is chosen.
    Without {
        /// What happened to it, in words.
        why: String,
        /// What to do about it, where that is known.
        remedy: Option<String>,
    },
}

impl Outcome {
    fn without(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Without { why: why.into(), remedy: Some(remedy.into()) }
    }
}

impl From<SandboxError> for Outcome {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Problems { problems, .. } => Self::Problems(problems),
            error => Self::Without { why: error.to_string(), remedy: error.explain().remedy },
        }
    }
}

impl From<ComponentError> for Outcome {
    fn from(error: ComponentError) -> Self {
        Self::Without { why: error.to_string(), remedy: error.explain().remedy }
    }
}

/// An answer that is the same each time.
#[derive(Clone)]
struct Answer {
    outcome: Arc<Outcome>,
    bytes: u64,
}

#[derive(Clone)]
struct BySize;

impl Weighter<Digest, Answer> for BySize {
    fn weight(&self, _: &Digest, answer: &Answer) -> u64 {
        answer.bytes
    }
}

/// Asks releases for plans.
pub struct Planner {
    /// Where compiled code is kept.
    folder: PathBuf,
    worker: Worker,
    /// Made for the first plan: it reserves address space for all calls at once.
    sandbox: OnceLock<Result<Sandbox, String>>,
    turns: Arc<Semaphore>,
    lanes: [Arc<Semaphore>; LANES],
    /// Nobody chooses whose lane is theirs.
    lots: RandomState,
    asked: Allowance<Client>,
    answers: Cache<Digest, Answer, BySize>,
    /// What could not be compiled, since when, and why: a turn is long for a component that is made to take one.
    unloadable: Cache<Digest, (Instant, Arc<Outcome>)>,
}

/// The place of a plan among those that are made, and in the lane of whoever asks for it; until it is dropped.
struct Turn {
    _own: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

/// A question to a release, which may be asked away from the threads that serve.
struct Question {
    component: Digest,
    manifest: Manifest,
    given: Value,
    target: Facts,
}

impl Question {
    /// A question to a release, or what comes of one that cannot be asked.
    fn about(record: &ReleaseRecord, given: Map<String, Value>, target: Facts) -> Result<Self, Outcome> {
        let manifest = askable(record)?.clone();
        Ok(Self { component: record.component, manifest, given: given.into(), target })
    }

    /// The same question has the same answer.
    fn key(&self) -> Digest {
        Digest::of(json!([self.component, self.given, self.target]).to_string())
    }
}

impl Planner {
    /// One that keeps compiled code in this folder, which only this user may write, and has components of strangers compiled by this
    /// worker.
    pub fn new(folder: PathBuf, worker: Worker) -> Self {
        let half = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
        let answers = (ANSWERS_BYTES_MAX / ANSWER_BYTES) as usize;
        Self {
            folder,
            worker,
            sandbox: OnceLock::new(),
            // However much is asked, there are processors for everything else.
            turns: Arc::new(Semaphore::new(half)),
            lanes: std::array::from_fn(|_| Arc::new(Semaphore::new(1))),
            lots: RandomState::new(),
            asked: Allowance::new(ASKED_MAX, MINUTE),
            answers: Cache::with_weighter(answers, ANSWERS_BYTES_MAX, BySize),
            unloadable: Cache::new(UNLOADABLE_MAX),
        }
    }

    /// Forgets who has not asked for a while.
    pub fn tidy(&self) {
        self.asked.tidy();
    }

    /// What a release would deploy with these parameters, completed by its defaults, on this target. The release must be one that the
    /// visitor may see.
    pub async fn plan(
        self: &Arc<Self>,
        oci: &Oci,
        visitor: Client,
        record: &ReleaseRecord,
        given: Map<String, Value>,
        target: Facts,
    ) -> Result<Arc<Outcome>, Error> {
        let question = match Question::about(record, given, target) {
            Ok(question) => question,
            Err(outcome) => return Ok(Arc::new(outcome)),
        };
        let key = question.key();
        if let Some(known) = self.answers.get(&key) {
            return Ok(known.outcome);
        }
        if let Some((since, outcome)) = self.unloadable.get(&record.component)
            && since.elapsed() < UNLOADABLE_FOR
        {
            return Ok(outcome);
        }
        if let Err(seconds) = self.asked.take(visitor) {
            let why = format!("you have asked for {ASKED_MAX} plans within a minute");
            return Ok(Arc::new(Outcome::without(why, format!("go on in {seconds} s"))));
        }
        let turn = tokio::time::timeout(PATIENCE, self.turn(visitor)).await;
        let Ok(Some(turn)) = turn else {
            let why = "more plans are asked for at the moment than this registry makes";
            return Ok(Arc::new(Outcome::without(why, "try again in a moment")));
        };
        let loaded = self.loaded(record.component);
        let bytes = match loaded.is_some() {
            true => Bytes::new(),
            false => {
                let plugin = &record.release.plugin;
                oci::read_blob(oci, plugin, record.component, COMPONENT_BYTES_MAX as u64).await?
            }
        };
        let planner = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || planner.answer(&question, loaded, &bytes, turn));
        asked.await.map_err(|error| Error::damaged(error.to_string()))
    }

    /// What was answered to this before, or is without asking; none: the release would have to be run.
    pub fn known(
        &self,
        record: &ReleaseRecord,
        given: Map<String, Value>,
        target: Facts,
    ) -> Option<Arc<Outcome>> {
        match Question::about(record, given, target) {
            Ok(question) => self.answers.get(&question.key()).map(|known| known.outcome),
            Err(outcome) => Some(Arc::new(outcome)),
        }
    }

    /// The visitor's turn, when it comes.
    async fn turn(&self, visitor: Client) -> Option<Turn> {
        let own = Arc::clone(&self.lanes[self.lane(visitor)]).acquire_owned().await.ok()?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        Some(Turn { _own: own, _turn: turn })
    }

    fn lane(&self, visitor: Client) -> usize {
        (self.lots.hash_one(visitor) % LANES as u64) as usize
    }

    /// The compiled component, if it is in memory.
    fn loaded(&self, component: Digest) -> Option<Plugin> {
        self.sandbox.get()?.as_ref().ok()?.loaded(component)
    }

    /// Blocks, and keeps its turn until it has ended, whether or not somebody still waits for it. `bytes` are those of a component that
    /// is not loaded.
    fn answer(&self, question: &Question, loaded: Option<Plugin>, bytes: &[u8], _turn: Turn) -> Arc<Outcome> {
        let outcome = Arc::new(self.ask(question, loaded, bytes).unwrap_or_else(|outcome| outcome));
        let bytes = match &*outcome {
            Outcome::Plan(plan) => json!(plan).to_string().len(),
            Outcome::Problems(problems) => json!(problems).to_string().len(),
            Outcome::Unfit { needs, lacks } => needs.len() + lacks.len(),
            // It may go otherwise the next time.
            Outcome::Without { .. } => return outcome,
        };
        let answer = Answer { outcome: Arc::clone(&outcome), bytes: ANSWER_BYTES + bytes as u64 };
        self.answers.insert(question.key(), answer);
        outcome
    }

    fn ask(&self, question: &Question, loaded: Option<Plugin>, bytes: &[u8]) -> Result<Outcome, Outcome> {
        let Question { manifest, given, target, .. } = question;
        let parameters =
            complete(manifest, given).map_err(|Misfit { problems, .. }| Outcome::Problems(problems))?;
        let made = self.sandbox.get_or_init(|| {
            let limits = Limits {
                calls_waiting: 4,
                compile_time: Duration::from_secs(30),
                compile_bytes: 2 << 30,
                loaded: LOADED_MAX,
                code_bytes: CODE_BYTES_MAX,
                ..Limits::default()
            };
            Sandbox::new(&self.folder, limits, self.worker.clone()).map_err(|error| format!("{error:#}"))
        });
        let sandbox = made.as_ref().map_err(|error| {
            tracing::error!(%error, "the sandbox for plans could not be made");
            Outcome::without(
                "this registry makes no plans at the moment",
                "install it, and let your host plan",
            )
        })?;
        let template = match loaded {
            Some(template) => template,
            None => self.load(sandbox, question.component, bytes)?,
        };
        let deployment = manifest.name.name.to_string();
        let request = Request { deployment, parameters: parameters.to_string(), target: target.clone() };
        let plan = sandbox.plan(&template, &request)?;
        Ok(match lacks(&plan, target) {
            None => Outcome::Plan(plan),
            Some(lacks) => Outcome::Unfit { needs: needs(&plan), lacks },
        })
    }

    /// Compiles a component away from here, within bounds.
    fn load(&self, sandbox: &Sandbox, digest: Digest, bytes: &[u8]) -> Result<Plugin, Outcome> {
        let found = inspect(&self.worker, bytes).map_err(Outcome::from);
        let loaded = found.and_then(|component| sandbox.load(&component, bytes).map_err(Outcome::from));
        if let Err(outcome) = &loaded {
            self.unloadable.insert(digest, (Instant::now(), Arc::new(outcome.clone())));
        }
        loaded
    }
}

/// The manifest of a release that can be asked for plans; nobody runs what was withdrawn or is looked into.
fn askable(record: &ReleaseRecord) -> Result<&Manifest, Outcome> {
    let refused = match (&record.withdrawn, &record.quarantined) {
        (Some(reason), _) => Some(format!("{} was withdrawn, and is not run: {reason}", record.release)),
        (_, Some(reason)) => Some(format!("{} is quarantined, and is not run: {reason}", record.release)),
        _ if record.kind != Kind::Template => Some(format!("a {} plans nothing by itself", record.kind)),
        _ => None,
    };
    match (refused, &record.manifest) {
        (Some(why), _) => Err(Outcome::Without { why, remedy: None }),
        (None, Some(manifest)) => Ok(manifest),
        (None, None) => Err(Outcome::without(
            format!("nothing is kept here of what {} asks for", record.release),
            "install it, and let your host plan",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::pin::{Pin, pin};
    use std::task::{Context, Waker};

    use super::*;

    fn has_come(turn: Pin<&mut impl Future<Output = Option<Turn>>>) -> bool {
        turn.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn nobody_waits_for_the_many_plans_of_somebody_else() {
        let mut planner = Planner::new(PathBuf::new(), Worker::Here);
        planner.turns = Arc::new(Semaphore::new(1));
        let client = |last: u8| Client::at(IpAddr::from([10, 0, 0, last]));
        let one = client(0);
        let other =
            (1..=u8::MAX).map(client).find(|other| planner.lane(*other) != planner.lane(one)).unwrap();

        let first = planner.turn(one).await.unwrap();
        let mut second = pin!(planner.turn(one));
        assert!(!has_come(second.as_mut()));
        // Who asks later is served before what the same visitor asked for beside the first.
        let mut of_other = pin!(planner.turn(other));
        assert!(!has_come(of_other.as_mut()));
        drop(first);
        assert!(!has_come(second.as_mut()));
        assert!(has_come(of_other.as_mut()));
    }
}
