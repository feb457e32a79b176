//! How a replica is run: what each kind of place for programs knows to do.

use std::path::PathBuf;
use std::time::Duration;

use chandlery_package::plan::{Facts, Plan, Workload};

use crate::replicas::ReplicaRow;
use crate::{Desired, Error};
use chandlery_package::wire::host::Drift;

/// How a replica is run: one kind of place for a program.
pub(crate) trait Runner: Send + Sync + 'static {
    /// What is seen of the target at one moment.
    type Snapshot: Send + Sync;

    /// What this target is called.
    fn target(&self) -> &str;

    /// What a template may know of the target.
    fn facts(&self) -> impl Future<Output = Result<Facts, Error>> + Send;

    /// Refuses what facts do not say of the target.
    fn check(&self, plan: &Plan) -> Result<(), Error>;

    /// Looks at the target, once for all of these.
    fn observe(&self, rows: &[ReplicaRow]) -> impl Future<Output = Result<Self::Snapshot, Error>> + Send;

    /// How a replica that was begun fares.
    fn liveness(&self, snapshot: &Self::Snapshot, row: &ReplicaRow) -> impl Future<Output = Liveness> + Send;

    /// Begins a replica, or finds it again where that was done and not written down.
    fn begin(
        &self,
        snapshot: &Self::Snapshot,
        part: Part<'_>,
        row: &mut ReplicaRow,
    ) -> impl Future<Output = Result<Begin, Error>> + Send;

    /// Fills in what is known only once a replica runs; says what is lacking yet.
    fn settle(
        &self,
        snapshot: &Self::Snapshot,
        part: Part<'_>,
        row: &mut ReplicaRow,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Asks a replica to end, or insists.
    fn end(&self, row: &ReplicaRow, insist: bool) -> impl Future<Output = Result<(), Error>> + Send;

    /// Clears away what a replica has left in this run; says whether nothing is left.
    fn clear(
        &self,
        snapshot: &Self::Snapshot,
        row: &ReplicaRow,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Clears away everything of a replica that is not started again.
    fn forget(&self, row: &ReplicaRow) -> impl Future<Output = Result<(), Error>> + Send;

    /// Clears away what is kept for a deployment.
    fn forget_deployment(&self, deployment: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether one replica more would find its place beside those that run.
    fn has_room(&self, snapshot: &Self::Snapshot, workload: &Workload) -> bool;

    /// Runs a probe's command as the replica would.
    fn probe(
        &self,
        part: Part<'_>,
        row: &ReplicaRow,
        command: &[String],
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// What of a running replica is not as it was made.
    fn drift(&self, snapshot: &Self::Snapshot, part: Part<'_>, row: &ReplicaRow) -> Vec<Drift>;

    /// Makes a running replica again what it was made, where that is possible without ending it; says whether it is.
    fn repair(&self, part: Part<'_>, row: &ReplicaRow) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Where a deployment's replicas write their logs, a file for each.
    fn log_dir(&self, deployment: &str) -> PathBuf;

    /// What this target lacks, to be said of every replica.
    fn warning(&self) -> Option<&str> {
        None
    }

    /// How often to look.
    fn pace(&self) -> Duration {
        Duration::from_millis(300)
    }
}

/// How a replica that was begun fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// It has no place yet, for this reason.
    Waiting(String),
    /// Its program runs.
    Running,
    /// It has ended.
    Ended {
        /// Whether it did what it should.
        well: bool,
        /// How, in words.
        reason: String,
    },
}

/// What came of beginning a replica.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It has begun; its handle is in its row.
    Begun,
    /// Something has to be made first.
    NotYet(String),
    /// It cannot be begun.
    Never(String),
}

/// A workload of a deployment.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub desired: &'a Desired,
    pub workload: &'a Workload,
}
