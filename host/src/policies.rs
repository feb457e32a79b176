//! Policies: every plan passes every one that is installed, in the order of their names. One that cannot be asked lets
//! nothing pass.

use chandlery_package::{Digest, Kind, Release};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{SqliteConnection, SqlitePool};

use crate::installs::{Installs, Locked, blocking};
use crate::{Error, settings};
use chandlery_package::plan::Plan;
use chandlery_sandbox::{Review, Sandbox, Verdict};

/// How a policy saw a plan: all that it takes to ask it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// The policy.
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
    let (mut reviews, mut by) = (Vec::new(), Vec::new());
    for locked in installs.of_kind(Kind::Policy).await? {
        let policy = installs.plugin(&locked).await?;
        let given = settings::given(db, &locked.release.plugin).await?;
        let settings = settings::check(&policy.manifest, &given)?.to_string();
        by.push((locked.clone(), given));
        let review = Review { settings, ..about.clone() };
        let (sandbox, told, seen) = (sandbox.clone(), review.clone(), plan.clone());
        let verdict = blocking(move || Ok(sandbox.review(&policy, &seen, &told)?)).await?;
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
