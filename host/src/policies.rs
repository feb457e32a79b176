//! Policies: every plan passes every one that is installed, in the order of their names. One that cannot be asked lets
//! nothing pass.

use chandlery_package::plan::{Plan, PlanProblem, say};
use chandlery_package::problem::{self, Explain, Explanation};
use chandlery_package::wire::host::Locked;
use chandlery_package::{Digest, Kind, Release};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{SqliteConnection, SqlitePool};

use crate::installs::{self, Installs};
use crate::settings;
use crate::system::{self, blocking};
use chandlery_sandbox::{Review, Sandbox, SandboxError, Verdict};

/// A plan that a policy does not let pass.
pub const DENIED: problem::Kind = problem::Kind {
    word: "denied",
    status: 403,
    title: "Denied by a policy",
    when: "an installed policy refuses the plan; its reasons follow",
    remedy: Some(
        "nothing was deployed; change the parameters, or the policy: `chandlery configure POLICY` shows how it is set",
    ),
};

/// Why the policies did not let a plan pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A policy refuses the plan.
    #[error("the policy {policy} denies this plan: {}", say(.problems))]
    Denied {
        /// The release of the policy.
        policy: Release,
        /// Its reasons, each with the parameter that it is about.
        problems: Vec<PlanProblem>,
    },
    /// A policy that cannot be read or loaded.
    #[error(transparent)]
    Installs(#[from] installs::Error),
    /// A policy whose settings do not fit it.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// A policy whose call ended badly.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A thread that ended before its work.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Denied { .. } => (&DENIED).into(),
            Self::Installs(error) => error.explain(),
            Self::Settings(error) => error.explain(),
            Self::Sandbox(error) => error.explain(),
            Self::System(error) => error.explain(),
        }
    }
}

/// How a policy saw a plan: all that it takes to ask it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// The release of the policy.
    pub policy: Release,
    /// The digest of its component.
    pub component: Digest,
    /// What it was told beside the plan.
    pub review: Review,
    /// What it warns of, or what it changed.
    pub remarks: Vec<String>,
    /// Whether it changed the plan.
    pub amended: bool,
}

/// What the policies have said of a plan, and by which policies with which settings that holds.
pub(crate) struct Passed {
    pub reviews: Vec<Reviewed>,
    by: Vec<(Locked, Map<String, Value>)>,
}

impl Passed {
    /// Whether the policies that are installed are those that have reviewed the plan, with the settings that they had.
    pub async fn holds(&self, installed: &[Locked], write: &mut SqliteConnection) -> Result<bool, Error> {
        let now = installed.iter().filter(|locked| locked.kind == Kind::Policy);
        if !now.eq(self.by.iter().map(|(locked, _)| locked)) {
            return Ok(false);
        }
        for (locked, before) in &self.by {
            if settings::given(&mut *write, &locked.release.plugin).await? != *before {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The plan as all policies let it pass, and what each of them said.
pub(crate) async fn pass(
    db: &SqlitePool,
    installs: &Installs,
    sandbox: &Sandbox,
    mut plan: Plan,
    about: Review,
) -> Result<(Plan, Passed), Error> {
    let by = installed(db, installs).await?;
    let mut reviews = Vec::new();
    for (locked, given) in by.clone() {
        let policy = installs.plugin(&locked).await?;
        let settings = settings::check(&policy.manifest, &given)?.to_string();
        let review = Review { settings, ..about.clone() };
        let (sandbox, told, seen) = (sandbox.clone(), review.clone(), plan.clone());
        let verdict = blocking(move || Ok::<_, Error>(sandbox.review(&policy, &seen, &told)?)).await?;
        let (remarks, amended) = match verdict {
            Verdict::Allow { warnings } => (warnings, false),
            Verdict::Amend { plan: amended, changes } => {
                plan = amended;
                (changes, true)
            }
            Verdict::Deny { problems } => {
                return Err(Error::Denied { policy: locked.release, problems });
            }
        };
        let (policy, component) = (locked.release, locked.component);
        reviews.push(Reviewed { policy, component, review, remarks, amended });
    }
    Ok((plan, Passed { reviews, by }))
}

/// The policies and their settings at one moment: nobody finds one that is being uninstalled without what was set for it.
async fn installed(db: &SqlitePool, installs: &Installs) -> Result<Vec<(Locked, Map<String, Value>)>, Error> {
    let held = installs.hold().await;
    let mut policies = Vec::new();
    for locked in held.list()?.into_iter().filter(|locked| locked.kind == Kind::Policy) {
        let given = settings::given(db, &locked.release.plugin).await?;
        policies.push((locked, given));
    }
    Ok(policies)
}
